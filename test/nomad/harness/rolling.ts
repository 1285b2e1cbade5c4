/**
 * Agents one after the other: delivered, reloaded, proven, while requests never pause; and what must
 * hold of it, whatever is rotated.
 *
 * @module
 */
import { expect } from 'vitest'
import { Count, type Figures, figuresText } from './figures.js'
import type { Delivery, Fleet } from './fleet.js'
import type { Load } from './load.js'
import { provenLoaded } from './proof.js'

/** A stage under way. */
export interface Stage {
  readonly fleet: Fleet
  readonly load: Load
  readonly count: Count
}

export function beginStage(fleet: Fleet, load: Load, label: string): Stage {
  return { fleet, load, count: new Count(fleet, load.traffic, label) }
}

/** Delivers to each of them, in this order, and proves it; answers with how many endpoints showed it. */
export async function roll(
  { fleet, count }: Stage,
  names: readonly string[],
  delivery: Delivery = {},
): Promise<number> {
  let endpoints = 0
  for (const name of names) {
    count.reloading(name)
    const { status, stdout, stderr } = await fleet.deliver(name, delivery)
    expect({ name, status, stdout, stderr }).toMatchObject({ status: 0 })
    endpoints += await provenLoaded(fleet, name)
  }
  return endpoints
}

/**
 * Sums a stage up, and holds it against what Nomad's own reloads cost: no TLS error, lost requests only
 * where a pooled connection ended, each healed by one retry, at most one a connection.
 *
 * @param reloads How often each agent was to be reloaded.
 */
export async function expectCheap(
  { fleet, load, count }: Stage,
  reloads: number,
): Promise<Figures> {
  const figures = await count.end()
  console.log(`rotation: ${figuresText(figures)}`)
  expect(figures.complaints).toEqual([])
  for (const loss of figures.losses) {
    expect(loss, loss.message).toMatchObject({ healed: true })
    // A reloaded client dials anew, and until then no server has a way to it.
    expect(loss.message).toMatch(loss.kind === 'node' ? /EOF|No path to node/ : /rpc error: EOF/)
  }
  for (const { agent, lost, bound } of figures.reloads) {
    expect(lost, `requests lost by the reload of ${agent}`).toBeLessThanOrEqual(bound)
  }
  const each = new Map(fleet.names.map((name) => [name, reloads]))
  expect(figures.signals).toEqual(each)
  expect(figures.renewals).toEqual(each)
  expectUnbrokenLogs(load)
  return figures
}

/** The log that was followed from the beginning misses nothing. */
function expectUnbrokenLogs({ logs }: Load): void {
  expect(logs.broken).toBeUndefined()
  const { numbers } = logs
  expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index))
}
