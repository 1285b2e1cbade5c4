/**
 * The authorities of a dry run: throwaway keys in the authorities' names. No real key is read and
 * nobody is asked.
 *
 * @module
 */

import type { Issuers } from '../authority/issuers.js'
import { generateKey } from '../keys/generate.js'
import { newAuthorityKey } from './new-key.js'
import { rehearsalIssuer } from './rehearsal.js'

/**
 * Gives issuers for a dry run: they go through each step of a signature, with keys that nobody keeps. No
 * signature of theirs is valid.
 *
 * @returns The port that `applyPlan` takes.
 */
export function rehearsalIssuers(): Issuers {
  return {
    async begin(authority) {
      return newAuthorityKey(authority, await generateKey(authority.algorithm))
    },
    async open({ name, path: [certificate, ...above] }) {
      return rehearsalIssuer({ name, certificate, above })
    },
  }
}
