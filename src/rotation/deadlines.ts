/**
 * By when an authority must be rotated, and by when a rotation that was begun must go on.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'
import type { ClusterSpec } from '../spec/spec.js'
import { rotationOf, type Rotation } from './stages.js'

/** A date of an authority. */
export interface Deadline {
  /** Its name, `agent`. */
  readonly authority: string
  /** `rotate`: the first stage must be taken; `stage`: the next one. */
  readonly kind: 'rotate' | 'stage'
  /** Epoch milliseconds. */
  readonly at: number
  /** What must be done by then and why, one sentence. */
  readonly message: string
}

/**
 * Works them out.
 *
 * @param spec The cluster.
 * @param inventory What is.
 * @param schedule When what ends; made from the same two.
 * @returns Soonest first.
 */
export function deadlinesOf(
  spec: ClusterSpec,
  inventory: Inventory,
  schedule: Schedule,
): readonly Deadline[] {
  const entries = new Map(schedule.entries.map((entry) => [entry.address, entry]))
  const deadlines = spec.authorities.flatMap(({ name, signing, trusted }) => {
    const rotation = rotationOf(spec, inventory, name, { now: schedule.at })!
    const entry = entries.get(`authority/${name}/${signing}`)
    return rotation.position === 'crossed' || rotation.position === 'signing'
      ? untilOldEnds(rotation, trusted, inventory)
      : whileItSigns(rotation, entry)
  })
  return deadlines.sort((a, b) => a.at - b.at)
}

/** Another must sign before a leaf of the usual length no longer fits. */
function whileItSigns(
  { name, position, from, to }: Rotation,
  entry: ScheduleEntry | undefined,
): readonly Deadline[] {
  if (entry?.dueAt === undefined || entry.notAfter === undefined) return []
  const generation = position === 'carrying' ? to : from
  const why = `generation ${generation} ends ${formatDuration(entry.notAfter - entry.dueAt)} later, and what it signs until then must fit`
  return position === 'trusting'
    ? [{ authority: name, kind: 'stage', at: entry.dueAt, message: `second stage: ${why}` }]
    : [{ authority: name, kind: 'rotate', at: entry.dueAt, message: `its rotation: ${why}` }]
}

/** Who trusts the old root alone follows the cross-certificate, which ends with it. */
function untilOldEnds(
  { name, position, from, to }: Rotation,
  trusted: readonly number[],
  { authorities }: Inventory,
): readonly Deadline[] {
  const old = trusted.filter((generation) => generation !== to)
  const crossed = authorities.get(`authority/${name}/${to}`)?.crossed
  const ends = old.flatMap((generation) =>
    [
      authorities.get(`authority/${name}/${generation}`)?.certificate,
      position === 'crossed' ? crossed?.get(generation) : undefined,
    ].flatMap((certificate) => certificate?.notAfter ?? []),
  )
  if (ends.length === 0) return []
  const message =
    position === 'crossed'
      ? `second stage: the certificate by which generation ${from} vouches for ${to} ends, and with it the way of those who trust ${from} alone`
      : `third stage: generation ${from} ends, and nothing under it is taken any more`
  return [{ authority: name, kind: 'stage', at: Math.min(...ends), message }]
}
