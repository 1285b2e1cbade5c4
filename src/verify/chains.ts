/**
 * Each identity's chain as its own peers would verify it, with the trust that lies beside it: path,
 * signatures, times, constraints (x509/verify-chain.ts, as Go does it).
 *
 * @module
 */

import type { CheckContext } from '../checks/context.js'
import type { Reason, ReasonGiven } from '../checks/reasons.js'
import { signerOf } from '../checks/deferral.js'
import type { Finding } from '../diagnostics.js'
import { isNomadPkiError } from '../errors.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'
import { memoByObject } from '../memo.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import { sameCertificate, type Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { formatName } from '../x509/name.js'
import {
  verifyChain,
  type ChainFault,
  type ChainVerdict,
  type VerifyChainOptions,
} from '../x509/verify-chain.js'

/** Whether each identity's chain holds up under its own trust, by address. */
export type ChainVerdicts = ReadonlyMap<string, ChainVerdict>

/**
 * Verifies every chain once.
 *
 * @param options `now`: epoch milliseconds; `isSigned`: which signatures are not computed again, default: all are.
 */
export function chainVerdicts(
  desired: Desired,
  inventory: Inventory,
  options: Pick<VerifyChainOptions, 'isSigned'> & { readonly now: number },
): ChainVerdicts {
  const verdicts = new Map<string, ChainVerdict>()
  for (const { address } of desired.identities) {
    const generation = inventory.identities.get(address)?.current
    const leaf = generation?.chain[0]
    if (generation === undefined || leaf === undefined) continue
    verdicts.set(address, verifyChain(leaf, generation.chain.slice(1), generation.trust, options))
  }
  return verdicts
}

/**
 * What is to be said about the chain and the trust of one identity.
 *
 * @param given What the plan's checks have said already: the same thing is not said twice.
 */
export function chainFindings(
  wanted: DesiredIdentity,
  generation: FoundGeneration,
  context: CheckContext,
  verdict: ChainVerdict | undefined,
  given: readonly ReasonGiven[],
): readonly Finding[] {
  const { address, profile } = wanted
  const findings: Finding[] = []
  const say = (reason: Reason, message: string): void => {
    findings.push({
      severity: 'error',
      address,
      reason,
      message,
      remedy: `nomad-pki apply ${address}`,
    })
  }
  const dropped =
    generation.bundle === '' ? undefined : strictFaults(generation.trust, generation.bundle).fault
  if (dropped !== undefined) {
    say(
      'incomplete',
      `ca.pem: ${dropped}; agents drop such a certificate without a message and trust the rest`,
    )
  }
  for (const message of unknownAnchorsIn(generation, profile.issuer.address, context))
    say('trust-changed', message)
  const root = signerOf(generation, profile.issuer.address, context)?.root
  if (root !== undefined && !generation.trust.some((anchor) => sameCertificate(anchor, root))) {
    say(
      'trust-changed',
      `ca.pem does not hold ${formatName(root.subject)}, the root of its own certificate`,
    )
    return findings
  }
  if (verdict === undefined || verdict.ok) return findings
  const reason = reasonsOf[verdict.code] ?? 'chain-broken'
  if (!given.some((one) => one.reason === reason)) say(reason, verdict.message)
  return findings
}

const reasonsOf: Readonly<Partial<Record<ChainFault, Reason>>> = {
  expired: 'expired',
  'not-yet-valid': 'not-yet-valid',
}

/** Anchors that are not our roots: with such a key anyone can act as any server towards this agent. */
function unknownAnchorsIn(
  generation: FoundGeneration,
  issuer: string,
  context: CheckContext,
): readonly string[] {
  // Earlier roots of ours leave with a later renewal.
  if (context.deferrals.get(issuer)?.trustStays(generation) === true) return []
  const { trust } = generation
  const messages: string[] = []
  for (const anchor of trust) {
    let known = false
    for (const { certificate, path } of context.authorities.values()) {
      if (path.length === 1 && sameCertificate(certificate, anchor)) {
        known = true
        break
      }
    }
    if (known) continue
    const name = formatName(anchor.subject) || `serial ${anchor.serial}`
    messages.push(
      anchor.basicConstraints?.ca === true
        ? `ca.pem holds ${name}, which is not a root of the spec: agents trust all that it signs`
        : `ca.pem holds ${name}, which is not an authority: agents trust it nevertheless`,
    )
  }
  return messages
}

/** The fault that a strict reading of ca.pem finds and Nomad's own passes over; agents share their trust. */
const strictFaults = memoByObject((_: readonly Certificate[], bundle: string) => {
  try {
    parseCertificates(bundle)
    return {}
  } catch (error) {
    if (isNomadPkiError(error)) return { fault: error.message }
    throw error
  }
})
