/**
 * The rule `rfc5280/serial-number`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** RFC 5280 §4.1.2.2: positive, and at most 20 octets with the one for the sign. */
export const serialNumber: Rule = {
  name: 'rfc5280/serial-number',
  each: true,
  source: 'RFC 5280 §4.1.2.2',
  applies: () => true,
  check: ({ serial, serialNegative }) => {
    if (serialNegative) return 'its serial number is negative: agents cannot parse it'
    if (serial === '' || serial === '00') return 'its serial number is zero'
    const octets = serial.length / 2 + (serial >= '8' ? 1 : 0)
    return octets > 20 ? `its serial number has ${octets} octets, more than 20` : undefined
  },
}
