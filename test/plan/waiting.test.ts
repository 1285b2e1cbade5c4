/**
 * What only a key on another machine can sign: it waits, with what needs it; the intermediate that is there
 * signs until its successor is.
 */

import { describe, expect, test } from 'vitest'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { makePlan } from '../../src/plan/make-plan.js'
import type { Plan } from '../../src/plan/plan.js'
import { MemoryWorld } from '../memory-world.js'
import { told } from '../ledger.js'
import { day, start } from '../world.js'

const specOf = (agent: string, us = '', more = ''): string => `version: 1
cluster: acme
authorities:
  agent: { ${agent} }
  us: { issuer: agent, lifetime: 3y${us} }
  eu: { issuer: agent, lifetime: 5y }
regions:
  eu:
    authority: eu
    servers: { s1: {} }
  us:
    authority: us
    servers: { w1: {}${more} }
`
const [root, us1, us2, us3] = [
  'authority/agent/1',
  'authority/us/1',
  'authority/us/2',
  'authority/us/3',
] as const
const [s1, w1, w2] = [
  'identity/server/eu/s1',
  'identity/server/us/w1',
  'identity/server/us/w2',
] as const

/** A cluster whose root was made here, and whose spec now says that its key is elsewhere. */
async function away(us: string, more = ''): Promise<MemoryWorld> {
  const world = await new MemoryWorld(specOf('signer: file')).apply()
  world.text = specOf('signer: offline', us, more)
  return world
}

const errors = ({ findings }: Plan): readonly string[] =>
  findings.flatMap(({ severity, address, reason, message }) =>
    severity === 'error' ? [`${address} ${reason}: ${message}`] : [],
  )
const going = ({ steps }: Plan): readonly string[] =>
  steps.map(({ action, address }) => `${action} ${address}`)
const held = ({ held: all = [] }: Plan): readonly string[] =>
  all.map(({ action, address, heldBy }) => `${action} ${address} by ${heldBy}`)

describe('from nothing', () => {
  test('a root whose key is elsewhere holds everything below it', async () => {
    const { plan, materials } = await new MemoryWorld(specOf('signer: offline')).planned()
    expect(errors(plan)).toEqual(
      [root, us1, 'authority/eu/1'].map(
        (address) =>
          `${address} signed-elsewhere: its certificate is signed on another machine, which has the key of ${root}`,
      ),
    )
    expect(new Set(plan.findings.map(({ remedy }) => remedy))).toEqual(
      new Set(['nomad-pki authority request agent --out FILE']),
    )
    expect(
      materials.waiting.map(({ kind, wanted, signer }) => [kind, wanted.address, signer]),
    ).toEqual([
      ['root', root, root],
      ['intermediate', us1, root],
      ['intermediate', 'authority/eu/1', root],
    ])
    expect(going(plan)).toEqual([])
  })

  test.each(['file', 'encrypted'])('with signer: %s nothing waits', async (signer) => {
    const { plan, materials } = await new MemoryWorld(specOf(`signer: ${signer}`)).planned()
    expect(errors(plan)).toEqual([])
    expect(materials.waiting).toEqual([])
  })
})

describe('the successor of an intermediate', () => {
  test('waits, and the one that is there signs what is due', async () => {
    const world = await away(', signing: 2', ', w2: {}')
    world.later(70 * day)
    const plan = await world.plan()
    expect(errors(plan)).toEqual([expect.stringMatching(`^${us2} signed-elsewhere: `)])
    expect(held(plan)).toEqual([`create ${us2} by ${us2}`])
    expect(going(plan)).toContain(`create ${w2}`)
    expect(going(plan)).toContain(`renew ${w1}`)
    expect(going(plan)).toContain(`renew ${s1}`)
    const step = plan.steps.find(({ address }) => address === w1)!
    expect(step.content?.['issuer']).toMatch(`${us1} SHA256:`)
    expect(step.reasons.map(({ reason }) => reason)).toEqual(['nearing-expiry'])
  })

  test('of several that are there the newest signs', async () => {
    const world = await new MemoryWorld(specOf('signer: file')).apply()
    world.text = specOf('signer: file', ', signing: 2')
    await world.apply()
    world.text = specOf('signer: offline', ', signing: 3')
    const plan = await world.later(70 * day).plan()
    expect(held(plan)).toEqual([`create ${us3} by ${us3}`])
    const step = plan.steps.find(({ address }) => address === w1)!
    expect(step.content?.['issuer']).toMatch(`${us2} SHA256:`)
  })

  test('holds its leaves where the one that is there has ended', async () => {
    const world = await away(', signing: 2')
    world.later(3 * 365 * day + day)
    const plan = await world.plan()
    expect(held(plan)).toContain(`create ${us2} by ${us2}`)
    expect(held(plan)).toContain(`renew ${w1} by ${us2}`)
  })

  test('is not a newer one: where the spec asks for an older one its leaves wait', async () => {
    const world = await new MemoryWorld(specOf('signer: file', ', signing: 2')).apply()
    world.text = specOf('signer: offline', ', signing: 1')
    const plan = await world.later(70 * day).plan()
    expect(errors(plan)).toEqual([expect.stringMatching(`^${us1} `)])
    expect(held(plan)).toContain(`renew ${w1} by ${us1}`)
  })
})

describe('what was asked for', () => {
  const asked = (address: string, issuer: string, at: number): LedgerEvent =>
    told('requested', address, at, { issuer, request: 'ab'.repeat(32), attempt: '01' })

  test('is told with the day and the request; the last of several counts', async () => {
    const world = await away(', signing: 2')
    await world.note(asked(us2, root, start), asked(us2, root, start + 2 * day))
    const [finding] = (await world.later(3 * day).plan()).findings.filter(
      ({ reason }) => reason === 'signed-elsewhere',
    )
    expect(finding!.message).toBe(
      `its certificate is signed on another machine, which has the key of ${root}; it was asked on 2026-11-27T12:00:00Z (request SHA256:abababababababab…)`,
    )
    expect(finding!.remedy).toBe(
      'with the answer: nomad-pki authority accept ANSWER; to ask again: nomad-pki authority request agent --out FILE',
    )
  })

  test.each([
    ['of another authority', us1, root],
    ['of another key', us2, 'authority/agent/2'],
  ])('%s says nothing of this one', async (_what, address, issuer) => {
    const world = await away(', signing: 2')
    await world.note(asked(address, issuer, start))
    const [finding] = (await world.plan()).findings.filter(
      ({ reason }) => reason === 'signed-elsewhere',
    )
    expect(finding!.message).not.toContain('asked')
  })
})

describe('a cross-certificate by a root whose key is elsewhere', () => {
  const crossed = 'signing: 2, trusted: [1, 2], crossed: true'

  test('waits, and trust in the new root does not', async () => {
    const world = await new MemoryWorld(specOf('signer: file')).apply()
    world.text = specOf(`signer: offline, ${crossed}`)
    // The new root's own certificate was made and brought.
    const key = generateKeySync('ecdsa-p256')
    const { subject, lifetime } = world.desired.authorities.find(
      ({ address }) => address === 'authority/agent/2',
    )!
    const { certificate } = await createRoot({ subject, key, lifetime }, { now: world.now })
    const inventory = await world.inventory()
    const authorities = new Map(inventory.authorities)
    authorities.set('authority/agent/2', {
      ...inventory.authorities.get(root)!,
      ...{ address: 'authority/agent/2', generation: 2, certificate, key: { state: 'absent' } },
    })

    const { plan, materials } = makePlan(
      world.desired,
      { ...inventory, authorities },
      { now: world.now },
    )
    expect(materials.waiting.map(({ kind, signer }) => [kind, signer])).toEqual([['cross', root]])
    expect(errors(plan)).toEqual([
      `authority/agent/2 signed-elsewhere: a cross-certificate by ${root} is signed on another machine, which has the key of ${root}`,
    ])
    expect(held(plan)).toContain('cross authority/agent/2 by authority/agent/2')
    // Trusting it needs no signature.
    expect(going(plan)).toContain('write bundle/agent')
  })
})
