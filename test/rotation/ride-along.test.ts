import fc from 'fast-check'
import { expect, test } from 'vitest'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { makeSchedule } from '../../src/plan/schedule.js'
import { deadlinesOf } from '../../src/rotation/deadlines.js'
import { dueLeaves } from '../../src/rotation/due.js'
import { checkContext } from '../../src/checks/context.js'
import { judgeGate } from '../../src/evidence/gate.js'
import { evidenceIn } from '../../src/evidence/evidence.js'
import { rotationOf, type RotationOptions } from '../../src/rotation/stages.js'
import { editAuthorities } from '../../src/cluster/edit-authority.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { day, start, World } from '../world.js'
import { seed } from '../seed.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y } # the root
  us-west: { issuer: agent, lifetime: 3y }
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: { lifetime: 30d, renewBefore: 10d } }
  us-west:
    authority: us-west
    servers: { w1: {} }
`

/** A cluster whose agents were made on different days, with the edits that `rotate --next` makes. */
class Riding extends World {
  text: string

  constructor(text: string = spec) {
    super(text)
    this.text = text
  }

  static async made(): Promise<Riding> {
    const world = new Riding()
    await world.apply()
    await world.later(10 * day).apply({ renew: ['identity/server/global/s2'] })
    return world
  }

  async next(options: Partial<RotationOptions> = {}, name = 'agent'): Promise<void> {
    const { spec: parsed } = parseSpec(this.text)
    const { next } = rotationOf(parsed!, await this.inventory(), name, {
      now: this.now,
      ...options,
    })!
    const { text, diagnostics } = editAuthorities(this.text, next.edits)
    expect(diagnostics).toEqual([])
    this.edit(this.text, text)
    this.text = text
  }

  /** What a timer does on each day until one. */
  async days(until: number): Promise<string[]> {
    const told: string[] = []
    let inventory = await this.inventory()
    while (this.now < start + until * day) {
      this.later(day)
      const context = checkContext(this.desired, inventory, { now: this.now })
      const due = dueLeaves(this.desired, inventory, context)
      if (due.length === 0) continue
      told.push(
        ...due.map((address) => `${Math.round((this.now - start) / day)} ${address.slice(9)}`),
      )
      await this.apply({ only: due, renew: due })
      inventory = await this.inventory()
    }
    return told
  }

  async dates(): Promise<string[]> {
    const inventory = await this.inventory()
    const { desired } = this
    const schedule = makeSchedule(desired, inventory, { now: this.now })
    return deadlinesOf({ spec: parseSpec(this.text).spec!, desired, inventory, schedule })
      .filter(({ kind }) => kind === 'carried')
      .map(({ authority, at, message }) => `${authority} ${(at - start) / day}: ${message}`)
  }

  async faults(): Promise<string[]> {
    return verifyCluster(this.desired, await this.inventory(), { now: this.now })
      .filter(({ severity }) => severity === 'error')
      .map(({ address, message }) => `${address}: ${message}`)
  }

  async gate(): Promise<string[]> {
    const inventory = await this.inventory()
    const rotation = rotationOf(parseSpec(this.text).spec!, inventory, 'agent', { now: this.now })!
    const { holds } = judgeGate(rotation.next.gate!, {
      desired: this.desired,
      inventory,
      evidence: evidenceIn(inventory.ledger, { now: this.now }),
      now: this.now,
      authority: 'authority/agent/2',
    })
    return holds
      .filter(({ address }) => address.startsWith('identity/'))
      .map(({ address, message, remedy }) => `${address.slice(9)}: ${message}; ${remedy}`)
  }
}

test('crossed: apply makes the root and renews nobody; renewals carry both stages', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true })
  expect(world.text).toContain(
    'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true, rollout: ride-along } # the root',
  )
  expect(await world.steps()).toEqual([
    'create authority/agent/2 (missing)',
    'cross authority/agent/2 (cross-missing)',
    'create authority/us-west/2 (missing)',
    'write bundle/agent (bundle-stale)',
  ])
  await world.apply()
  expect(await world.steps()).toEqual([])
  expect(await world.faults()).toEqual([])
  expect(await world.dates()).toEqual([
    'agent 70: the last of 4 remaining agents takes this stage with its renewal: identity/server/global/s2',
  ])
  expect((await world.gate())[0]).toBe(
    'server/global/s1: its generation 1 is not of this stage; its next renewal will be; at once: nomad-pki rotate leaves identity/server/global/s1',
  )
  expect((await world.days(30)).map((line) => line.split(' ')[1])).toEqual(['client/global/c1'])
  expect(await world.faults()).toEqual([])
  // A new node, and one that is renewed for another reason, are of this stage at once.
  world.edit('c1: {', 'c2: {}, c1: {')
  expect(await world.steps()).toEqual(['create identity/client/global/c2 (missing)'])
  await world.apply()
  await world.days(64)
  expect(await world.dates()).toEqual([
    'agent 70: the last of 1 remaining agent takes this stage with its renewal: identity/server/global/s2',
  ])
  expect(await world.faults()).toEqual([])
  expect((await world.gate()).filter((line) => line.includes('is not of this stage'))).toHaveLength(
    1,
  )
  await world.days(70)
  expect(await world.dates()).toEqual([])
  expect((await world.gate()).filter((line) => line.includes('is not of this stage'))).toEqual([])
  const { authorities, identities } = await world.inventory()
  const root = authorities.get('authority/agent/2')!.certificate!
  for (const { current } of identities.values()) {
    expect(current!.trust.map(({ serial }) => serial)).toContain(root.serial)
  }

  // The second stage rides too: trust in the old root leaves with later renewals.
  world.text = world.text.replace('c1: {', 'c2: {}, c1: {')
  await world.next()
  expect(world.text).toContain('trusted: [2], crossed: true, rollout: ride-along }')
  expect(await world.steps({ prune: true })).toEqual([
    'write bundle/agent (bundle-stale)',
    // Nobody has a leaf of it any more; the old root is in every ca.pem.
    'remove authority/us-west/1 (orphan)',
  ])
  await world.apply()
  expect(await world.faults()).toEqual([])
  expect((await world.dates())[0]).toMatch(/^agent 1[0-9.]+: the last of 5 remaining agents takes/)
  await world.days(140)
  expect(await world.dates()).toEqual([])
  for (const { current } of (await world.inventory()).identities.values()) {
    expect(current!.trust.map(({ serial }) => serial)).toEqual([root.serial])
  }
  expect(await world.steps({ prune: true })).toEqual([
    'remove authority/agent/1 (orphan)',
    'remove authority/us-west/1 (orphan)',
  ])
  await world.next()
  expect(world.text).toContain('signing: 2, trusted: [2], rollout: ride-along }')
  expect(await world.steps()).toEqual([])
  expect(await world.faults()).toEqual([])
}, 30_000)

test('taking the key out of the spec does the rest at once', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true })
  await world.apply()
  world.edit(', rollout: ride-along', '')
  expect(await world.steps()).toEqual([
    'renew identity/server/global/s1 (issuer-changed, trust-changed)',
    'renew identity/server/global/s2 (issuer-changed, trust-changed)',
    'renew identity/client/global/c1 (issuer-changed, trust-changed)',
    'renew identity/server/us-west/w1 (issuer-changed, trust-changed)',
  ])
})

test('a renewal says that another authority will sign', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true })
  await world.apply()
  world.later(11 * day)
  const { steps } = await world.plan()
  expect(
    steps.map(
      ({ address, reasons }) => `${address}: ${reasons.map(({ message }) => message).join('; ')}`,
    ),
  ).toEqual([
    'identity/client/global/c1: 9d left, renewed when less than 10d is; authority/agent/2 will sign the next',
  ])
})

test('staged: trust rides, then leaves do, and nobody is cut off on the way', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true, way: 'staged' })
  expect(world.text).toContain('signing: 1, trusted: [1, 2], rollout: ride-along }')
  await world.apply()
  expect(await world.steps()).toEqual([])
  await world.days(40)
  expect(await world.faults()).toEqual([])
  await world.days(75)
  expect(await world.dates()).toEqual([])
  await world.next()
  expect(world.text).toContain('signing: 2, trusted: [1, 2], rollout: ride-along }')
  await world.apply()
  expect(await world.steps()).toEqual([])
  await world.days(100)
  expect(await world.faults()).toEqual([])
  await world.days(145)
  expect(await world.dates()).toEqual([])
  await world.next()
  await world.apply()
  await world.days(220)
  expect(await world.faults()).toEqual([])
  for (const { current } of (await world.inventory()).identities.values()) {
    expect(current!.trust).toHaveLength(1)
  }
}, 30_000)

test('staged: trust that does not take what is signed by now does not ride', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true, way: 'staged' })
  await world.apply()
  // Somebody went on without waiting: who trusts the old root alone would be cut off.
  await world.next()
  expect(await world.steps()).toEqual([
    'create authority/us-west/2 (missing)',
    ...['server/global/s1', 'server/global/s2', 'client/global/c1', 'server/us-west/w1'].map(
      (identity) => `refresh identity/${identity} (trust-changed)`,
    ),
  ])
})

test('a leaf of a root that is no longer trusted does not ride', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true })
  await world.apply()
  world.edit('trusted: [1, 2]', 'trusted: [2]')
  const steps = await world.steps()
  expect(steps.filter((line) => line.startsWith('renew'))).toHaveLength(4)
})

test('an intermediate rides alone, and its leaves keep their chain', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true }, 'us-west')
  expect(world.text).toContain(
    'us-west: { issuer: agent, lifetime: 3y, signing: 2, rollout: ride-along }',
  )
  await world.apply()
  expect(await world.steps()).toEqual([])
  expect(await world.faults()).toEqual([])
  expect(await world.dates()).toEqual([
    'us-west 60: the last of 1 remaining agent takes this stage with its renewal: identity/server/us-west/w1',
  ])
  // Its old generation is no orphan before that: what it signed would not stay without it.
  expect(await world.steps({ prune: true })).toEqual([])
  // A leaf alone, without the intermediate that signed it, is nothing that could stay.
  const pem = world.read('identity/server/us-west/w1/current/cert.pem')
  world.write(
    pem.slice(0, pem.indexOf('-----END CERTIFICATE-----') + 26),
    'identity/server/us-west/w1/current/cert.pem',
  )
  expect(await world.steps()).toEqual(['renew identity/server/us-west/w1 (issuer-changed)'])
})

test('the next rotation does not ride because the last one did', async () => {
  const world = await Riding.made()
  await world.next({ rideAlong: true }, 'us-west')
  await world.apply()
  await world.next({}, 'us-west')
  expect(world.text).toContain('us-west: { issuer: agent, lifetime: 3y, signing: 3 }')
  await world.next({ rideAlong: true })
  const { authorities } = parseSpec(world.text).spec!
  expect(authorities.map(({ rollout }) => rollout)).toEqual(['ride-along', 'ride-along'])
})

test('whenever stages are taken and whoever is renewed in between, every pair of agents takes each other', async () => {
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.record({ days: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.constant('next' as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('server/global/s1', 'client/global/c1', 'server/us-west/w1'),
    },
  )
  const way = fc.constantFrom('crossed' as const, 'staged' as const)
  await fc.assert(
    fc.asyncProperty(
      way,
      fc.array(action, { minLength: 6, maxLength: 12 }),
      async (by, actions) => {
        const world = await Riding.made()
        await world.next({ rideAlong: true, way: by })
        await world.apply()
        for (const one of actions) {
          if (typeof one === 'object') await world.days((world.now - start) / day + one.days)
          else if (one !== 'next') {
            const address = `identity/${one}`
            await world.later(3_600_000).apply({ only: [address], renew: [address] })
          } else if ((await world.dates()).length === 0) {
            // What the gate would have seen: everybody has what was made.
            await world.next({ rideAlong: true, way: by })
            await world.apply()
          }
          expect(await world.faults()).toEqual([])
          expect(await world.steps()).toEqual([])
        }
      },
    ),
    { seed, numRuns: 6 },
  )
}, 60_000)
