/**
 * Findings about the terms of leaves: whether their authority can sign them, and a lifetime that the
 * spec changed since.
 *
 * @module
 */

import { defaultBackdate } from '../authority/validity.js'
import type { CheckContext } from '../checks/context.js'
import { endsWithIssuer, renewBeforeOf } from '../checks/identity.js'
import { keylessRemedy, keylessText } from '../checks/key-place.js'
import type { Finding } from '../diagnostics.js'
import { formatDuration, formatInstant } from '../duration.js'
import type { FoundIdentity, Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import type { DesiredAuthority, DesiredIdentity, IdentityProfile } from '../cluster/desired.js'
import { fingerprintOf } from '../x509/certificate.js'

/** A lifetime of the spec takes effect with the next renewal: said, because it moves what follows. */
export function lifetimeDiffers(
  wanted: DesiredIdentity,
  found: FoundIdentity | undefined,
  context: CheckContext,
): readonly Finding[] {
  const { address, profile } = wanted
  const leaf = found?.current?.chain[0]
  if (leaf === undefined || !isAgent(profile.role)) return []
  const lived = leaf.notAfter - leaf.notBefore
  // Its beginning is set back by five minutes, and its times are whole seconds.
  if (Math.abs(lived - profile.lifetime) <= defaultBackdate + 1000) return []
  const signing = context.authorities.get(profile.issuer.address)
  if (endsWithIssuer(leaf, signing?.notAfter)) return []
  // Another tool set the beginning of what was adopted.
  const made = context.adopted.has(fingerprintOf(leaf)) ? lived : lived - defaultBackdate
  const next = formatInstant(leaf.notAfter - renewBeforeOf(wanted, leaf))
  return [
    {
      severity: 'note',
      address,
      reason: 'lifetime-differs',
      message: `it was made for ${formatDuration(made)}, the spec says ${formatDuration(profile.lifetime)}: that takes effect with its renewal, from ${next} on`,
      remedy: `for a new one now: nomad-pki rotate leaves ${address}`,
    },
  ]
}

/** Whether the signing authority can sign for this profile now: said once for all that share it. */
export function issuable(
  profile: IdentityProfile,
  address: string,
  inventory: Inventory,
  context: CheckContext,
): readonly Finding[] {
  const signing = context.authorities.get(profile.issuer.address)
  // What doesn't exist yet is made in the same plan, with a key and a life that the spec has checked.
  if (signing === undefined) return []
  const findings: Finding[] = []
  const { issuer } = profile
  const state = inventory.authorities.get(issuer.address)?.key.state
  const keyless = keylessText(context.signerOf(issuer.address), state)
  if (keyless !== undefined && state !== 'malformed') {
    findings.push({
      severity: 'error',
      address: issuer.address,
      reason: 'incomplete',
      message: `its key ${keyless}, and ${address} needs its signature`,
      remedy: `${keylessRemedy(issuer, state)}, then: nomad-pki apply`,
    })
  }
  findings.push(...tooLong(address, profile, context))
  return findings
}

/** Whether the root above an intermediate that is to be made lives as long as it would. */
export function issuableAuthority(
  { address, lifetime, beyondIssuer, issuer }: DesiredAuthority,
  context: CheckContext,
): readonly Finding[] {
  return issuer === undefined ? [] : tooLong(address, { lifetime, beyondIssuer, issuer }, context)
}

/** Whether a life would end after what signs it: refused, where the spec does not say `clamp`. */
function tooLong(
  address: string,
  { lifetime, beyondIssuer, issuer }: Pick<IdentityProfile, 'lifetime' | 'beyondIssuer' | 'issuer'>,
  context: CheckContext,
): readonly Finding[] {
  const end = context.authorities.get(issuer.address)?.notAfter
  if (end === undefined || beyondIssuer !== 'refuse') return []
  const latest = Math.floor(end / 1000) * 1000
  const wanted = Math.floor((context.now + lifetime) / 1000) * 1000
  if (wanted <= latest || latest <= context.now) return []
  const fits = formatDuration(latest - context.now)
  return [
    {
      severity: 'error',
      address,
      reason: 'beyond-issuer',
      message: `a life of ${formatDuration(lifetime)} would end after ${issuer.address} does (${formatInstant(latest)}); the longest that fits is ${fits}`,
      remedy: `set \`lifetime: ${fits}\` or \`beyondIssuer: clamp\` in the spec, or raise \`signing\` of ${issuer.name}`,
    },
  ]
}
