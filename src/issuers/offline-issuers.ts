/**
 * The authorities whose keys are on another machine: nothing is signed here. A plan holds what waits for
 * them, so that nobody asks.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { NomadPkiError } from '../errors.js'

/** Gives authorities that refuse to sign, and say how they are asked. */
export function offlineIssuers(): Issuers {
  const refuse = async ({
    name,
    generation,
  }: {
    readonly name: string
    readonly generation: number
  }): Promise<never> => {
    throw new NomadPkiError(
      'ERR_ISSUER_REFUSED',
      `the key of authority/${name}/${generation} is on another machine`,
      {
        address: authorityAddress(name, generation),
        hint: `ask it: nomad-pki authority request ${name} --out FILE`,
      },
    )
  }
  return { begin: refuse, open: refuse }
}
