import { describe, expect, test } from 'vitest'
import { needsWork } from '../../src/plan/needs-work.js'
import { makeSchedule, type Schedule } from '../../src/plan/schedule.js'
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
