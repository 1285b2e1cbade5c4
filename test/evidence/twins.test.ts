/**
 * A root that was renewed with its key: an agent that trusts either certificate accepts what both signed, and a
 * handshake does not show which of them it has.
 */

import { expect, test } from 'vitest'
import { note } from '../../src/inventory/note.js'
import { underLock } from '../../src/cli/under-lock.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { evidenceIn } from '../../src/evidence/evidence.js'
import { rootsAbove, twinsOf } from '../../src/evidence/generations.js'
import { judgeAll } from '../../src/evidence/judge.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { cureOf } from '../../src/rotation/cure.js'
import { revocationFindings } from '../../src/verify/revocations.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { keyDigestOf } from '../../src/inventory/revoked.js'
import { gateOf } from '../../src/rotation/gate-of.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { World } from '../world.js'
import { probed } from './lines.js'

const text = (agent: string): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y, subject: { commonName: Old CA }, ${agent} }
regions:
  global: { servers: { s1: {} } }
`
const [one, two] = ['authority/agent/1', 'authority/agent/2']
const s1 = 'identity/server/global/s1'
const first = 'signing: 1'
const both = 'signing: 2, trusted: [1, 2]'

async function world(next = both): Promise<World> {
  const made = new World(text(first))
  await made.apply()
  const pem = made.read('authority/agent/1/ca-key.pem')
  const { certificate } = await createRoot(
    {
      subject: { commonName: 'Old CA' },
      lifetime: 12 * 365 * 86_400_000,
      key: parsePrivateKey(pem),
    },
    { now: made.now },
  )
  const { store } = made
  await underLock(store, 'test', async () => {
    const batch = store.batch()
    batch.putAuthority('agent', 2, { key: pem, certificate: encodeCertificate(certificate) })
    batch.record({
      event: 'authority',
      address: two,
      at: made.now,
      serial: certificate.serial,
      fingerprint: fingerprintOf(certificate),
      subject: 'CN=Old CA',
      notAfter: certificate.notAfter,
      issuer: null,
      adopted: true,
    })
    await batch.commit()
  })
  return made.edit(first, next)
}

const name = 'CN=Old CA'
const observe = async (of: World, accepts?: readonly string[]): Promise<void> => {
  const lines = probed(await of.inventory(), [
    { address: s1, at: of.later(1000).now, trusts: [name] },
  ])
  const seen = lines.map((line) => ({ ...line, ...(accepts && { accepts }) }))
  const { store } = of
  await underLock(store, 'test', () => note(store, seen as typeof lines))
}
const judged = async (of: World): Promise<string> => {
  const inventory = await of.inventory()
  return judgeAll(inventory, { now: of.now, evidence: evidenceIn(inventory.ledger, of) }).get(s1)!
    .state
}

test('both have one key, and a leaf of the one is a leaf of the other', async () => {
  const { authorities } = await (await world()).inventory()
  expect(twinsOf(one, authorities)).toEqual([one, two])
  expect(rootsAbove(one, authorities)).toEqual([one, two])
})

test('an agent that needs the older one only is proven, whichever it has', async () => {
  const made = await world(first)
  await observe(made)
  expect(await judged(made)).toBe('proven')
})

test('where only ca.pem changed, no handshake shows that it is loaded; with a new leaf one does', async () => {
  const made = await world()
  expect(await made.steps()).toEqual([
    expect.stringMatching(/^write bundle/),
    expect.stringMatching(/refresh .*s1/),
  ])
  await made.apply()
  await observe(made)
  expect(await judged(made)).toBe('unobservable')
  // The key is that of both.
  await observe(made, [two])
  expect(await judged(made)).toBe('unobservable')
  made.later(61 * 86_400_000)
  await made.apply()
  await observe(made)
  expect(await judged(made)).toBe('proven')
  const { spec } = parseSpec(text(both))
  const inventory = await made.inventory()
  const rotation = rotationOf(spec!, inventory, 'agent', made)!
  expect(rotation).toMatchObject({ position: 'signing', from: 1, to: 2 })
  const gate = gateOf(rotation, made.desired, inventory, made)!
  expect(gate.holds.filter(({ address }) => address === s1)).toEqual([])
})

test('what ride-along defers ends with the older certificate', async () => {
  const made = await world(`${both}, rollout: ride-along`)
  // Its leaf ends before.
  expect(await made.steps()).toEqual([expect.stringMatching(/^write bundle/)])
})

test('a stolen leaf of the older one is not shut out while agents trust the newer one', async () => {
  const alone = 'signing: 2, trusted: [2]'
  const made = await world(alone)
  const inventory = await made.inventory()
  const leaf = inventory.identities.get(s1)!.current!.chain[0]!
  const { spec } = parseSpec(text(alone))
  const desired = desire(spec!)
  const stolen = {
    issuer: one,
    role: 'server',
    reason: 'key-compromise',
    notAfter: leaf.notAfter,
  } as const
  expect(cureOf(stolen, spec!, desired, inventory, made)).toMatchObject({
    cheapest: 'replace',
    root: two,
  })
  const { store } = made
  await underLock(store, 'test', () =>
    note(store, [
      {
        event: 'revoked',
        address: s1,
        at: made.now,
        issuer: one,
        serial: leaf.serial,
        fingerprint: 'e'.repeat(64),
        key: keyDigestOf(leaf),
        notAfter: leaf.notAfter,
        reason: 'key-compromise',
      },
    ]),
  )
  expect(
    revocationFindings(desired, await made.inventory(), { now: made.now }).map(
      ({ message }) => message,
    ),
  ).toContainEqual(expect.stringContaining(`agents that trust ${two} take it`))
})
