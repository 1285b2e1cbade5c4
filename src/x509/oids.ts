/**
 * The object identifiers that certificates use, by the names that people know.
 *
 * @module
 */

import { objectIdentifier } from '../der/write.js'
import { memoByText } from '../memo.js'
import type { KeyUsage } from './extension.js'

/** Extensions. RFC 5280 §4.2.1 */
export const extensionOids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/** Extensions of revocation lists and of their entries. RFC 5280 §5.2.3, §5.3.1 */
export const listOids = { number: '2.5.29.20', entryReason: '2.5.29.21' } as const

/** The extensions that Go handles (crypto/x509 parser.go processExtensions): ours, and those that others write. */
export const handledExtensions: ReadonlySet<string> = new Set([
  ...Object.values(extensionOids),
  '2.5.29.31',
  '2.5.29.32',
  '2.5.29.33',
  '2.5.29.36',
  '2.5.29.54',
])

/** Attributes of names (X.520, RFC 4519, RFC 4524, RFC 2985) by OID. */
export const attributeTypes: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.17', 'postalCode'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.97', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
])

/** Extended key usages by OID. RFC 5280 §4.2.1.12 */
export const purposes: ReadonlyMap<string, string> = new Map([
  ['2.5.29.37.0', 'any'],
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
  ['1.3.6.1.5.5.7.3.3', 'codeSigning'],
  ['1.3.6.1.5.5.7.3.4', 'emailProtection'],
  ['1.3.6.1.5.5.7.3.8', 'timeStamping'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
])

/** Key usages in the order of their bits. RFC 5280 §4.2.1.3 */
export const keyUsages: readonly KeyUsage[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

/**
 * An OBJECT IDENTIFIER's encoding, made once: every certificate has a dozen of them. Only for
 * identifiers of the tables above: they stay in memory.
 */
export const encodedOid: (dotted: string) => Uint8Array = memoByText((dotted) =>
  objectIdentifier(dotted),
)
