/**
 * The rule `rfc5280/algorithm-parameters`.
 *
 * @module
 */

import { sameBytes } from '../../bytes.js'
import { algorithmOf, keyAlgorithms } from '../../keys/algorithms.js'
import { nullValue, objectIdentifier, sequence } from '../../der/write.js'
import type { Rule } from '../rule.js'

/** With NULL for RSA, with nothing for all others, by OID. */
const identifiers: ReadonlyMap<string, Uint8Array> = new Map([
  ...keyAlgorithms.map((name) => {
    const { signatureOid, signatureIdentifier } = algorithmOf(name)
    return [signatureOid, signatureIdentifier] as const
  }),
  ...['1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13'].map(
    (oid) => [oid, sequence(objectIdentifier(oid), nullValue)] as const,
  ),
])

/** RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3: parameters are NULL with RSA and absent elsewhere. */
export const algorithmParameters: Rule = {
  name: 'rfc5280/algorithm-parameters',
  source: 'RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3',
  applies: ({ signatureAlgorithm }) => identifiers.has(signatureAlgorithm),
  check: ({ signatureAlgorithm, innerSignatureAlgorithm }) =>
    sameBytes(identifiers.get(signatureAlgorithm)!, innerSignatureAlgorithm)
      ? undefined
      : `the parameters of its signature algorithm ${signatureAlgorithm} are not what the algorithm demands`,
}
