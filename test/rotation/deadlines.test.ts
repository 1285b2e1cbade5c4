import { describe, expect, test } from 'vitest'
import { makeSchedule } from '../../src/plan/schedule.js'
import { deadlinesOf, type Deadline } from '../../src/rotation/deadlines.js'
import { rotationOf, type Way } from '../../src/rotation/stages.js'
import { editAuthorities } from '../../src/cluster/edit-authority.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { day, start, World } from '../world.js'

const year = 365 * day
const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y, renewBefore: 1y }
  us-west: { issuer: agent, lifetime: 3y, renewBefore: 30d }
regions:
  global: { servers: { s1: { lifetime: 90d } } }
  us-west: { authority: us-west, servers: { w1: { lifetime: 60d, renewBefore: 20d } } }
`

class Dated extends World {
  text = spec

  constructor() {
    super(spec)
  }

  async next(way?: Way): Promise<void> {
    const { spec: parsed } = parseSpec(this.text)
    const { next } = rotationOf(parsed!, await this.inventory(), 'agent', { now: this.now, way })!
    const { text } = editAuthorities(this.text, next.edits)
    this.edit(this.text, text)
    this.text = text
  }

  async dates(now: number = this.now): Promise<readonly Deadline[]> {
    const inventory = await this.inventory()
    const { desired } = this
    const schedule = makeSchedule(desired, inventory, { now })
    return deadlinesOf({ spec: parseSpec(this.text).spec!, desired, inventory, schedule })
  }

  async said(): Promise<string[]> {
    // Authorities begin five minutes before they are made.
    return (await this.dates()).map(
      ({ authority, kind, at }) => `${authority} ${kind} ${Math.round((at - start) / day)}`,
    )
  }
}

describe('dates', () => {
  test('an authority is rotated while what it signs still fits under it', async () => {
    const world = new Dated()
    expect(await world.said()).toEqual([])
    await world.apply()
    // Three years less the 60 days of its leaves; ten years less the three of its intermediate.
    expect(await world.said()).toEqual([
      `us-west rotate ${3 * 365 - 60}`,
      `agent rotate ${(10 - 3) * 365}`,
    ])
    const [west] = await world.dates()
    expect(west!.message).toBe(
      'its rotation: generation 1 ends 60d later, and what it signs until then must fit',
    )
    expect(west!.due).toBe(false)
    expect((await world.dates(west!.at))[0]!.due).toBe(true)
  })

  test('crossed: the second stage before the cross-certificate ends, which is with the old root', async () => {
    const world = new Dated()
    await world.apply()
    world.later(year)
    await world.next()
    // The cross-certificate is yet to be made: the old root's end is its own.
    expect(await world.said()).toContain(`agent stage ${10 * 365}`)
    await world.apply()
    expect(await world.said()).toEqual([
      `us-west rotate ${4 * 365 - 60}`,
      `agent stage ${10 * 365}`,
    ])
    const { at } = (await world.dates()).at(-1)!
    expect((await world.dates(at - 31 * day)).find(({ kind }) => kind === 'stage')!.due).toBe(false)
    expect((await world.dates(at - 29 * day)).find(({ kind }) => kind === 'stage')!.due).toBe(true)
    await world.next()
    await world.apply()
    expect(await world.said()).toContain(`agent rotate ${(11 - 3) * 365}`)
  })

  test('staged: the new one signs before the old one can no longer; the old one goes before it ends', async () => {
    const world = new Dated()
    await world.apply()
    world.later(year)
    await world.next('staged')
    await world.apply()
    expect(await world.said()).toContain(`agent stage ${(10 - 3) * 365}`)
    await world.next()
    await world.apply()
    expect(await world.said()).toContain(`agent stage ${10 * 365}`)
    const messages = (await world.dates()).map(({ message }) => message)
    expect(messages.at(-1)).toMatch(/^third stage: generation 1 ends/)
  })
})
