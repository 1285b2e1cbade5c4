/**
 * The rule `rfc3279/rsa-parameters`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { isRsa, rsaOf } from '../rsa.js'

/** RFC 3279 §2.3.1: the parameters of an RSA key are NULL. Go cannot parse others. */
export const rsaParameters: Rule = {
  name: 'rfc3279/rsa-parameters',
  each: true,
  source: 'RFC 3279 §2.3.1',
  binding: true,
  applies: isRsa,
  check: ({ publicKey }) =>
    rsaOf(publicKey).nullParameters ? undefined : 'the parameters of its RSA key are not NULL',
}
