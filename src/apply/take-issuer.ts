/**
 * An issuer that is in an engine and not in the store: whether it is the one of the spec.
 *
 * @module
 */

import { correspondenceFault } from '../authority/correspond.js'
import { prepareRoot } from '../authority/prepare.js'
import { subjectFor } from '../authority/subject.js'
import { checkAuthority } from '../checks/authority.js'
import { checkContext } from '../checks/context.js'
import { isIssuedBy } from '../checks/issued-by.js'
import type { DesiredAuthority } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { NomadPkiError } from '../errors.js'
import { openAttempts } from '../evidence/attempts.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { sha256 } from '../sha256.js'
import { fingerprintOf, fingerprintText, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { commonNames, formatName } from '../x509/name.js'
import { isSignedBy } from '../x509/signature.js'
import type { SetUp, SetUpPorts } from './set-up-engine.js'

/** Why an issuer that is in the engine, and not in the store, is not the one of the spec. */
function takeFault(
  certificate: Certificate,
  { authority, desired, inventory }: SetUp,
  now: number,
): string | undefined {
  const root = authority.issuer
  if (root === undefined) return rootFault(certificate, { authority, desired, inventory }, now)
  const above = inventory.authorities.get(root.address)?.certificate
  if (above === undefined)
    return `${root.address}, which should have signed it, is not in the store`
  if (!isIssuedBy(certificate, above) || !isSignedBy(certificate, above.publicKey)) {
    return `${root.address} did not sign it`
  }
  if (certificate.publicKey.algorithm !== authority.key) {
    return `its key is ${certificate.publicKey.name}, and the spec says ${authority.key}`
  }
  const other = generationFault(certificate, authority, inventory)
  if (other !== undefined) return other
  return differs(certificate, { authority, desired, inventory }, now)
}

/**
 * Why a root that is in the engine is not that of the spec. Anyone who may write to the mount can make a root, so its
 * name says nothing: it is pinned, or known to the ledger, or this store asked for it with this key, and the answer was
 * lost.
 */
function rootFault(
  certificate: Certificate,
  { authority, desired, inventory }: SetUp,
  now: number,
): string | undefined {
  if (!isIssuedBy(certificate, certificate) || !isSignedBy(certificate, certificate.publicKey)) {
    return 'it is not self-signed, and no root'
  }
  if (certificate.publicKey.algorithm !== authority.key) {
    return `its key is ${certificate.publicKey.name}, and the spec says ${authority.key}`
  }
  const asked = askedRoot(certificate, { authority, inventory }, now)
  if (asked !== undefined) {
    const { publicKey } = certificate
    const { lifetime, subject } = authority
    const expected = prepareRoot(
      { subject: subjectFor(subject, publicKey), lifetime },
      { name: authority.name, publicKey, signatures: 'foreign', issue: neverAsked },
      { now: asked.at },
    ).expected
    return correspondenceFault(certificate, expected, asked.at)
  }
  if (knownFingerprint(authority, inventory) === undefined) {
    return `this store did not ask for it, and the spec pins none. If an agent's ca_file has it: ${authority.name}: { fingerprint: { ${authority.generation}: "${fingerprintText(certificate)}" } }`
  }
  return (
    generationFault(certificate, authority, inventory) ??
    differs(certificate, { authority, desired, inventory }, now)
  )
}

/** The attempt whose answer may be a root: it has no other trace here. */
function askedRoot(
  { publicKey }: Certificate,
  { authority: { address }, inventory: { ledger } }: Pick<SetUp, 'authority' | 'inventory'>,
  now: number,
): EventOf<'attempted'> | undefined {
  const key = sha256(publicKey.spki)
  return openAttempts(ledger, { now }).findLast(
    (one) => one.address === address && one.issuer === address && one.key === key,
  )
}

async function neverAsked(): Promise<never> {
  throw new NomadPkiError('ERR_INTERNAL', 'it is compared, and not signed')
}

function differs(
  certificate: Certificate,
  { authority, desired, inventory }: SetUp,
  now: number,
): string | undefined {
  const found: FoundAuthority = {
    ...{ address: authority.address, name: authority.name, generation: authority.generation },
    certificate,
    key: { state: 'absent' },
    crossed: new Map(),
    findings: [],
  }
  const authorities = new Map([...inventory.authorities, [authority.address, found]])
  const context = checkContext(desired, { ...inventory, authorities }, { now })
  return checkAuthority(authority, found, context).find(({ severity }) => severity !== 'note')
    ?.message
}

/**
 * Takes an issuer that is in the engine and not in the store: that of a lost store, of a second administrator, or of a
 * run that was killed.
 *
 * @param notOurs What to do where it is not the one of the spec.
 * @throws {NomadPkiError} `ERR_CORRESPONDENCE`
 */
export async function takeIssuer(
  certificate: Certificate,
  { authority, desired, inventory }: SetUp,
  ports: Pick<SetUpPorts, 'clock' | 'dryRun' | 'store' | 'tell'>,
  notOurs: string,
): Promise<void> {
  const { engine, address, generation, issuer } = authority
  const place = `${engine!.mount}/issuer/${issuerNameIn(engine!, generation)}`
  const now = ports.clock()
  const fault = takeFault(certificate, { authority, desired, inventory }, now)
  if (fault !== undefined) {
    throw new NomadPkiError(
      'ERR_CORRESPONDENCE',
      `${place} is ${fingerprintText(certificate)}, and it is not taken as ${address}: ${fault}`,
      { address, hint: notOurs },
    )
  }
  const asked =
    issuer === undefined ? askedRoot(certificate, { authority, inventory }, now) : undefined
  const why =
    issuer !== undefined
      ? `signed by ${issuer.address}`
      : asked === undefined
        ? 'its fingerprint is known'
        : 'an earlier run asked for it'
  const text = `take ${place} as ${address}: ${fingerprintText(certificate)}, ${why}`
  if (ports.dryRun) {
    ports.tell(`would be done: ${text}`)
    return
  }
  await putIssuer(
    authority,
    certificate,
    ports,
    asked === undefined ? { adopted: true } : { attempt: asked.attempt },
  )
  ports.tell(`done: ${text}`)
}

/** Makes the certificate of an authority durable, and its line in the ledger. */
export async function putIssuer(
  { name, generation, address, issuer }: DesiredAuthority,
  certificate: Certificate,
  { store, clock }: Pick<SetUpPorts, 'clock' | 'store'>,
  { attempt, adopted }: { readonly attempt?: string | undefined; readonly adopted?: true },
): Promise<void> {
  const batch = store.batch()
  batch.putAuthority(name, generation, { certificate: encodeCertificate(certificate) })
  batch.record({
    event: 'authority',
    address,
    at: clock(),
    serial: certificate.serial,
    fingerprint: fingerprintOf(certificate),
    subject: formatName(certificate.subject),
    notAfter: certificate.notAfter,
    issuer: issuer?.address ?? null,
    ...(adopted && { adopted }),
    ...(attempt !== undefined && { attempt }),
  })
  await batch.commit()
}

/**
 * The fingerprint that a generation must have: the spec pins it, or the ledger says that it was made.
 *
 * @returns `SHA256:` and hex; `undefined` where nothing is known.
 */
export function knownFingerprint(
  { address, fingerprint }: Pick<DesiredAuthority, 'address' | 'fingerprint'>,
  { ledger }: Pick<Inventory, 'ledger'>,
): { readonly fingerprint: string; readonly by: 'the spec' | 'the ledger' } | undefined {
  if (fingerprint !== undefined) return { fingerprint, by: 'the spec' }
  const last = ledger.events.findLast(
    (one) => one.address === address && (one.event === 'authority' || one.event === 'removed'),
  )
  return last?.event === 'authority'
    ? { fingerprint: `SHA256:${last.fingerprint}`, by: 'the ledger' }
    : undefined
}

/**
 * Why a certificate is not, or may not be, that of a generation. An engine names its issuers as it likes: an older
 * generation, whose key may be stolen, could stand under the name of a newer one.
 */
export function generationFault(
  certificate: Certificate,
  wanted: DesiredAuthority,
  inventory: Pick<Inventory, 'ledger'>,
): string | undefined {
  const { name, generation, named, saysGeneration, signing, subject } = wanted
  const own = fingerprintText(certificate)
  const known = knownFingerprint(wanted, inventory)
  if (known !== undefined) {
    if (known.fingerprint === own) return undefined
    return known.by === 'the spec'
      ? `the spec pins ${known.fingerprint}`
      : `the ledger says that ${known.fingerprint} was made`
  }
  const said = commonNames(certificate.subject).at(-1) ?? ''
  if (!named) {
    const usual = / [\w.-]+ CA \d+$/.exec(said)?.[0]
    if (usual === ` ${name} CA ${generation}`) return undefined
    if (usual !== undefined) return `its subject says${usual}`
  } else if (saysGeneration && signing) {
    const { commonName } = subjectFor(subject, certificate.publicKey)
    if (said === commonName) return undefined
  }
  // A generation that no longer signs needs no proof. Nor does the first: no older key can stand under its name.
  if (generation === 1 || !signing) return undefined
  return `its subject (${said}) does not say that it is generation ${generation}; if it is: pin it in the spec (${name}: { fingerprint: "${own}" })`
}
