/**
 * The authorities' keys, each where the spec says it is.
 *
 * @module
 */

import type { Issuers } from '../authority/issuers.js'
import { NomadPkiError } from '../errors.js'

/** One generation of an authority. */
interface WhoseKey {
  readonly name: string
  readonly generation: number
}

/**
 * Gives issuers that look up, for each authority, where its key is.
 *
 * @param kindOf The kind of place of one generation's key, as the spec says.
 * @param kinds What knows such a place.
 * @returns The port that `applyPlan` takes.
 */
export function issuersByKind<Kind extends string>(
  kindOf: (authority: WhoseKey) => Kind,
  kinds: Readonly<Record<Kind, Issuers>>,
): Issuers {
  const of = (authority: WhoseKey): Issuers => {
    const kind = kindOf(authority)
    if (Object.hasOwn(kinds, kind)) return kinds[kind]
    throw new NomadPkiError('ERR_INTERNAL', `unknown kind of signer: ${kind}`)
  }
  return {
    begin: async (authority) => of(authority).begin(authority),
    open: async (authority) => of(authority).open(authority),
  }
}
