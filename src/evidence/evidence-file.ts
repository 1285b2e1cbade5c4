/**
 * Evidence as a file: what a probe saw on a bastion, on its way to the ledger.
 *
 * @module
 */

import type { Members, SeenPort, SilentPort } from './evidence.js'
import { portLines, withoutTwins, type ProbeSeen } from './new-lines.js'
import { isSeen } from './ports.js'

/** The evidence of one probe, as a file has it. */
export interface EvidenceFile {
  readonly cluster: string
  /** When it was written, epoch milliseconds. */
  readonly at: number
  /** When the probe began, epoch milliseconds: its ports are judged together. Absent in older files. */
  readonly run?: number | undefined
  readonly observations: readonly SeenPort[]
  readonly members: readonly Members[]
  readonly unreachable: readonly SilentPort[]
}

/**
 * Makes the file of one probe. Its import records the same lines as the probe itself.
 *
 * @param written When the file is written, epoch milliseconds.
 */
export function evidenceOf(cluster: string, probe: ProbeSeen, written: number): EvidenceFile {
  const lines = portLines(probe)
  const seen = lines.flatMap((one) => (isSeen(one) ? [one] : []))
  // A port that was asked for two agents is in it twice: without a ledger a member cannot be identified yet.
  const once = new Set(withoutTwins(probe.seen))
  const twins = probe.seen.filter((one) => !once.has(one))
  return {
    ...{ cluster, at: written, run: probe.at, members: probe.members },
    observations: [...seen, ...twins],
    unreachable: lines.flatMap((one) => (isSeen(one) ? [] : [one])),
  }
}

/** The text of the file. */
export function formatEvidence(evidence: EvidenceFile): string {
  const { cluster, at, run, observations, members, unreachable } = evidence
  const document = {
    format: 'nomad-pki/evidence',
    version: 1,
    cluster,
    at,
    ...(run !== undefined && { run }),
    observations: observations.map((one) => ({
      address: one.asked,
      at: one.at,
      endpoint: one.endpoint,
      rpc: one.rpc,
      fingerprint: one.fingerprint,
      generation: one.generation,
      trusts: one.trusts,
      issuers: one.issuers ?? [],
      ...(one.accepts !== undefined && { accepts: one.accepts }),
      ...(one.refuses !== undefined && { refuses: one.refuses }),
      ...(one.under !== undefined && { under: one.under, serial: one.serial }),
    })),
    receipts: [],
    members,
    unreachable: unreachable.map(({ address, endpoint, rpc = false, message }) => ({
      ...{ address, endpoint, rpc, message },
    })),
  }
  return `${JSON.stringify(document, undefined, 1)}\n`
}

/** Whether a text is such a file, so that it may be written over. */
export function isEvidenceText(text: string): boolean {
  return /^\s*\{\s*"format": ?"nomad-pki\/evidence"/.test(text)
}
