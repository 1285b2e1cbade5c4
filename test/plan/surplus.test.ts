import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { day, World } from '../world.js'
import { seed } from '../seed.js'

const s1 = 'server/global/s1'
const spec = (keep: number): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
defaults: { keep: ${keep} }
regions:
  global:
    servers: { s1: {} }
`

/** A node whose installer sends receipts now and then. */
class Node extends World {
  get kept(): number[] {
    return this.generations(s1)
      .map((name) => Number.parseInt(name, 10))
      .sort((a, b) => a - b)
  }

  async make(): Promise<void> {
    this.later(day)
    const address = `identity/${s1}`
    await this.apply({ only: [address], renew: [address] })
    expect(await this.steps()).toEqual([])
    expect(Number.parseInt(this.link(s1), 10)).toBe(this.kept.at(-1))
  }

  async receive(generation: number): Promise<void> {
    const { events } = (await this.inventory()).ledger
    const made = events.flatMap((one) => (one.event === 'issued' ? [one] : []))
    const { store } = this
    const lock = await store.lock({ command: 'test' })
    const batch = store.batch()
    batch.record({
      event: 'received',
      address: `identity/${s1}`,
      at: this.later(1000).now,
      generation,
      fingerprint: made.find((one) => one.generation === generation)!.fingerprint,
      archive: null,
      host: null,
    })
    await batch.commit()
    await lock.release()
  }
}

describe('how many generations stay', () => {
  test.each<[keep: number, kept: number[]]>([
    [1, [5]],
    [2, [4, 5]],
    [3, [3, 4, 5]],
    [9, [1, 2, 3, 4, 5]],
  ])('keep %d: of five', async (keep, kept) => {
    const world = new Node(spec(keep))
    for (let at = 0; at < 5; at += 1) await world.make()
    expect(world.kept).toEqual(kept)
  })

  test.each<[keep: number, kept: number[], after: number[]]>([
    [1, [1, 5], [5]],
    [2, [1, 5], [1, 5]],
    [3, [1, 4, 5], [1, 4, 5]],
  ])('keep %d: the one that runs stays until the newest is proven', async (keep, kept, after) => {
    const world = new Node(spec(keep))
    await world.make()
    await world.receive(1)
    for (let at = 0; at < 4; at += 1) await world.make()
    expect(world.kept).toEqual(kept)
    await world.receive(5)
    await world.apply()
    expect(world.kept).toEqual(after)
    await world.make()
    expect(world.kept).toEqual(keep === 1 ? [5, 6] : keep === 2 ? [5, 6] : [4, 5, 6])
  })

  test('whatever is made and received: what runs is there, and not much more than the spec keeps', async () => {
    const verbs = fc.array(fc.oneof(fc.constant('make' as const), fc.nat(9)), {
      minLength: 1,
      maxLength: 9,
    })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), verbs, async (keep, story) => {
        const world = new Node(spec(keep))
        await world.make()
        let made = 1
        let runs: number | undefined
        for (const verb of story) {
          if (verb === 'make') {
            await world.make()
            made += 1
          } else if (world.kept.includes((verb % made) + 1)) {
            runs = (verb % made) + 1
            await world.receive(runs)
            await world.apply()
          }
          if (runs !== undefined) expect(world.kept).toContain(runs)
          expect(world.kept.length).toBeLessThanOrEqual(Math.max(keep, 2))
          expect(world.kept.at(-1)).toBe(made)
        }
      }),
      { seed, numRuns: 10 },
    )
  })
})
