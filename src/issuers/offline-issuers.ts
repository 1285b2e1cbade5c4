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
        hint: 'bring the key to this store for as long as it signs: signer: file in the spec, ca-key.pem beside its ca.pem, nomad-pki apply; then take both back',
      },
    )
  }
  return { begin: refuse, open: refuse }
}
