/**
 * A machine: Prometheus scrapes a real agent under `verify_https_client`, with what `env --format prometheus` wrote,
 * through three renewals that `plan` asked for, and no scrape fails. It is told nothing: it reads the files at each
 * handshake (github.com/prometheus/common, config/http_config.go). Without a renewal it goes dark when its
 * certificate ends.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command } from './harness/binaries.js'
import { type Cluster, layOut, startCluster } from './harness/cluster.js'
import { agentPorts } from './harness/ports.js'
import { cleanEnvironment, eventually, run, runOk, sleep } from './harness/run.js'

const life = 60_000

let base: string
let cluster: Cluster
let proxy: Server
let handshakes = 0
let prometheus: ChildProcess
let api: string

async function cli(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(process.execPath, [command, ...args], { cwd: base })
  expect({ args, status, stderr }).toMatchObject({ status: 0 })
  return stdout
}

/** Forwards to the agent, and ends what is idle, as balancers do: each scrape is a handshake of its own. */
function startProxy(from: number, to: number): Promise<Server> {
  const server = createServer((near) => {
    handshakes += 1
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.setTimeout(500, () => one.destroy())
    }
  })
  return new Promise((resolve) => {
    server.listen(from, '127.0.0.1', () => {
      resolve(server)
    })
  })
}

async function query(text: string): Promise<readonly { readonly values?: [number, string][] }[]> {
  const answer = await fetch(`${api}/api/v1/query?query=${encodeURIComponent(text)}`)
  const { data } = (await answer.json()) as { data: { result: [] } }
  return data.result
}

/** Every scrape until now, in order: 1 where it went well. */
async function scrapes(): Promise<readonly string[]> {
  const [series] = await query('up[10m]')
  return (series?.values ?? []).map(([, value]) => value)
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-machines-'))
  const plans = await layOut(base, [{ name: 's1', region: 'global', role: 'server' }])
  const { ports, directory } = plans[0]!
  const own = await agentPorts()
  appendFileSync(
    join(directory, 'agent.hcl'),
    'acl { enabled = true }\ntelemetry { prometheus_metrics = true }\n',
  )
  writeFileSync(
    join(base, 'cluster.yaml'),
    `version: 1
cluster: acme
node: { tls: store }
regions: { global: { servers: { s1: { http: "127.0.0.1:${own.http}", config: agents/s1 } } } }
operators:
  alice: {}
  prometheus: { kind: machine, tls: ${join(base, 'prometheus/nomad-tls')}, lifetime: 60s, renewBefore: 40s }
`,
  )
  await cli('init', '--new-store')
  await cli('apply', '--yes')
  await deliver()
  const files = join(base, 'pki/identity/operator/global/alice/current')
  const read = (name: string): string => readFileSync(join(files, name), 'utf8')
  cluster = await startCluster(plans, {
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('key.pem'),
  })
  proxy = await startProxy(own.http, ports.http)
  const config = await cli('env', 'prometheus', '--format', 'prometheus')
  const file = join(base, 'prometheus.yml')
  writeFileSync(file, `global: { scrape_interval: 3s, scrape_timeout: 3s }\n${config}`)
  await runOk('promtool', ['check', 'config', file])
  api = `http://127.0.0.1:${own.rpc}`
  mkdirSync(join(base, 'data/prometheus'))
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(base, 'data/prometheus')}`,
      `--web.listen-address=127.0.0.1:${own.rpc}`,
    ],
    { env: cleanEnvironment(), stdio: 'ignore' },
  )
  await eventually('a first scrape', async () => {
    try {
      return (await scrapes()).length > 0 ? true : undefined
    } catch {
      return undefined
    }
  })
})

afterAll(async () => {
  if (prometheus.exitCode === null) {
    const ended = new Promise((resolve) => prometheus.once('exit', resolve))
    prometheus.kill('SIGTERM')
    await ended
  }
  proxy.close()
  await cluster.stop()
  rmSync(base, { recursive: true, force: true })
})

/** What a timer does: the archive goes to the host, and is put in place there. */
async function deliver(): Promise<void> {
  const archive = join(base, 'prometheus.tar.gz')
  await cli('pack', 'prometheus', '--out', archive)
  await cli('install', archive, '--reload', 'none')
  rmSync(archive)
}

test(
  'Prometheus scrapes through three renewals, and no scrape fails; without one it goes dark',
  async () => {
    const start = Date.now()
    for (const generation of [2, 3, 4]) {
      await eventually(
        `a renewal that is due (generation ${generation})`,
        async () => {
          const { status } = await run(process.execPath, [command, 'plan'], { cwd: base })
          return status === 2 ? true : undefined
        },
        { timeout: life },
      )
      await cli('apply', '--yes')
      await deliver()
      expect(readlinkSync(join(base, 'prometheus/nomad-tls/current'))).toMatch(
        new RegExp(`^${generation}-`),
      )
    }
    // The first certificate has ended: what was scraped after that was scraped with another.
    await sleep(Math.max(0, start + life + 6000 - Date.now()))
    const all = await scrapes()
    expect(all.length).toBeGreaterThan(15)
    expect(all.filter((value) => value !== '1')).toEqual([])
    expect(handshakes).toBeGreaterThanOrEqual(all.length)
    // What it got is Nomad's, and no token was sent.
    expect(await query('nomad_runtime_num_goroutines')).toHaveLength(1)

    await eventually(
      'a scrape that fails, after the last certificate has ended',
      async () => ((await scrapes()).at(-1) === '0' ? true : undefined),
      { timeout: 2 * life },
    )
  },
  6 * life,
)
