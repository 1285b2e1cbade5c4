/**
 * The rule `rfc5280/san-uri-syntax`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.2.1.6, RFC 3986 §3: a scheme, and something behind it; no relative references. */
export const sanUriSyntax: Rule = {
  name: 'rfc5280/san-uri-syntax',
  source: 'RFC 5280 §4.2.1.6, RFC 3986 §3',
  applies: ({ subjectAltName }) => subjectAltName !== undefined,
  check: ({ subjectAltName }) => {
    for (const name of subjectAltName!) {
      if (name.type === 'uri' && !uri.test(name.value)) {
        return `its URI ${JSON.stringify(name.value)} is not valid: it needs a scheme, something behind it, and a host that is a whole name or an address`
      }
    }
    return undefined
  },
}

/** An authority, where there is one, has a host that is a whole domain name or an address. */
const uri =
  /^[A-Za-z][A-Za-z0-9+.-]*:(?!$)(?:\/\/(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?(?=[/?#]|$)|(?!\/\/))(?:[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$/
