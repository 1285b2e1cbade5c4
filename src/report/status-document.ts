/**
 * What `status --json` prints.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Copies } from '../evidence/copies.js'
import { needsWork } from '../plan/needs-work.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'
import type { Deadline } from '../rotation/deadlines.js'
import { fingerprintOf } from '../x509/certificate.js'
import type { Document } from './json.js'

/** What expires when. */
export function statusDocument(
  schedule: Schedule,
  options: {
    readonly cluster: string
    readonly ledgerHead: string
    readonly deadlines: readonly Deadline[]
    readonly copies: Copies
    readonly findings: readonly Finding[]
  },
): Document {
  return {
    format: 'nomad-pki/status',
    version: 1,
    cluster: options.cluster,
    at: schedule.at,
    ledgerHead: options.ledgerHead,
    entries: schedule.entries.map((entry) => ({
      ...entry,
      proof: proofOf(entry),
      placed: placedOf(entry),
      selfRenewed: selfRenewedOf(entry),
      needsWork: needsWork(entry),
    })),
    deadlines: options.deadlines,
    copies: options.copies.leaves,
    findings: options.findings,
  }
}

function proofOf({ proof }: ScheduleEntry): object | undefined {
  if (proof === undefined) return undefined
  const { state, newest, proven, counted, at, foreign, judgement } = proof
  return {
    state,
    judgement: judgement.state,
    message: judgement.message,
    newest: newest.number,
    proven: proven?.number ?? null,
    counted: counted.number,
    at: at ?? null,
    foreign,
  }
}

/** Of a machine, what the last receipt of its installer names. */
function placedOf({ placed }: ScheduleEntry): object | undefined {
  return placed && { newest: placed.newest, known: placed.known ?? null }
}

/** What is known of a node that renews itself; a certificate is told by its number. */
function selfRenewedOf({ selfRenewed }: ScheduleEntry): object | undefined {
  if (selfRenewed === undefined) return undefined
  const { state, reason, message, remedy, leaf, issuer, made, since, at, basis } = selfRenewed
  return {
    state,
    ...(reason !== undefined && { reason }),
    message,
    ...(remedy !== undefined && { remedy }),
    serial: leaf?.serial ?? null,
    fingerprint: (leaf === undefined ? made?.fingerprint : fingerprintOf(leaf)) ?? null,
    issuer: issuer ?? null,
    since: since ?? null,
    at: at ?? null,
    basis: basis ?? null,
  }
}
