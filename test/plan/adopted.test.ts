/**
 * Authorities that other tools made, put in as generation 1: `nomad tls ca create` of Nomad 1.11.3,
 * `openssl req -x509`, and one that a company's own root signed. Plan, apply and verify are content.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { rootAbove } from '../../src/evidence/generations.js'
import { recogniser } from '../../src/evidence/recognise.js'
import { proveCluster } from '../../src/probe/prove-cluster.js'
import { formatName } from '../../src/x509/name.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { World } from '../world.js'

const vectors = fileURLToPath(new URL('../vectors/adopted', import.meta.url))

async function adopted(name: string, authority: string): Promise<World> {
  const world = new World(`version: 1
cluster: acme
authorities:
  agent: ${authority}
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: {} }
`)
  world.now = Date.now()
  const folder = world.path('authority/agent/1')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const put = (from: string, to: string, mode: number): void => {
    writeFileSync(join(folder, to), readFileSync(join(vectors, from)), { mode })
  }
  put(`${name}.pem`, 'ca.pem', 0o644)
  put(`${name}-key.pem`, 'ca-key.pem', 0o400)
  await world.apply()
  return world
}

const nomadSubject = `{ subject: { commonName: "nomad agent ca  189137784155409300445357490710222547527", country: US, province: CA, locality: San Francisco, streetAddress: 101 Second Street, postalCode: "94105", organization: HASHICORP Inc., organizationalUnit: Nomad } }`

test.each([
  ['nomad', '{}'],
  ['nomad', nomadSubject],
  ['openssl', '{ key: ecdsa-p384 }'],
  [
    'openssl',
    '{ key: ecdsa-p384, subject: { commonName: Acme Agent CA, country: DE, organization: Acme Corp } }',
  ],
  ['below', '{}'],
])('%s, with %s: nothing to do, and nothing to say', async (name, authority) => {
  const world = await adopted(name, authority)
  const plan = await world.plan()
  expect(plan.steps).toEqual([])
  expect(plan.findings).toEqual([])
  const inventory = await world.inventory()
  const findings = verifyCluster(world.desired, inventory, { now: world.now })
  expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([])
  const proof = await proveCluster(world.desired, inventory, world.store, { now: world.now })
  if (name === 'below') {
    // OpenSSL, in Node, is no judge of such a root, and that is said.
    expect(proof.findings).toEqual([
      expect.objectContaining({ severity: 'note', reason: 'handshake-differs' }),
    ])
  } else {
    expect(proof.findings).toEqual([])
    expect(proof.handshakes).toBeGreaterThan(0)
  }
  // The anchor is the root above itself, whoever signed it elsewhere.
  expect(rootAbove('authority/agent/1', inventory.authorities)).toBe('authority/agent/1')
  const { subject } = inventory.authorities.get('authority/agent/1')!.certificate!
  const text = recogniser(inventory).roots([formatName(subject)])
  expect(text).toEqual(['authority/agent/1'])
})

test.each([
  ['another organization', nomadSubject.replace('HASHICORP', 'Acme')],
  ['no locality', nomadSubject.replace('locality: San Francisco, ', '')],
  ['a locality with another space', nomadSubject.replace('San Francisco', 'SanFrancisco')],
])('%s is another subject', async (_what, authority) => {
  const world = await adopted('nomad', authority)
  expect((await world.plan()).findings).toEqual([
    expect.objectContaining({ reason: 'names-differ', severity: 'warning' }),
  ])
})

test.each([
  ['{}', 'key-algorithm', 'to keep this root: set `key: ecdsa-p384` for agent in the spec; else'],
  [
    '{ key: ecdsa-p384, subject: { commonName: Another } }',
    'names-differ',
    'to keep this root: let `subject` of agent in the spec say that; else',
  ],
])('where the spec is %s, %s tells first how the root stays', async (spec, reason, remedy) => {
  const { findings } = await (await adopted('openssl', spec)).plan()
  expect(
    findings.map((finding) => [finding.reason, finding.remedy?.slice(0, remedy.length)]),
  ).toEqual([[reason, remedy]])
})
