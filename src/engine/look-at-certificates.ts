/**
 * What an engine has signed and revoked, held against the ledger: a certificate that this store did not ask for, one
 * that somebody revoked there, one that is revoked here and not there. Nothing is changed.
 *
 * @module
 */

import { namesKey } from '../adoption/from-engine.js'
import { nameLeaf } from '../adoption/roles.js'
import { isSignedUnder } from '../checks/issued-by.js'
import { placeInEngine } from '../checks/key-place.js'
import { renewsItself } from '../cluster/desired.js'
import { count } from '../count.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import { isNomadPkiError } from '../errors.js'
import { openAttempts } from '../evidence/attempts.js'
import { presentedBy } from '../evidence/presented.js'
import type { FoundAuthority } from '../inventory/inventory.js'
import { knownCertificates } from '../inventory/known-certificates.js'
import { keyDigestOf, revocationsIn } from '../inventory/revoked.js'
import type { Certificate } from '../x509/certificate.js'
import type { RevocationList } from '../x509/crl.js'
import {
  listIn,
  readCertificates,
  serialsIn,
  type EngineCertificate,
  type EngineFault,
} from './certificates.js'
import { unseen } from './look.js'
import {
  mostRead,
  revocationsThere,
  unread,
  type Issuing,
  type LookedAt,
} from './look-at-revocations.js'
import { engineCommand, type EngineSession } from './session.js'

/** How many are told one by one. */
const mostTold = 20

/**
 * Compares what an engine lists with what the ledger has.
 *
 * @returns What differs, and what was not read. Empty where the two agree.
 */
export async function lookAtCertificates(
  session: EngineSession,
  looked: LookedAt,
): Promise<readonly Finding[]> {
  const issuing = issuingIn(looked)
  const findings: Finding[] = []
  const lists = new Map<string, RevocationList>()
  for (const one of issuing) {
    const list = await listIn(session, one.issuer, one.certificate)
    if (typeof list !== 'string') lists.set(one.address, list)
    else findings.push(unseen(one.address, session.origin, list))
  }
  findings.push(...(await revocationsThere(session, issuing, lists, looked)))
  for (const mount of new Set(issuing.map((one) => one.mount))) {
    const own = issuing.filter((one) => one.mount === mount)
    try {
      findings.push(...(await unknownIn(session, mount, own, lists, looked)))
    } catch (error) {
      if (!isNomadPkiError(error, 'ERR_ISSUER_REFUSED')) throw error
      findings.push(unseen(own[0]!.address, session.origin, error.message))
    }
  }
  return findings
}

/** Those that have signed something that lives. */
function issuingIn({ desired, inventory, now }: LookedAt): readonly Issuing[] {
  return [...inventory.authorities.values()].flatMap(({ address, certificate }: FoundAuthority) => {
    const place = placeInEngine(address, desired, inventory)
    return place === undefined || certificate === undefined || certificate.notAfter <= now
      ? []
      : [{ address, certificate, ...place }]
  })
}

/** Certificates of a mount that the store did not ask for. */
async function unknownIn(
  session: EngineSession,
  mount: string,
  issuing: readonly Issuing[],
  lists: ReadonlyMap<string, RevocationList>,
  looked: LookedAt,
): Promise<readonly Finding[]> {
  const { desired, inventory, now } = looked
  const known = knownSerials(inventory)
  const all = (await serialsIn(session, mount)).filter((serial) => !known.has(serial))
  const read: (EngineCertificate | EngineFault)[] = []
  await readCertificates(session, mount, all.slice(0, mostRead), (one) => read.push(one))
  const address = issuing[0]!.address
  const findings: Finding[] = []
  const say = (
    severity: Finding['severity'],
    of: string,
    message: string,
    remedy?: string,
  ): void => {
    findings.push({ severity, address: of, reason: 'engine-differs', message, remedy })
  }
  const nodes = new Map(
    desired.identities.filter(renewsItself).map(({ address: of, profile, names, ips }) => {
      const { role, region } = profile
      return [namesKey({ role, region, names, ips, holder: undefined }), of] as const
    }),
  )
  const attempts = openAttempts(inventory.ledger, { now })
  let faults = 0
  let foreign = 0
  let byNodes = 0
  const unknown: {
    readonly place: string
    readonly certificate: Certificate
    readonly by: string
  }[] = []
  for (const one of read.sort((a, b) => a.place.localeCompare(b.place))) {
    if ('message' in one) {
      faults += 1
      if (faults > mostTold) continue
      say('warning', address, `${one.place}: ${one.message}`, 'find out who answers for the engine')
      continue
    }
    const { certificate, place, revoked } = one
    if (certificate.notAfter <= now) continue
    const signer = [...inventory.authorities.values()].find(
      (own) => own.certificate !== undefined && isSignedUnder(certificate, own.certificate),
    )
    const by = issuing.find((own) => own.address === signer?.address)?.address
    if (by === undefined) {
      // The root that is imported beside an intermediate, and its other intermediates.
      if (certificate.basicConstraints?.ca !== true) foreign += 1
      continue
    }
    const isListed = lists.get(by)?.revoked.has(certificate.serial) === true
    if (revoked && isListed) continue
    const key = keyDigestOf(certificate)
    const asked = attempts.find((attempt) => attempt.key === key && attempt.issuer === by)
    const named = nameLeaf(certificate)
    if (asked !== undefined) {
      say(
        'warning',
        asked.address,
        `${place} is what ${by} made for it on ${formatInstant(asked.at)}, when the answer was lost`,
        `${revokeCommand(certificate, by)} --reason superseded, then: nomad-pki apply --override attempt=${asked.attempt} --reason TEXT`,
      )
    } else if (typeof named !== 'string' && nodes.has(namesKey(named))) byNodes += 1
    else unknown.push({ place, certificate, by })
  }
  for (const { place, certificate, by } of unknown.slice(0, mostTold)) {
    say(
      'warning',
      by,
      `${place} is not of this store: ${namesText(certificate)}, until ${formatInstant(certificate.notAfter)}`,
      `where another store made it: nomad-pki adopt --engine; else: ${revokeCommand(certificate, by)}`,
    )
  }
  if (unknown.length > mostTold) {
    say(
      'warning',
      address,
      `${mount} has ${count(unknown.length - mostTold, 'more certificate')} that this store did not ask for`,
      'nomad-pki adopt --engine --dry-run, which lists each',
    )
  }
  if (faults > mostTold) {
    say(
      'warning',
      address,
      `${mount} has ${count(faults - mostTold, 'more answer')} that are not the certificate that was asked for`,
      'find out who answers for the engine',
    )
  }
  if (byNodes > 0) {
    say(
      'note',
      address,
      `${mount} has ${count(byNodes, 'certificate')} of nodes that renew themselves, which no probe has seen`,
    )
  }
  if (foreign > 0) {
    say(
      'note',
      address,
      `${mount} has ${count(foreign, 'certificate')} that no authority of this store signed: agents refuse them`,
    )
  }
  if (all.length > mostRead) {
    findings.push(
      unread(
        address,
        all.length,
        `certificates of ${mount}`,
        `nomad-pki adopt --engine, for those that live; ${engineCommand(session, 'write', `${mount}/tidy tidy_cert_store=true`)}, for those that have ended`,
      ),
    )
  }
  return findings
}

function revokeCommand({ serial }: Certificate, by: string): string {
  return `nomad-pki revoke --serial ${serial} --authority ${by.slice('authority/'.length)}`
}

function namesText(certificate: Certificate): string {
  if (certificate.basicConstraints?.ca === true) return 'a certificate authority'
  const named = nameLeaf(certificate)
  if (typeof named === 'string') return named
  const { role, region = 'any region', names, ips, holder } = named
  const own = [...(holder === undefined ? [] : [holder]), ...names, ...ips].slice(0, 3).join(', ')
  return `${role} of ${region}${own === '' ? '' : `, ${own}`}`
}

function knownSerials({
  authorities,
  identities,
  ledger,
}: LookedAt['inventory']): ReadonlySet<string> {
  const serials = new Set<string>()
  for (const { serial } of knownCertificates(ledger)) serials.add(serial)
  for (const { leaf } of presentedBy(ledger)) serials.add(leaf.serial)
  for (const { serial } of revocationsIn(ledger).all) serials.add(serial)
  for (const { certificate } of authorities.values()) {
    if (certificate !== undefined) serials.add(certificate.serial)
  }
  for (const { current } of identities.values()) {
    const leaf = current?.chain[0]
    if (leaf !== undefined) serials.add(leaf.serial)
  }
  return serials
}
