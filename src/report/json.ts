/**
 * The documents that `--json` prints: `{ "format": …, "version": 1, … }`, additive within a version,
 * with a published schema each (`nomad-pki/schemas/*`). Instants are epoch milliseconds.
 *
 * @module
 */

import type { ApplyEvent } from '../apply/events.js'
import type { Diagnostic, Finding } from '../diagnostics.js'
import { isNomadPkiError } from '../errors.js'
import type { Plan } from '../plan/plan.js'
import type { AgentProof } from '../verify/agents.js'
import type { FleetMember } from '../verify/fleet-member.js'

/** What every document begins with. */
export interface Document {
  readonly format: `nomad-pki/${string}`
  readonly version: 1
  readonly [key: string]: unknown
}

/** A document as it is printed. */
export function jsonText(document: Document | Plan): string {
  return JSON.stringify(document, undefined, 2)
}

/** What `apply` did. */
export function applyDocument(
  plan: Plan,
  events: readonly ApplyEvent[],
  options: { readonly dryRun: boolean },
): Document {
  const done = events.flatMap((event) =>
    event.type === 'done'
      ? [
          {
            address: event.step.address,
            action: event.step.action,
            reasons: event.step.reasons,
            ...event.detail,
          },
        ]
      : [],
  )
  return {
    format: 'nomad-pki/apply',
    version: 1,
    cluster: plan.cluster,
    dryRun: options.dryRun,
    state: events.some(({ type }) => type === 'stopped') ? 'stopped' : 'finished',
    steps: plan.steps.length,
    done,
    held: plan.held ?? [],
    healed: events.flatMap((event) => (event.type === 'healed' ? [event.finding] : [])),
    unanswered: events.flatMap((event) => (event.type === 'unanswered' ? [event.finding] : [])),
    findings: plan.findings,
  }
}

/** What `verify` found. */
export function verifyDocument(
  findings: readonly Finding[],
  options: {
    readonly cluster: string
    readonly at: number
    readonly ledgerHead: string
    readonly handshakes: number
    readonly proof: AgentProof
    readonly others: readonly FleetMember[]
  },
): Document {
  const counts = { error: 0, warning: 0, note: 0 }
  for (const { severity } of findings) counts[severity] += 1
  return {
    format: 'nomad-pki/verify',
    version: 1,
    cluster: options.cluster,
    at: options.at,
    ledgerHead: options.ledgerHead,
    handshakes: options.handshakes,
    agents: options.proof,
    ...(options.others.length > 0 && {
      with: options.others.map(({ file, kind, cluster, federation, regions }) => ({
        ...{ file, kind, cluster, federation },
        regions: regions && [...regions],
      })),
    }),
    errors: counts.error,
    warnings: counts.warning,
    notes: counts.note,
    findings,
  }
}

/** What is wrong with a spec, where `verify --spec-only` looked at nothing else. */
export function specDocument(
  diagnostics: readonly Diagnostic[],
  options: { readonly file: string; readonly cluster: string | undefined },
): Document {
  const counts = { error: 0, warning: 0, note: 0 }
  for (const { severity } of diagnostics) counts[severity] += 1
  return {
    format: 'nomad-pki/spec-diagnostics',
    version: 1,
    file: options.file,
    ...(options.cluster !== undefined && { cluster: options.cluster }),
    errors: counts.error,
    warnings: counts.warning,
    notes: counts.note,
    diagnostics,
  }
}

/** An error, so that `--json` answers with JSON when it fails too. */
export function errorDocument(error: unknown): Document {
  const known = isNomadPkiError(error)
  const diagnostics: readonly Diagnostic[] = known ? error.diagnostics : []
  return {
    format: 'nomad-pki/error',
    version: 1,
    code: known ? error.code : 'ERR_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    ...(known && error.hint !== undefined && { hint: error.hint }),
    ...(known && error.address !== undefined && { address: error.address }),
    diagnostics,
  }
}
