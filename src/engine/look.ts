/**
 * What an engine has of an authority, read back and held against what the store and the spec say: its issuer, its
 * roles, the rights of the token. Nothing is signed and nothing is changed.
 *
 * @module
 */

import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import type { Finding } from '../diagnostics.js'
import { formatDuration } from '../duration.js'
import { inParallel } from '../in-parallel.js'
import { fingerprintText, sameCertificate, type Certificate } from '../x509/certificate.js'
import { issues, issuersOfKeys, usesOf, withoutIssuing } from './issuers-of-key.js'
import { engineRoles, roleFaults, shown, unknownFields, type EngineRole } from './roles.js'
import { engineCommand, callsInFlight, type EngineSession } from './session.js'
import { certificateIn, lacksRight, type EngineVerdict } from './verdict.js'

/** How far the clock of an engine may differ before it is said, milliseconds. */
const mostSkew = 60_000

/** What is looked for. */
export interface Looked {
  /** One whose key is in the engine. */
  readonly authority: DesiredAuthority
  /** Its certificate in the store. */
  readonly certificate: Certificate
  readonly desired: Pick<Desired, 'identities'>
  /** Epoch milliseconds. */
  readonly now: number
  /** Whether it is about to sign: without the right to, that is an error. */
  readonly signs: boolean
  /** The policy that lets a token do what the look is for. Default: `plan and verify`. */
  readonly policy?: string | undefined
}

/**
 * Looks at what an engine has of one authority.
 *
 * @returns What is wrong: errors keep it from signing. Empty where everything is as it should be.
 */
export async function lookAtEngine(
  session: EngineSession,
  { authority, certificate, desired, now, signs, policy = 'plan and verify' }: Looked,
): Promise<readonly Finding[]> {
  const { engine, address, name, generation } = authority
  if (engine === undefined) return []
  const { mount } = engine
  const issuer = issuerNameIn(engine, generation)
  const setUp = `nomad-pki authority setup ${name}`
  const findings: Finding[] = []
  const error = (message: string, remedy: string): void => {
    findings.push({ severity: 'error', address, reason: 'engine-differs', message, remedy })
  }

  const health = await healthOf(session)
  if (health.namespaceFault !== undefined) {
    error(health.namespaceFault, 'remove `namespace` from the spec, or correct the address')
    return findings
  }
  const skew = health.time === undefined ? 0 : Math.abs(health.time - now)
  if (skew > mostSkew) {
    findings.push({
      severity: 'warning',
      address,
      reason: 'engine-differs',
      message: `the clocks of ${session.origin} and of this machine differ by ${formatDuration(skew)}`,
      remedy: 'correct the wrong one: the engine dates what it signs',
    })
  }

  const path = `${mount}/issuer/${issuer}`
  const found = await session.call({ method: 'GET', path })
  if (isMissing(found)) {
    // Agents trust an older root by their files.
    if (authority.signing) error(`${session.origin} has no issuer ${path}`, setUp)
    await lookForSpares()
    return findings
  }
  if (found.is !== 'done') return [unseenBy(found)]
  const theirs = certificateIn(found.data.certificate)
  if (theirs === undefined || !sameCertificate(theirs, certificate)) {
    error(
      `${path} is another certificate (${theirs === undefined ? 'none' : fingerprintText(theirs)}) than the one of the store (${fingerprintText(certificate)})`,
      `find out who changed it; then raise \`signing\` of ${name} in the spec, and: ${setUp}`,
    )
    return findings
  }
  await lookForSpares()
  // A root that does not sign is trusted: what it may do is not needed.
  if (!authority.signing) return findings
  if (found.data.key_id === '')
    error(`${path} has no key`, `raise \`signing\` of ${name} in the spec, and: ${setUp}`)
  const usage = usesOf(found.data.usage)
  if (found.data.revoked === true) {
    const [message, remedy] = revokedIssuer(session, authority, path)
    error(message, remedy)
  } else if (!usage.includes(issues)) {
    error(`${path} may not issue certificates (usage: ${usage.join(', ').slice(0, 200)})`, setUp)
  }
  const after = found.data.leaf_not_after_behavior
  if (after !== undefined && after !== 'err') {
    error(
      `${path} lets certificates outlive it or cuts them short (leaf_not_after_behavior: ${shown(after)}, wanted err)`,
      setUp,
    )
  }

  const roles = engineRoles(authority, desired)
  const reads = await inParallel(roles, callsInFlight, async (role) => {
    const rolePath = `${mount}/roles/${role.name}`
    return { role, rolePath, read: await session.call({ method: 'GET', path: rolePath }) }
  })
  for (const { role, rolePath, read } of reads) {
    if (read.is === 'refused' && read.status === 404) {
      error(`${session.origin} has no role ${rolePath}`, setUp)
    } else if (read.is === 'done') {
      const faults = roleFaults(role, read.data)
      if (faults.length > 0) {
        error(`${rolePath} is not as the spec has it: ${faults.join('; ')}`, setUp)
      } else findings.push(...saysMore(address, rolePath, role, read.data))
    } else findings.push(unseenBy(read))
  }

  // Where every node renews itself there is no role here, and an engine refuses a question about nothing.
  if (roles.length === 0) return findings
  const paths = roles.map((role) => signPath(mount, issuer, role.name))
  const rights = await session.call({
    method: 'POST',
    path: 'sys/capabilities-self',
    // As text: OpenBao refuses a body with 1,000 strings.
    body: { paths: paths.join(',') },
  })
  if (rights.is === 'done') {
    const lacking = paths.filter((one) => {
      const has = rights.data[one]
      const words: readonly unknown[] = Array.isArray(has) ? has : []
      return !words.includes('update') && !words.includes('root')
    })
    if (lacking.length > 0) {
      findings.push({
        // A token that reads is enough for reading.
        severity: signs ? 'error' : 'note',
        address,
        reason: 'engine-differs',
        message: `the token may not sign by ${lacking.join(', ')}`,
        remedy: policyRemedy('apply', name),
      })
    }
  } else findings.push(unseenBy(rights))

  return findings

  function unseenBy(verdict: Exclude<EngineVerdict, { readonly is: 'done' }>): Finding {
    const remedy = lacksRight(verdict) ? policyRemedy(policy, name) : undefined
    return unseen(address, session.origin, verdict.reason, remedy)
  }

  async function lookForSpares(): Promise<void> {
    const spare = await issuersOfKeys(session, mount, [certificate.publicKey], issuer)
    if ('is' in spare) {
      findings.push(unseenBy(spare))
      return
    }
    for (const one of spare) {
      error(
        `${one.path} (${one.name === '' ? 'without a name' : shown(one.name)}) has the key of ${issuer}: agents may trust what it signs`,
        engineCommand(session, 'patch', `${one.path} usage=${withoutIssuing(one.usage)}`),
      )
    }
  }
}

/**
 * What an engine tells of itself. Vault without a licence ignores the header of a namespace: it would work in the root.
 */
export async function healthOf(session: EngineSession): Promise<{
  /** Its clock, epoch milliseconds. */
  readonly time?: number | undefined
  readonly namespaceFault?: string | undefined
}> {
  const { origin, namespace } = session
  const path = 'sys/health?standbyok=true&perfstandbyok=true'
  const health = await session.call({ method: 'GET', path, repeat: false })
  if (health.is !== 'done') return {}
  const { server_time_utc: seconds, enterprise } = health.data
  return {
    time: typeof seconds === 'number' ? seconds * 1000 : undefined,
    namespaceFault:
      namespace !== undefined && enterprise === false
        ? `${origin} has no namespaces: it would ignore ${namespace}, and work in the root namespace`
        : undefined,
  }
}

/** That a role has fields which are not known here: what they allow cannot be told. */
export function saysMore(
  address: string,
  path: string,
  role: EngineRole,
  read: Readonly<Record<string, unknown>>,
): readonly Finding[] {
  const fields = unknownFields(role, read)
  if (fields.length === 0) return []
  const told = fields.slice(0, 10).join('; ')
  return [
    {
      severity: 'warning',
      address,
      reason: 'engine-differs',
      message: `${path} has fields that nomad-pki does not know: ${told}`,
      remedy: `look up what they allow in the documentation of the engine; where that is more than the spec says, delete the role and write it again`,
    },
  ]
}

/** That an issuer was revoked in its engine, which never lets it sign again; and what to do. */
export function revokedIssuer(
  session: EngineSession,
  { name, issuer }: Pick<DesiredAuthority, 'name' | 'issuer'>,
  path: string,
): readonly [message: string, remedy: string] {
  const again = `${engineCommand(session, 'delete', path)} && nomad-pki authority setup ${name}`
  const next = `nomad-pki rotate authority ${name} --compromised --next`
  return [
    `${path} was revoked in the engine: it signs no more certificates`,
    issuer === undefined
      ? `find out who revoked it, and why. Make the issuer anew, with the same key: ${again}. If its key may be in the wrong hands, then: ${next}`
      : `find out who revoked it, and why. If it was a mistake, make the issuer anew, with the same key: ${again}. Otherwise make the next generation: ${next}`,
  ]
}

/** Where the policies of an authority come from, for a message. */
export function policyRemedy(policy: string, name: string): string {
  return `give the token the policy \`${policy}\`, which this prints: nomad-pki authority setup ${name} --dry-run`
}

/** That the engine could not be seen; what the store says counts all the same. */
export function unseen(
  address: string,
  origin: string,
  why: string,
  remedy = 'nomad-pki verify, when it can be reached',
): Finding {
  return {
    severity: 'warning',
    address,
    reason: 'engine-unseen',
    message: `what ${origin} has of it was not seen: ${why}`,
    remedy,
  }
}

/** The path that signs by a certain issuer: it counts before the role's own `issuer_ref`. */
export function signPath(mount: string, issuer: string, role: string): string {
  return `${mount}/issuer/${issuer}/sign/${role}`
}

/** The path at which an engine writes a root for a key that it has. */
export function rootPath(mount: string): string {
  return `${mount}/issuers/generate/root/existing`
}

/** The path by which an issuer certifies what is self-issued: authorities, and nothing else. */
export function certifyPath(mount: string, issuer: string): string {
  return `${mount}/issuer/${issuer}/sign-self-issued`
}

/**
 * Whether the engine says that it does not have what was asked. OpenBao and Vault answer 500 for an issuer that does
 * not exist, and 404 for a mount. A login that failed has no status: what it lacks is something else.
 */
export function isMissing(verdict: EngineVerdict): boolean {
  return (
    verdict.is === 'refused' &&
    verdict.status !== undefined &&
    /unable to find (PKI )?issuer|nothing is mounted|does not exist/i.test(verdict.reason)
  )
}
