/**
 * Three nodes of a real OpenBao with raft and TLS on a loopback, and in front of them what a load balancer does: a
 * connection goes to a node that takes it. A node can be killed and started again.
 *
 * @module
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { openbaoBinary } from '../real-nomad/harness/binaries.js'
import { cleanEnvironment } from '../real-nomad/harness/run.js'
import { freePort } from '../real-nomad/harness/ports.js'
import { answerTo, ended, type Answer } from './openbao.js'

/** Three nodes that run. */
export interface RaftCluster {
  /** Where a connection reaches a node that lives. */
  readonly origin: string
  readonly ca: string
  readonly token: string
  call(method: string, path: string, body?: object): Promise<Answer>
  /** Kills the node that leads now, at once, and starts it again a moment later. */
  killLeader(): Promise<void>
  close(): Promise<void>
}

interface Node {
  readonly id: string
  readonly port: number
  readonly config: string
  child: ChildProcess
}

/** Starts three nodes, with their files in a folder. */
export async function raftCluster(folder: string): Promise<RaftCluster> {
  const now = Date.now()
  const key = generateKeySync('ecdsa-p256')
  const rootKey = generateKeySync('ecdsa-p256')
  const { certificate } = await createRoot(
    { subject: { commonName: 'OpenBao' }, lifetime: 30 * 86_400_000, key: rootKey },
    { now },
  )
  const { certificate: leaf } = await issue(
    prepare(
      { role: 'server', region: 'bao', publicKey: key.publicKey, lifetime: 86_400_000 },
      heldIssuer({ certificate, key: rootKey }),
      { now },
    ),
  )
  const file = (name: string, content: string | Uint8Array): string => {
    fs.writeFileSync(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const ca = file('ca.pem', encodeCertificate(certificate))
  const cert = file('cert.pem', encodeCertificate(leaf))
  const keyFile = file('key.pem', encodePrivateKey(key))
  const seal = file('seal', randomBytes(32))
  const ports = await Promise.all([1, 2, 3, 4, 5, 6].map(freePort))
  const join3 = ports
    .slice(0, 3)
    .map(
      (port) =>
        `  retry_join {\n    leader_api_addr = "https://127.0.0.1:${port}"\n    leader_ca_cert_file = "${ca}"\n  }\n`,
    )
    .join('')
  const started = (config: string, id: string): ChildProcess => {
    const log = fs.openSync(join(folder, `${id}.log`), 'a')
    return spawn(openbaoBinary(), ['server', `-config=${config}`], {
      env: { ...cleanEnvironment(), HOME: folder },
      stdio: ['ignore', log, log],
    })
  }
  const nodes = ports.slice(0, 3).map((port, at): Node => {
    const id = `n${at + 1}`
    fs.mkdirSync(join(folder, id))
    const config = file(
      `${id}.hcl`,
      `storage "raft" {
  path = "${join(folder, id)}"
  node_id = "${id}"
  performance_multiplier = 1
${join3}}
listener "tcp" {
  address = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${ports[at + 3]}"
  tls_cert_file = "${cert}"
  tls_key_file = "${keyFile}"
}
seal "static" {
  current_key_id = "1"
  current_key = "file://${seal}"
}
api_addr = "https://127.0.0.1:${port}"
cluster_addr = "https://127.0.0.1:${ports[at + 3]}"
`,
    )
    return { id, port, config, child: started(config, id) }
  })

  let token = ''
  const asked = async (
    port: number,
    method: string,
    path: string,
    body?: object,
  ): Promise<Answer> =>
    answerTo(
      `https://127.0.0.1:${port}/v1/${path}`,
      {
        method,
        agent: false,
        ca: fs.readFileSync(ca),
        headers: token === '' ? {} : { 'X-Vault-Token': token },
        timeout: 5_000,
      },
      body,
    )
  const healths = (): Promise<readonly number[]> =>
    Promise.all(
      nodes.map(async ({ port }) =>
        asked(port, 'GET', 'sys/health').then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    )
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; !(await holds()); tries += 1) {
      if (tries > 300) {
        const logs = nodes.map(({ id }) => fs.readFileSync(join(folder, `${id}.log`), 'utf8'))
        throw new Error(
          `${what} did not come: ${logs.map((log) => log.slice(-3000)).join('\n---\n')}`,
        )
      }
      await sleep(100)
    }
  }
  await until('a node that can be initialized', async () => (await healths())[0] === 501)
  const init = await asked(nodes[0]!.port, 'PUT', 'sys/init', {
    recovery_shares: 1,
    recovery_threshold: 1,
  })
  token = (JSON.parse(init.text) as { readonly root_token: string }).root_token
  const whole = async (): Promise<boolean> => {
    const all = await healths()
    return (
      all.filter((one) => one === 200).length === 1 && all.filter((one) => one === 429).length === 2
    )
  }
  await until('three nodes with a leader', whole)

  const open = new Set<Socket>()
  const balancer = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => socket.destroy())
    const attempt = (left: readonly Node[]): void => {
      const [node, ...rest] = left
      if (node === undefined) {
        socket.destroy()
        return
      }
      const behind = connect(node.port, '127.0.0.1')
      behind.once('connect', () => {
        socket.pipe(behind).pipe(socket)
        const both = (): void => {
          socket.destroy()
          behind.destroy()
        }
        behind.on('close', both).on('error', both)
        socket.on('close', both)
      })
      behind.once('error', () => attempt(rest))
    }
    // Each connection begins at another node: some reach the leader, some a standby.
    const first = Math.floor(Math.random() * nodes.length)
    attempt([...nodes.slice(first), ...nodes.slice(0, first)])
  })
  await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve))
  const { port } = balancer.address() as AddressInfo
  return {
    ...{ origin: `https://127.0.0.1:${port}`, ca, token },
    async call(method, path, body) {
      await until('three nodes with a leader', whole)
      return asked(port, method, path, body)
    },
    async killLeader() {
      await until('three nodes with a leader', whole)
      const node = nodes[(await healths()).indexOf(200)]
      if (node === undefined) throw new Error('no node leads')
      await ended(node.child)
      await sleep(1_500)
      node.child = started(node.config, node.id)
    },
    async close() {
      for (const socket of open) socket.destroy()
      await closed(balancer)
      for (const { child } of nodes) await ended(child)
    },
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
