/**
 * Chains for tests: small, with whatever is wrong.
 */

import { algorithmOf, type PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { keyIdentifierOf } from '../../src/keys/public-key.js'
import { signBytes } from '../../src/keys/sign.js'
import { parseCertificate, type Certificate, type Extension } from '../../src/x509/certificate.js'
import { assembleCertificate, encodeTbs } from '../../src/x509/encode.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.js'
import type { GeneralName, KeyUsage } from '../../src/x509/extension.js'
import { encodeName } from '../../src/x509/name.js'

export const day = 86_400_000
export const now: number = Date.UTC(2026, 5, 1)

/** Someone with a certificate and its key. */
export interface Holder {
  readonly certificate: Certificate
  readonly key: PrivateKey
}

/** What is special about a certificate. */
export interface Special {
  readonly issuer?: Holder | undefined
  readonly key?: PrivateKey | undefined
  /** Who really signs. Default: the issuer. */
  readonly signer?: PrivateKey | undefined
  readonly ca?: boolean | undefined
  /** `none`: no basicConstraints at all. */
  readonly basic?: 'none' | undefined
  readonly pathLength?: number | undefined
  readonly usage?: readonly KeyUsage[] | undefined
  readonly purposes?: readonly string[] | undefined
  readonly names?: readonly GeneralName[] | undefined
  readonly permitted?: readonly GeneralName[] | undefined
  readonly excluded?: readonly GeneralName[] | undefined
  readonly notBefore?: number | undefined
  readonly notAfter?: number | undefined
  readonly more?: readonly Extension[] | undefined
}

let serials = 0x4000

/** Makes one; without an issuer it signs itself. */
export function certify(commonName: string, special: Special = {}): Holder {
  const key = special.key ?? generateKeySync('ecdsa-p256')
  const issuer = special.issuer
  const signer = special.signer ?? issuer?.key ?? key
  const { signatureIdentifier } = algorithmOf(signer.algorithm)
  const subject = encodeName({ commonName })
  const { ca = false, pathLength, permitted = [], excluded = [] } = special
  const extensions: Extension[] = []
  if (special.basic !== 'none') {
    extensions.push(basicConstraints({ ca, pathLength }))
  }
  if (special.usage !== undefined) extensions.push(keyUsage(special.usage))
  if (special.purposes !== undefined) extensions.push(extendedKeyUsage(special.purposes))
  extensions.push(subjectKeyIdentifier(keyIdentifierOf(key.publicKey)))
  if (issuer !== undefined) {
    extensions.push(authorityKeyIdentifier(keyIdentifierOf(issuer.key.publicKey)))
  }
  if (special.names !== undefined) extensions.push(subjectAltName(special.names))
  if (permitted.length + excluded.length > 0)
    extensions.push(nameConstraints({ permitted, excluded }))
  serials += 1
  const tbs = encodeTbs({
    serial: serials.toString(16),
    signatureIdentifier,
    issuer: issuer?.certificate.subject.der ?? subject,
    subject,
    notBefore: special.notBefore ?? now - day,
    notAfter: special.notAfter ?? now + day,
    spki: key.publicKey.spki,
    extensions: [...extensions, ...(special.more ?? [])],
  })
  const der = assembleCertificate(tbs, signatureIdentifier, signBytes(signer, tbs))
  return { certificate: parseCertificate(der), key }
}

export const dns = (value: string): GeneralName => ({ type: 'dns', value })
export const ip = (value: string): GeneralName => ({ type: 'ip', value })
