/**
 * The authorities of a dry run: throwaway keys in the authorities' names. No real key is read and
 * nobody is asked.
 *
 * @module
 */

import type { Issuers } from '../authority/issuers.js'
import { generateKey } from '../keys/generate.js'
import { heldIssuer } from './held.js'
import { rehearsalIssuer } from './rehearsal.js'

/** Issuers that sign with keys nobody keeps. */
export function rehearsalIssuers(): Issuers {
  return {
    keyFor: ({ algorithm }) => generateKey(algorithm),
    async open({ name, path }, key) {
      const [certificate, ...above] = path
      return key === undefined
        ? rehearsalIssuer({ name, certificate, above })
        : heldIssuer({ name, certificate, above, key })
    },
  }
}
