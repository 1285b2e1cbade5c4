/**
 * A node that renews itself, in a folder, and an engine in this process that signs for it.
 *
 * @module
 */

import { X509Certificate, createPrivateKey } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintText } from '../../src/x509/certificate.js'
import { cli, folder, now, type Said } from '../cli/cli.js'
import { copyFolder } from '../copy-folder.js'
import { engineEnv, engineSpec } from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'

/** A node. */
export interface SelfNode {
  readonly engine: FakeEngine
  /** The folder of everything. */
  readonly place: string
  /** The directory with the link `current`. */
  readonly tls: string
  /** The time of the engine and of the command, epoch milliseconds. */
  at: number
  /** What the node's file says. */
  text: string
  /** Writes the node's file. */
  write(): void
  /** Runs `renew`. */
  renew(...more: readonly string[]): Promise<Said>
  /** The name of the generation in use. */
  current(): string | undefined
  /** Whether what is in use is a whole pair. */
  isPair(): boolean
  /** Writes the node's file and those that it names into another folder, whose `tls` is meant then. */
  copyTo(other: string): void
}

/** Makes one: the authority is set up, and nothing is in place. */
export async function selfNode(at: number = now): Promise<SelfNode> {
  let clock = at
  const engine = await fakeEngine({ clock: () => clock })
  const place = folder({
    'cluster.yaml': engineSpec(engine, {
      region: {
        domains: '[acme.internal]',
        clients: '{ c1: { names: [c1.acme.internal], ips: [10.0.0.1] } }',
      },
    }),
  })
  const env = engineEnv(engine)
  for (const line of ['init --new-store', 'apply --yes', 'authority setup us-west']) {
    const said = await cli(place, line.split(' '), { env, now: clock })
    expect(said.stderr).not.toMatch(/^error: (?!.*not set up)/m)
  }
  const read = (name: string): string =>
    fs.readFileSync(path.join(place, `pki/authority/${name}/1/ca.pem`), 'utf8')
  const print = (pem: string): string => fingerprintText(parseCertificates(pem)[0]!)
  const home = path.join(place, 'node')
  fs.mkdirSync(home, { mode: 0o755 })
  const put = (name: string, text: string, mode: number): void => {
    fs.writeFileSync(path.join(home, name), text, { mode })
    fs.chmodSync(path.join(home, name), mode)
  }
  put('ca.pem', read('agent'), 0o644)
  put('chain.pem', read('us-west'), 0o644)
  put('role-id', 'role\n', 0o600)
  put('secret-id', 'secret\n', 0o600)
  const tls = path.join(place, 'tls')
  const node: SelfNode = {
    ...{ engine, place, tls },
    get at() {
      return clock
    },
    set at(value) {
      clock = value
    },
    text: `version: 1
cluster: acme
role: client
region: us-west
name: c1
names: [c1.acme.internal]
ips: [10.0.0.1]
tls: ${JSON.stringify(tls)}
reload: none
trust:
  pins: ["${print(read('agent'))}"]
  chain: chain.pem
  signer: "${print(read('us-west'))}"
engine:
  address: "${engine.origin}"
  mount: pki/nomad
  issuer: us-west-1
  role: nomad-client-us-west
  auth: { method: approle, roleIdFile: role-id, secretIdFile: secret-id }
`,
    write: () => put('node.yaml', node.text, 0o644),
    renew: (...more) =>
      cli(place, ['renew', '--config', 'node/node.yaml', ...more], { now: clock }),
    current() {
      const link = path.join(tls, 'current')
      return fs.existsSync(link) ? fs.readlinkSync(link) : undefined
    },
    copyTo,
    isPair() {
      const pem = (name: string): Buffer => fs.readFileSync(path.join(tls, 'current', name))
      return new X509Certificate(pem('cert.pem')).checkPrivateKey(createPrivateKey(pem('key.pem')))
    },
  }
  node.write()
  return node

  function copyTo(other: string): void {
    copyFolder(home, path.join(other, 'node'))
    const text = node.text.replace(JSON.stringify(tls), JSON.stringify(path.join(other, 'tls')))
    fs.writeFileSync(path.join(other, 'node/node.yaml'), text)
  }
}
