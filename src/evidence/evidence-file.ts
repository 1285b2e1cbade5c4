/**
 * Evidence as a file: what a probe saw on a bastion, on its way to the ledger. The first line names the
 * format, the cluster and the time; the others are the lines that the ledger would get.
 *
 * @module
 */

import { observed, counted, fellSilent } from './evidence.js'
import { portLines, withoutTwins, type ProbeSeen } from './new-lines.js'
import { isSeen } from './ports.js'

/** What the first line has in `format` and `version`. */
export const evidenceFormat = { format: 'nomad-pki/evidence', version: 2 } as const

/** The events that it can hold: what a probe sees. */
export const evidenceEvents = ['observed', 'silent', 'members'] as const

/**
 * Writes the file of one probe. Its import records the same lines as the probe itself.
 *
 * @param written When the file is written, epoch milliseconds.
 */
export function formatEvidence(cluster: string, probe: ProbeSeen, written: number): string {
  // A port that was asked for two agents is in it twice: without a ledger a member cannot be identified yet.
  const once = new Set(withoutTwins(probe.seen))
  const twins = probe.seen.filter((one) => !once.has(one))
  const lines = [
    { ...evidenceFormat, cluster, at: written },
    ...[...portLines(probe), ...twins].map((one) => ({
      ...(isSeen(one) ? observed(one) : fellSilent(one)),
      run: probe.at,
    })),
    ...probe.members.map(counted),
  ]
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Whether a text is such a file, also of an earlier version, so that it may be written over. */
export function isEvidenceText(text: string): boolean {
  return /^\s*\{\s*"format": ?"nomad-pki\/evidence"/.test(text)
}
