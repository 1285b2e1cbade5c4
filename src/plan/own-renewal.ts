/**
 * What a command says that would make, bring or take a certificate of a node that renews itself.
 *
 * @module
 */

import { renewsItself, type DesiredIdentity } from '../cluster/desired.js'
import { NomadPkiError } from '../errors.js'
import { nodeFilesRemedy } from '../evidence/self-renewed-words.js'

/**
 * Refuses a node that renews itself.
 *
 * @param wanted What the spec says; `undefined`: it does not name it.
 * @param what What is not done: `no certificate is made for it here`.
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
export function refuseOwnRenewal(
  wanted: Pick<DesiredIdentity, 'address' | 'profile'> | undefined,
  what: string,
): void {
  if (wanted === undefined || !renewsItself(wanted)) return
  const { address } = wanted
  throw new NomadPkiError(
    'ERR_REFUSED',
    `${address} renews itself (renewedBy: node in the spec): ${what}`,
    { address, hint: nodeFilesRemedy(address) },
  )
}
