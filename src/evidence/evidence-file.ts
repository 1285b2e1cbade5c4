/**
 * Evidence as a file: what a probe saw on a bastion, on its way to the ledger.
 *
 * @module
 */

import type { Members, Observation, SilentPort } from './evidence.js'

/** What travels. */
export interface EvidenceFile {
  readonly cluster: string
  /** When it was written, epoch milliseconds. */
  readonly at: number
  readonly observations: readonly Observation[]
  readonly members: readonly Members[]
  readonly unreachable: readonly SilentPort[]
}

/** The text of the file. */
export function formatEvidence(evidence: EvidenceFile): string {
  const { cluster, at, observations, members, unreachable } = evidence
  const document = {
    format: 'nomad-pki/evidence',
    version: 1,
    cluster,
    at,
    observations: observations.map((one) => ({
      address: one.address,
      at: one.at,
      endpoint: one.endpoint,
      rpc: one.rpc,
      fingerprint: one.fingerprint,
      generation: one.generation,
      trusts: one.trusts,
      issuers: one.issuers ?? [],
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
