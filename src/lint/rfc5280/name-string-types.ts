/**
 * The rule `rfc5280/name-string-types`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

const utf8 = 12
const printable = 19
const ia5 = 22
/** Attributes that are IA5String by their own definition: emailAddress, domainComponent. */
const ascii: readonly string[] = ['1.2.840.113549.1.9.1', '0.9.2342.19200300.100.1.25']

/** RFC 5280 §4.1.2.4: PrintableString or UTF8String. Others hide what they say from some readers. */
export const nameStringTypes: Rule = {
  name: 'rfc5280/name-string-types',
  source: 'RFC 5280 §4.1.2.4',
  applies: () => true,
  check: ({ subject }) => {
    for (const { oid, type, tag } of subject.attributes) {
      if (tag === utf8 || tag === printable || (tag === ia5 && ascii.includes(oid))) continue
      return `its ${type} is a string of tag ${tag}, neither PrintableString nor UTF8String`
    }
    return undefined
  },
}
