/**
 * Agents one after the other: delivered, reloaded, proven, while requests never pause; and what must
 * hold of it, whatever is rotated.
 *
 * @module
 */
import { expect } from 'vitest'
import { Count, type Figures, figuresText, isConnection, isDetour, isListener } from './figures.js'
import type { Delivery, Fleet } from './fleet.js'
import type { Load } from './load.js'
import { provenLoaded } from './proof.js'
import { shuffled } from './random.js'
import { type Commands, Stops } from './stops.js'
import { unproven } from './witness.js'

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

/** Delivers to each of them by the script alone, in this order, and proves it; nothing is counted. */
export async function deliverProven(fleet: Fleet, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { status, stdout, stderr } = await fleet.deliver(name)
    expect({ name, status, stdout, stderr }).toMatchObject({ status: 0 })
    await provenLoaded(fleet, name)
  }
}

/** What is rotated, and how. */
export interface Rotation {
  readonly label: string
  readonly authority: string
  /** How many times every agent is to be reloaded. */
  readonly stages: number
  /** Agents that it concerns; default: all. */
  readonly names?: readonly string[]
  readonly random: () => number
  /** How many times our tool is killed on the way; default: never. */
  readonly stops?: number
  /** Authorities in an engine: a stage that makes a generation of them sets it up there. Default: none. */
  readonly engines?: readonly string[]
}

/**
 * Takes an authority through all of its stages; in each, agents come in random order, and nobody goes on
 * before every agent was seen to have the stage before. Answers with what each stage cost.
 */
export async function rotateAuthority(
  fleet: Fleet,
  load: Load,
  { label, authority, stages, names = fleet.names, random, stops = 0, engines = [] }: Rotation,
): Promise<readonly Figures[]> {
  const all: Figures[] = []
  await withStops(
    fleet,
    {
      label,
      stops,
      among: {
        'rotate authority': stages,
        authority: stages * engines.length,
        apply: stages,
        probe: 2 * (stages - 1),
        pack: stages * names.length,
        'install.sh': stages * (names.length - 1),
        install: stages,
      },
      random,
    },
    async () => {
      // What was delivered last must have been seen with everybody.
      expect(await unproven(fleet)).toEqual([])
      // The rotation before this one ends when leaves no longer carry its cross-certificate.
      if (authority === 'agent' && fleet.spec.includes('crossed: true')) {
        await fleet.pkiOk('rotate', 'authority', authority, '--next')
      }
      for (let number = 1; number <= stages; number += 1) {
        if (number > 1) expect(await unproven(fleet)).toEqual([])
        await fleet.pkiOk('rotate', 'authority', authority, '--next')
        // What signs for an engine is made first, in the order that the command prints.
        const signing = /^ {2}agent: \{.*signing: (\d+)/m.exec(fleet.spec)?.[1] ?? '1'
        if (engines.length > 0 && !engines.includes('agent')) {
          await fleet.pki('apply', `authority/agent/${signing}`, '--yes')
        }
        for (const name of engines) await fleet.pkiOk('authority', 'setup', name)
        await fleet.pkiOk('apply', '--yes')
        const stage = beginStage(fleet, load, `${label}, stage ${number} of ${stages}`)
        // Where the tool is killed, the command takes its turn beside the script.
        const [last = '', ...others] = shuffled(names, random)
        await roll(stage, others)
        await roll(stage, [last], { way: stops > 0 ? 'command' : 'script' })
        all.push(await expectCheap(stage, 1, { names, stopped: stops > 0 }))
      }
    },
  )
  return all
}

/** New leaves for everybody, in random order. */
export async function rotateLeaves(
  fleet: Fleet,
  load: Load,
  { label, random, stops = 0 }: Pick<Rotation, 'label' | 'random' | 'stops'>,
): Promise<{ readonly figures: Figures; readonly endpoints: number }> {
  let endpoints = 0
  let figures: Figures | undefined
  const agents = fleet.names.length
  const among = { 'rotate leaves': 1, pack: agents, 'install.sh': agents }
  await withStops(fleet, { label, stops, among, random }, async () => {
    await fleet.pkiOk('rotate', 'leaves', '--all', '--yes')
    const stage = beginStage(fleet, load, label)
    endpoints = await roll(stage, shuffled(fleet.names, random))
    figures = await expectCheap(stage, 1, { stopped: stops > 0 })
  })
  return { figures: figures!, endpoints }
}

async function withStops(
  fleet: Fleet,
  {
    label,
    stops,
    among,
    random,
  }: {
    readonly label: string
    readonly stops: number
    readonly among: Commands
    readonly random: () => number
  },
  doing: () => Promise<void>,
): Promise<void> {
  const killer = new Stops(stops, among, random)
  fleet.stops = killer
  try {
    await doing()
    // One that was done before its moment, and was the last: an archive more costs nothing.
    for (let tries = 0; killer.done.length < stops && tries < 20; tries += 1) {
      killer.killNext('pack')
      await fleet.pack(fleet.names[0]!)
    }
  } finally {
    fleet.stops = new Stops()
  }
  if (stops === 0) return
  const where = killer.done.map(({ what, after }) => `${what} after ${after} ms`)
  console.log(`rotation: ${label}: killed ${where.length} times: ${where.join(', ')}`)
  expect(killer.done.length).toBe(stops)
  expect(await fleet.pki('plan')).toMatchObject({ status: 0 })
}

/**
 * Sums a stage up, and holds it against what Nomad's own reloads cost: no TLS error, lost requests only
 * where a pooled connection ended, each healed by one retry, at most one a connection.
 *
 * @param reloads How often each agent was to be reloaded.
 * @param options `names`: those that it concerned, default all; `stopped`: the installer may have been
 *   killed between the signal and its note of it, and signals again then, which costs nothing: the
 *   files are the same.
 */
export async function expectCheap(
  { fleet, load, count }: Stage,
  reloads: number,
  {
    names = fleet.names,
    stopped = false,
  }: { readonly names?: readonly string[]; readonly stopped?: boolean } = {},
): Promise<Figures> {
  const figures = await count.end()
  console.log(`rotation: ${figuresText(figures)}`)
  expect(figures.complaints).toEqual([])
  expectKnownLosses(figures)
  const each = new Map(fleet.names.map((name) => [name, names.includes(name) ? reloads : 0]))
  expect(figures.renewals).toEqual(each)
  if (!stopped) expect(figures.signals).toEqual(each)
  expectUnbrokenLogs(load)
  return figures
}

/** What was lost is what Nomad loses at any reload, and was answered when it was asked again. */
export function expectKnownLosses(figures: Figures): void {
  for (const loss of figures.losses) {
    expect(loss).toMatchObject({ healed: true })
    for (const message of loss.failures) {
      const known = [isConnection, isListener, ...(loss.kind === 'node' ? [isDetour] : [])]
      expect(
        known.some((one) => one(message)),
        message,
      ).toBe(true)
    }
  }
  for (const { agent, lost, bound, astray } of figures.reloads) {
    expect(astray, `refused while ${agent} was reloaded`).toEqual([])
    expect(lost, `requests lost by the reload of ${agent}`).toBeLessThanOrEqual(bound)
  }
}

/** The log that was followed from the beginning misses nothing. */
function expectUnbrokenLogs({ logs }: Load): void {
  expect(logs.broken).toBeUndefined()
  const { numbers } = logs
  expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index))
}
