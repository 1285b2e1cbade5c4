/**
 * The rule `rfc5280/time-encoding`.
 *
 * @module
 */

import type { Rule } from '../rule.js'
import { timeTags } from '../tbs.js'

const utcTime = 0x17
const from2050 = Date.UTC(2050, 0, 1)

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export const timeEncoding: Rule = {
  name: 'rfc5280/time-encoding',
  each: true,
  source: 'RFC 5280 §4.1.2.5',
  applies: () => true,
  check: (certificate) => {
    const [before, after] = timeTags(certificate)
    if ((before === utcTime) !== certificate.notBefore < from2050) {
      return `notBefore is a ${before === utcTime ? 'UTCTime' : 'GeneralizedTime, though it lies before 2050'}`
    }
    if ((after === utcTime) !== certificate.notAfter < from2050) {
      return `notAfter is a ${after === utcTime ? 'UTCTime' : 'GeneralizedTime, though it lies before 2050'}`
    }
    return undefined
  },
}
