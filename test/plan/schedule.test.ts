import { describe, expect, test } from 'vitest'
import { needsWork } from '../../src/plan/needs-work.js'
import { makeSchedule, type Schedule, type ScheduleEntry } from '../../src/plan/schedule.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { MemoryWorld } from '../memory-world.js'
import { day, start, World } from '../world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
  short: { issuer: agent, lifetime: 100d }
regions:
  global:
    servers: { s1: {} }
  west:
    authority: short
    servers: { w1: { lifetime: 80d, renewBefore: 20d } }
operators:
  alice: { region: global, lifetime: 24h }
`

async function schedule(world: World, now: number = world.now): Promise<Schedule> {
  return makeSchedule(world.desired, await world.inventory(), { now })
}

function states({ entries }: Schedule): Record<string, string> {
  return Object.fromEntries(entries.map(({ address, state }) => [address, state]))
}

describe('the schedule', () => {
  test('what is missing stands first, and is work', async () => {
    const { entries } = await schedule(new World(spec))
    expect(new Set(entries.map(({ state }) => state))).toEqual(new Set(['missing']))
    expect(entries.every(needsWork)).toBe(true)
  })

  test('ends are sorted, and states follow the time', async () => {
    const world = new World(spec)
    await world.apply()
    const fresh = await schedule(world)
    const ends = fresh.entries.map(({ notAfter }) => notAfter!)
    expect(ends).toEqual([...ends].sort((a, b) => a - b))
    expect(fresh.entries.filter(needsWork)).toEqual([])

    const late = states(await schedule(world, start + 70 * day))
    expect(late['identity/operator/global/alice']).toBe('expired')
    expect(late['identity/server/global/s1']).toBe('due')
    expect(late['identity/server/west/w1']).toBe('due')
    expect(late['authority/agent/1']).toBe('good')
    expect(states(await schedule(world, start + 95 * day))['identity/server/west/w1']).toBe(
      'expired',
    )
    expect(states(await schedule(world, start - day))['authority/agent/1']).toBe('not-yet-valid')
  })

  test("an operator's expired certificate is not work: it is made when asked for", async () => {
    const world = new World(spec)
    await world.apply()
    const { entries } = await schedule(world, start + 3 * day)
    const alice = entries.find(({ address }) => address.endsWith('alice'))!
    expect([alice.state, alice.onDemand, needsWork(alice)]).toEqual(['expired', true, false])
  })

  test('says when renewal begins where plan says that it does', async () => {
    const world = new World(spec)
    await world.apply()
    const { entries } = await schedule(world)
    for (const name of ['server/global/s1', 'server/west/w1']) {
      const { dueAt } = entries.find(({ address }) => address === `identity/${name}`)!
      const before = await world.steps({ now: dueAt! - 1000 })
      // An intermediate that ends too soon for a new leaf holds the step: it is due all the same.
      const { steps, held = [] } = await world.plan({ now: dueAt! + 1000 })
      expect(before.some((line) => line.includes(`identity/${name} `))).toBe(false)
      expect([...steps, ...held]).toContainEqual(
        expect.objectContaining({
          action: 'renew',
          address: `identity/${name}`,
          reasons: [expect.objectContaining({ reason: 'nearing-expiry' })],
        }),
      )
    }
  })

  test('an end is that of the chain: what ends sooner above is named', async () => {
    const world = new World(spec)
    await world.apply()
    // Its intermediate, looked at as if it ended before the leaf does.
    const inventory = await world.inventory()
    const found = inventory.identities.get('identity/server/west/w1')!
    const [leaf, intermediate] = found.current!.chain
    const sooner = { ...intermediate!, notAfter: leaf!.notAfter - 10 * day }
    const current = { ...found.current!, chain: [leaf!, sooner], trust: found.current!.trust }
    const identities = new Map(inventory.identities)
    identities.set(found.address, { ...found, current })
    const { entries } = makeSchedule(world.desired, { ...inventory, identities }, { now: start })
    const entry = entries.find(({ address }) => address === found.address)!
    expect(entry.notAfter).toBe(sooner.notAfter)
    expect(entry.ownNotAfter).toBe(leaf!.notAfter)
    expect(entry.endedBy).toMatch(/short/)
  })

  test('an authority is due before a leaf of the usual length no longer fits', async () => {
    const world = new World(spec)
    await world.apply()
    const { entries } = await schedule(world)
    const short = entries.find(({ address }) => address === 'authority/short/1')!
    expect(short.notAfter! - short.dueAt!).toBeGreaterThanOrEqual(80 * day)
    const root = entries.find(({ address }) => address === 'authority/agent/1')!
    expect(root.notAfter! - root.dueAt!).toBeGreaterThanOrEqual(100 * day)
  })

  test('a leaf that was clamped to its issuer is not due where the plan would not renew it', async () => {
    const world = new World(`version: 1
cluster: acme
authorities:
  agent: { lifetime: 30d }
defaults: { beyondIssuer: clamp }
regions:
  global:
    servers: { s1: {} }
`)
    await world.apply()
    world.later(25 * day)
    expect((await world.plan()).steps).toEqual([])
    const { entries } = await schedule(world)
    const due = entries.filter(needsWork).map(({ address }) => address)
    expect(due).toEqual(['authority/agent/1'])
  })

  test('an orphan is shown, and is not work', async () => {
    const world = new World(spec)
    await world.apply()
    world
      .edit(
        '  west:\n    authority: short\n    servers: { w1: { lifetime: 80d, renewBefore: 20d } }\n',
        '',
      )
      .edit('  short: { issuer: agent, lifetime: 100d }\n', '')
    const { entries } = await schedule(world, start + 200 * day)
    const orphan = entries.find(({ address }) => address === 'identity/server/west/w1')!
    expect([orphan.orphan, needsWork(orphan)]).toEqual([true, false])
  })
})

describe('to the millisecond', () => {
  const entryOf = async (
    world: MemoryWorld,
    address: string,
    now: number,
  ): Promise<ScheduleEntry> => {
    const { entries } = makeSchedule(world.desired, await world.inventory(), { now })
    return entries.find((entry) => entry.address === address)!
  }
  const s1 = 'identity/server/global/s1'

  test.each(['authority/agent/1', s1])(
    '%s is due from its day on, and ended after its end',
    async (address) => {
      const world = await new MemoryWorld(spec).apply()
      const { dueAt, notAfter, ownNotAfter } = await entryOf(world, address, start)
      expect(notAfter).toBe(ownNotAfter)
      const at = async (now: number): Promise<string> => (await entryOf(world, address, now)).state
      expect([await at(dueAt! - 1), await at(dueAt!)]).toEqual(['good', 'due'])
      expect([await at(notAfter!), await at(notAfter! + 1)]).toEqual(['due', 'expired'])
      // Certificates begin five minutes before they are made.
      const begin = start - 300_000
      expect([await at(begin - 1), await at(begin)]).toEqual(['not-yet-valid', 'good'])
    },
  )

  test('a root is due when the longest leaf or intermediate that it refuses to cut no longer fits', async () => {
    const world = await new MemoryWorld(spec).apply()
    // `short` lives 100 days, a leaf of `agent` 90, and renewal begins 60 days before.
    const agent = await entryOf(world, 'authority/agent/1', start)
    expect(agent.notAfter! - agent.dueAt!).toBe(Math.max(agentBefore(world), 100 * day))
    const short = await entryOf(world, 'authority/short/1', start)
    expect(short.notAfter! - short.dueAt!).toBe(80 * day)
    world.edit('regions:', 'defaults: { beyondIssuer: clamp }\nregions:')
    const clamped = await entryOf(world, 'authority/short/1', start)
    expect(clamped.notAfter! - clamped.dueAt!).toBeLessThan(80 * day)
  })

  test('what does not sign is never due', async () => {
    const world = await new MemoryWorld(spec).apply()
    world.edit('agent: { lifetime: 10y }', 'agent: { lifetime: 10y, trusted: [1, 2] }')
    await world.apply()
    expect((await entryOf(world, 'authority/agent/1', start)).dueAt).toBeTypeOf('number')
    expect((await entryOf(world, 'authority/agent/2', start)).dueAt).toBeUndefined()
  })

  const agentBefore = ({ desired }: MemoryWorld): number =>
    desired.authorities.find(({ address }) => address === 'authority/agent/1')!.renewBefore
})

describe('what ends something sooner', () => {
  const cut = async (
    change: (certificate: Certificate, of: 'leaf' | 'intermediate' | 'root') => Certificate,
    more: (root: Certificate) => readonly Certificate[] = () => [],
  ): Promise<ScheduleEntry> => {
    const world = await new MemoryWorld(spec).apply()
    const inventory = await world.inventory()
    const found = inventory.identities.get('identity/server/west/w1')!
    const [leaf, intermediate] = found.current!.chain
    const [root] = found.current!.trust
    const current = {
      ...found.current!,
      chain: [change(leaf!, 'leaf'), change(intermediate!, 'intermediate')],
      trust: [change(root!, 'root'), ...more(root!)],
    }
    const identities = new Map([[found.address, { ...found, current }]])
    const { entries } = makeSchedule(world.desired, { ...inventory, identities }, { now: start })
    return entries.find(({ address }) => address === found.address)!
  }
  const in10 = start + 10 * day

  test.each([
    ['its intermediate', 'intermediate', 'acme short 1'],
    ['its root', 'root', 'root acme agent 1'],
  ])('%s, by its name', async (_what, which, name) => {
    const entry = await cut((one, of) => (of === which ? { ...one, notAfter: in10 } : one))
    expect([entry.notAfter, entry.endedBy]).toEqual([
      in10,
      expect.stringContaining(name.split(' ')[0]!),
    ])
    expect(entry.endedBy?.startsWith('root ')).toBe(which === 'root')
    expect(entry.ownNotAfter).toBeGreaterThan(in10)
    expect(entry.dueAt).toBe(in10 - 20 * day)
  })

  test('not itself, where nothing above ends sooner', async () => {
    const entry = await cut((one, of) => (of === 'leaf' ? { ...one, notAfter: in10 } : one))
    expect([entry.notAfter, entry.endedBy, entry.ownNotAfter]).toEqual([in10, undefined, in10])
  })

  test('of two roots of one name the one that lives longer holds the chain up', async () => {
    for (const order of ['before', 'behind']) {
      const entry = await cut(
        (one, of) => (of === 'root' && order === 'before' ? { ...one, notAfter: in10 } : one),
        (root) => [order === 'behind' ? { ...root, notAfter: in10 } : root],
      )
      expect([order, entry.endedBy]).toEqual([order, undefined])
    }
  })

  test('an intermediate ends with the root above it', async () => {
    const world = await new MemoryWorld(spec).apply()
    const inventory = await world.inventory()
    const root = inventory.authorities.get('authority/agent/1')!
    const certificate = { ...root.certificate!, notAfter: in10 }
    const authorities = new Map(inventory.authorities).set(root.address, { ...root, certificate })
    const { entries } = makeSchedule(world.desired, { ...inventory, authorities }, { now: start })
    const short = entries.find(({ address }) => address === 'authority/short/1')!
    expect([short.notAfter, short.endedBy]).toEqual([in10, root.address])
    const own = entries.find(({ address }) => address === root.address)!
    expect([own.notAfter, own.endedBy]).toEqual([in10, undefined])
  })
})

describe('what is missing', () => {
  test("is listed first, in the order of addresses; an operator's is made when it is needed, and is work", async () => {
    const world = new MemoryWorld(spec)
    const { entries } = makeSchedule(world.desired, await world.inventory(), { now: start })
    expect(entries.map(({ address, kind, onDemand }) => [address, kind, onDemand])).toEqual([
      ['authority/agent/1', 'authority', false],
      ['authority/short/1', 'authority', false],
      ['identity/operator/global/alice', 'identity', true],
      ['identity/server/global/s1', 'identity', false],
      ['identity/server/west/w1', 'identity', false],
    ])
    for (const entry of entries) {
      expect(entry).toMatchObject({ state: 'missing', orphan: false })
      expect(needsWork(entry)).toBe(true)
    }
  })

  test('an orphan is not work, whatever its state', () => {
    const entry = { address: 'x', kind: 'identity', onDemand: false } as const
    for (const state of ['missing', 'expired', 'due', 'silent'] as const) {
      expect([
        needsWork({ ...entry, state, orphan: true }),
        needsWork({ ...entry, state, orphan: false }),
      ]).toEqual([false, true])
    }
    expect(needsWork({ ...entry, state: 'good', orphan: false })).toBe(false)
  })
})

test('an authority that the spec no longer names is an orphan, and no work', async () => {
  const world = new World(spec)
  await world.apply()
  const of = async (): Promise<ScheduleEntry> =>
    (await schedule(world)).entries.find(({ address }) => address === 'authority/agent/1')!
  expect(await of()).toMatchObject({ kind: 'authority', orphan: false, state: 'good' })
  world.edit('agent: { lifetime: 10y }', 'agent: { lifetime: 10y, signing: 2 }')
  const left = await of()
  expect(left).toMatchObject({ kind: 'authority', orphan: true, dueAt: undefined })
  expect(needsWork(left)).toBe(false)
})
