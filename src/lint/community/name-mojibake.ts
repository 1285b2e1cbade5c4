/**
 * The rule `community/name-mojibake`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** UTF-8 that was read as Latin-1 on its way: `ZÃ¼rich`. */
export const nameMojibake: Rule = {
  name: 'community/name-mojibake',
  source: 'zlint e_utf8_latin1_mixup',
  applies: () => true,
  check: ({ subject }) => {
    for (const { type, value } of subject.attributes) {
      if (value.includes('Ã') && mixedUp.test(value)) {
        return `its ${type} ${JSON.stringify(value)} is UTF-8 that was taken for Latin-1`
      }
    }
    return undefined
  },
}

/** What the second octet of an accented letter becomes in Latin-1, or in Windows-1252. */
const mixedUp = /Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]/
