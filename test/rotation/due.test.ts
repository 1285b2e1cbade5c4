import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkContext } from '../../src/checks/context.js'
import { dueLeaves, jitterOf, renewedBefore } from '../../src/rotation/due.js'
import { day, start, World } from '../world.js'
import { seed } from '../seed.js'

const spec = (terms: string): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
defaults: { ${terms} }
regions:
  global:
    servers: { s1: {} }
    clients: { "c[1-4]": {} }
operators:
  alice: { region: global }
`

async function due(world: World, now: number): Promise<readonly string[]> {
  const inventory = await world.inventory()
  const { desired } = world
  return dueLeaves(desired, inventory, checkContext(desired, inventory, { now }))
}

describe('the spread', () => {
  test('is the same on every machine and for ever: these are its places', () => {
    // printf %s ADDRESS | sha256sum: the first eight digits, of ffffffff.
    expect(jitterOf('identity/server/global/s1').toFixed(6)).toBe('0.178739')
    expect(jitterOf('identity/client/us-west/shared').toFixed(6)).toBe('0.975811')
  })

  test('is even over a fleet: each tenth of it has its tenth of ten thousand', () => {
    const tenths = new Array<number>(10).fill(0)
    for (let at = 0; at < 10_000; at += 1) {
      tenths[Math.floor(jitterOf(`identity/client/global/c${at}`) * 10)]! += 1
    }
    for (const count of tenths) {
      expect(count).toBeGreaterThan(850)
      expect(count).toBeLessThan(1150)
    }
  })

  test('is at most a tenth earlier, never later, and never on the day a leaf was made', () => {
    const span = fc.integer({ min: 1, max: 400 * 24 }).map((hours) => hours * 3_600_000)
    fc.assert(
      fc.property(fc.string(), span, span, (address, a, b) => {
        fc.pre(a !== b)
        const [renewBefore, life] = a < b ? [a, b] : [b, a]
        const early = renewedBefore(address, renewBefore, life)
        expect(early).toBeGreaterThanOrEqual(renewBefore)
        expect(early).toBeLessThanOrEqual(renewBefore * 1.1)
        expect(early).toBeLessThanOrEqual(renewBefore + (life - renewBefore) / 10)
      }),
      { seed },
    )
  })
})

describe('what a timer renews', () => {
  test.each<[terms: string, first: number, last: number]>([
    ['lifetime: 90d, renewBefore: 30d', 57, 60],
    // Nearly all of the life: the day after it was made, and not at once.
    ['lifetime: 30d, renewBefore: 29d', 0.9, 1],
    // An inherited one that doesn't fit is a third of the life.
    ['client: { lifetime: 9d }, server: { lifetime: 9d }', 5.7, 6],
  ])('%s: from day %d to day %d, everybody once', async (terms, first, last) => {
    const world = new World(spec(terms))
    await world.apply()
    // Leaves begin five minutes before they are made.
    const slack = 600_000
    expect(await due(world, start)).toEqual([])
    expect(await due(world, start + first * day - slack)).toEqual([])
    const all = await due(world, start + last * day + slack)
    expect([...all].sort()).toEqual(
      [
        'client/global/c1',
        'client/global/c2',
        'client/global/c3',
        'client/global/c4',
        'server/global/s1',
      ].map((identity) => `identity/${identity}`),
    )
    world.now = start + last * day + slack
    await world.apply({ only: all, renew: all })
    expect(await due(world, world.now)).toEqual([])
  })
})
