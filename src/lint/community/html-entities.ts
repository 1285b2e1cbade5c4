/**
 * The rule `community/html-entities`.
 *
 * @module
 */

import type { Rule } from '../rule.js'

/** A subject that went through a web form twice: `Acme &amp; Co`. */
export const htmlEntities: Rule = {
  name: 'community/html-entities',
  source: 'zlint e_subj_contains_html_entities',
  applies: () => true,
  check: ({ subject }) => {
    for (const { type, value } of subject.attributes) {
      if (value.includes('&') && entity.test(value)) return `its ${type} holds an HTML entity`
    }
    return undefined
  },
}

const entity = /&#?[a-zA-Z0-9]+;/
