/**
 * By when an authority must be rotated, and by when a rotation that was begun must go on.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import { checkContext } from '../checks/context.js'
import { deferredAgents } from '../checks/deferral.js'
import { formatDuration } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'
import type { Desired } from '../cluster/desired.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { rotationOf, type Rotation } from './stages.js'

/** A date of an authority. */
export interface Deadline {
  /** Its name, `agent`. */
  readonly authority: string
  /** `rotate`: the first stage must be taken; `stage`: the next one; `carried`: renewals will have carried this one. */
  readonly kind: 'rotate' | 'stage' | 'carried'
  /** Epoch milliseconds. */
  readonly at: number
  /** What must be done before that and why, one sentence. */
  readonly message: string
  /** Whether it is near, so that the operator should act. */
  readonly due: boolean
}

/** How far ahead of its date a stage is reported as due, in milliseconds. */
const notice = 30 * 86_400_000

/** What the dates follow from. */
export interface DeadlineFacts {
  readonly spec: ClusterSpec
  readonly desired: Desired
  readonly inventory: Inventory
  /** When what ends; made from the same. */
  readonly schedule: Schedule
}

/**
 * Works out until when each stage of a rotation has to be taken.
 *
 * @returns Soonest first.
 */
export function deadlinesOf(facts: DeadlineFacts): readonly Deadline[] {
  const { spec, inventory, schedule } = facts
  const entries = new Map(schedule.entries.map((entry) => [entry.address, entry]))
  const deadlines = spec.authorities.flatMap(({ name, signing, trusted }) => {
    const rotation = rotationOf(spec, inventory, name, { now: schedule.at })!
    const entry = entries.get(authorityAddress(name, signing))
    return rotation.position === 'crossed' || rotation.position === 'signing'
      ? untilOldEnds(rotation, trusted, inventory)
      : whileItSigns(rotation, entry)
  })
  const all = [...deadlines, ...carried(facts, entries)]
  return all.map((one) => ({ ...one, due: isDue(one, schedule.at) })).sort((a, b) => a.at - b.at)
}

/** Nothing has to be done for what renewals carry. */
function isDue({ kind, at }: Dated, now: number): boolean {
  return kind === 'rotate' ? at <= now : kind === 'stage' && at - notice <= now
}

type Dated = Omit<Deadline, 'due'>

/** Renewals carry what rides along: when the last of them is due. */
function carried(
  { spec, desired, inventory, schedule }: DeadlineFacts,
  entries: ReadonlyMap<string, ScheduleEntry>,
): readonly Dated[] {
  if (!desired.authorities.some(({ rideAlong }) => rideAlong)) return []
  const context = checkContext(desired, inventory, { now: schedule.at })
  const deferred = new Set(deferredAgents(desired, inventory, context))
  const last = new Map<string, { readonly address: string; readonly at: number; of: number }>()
  for (const { address, profile } of desired.identities) {
    const dueAt = entries.get(address)?.dueAt
    if (!deferred.has(address) || !isAgent(profile.role) || dueAt === undefined) continue
    // It is the root's rotation that an intermediate's leaves wait for.
    const authority = spec.authorities.find(({ name }) => name === profile.issuer.name)
    const above = spec.authorities.find(({ name }) => name === authority?.issuer)
    const name = above?.rollout === 'ride-along' ? above.name : profile.issuer.name
    const known = last.get(name)
    const of = (known?.of ?? 0) + 1
    last.set(
      name,
      known !== undefined && known.at >= dueAt ? { ...known, of } : { address, at: dueAt, of },
    )
  }
  return [...last].map(([authority, { address, at, of }]) => ({
    authority,
    kind: 'carried' as const,
    at,
    message: `the last of ${of === 1 ? '1 remaining agent' : `${of} remaining agents`} takes this stage with its renewal: ${address}`,
  }))
}

/** Another must sign before a leaf of the usual length no longer fits. */
function whileItSigns(
  { name, position, from, to }: Rotation,
  entry: ScheduleEntry | undefined,
): readonly Dated[] {
  if (entry?.dueAt === undefined || entry.notAfter === undefined) return []
  const generation = position === 'carrying' ? to : from
  const why = `generation ${generation} ends ${formatDuration(entry.notAfter - entry.dueAt)} later, and what it signs until then must fit`
  return position === 'trusting'
    ? [{ authority: name, kind: 'stage', at: entry.dueAt, message: `second stage: ${why}` }]
    : [{ authority: name, kind: 'rotate', at: entry.dueAt, message: `its rotation: ${why}` }]
}

/** Agents that trust the old root alone depend on the cross-certificate, which ends with it. */
function untilOldEnds(
  { name, position, from, to }: Rotation,
  trusted: readonly number[],
  { authorities }: Inventory,
): readonly Dated[] {
  const old = trusted.filter((generation) => generation !== to)
  const crossed = authorities.get(authorityAddress(name, to))?.crossed
  const ends = old.flatMap((generation) =>
    [
      authorities.get(authorityAddress(name, generation))?.certificate,
      position === 'crossed' ? crossed?.get(generation) : undefined,
    ].flatMap((certificate) => certificate?.notAfter ?? []),
  )
  if (ends.length === 0) return []
  const message =
    position === 'crossed'
      ? `second stage: the cross-certificate of generation ${to} by ${from} ends; agents that trust only ${from} then refuse its leaves`
      : `third stage: generation ${from} ends; agents then refuse every leaf under it`
  return [{ authority: name, kind: 'stage', at: Math.min(...ends), message }]
}
