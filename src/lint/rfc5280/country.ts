/**
 * The rule `rfc5280/country`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §A.1 X520countryName: a PrintableString of two letters; ISO 3166 has capitals. */
export const country: Rule = {
  name: 'rfc5280/country',
  source: 'RFC 5280 §A.1, ISO 3166',
  applies: ({ subject }) => subject.attributes[0]?.oid === '2.5.4.6' || hasCountry(subject),
  check: ({ subject }) => {
    for (const { oid, value, tag } of subject.attributes) {
      if (oid !== '2.5.4.6') continue
      if (tag !== 19) return 'its country is not a PrintableString'
      if (!twoCapitals.test(value)) {
        return `its country ${JSON.stringify(value)} is not two capital letters`
      }
    }
    return undefined
  },
}

const twoCapitals = /^[A-Z]{2}$/

function hasCountry(subject: {
  readonly attributes: readonly { readonly oid: string }[]
}): boolean {
  for (const { oid } of subject.attributes) if (oid === '2.5.4.6') return true
  return false
}
