/**
 * Each remedy that is a command cures its finding: faults on a real store, `verify`, then every such
 * command as it is printed, and `verify` again.
 */
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemEncode } from '../../src/keys/pem.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import type { TbsFields } from '../../src/x509/encode.js'
import { extendedKeyUsage, subjectAltName } from '../../src/x509/extensions.js'
import { cli, folder } from '../cli/cli.js'
import { day, remint, withExtension } from '../builders.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: {}
  west: { issuer: agent }
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: {}, c2: {} }
  us-west:
    authority: west
    servers: { w1: {} }
`
const s1 = 'identity/server/global/s1'
const w1 = 'identity/server/us-west/w1'

class Store {
  readonly cwd: string

  constructor(cwd: string) {
    this.cwd = cwd
  }

  path(...parts: string[]): string {
    return path.join(this.cwd, 'pki', ...parts)
  }

  read(...parts: string[]): string {
    return fs.readFileSync(this.path(...parts), 'utf8')
  }

  write(text: string, ...parts: string[]): void {
    fs.chmodSync(this.path(...parts), 0o600)
    fs.writeFileSync(this.path(...parts), text)
  }

  /** Signs a leaf anew with other fields. */
  reissue(address: string, change: (fields: TbsFields) => Partial<TbsFields>): void {
    const key = parsePrivateKey(this.read('authority/agent/1/ca-key.pem'))
    const [certificate] = parseCertificates(this.read('authority/agent/1/ca.pem'))
    const issuer = heldIssuer({ certificate: certificate!, key, name: 'agent' })
    const [leaf] = parseCertificates(this.read(address, 'current/cert.pem'))
    const made = remint(leaf!, { key, issuer }, change)
    this.write(encodeCertificate(made), address, 'current/cert.pem')
  }
}

const faults: readonly (readonly [name: string, damage: (store: Store) => void])[] = [
  [
    'a leaf made by a clock three days ahead',
    (c) => c.reissue(s1, () => ({ notBefore: Date.now() + 3 * day })),
  ],
  ['an expired leaf', (c) => c.reissue(s1, () => ({ notAfter: Date.now() - day }))],
  [
    'a leaf for other names',
    (c) =>
      c.reissue(s1, ({ extensions }) => ({
        extensions: withExtension(
          extensions,
          subjectAltName([{ type: 'dns', value: '*.global.nomad' }]),
        ),
      })),
  ],
  [
    'a leaf for one purpose',
    (c) =>
      c.reissue(s1, ({ extensions }) => ({
        extensions: withExtension(extensions, extendedKeyUsage(['serverAuth'])),
      })),
  ],
  [
    'another key',
    (c) => c.write(encodePrivateKey(generateKeySync('ecdsa-p256')), s1, 'current/key.pem'),
  ],
  ['a key that is not one', (c) => c.write('nothing\n', s1, 'current/key.pem')],
  ['no key', (c) => fs.rmSync(c.path(s1, 'current/key.pem'))],
  [
    'half a certificate',
    (c) => c.write(c.read(s1, 'current/cert.pem').slice(0, 200), s1, 'current/cert.pem'),
  ],
  [
    'a chain without its intermediate',
    (c) => {
      const [leaf] = parseCertificates(c.read(w1, 'current/cert.pem'))
      c.write(encodeCertificate(leaf!), w1, 'current/cert.pem')
    },
  ],
  [
    'a chain in wrong order',
    (c) => {
      const chain = parseCertificates(c.read(w1, 'current/cert.pem'))
      c.write([...chain].reverse().map(encodeCertificate).join(''), w1, 'current/cert.pem')
    },
  ],
  [
    'a leaf among the trusted',
    (c) =>
      c.write(c.read(s1, 'current/ca.pem') + c.read(s1, 'current/cert.pem'), s1, 'current/ca.pem'),
  ],
  [
    'a damaged block among the trusted',
    (c) =>
      c.write(
        c.read(s1, 'current/ca.pem') + pemEncode('CERTIFICATE', Buffer.of(0x30, 0)),
        s1,
        'current/ca.pem',
      ),
  ],
  ['no bundle', (c) => fs.rmSync(c.path('bundle/agent/ca.pem'))],
  [
    'a leaf in the bundle',
    (c) =>
      c.write(
        c.read('bundle/agent/ca.pem') + c.read(s1, 'current/cert.pem'),
        'bundle/agent/ca.pem',
      ),
  ],
  ['a key that all can read', (c) => fs.chmodSync(c.path(s1, 'current/key.pem'), 0o644)],
  [
    "an authority's key that all can read",
    (c) => fs.chmodSync(c.path('authority/agent/1/ca-key.pem'), 0o644),
  ],
  ['a manifest that is none', (c) => c.write('{', s1, 'current/manifest.json')],
  ['no manifest', (c) => fs.rmSync(c.path(s1, 'current/manifest.json'))],
  ['a torn ledger', (c) => fs.appendFileSync(c.path('ledger.jsonl'), '{"seq":')],
  [
    'a node that left the spec',
    (c) =>
      fs.writeFileSync(path.join(c.cwd, 'cluster.yaml'), spec.replace('c1: {}, c2: {}', 'c1: {}')),
  ],
  [
    'a link that leads nowhere',
    (c) => {
      fs.rmSync(c.path(s1, 'current'))
      fs.symlinkSync('9-00000000', c.path(s1, 'current'))
    },
  ],
  [
    'one key for two',
    (c) => {
      const [other] = parseCertificates(c.read('identity/server/global/s2/current/cert.pem'))
      c.write(c.read('identity/server/global/s2/current/key.pem'), s1, 'current/key.pem')
      c.reissue(s1, () => ({ spki: other!.publicKey.spki }))
    },
  ],
]

const verified = async (cwd: string): Promise<readonly Finding[]> => {
  const { stdout } = await cli(cwd, ['verify', '--offline', '--json'])
  return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings
}

const nameOf = ({ address, reason, message }: Finding): string => `${address} ${reason}: ${message}`

test.each(faults)('%s', async (_name, damage) => {
  const cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  expect(await verified(cwd)).toEqual([])
  damage(new Store(cwd))
  let found = await verified(cwd)
  expect(found).not.toEqual([])
  // One command can cure several; each that is still printed afterwards has its turn.
  for (const finding of found) {
    if (!found.some((one) => nameOf(one) === nameOf(finding))) continue
    const { remedy } = finding
    if (remedy?.startsWith('nomad-pki ') !== true) continue
    const run = await cli(cwd, [...remedy.split(' ').slice(1), '--yes'])
    expect(run.status, `${nameOf(finding)}: ${remedy}\n${run.stderr}`).toBe(0)
    found = await verified(cwd)
    expect(found.map(nameOf), remedy).not.toContain(nameOf(finding))
  }
  // What is left says in words what to do.
  expect(found.filter(({ remedy }) => remedy?.startsWith('nomad-pki ') !== false)).toEqual([])
})
