/**
 * Each identity on its own: the plan's checks asked the other question, its chain as its own peers
 * would verify it, lint, its files and its manifest.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import type { CheckContext } from '../checks/context.js'
import { goodChecks, runChecks } from '../checks/identity.js'
import type { Reason, ReasonGiven } from '../checks/reasons.js'
import { signerOf } from '../checks/deferral.js'
import type { Finding, Severity } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import { requestRemedy } from '../plan/held-by-node.js'
import { madeElsewhere, usedElsewhere, type InUse } from '../plan/made-elsewhere.js'
import type { FoundGeneration, FoundIdentity, Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'
import type { ChainVerdict } from '../x509/verify-chain.js'
import { chainFindings, type ChainVerdicts } from './chains.js'
import { issuedFingerprints, lintFindings } from './lint.js'
import { manifestFault } from './manifests.js'

/** What a reason means for a cluster that is to run; what is not here is an error. */
const severities: Readonly<Partial<Record<Reason, Severity>>> = {
  'key-algorithm': 'warning',
  'names-differ': 'warning',
  'issuer-changed': 'warning',
  'trust-changed': 'warning',
  unfinished: 'warning',
}

/** Rules that say what a check of the plan has said already. */
const told: ReadonlyMap<string, Reason> = new Map([
  ['nomad/common-name', 'role-differs'],
  ['nomad/common-name-single', 'role-differs'],
  ['nomad/extended-key-usage-exact', 'role-differs'],
  ['nomad/agent-key', 'key-unusable'],
])

/** Verifies the identities that the spec names, and lists the others of the store. */
export function verifyIdentities(
  desired: Desired,
  inventory: Inventory,
  context: CheckContext,
  verdicts: ChainVerdicts,
): readonly Finding[] {
  const findings: Finding[] = []
  const own = issuedFingerprints(inventory, context)
  const inUse = usedElsewhere(inventory, context)
  const named = new Set<string>()
  for (const wanted of desired.identities) {
    const { address } = wanted
    named.add(address)
    // What it has is not in the store: `agents.ts` judges what it presents.
    if (renewsItself(wanted)) continue
    const found = inventory.identities.get(address)
    const around = { own, inUse, verdict: verdicts.get(address) }
    const seen = verifyIdentity(wanted, found, context, around)
    // Ten thousand sound identities add nothing.
    if (seen.length > 0) findings.push(...seen.map((one) => asRequested(one, wanted, desired)))
  }
  for (const [address, { current }] of inventory.identities) {
    if (named.has(address)) continue
    const end = current?.chain[0]?.notAfter
    const lives = end !== undefined && end > context.now
    findings.push({
      severity: 'note',
      address,
      reason: 'orphan',
      message: `the spec no longer names it${lives ? `; its certificate is good until ${formatInstant(end)}` : ''}`,
      remedy: 'nomad-pki apply --prune',
    })
  }
  return findings
}

/** What `apply` cures although the node holds the key: no new certificate is needed. */
const cured: ReadonlySet<string> = new Set<Reason>([
  'chain-broken',
  'trust-changed',
  'mode-open',
  'unfinished',
])

function asRequested(
  finding: Finding,
  { address, profile }: DesiredIdentity,
  desired: Desired,
): Finding {
  if (profile.keyHeld !== 'node' || cured.has(finding.reason)) return finding
  const applies = finding.remedy === `nomad-pki apply ${address}`
  return applies ? { ...finding, remedy: requestRemedy(address, desired) } : finding
}

function verifyIdentity(
  wanted: DesiredIdentity,
  found: FoundIdentity | undefined,
  context: CheckContext,
  {
    own,
    inUse,
    verdict,
  }: {
    readonly own: ReadonlySet<string>
    readonly inUse: InUse
    readonly verdict: ChainVerdict | undefined
  },
): Finding[] {
  const { address, profile } = wanted
  const findings: Finding[] = (found?.findings ?? []).map((one) => ({
    ...one,
    remedy: one.remedy ?? `nomad-pki apply ${address}`,
  }))
  const say = (severity: Severity, reason: string, message: string): void => {
    findings.push(about(address, severity, reason, message))
  }
  const generation = found?.current
  if (found === undefined || generation === undefined) {
    const whole = found?.unfinished?.directory
    if (found?.link !== undefined) {
      const cure = whole === undefined ? '' : `; ${whole} is whole, and apply turns to it`
      say(
        'error',
        'link-broken',
        `current points at ${JSON.stringify(found.link)}, which is not a generation of it${cure}`,
      )
    } else if (whole !== undefined) {
      say('error', 'unfinished', `${whole} was made and not switched to`)
    } else {
      say('error', 'missing', 'the spec names it and the store does not have it')
    }
    return findings
  }
  const leaf = generation.chain[0]
  if (leaf === undefined) {
    if (findings.every(({ reason }) => reason !== 'incomplete')) {
      say('error', 'incomplete', 'cert.pem is missing or holds no certificate')
    }
    return findings
  }
  if (found.unfinished !== undefined) {
    say('warning', 'unfinished', `${found.unfinished.directory} was made and not switched to`)
  }
  const disorder = leafPlace(generation)
  if (disorder > 0) {
    say(
      'error',
      'chain-broken',
      `cert.pem is in wrong order: the leaf is certificate ${disorder + 1} of ${generation.chain.length}, and agents take the first for their own (private key does not match public key)`,
    )
    return findings
  }
  const checked = runChecks(goodChecks, { wanted, found, generation, leaf }, context)
  const given = inUse(address, generation, checked)
  if (given.length < checked.length) findings.push(madeElsewhere(address, generation))
  const signing = context.authorities.get(profile.issuer.address)
  const begins =
    signing !== undefined && signing.notBefore > context.now ? signing.notBefore : undefined
  for (const reason of given) findings.push(judged(wanted, reason, verdict, begins))
  findings.push(...chainFindings(wanted, generation, context, verdict, given))
  findings.push(
    ...lintFindings(leaf, {
      address,
      own,
      issuer: signerOf(generation, profile.issuer.address, context)?.certificate,
      profile: profile.role,
      region: profile.region,
      now: context.now,
    }).filter(({ reason }) => !given.some((one) => told.get(reason) === one.reason)),
  )
  const fault = manifestFault(address, generation)
  if (fault !== undefined) {
    const finding = about(address, 'warning', 'manifest-differs', fault)
    // A plan reads no manifests: a new generation brings one.
    findings.push({ ...finding, remedy: `nomad-pki rotate leaves ${address}` })
  }
  return findings
}

/** At which place the leaf stands: 0 in a sound file. */
function leafPlace({ chain, key }: FoundGeneration): number {
  const [first] = chain
  if (first === undefined || chain.length === 1) return 0
  const spki = key.state === 'present' ? key.publicKey.spki : undefined
  const place = chain.findIndex((certificate) =>
    spki === undefined
      ? certificate.basicConstraints?.ca !== true
      : sameBytes(certificate.publicKey.spki, spki),
  )
  return place > 0 && first.basicConstraints?.ca === true ? place : 0
}

function judged(
  { address, profile }: DesiredIdentity,
  given: ReasonGiven,
  verdict: ChainVerdict | undefined,
  issuerBegins: number | undefined,
): Finding {
  const { reason, message } = given
  // An operator's certificate is short and made on demand: an expired one is not a fault of the cluster.
  if (reason === 'expired' && !isAgent(profile.role)) {
    return about(address, 'note', reason, message)
  }
  // Too many certificates, or their order, which Go forgives: peers find a path all the same.
  if (reason === 'chain-broken' && verdict?.ok === true) {
    return about(address, 'warning', reason, message)
  }
  const finding = about(address, severities[reason] ?? 'error', reason, message)
  if (reason !== 'not-yet-valid' || issuerBegins === undefined) return finding
  // The issuer is not valid yet either: a new leaf would not help.
  return {
    ...finding,
    remedy: `correct the clock of this machine, or wait until ${formatInstant(issuerBegins)}`,
  }
}

function about(address: string, severity: Severity, reason: string, message: string): Finding {
  return { severity, address, reason, message, remedy: `nomad-pki apply ${address}` }
}
