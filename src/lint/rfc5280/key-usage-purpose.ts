/**
 * The rule `rfc5280/key-usage-purpose`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isLeaf } from '../scope.js'

/** RFC 5280 §4.2.1.12: a key usage that none of the purposes has a use for contradicts them. */
export const keyUsagePurpose: Rule = {
  name: 'rfc5280/key-usage-purpose',
  source: 'RFC 5280 §4.2.1.12',
  applies: (certificate, context) =>
    certificate.keyUsage !== undefined &&
    certificate.extendedKeyUsage?.every((purpose) => consistent.has(purpose)) === true &&
    isLeaf(certificate, context),
  check: ({ keyUsage, extendedKeyUsage }) => {
    for (const usage of keyUsage!) {
      if (extendedKeyUsage!.some((purpose) => consistent.get(purpose)!.includes(usage))) continue
      return `its keyUsage has ${usage}, and none of its purposes (${extendedKeyUsage!.join(', ')}) has a use for that`
    }
    return undefined
  },
}

/** What each purpose is consistent with, as the RFC lists it; others are not judged. */
const consistent: ReadonlyMap<string, readonly string[]> = new Map([
  ['serverAuth', ['digitalSignature', 'keyEncipherment', 'keyAgreement']],
  ['clientAuth', ['digitalSignature', 'keyAgreement']],
  ['codeSigning', ['digitalSignature']],
  ['emailProtection', ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'keyAgreement']],
  ['timeStamping', ['digitalSignature', 'nonRepudiation']],
  ['OCSPSigning', ['digitalSignature', 'nonRepudiation']],
])
