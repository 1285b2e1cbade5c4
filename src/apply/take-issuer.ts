/**
 * An issuer that is in an engine and not in the store: whether it is the one of the spec.
 *
 * @module
 */

import { subjectFor } from '../authority/subject.js'
import { checkAuthority } from '../checks/authority.js'
import { checkContext } from '../checks/context.js'
import { isIssuedBy } from '../checks/issued-by.js'
import type { DesiredAuthority } from '../cluster/desired.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import { fingerprintText, type Certificate } from '../x509/certificate.js'
import { commonNames } from '../x509/name.js'
import { isSignedBy } from '../x509/signature.js'
import type { SetUp } from './set-up-engine.js'

/** Why an issuer that is in the engine, and not in the store, is not the one of the spec. */
export function takeFault(
  certificate: Certificate,
  { authority, desired, inventory }: SetUp,
  now: number,
): string | undefined {
  const root = authority.issuer!
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
