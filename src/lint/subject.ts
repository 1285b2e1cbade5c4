/**
 * The rules about a subject, for a name that is not in a certificate yet: what the spec accepts must
 * be what can be certified.
 *
 * @module
 */

import type { Certificate } from '../x509/certificate.js'
import { attributeFault, encodeName, parseName, type SubjectAttributes } from '../x509/name.js'
import { htmlEntities } from './community/html-entities.js'
import { nameMojibake } from './community/name-mojibake.js'
import { nameWhitespace } from './community/name-whitespace.js'
import type { Rule } from './rule.js'
import { nameControlCharacters } from './rfc5280/name-control-characters.js'
import { nameLengths } from './rfc5280/name-lengths.js'

const subjectRules: readonly Rule[] = [
  nameWhitespace,
  htmlEntities,
  nameMojibake,
  nameControlCharacters,
  nameLengths,
]

/**
 * Why a subject cannot be certified.
 *
 * @param subject Its attributes.
 * @returns One sentence, lower case; `undefined` if it can.
 */
export function subjectFault(subject: SubjectAttributes): string | undefined {
  for (const [name, value] of Object.entries(subject) as [keyof SubjectAttributes, string][]) {
    const fault = attributeFault(name, value)
    if (fault !== undefined) return `its ${name} ${fault}`
  }
  // These rules look at the subject and at nothing else.
  const named = { subject: parseName(encodeName(subject), 'the subject') } as Certificate
  for (const rule of subjectRules) {
    const fault = rule.check(named, {})
    if (fault !== undefined) return fault
  }
  return undefined
}
