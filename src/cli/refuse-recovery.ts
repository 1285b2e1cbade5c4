/**
 * What `rollout --recover` refuses, because it would harm more than it cures.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import { placeText, signerOf } from '../checks/key-place.js'
import type { Desired } from '../cluster/desired.js'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { agentsOf, type Recovery } from '../rotation/recovery.js'
import { fileFlag } from './workspace.js'

/**
 * What cannot sign any more is replaced best while agents still accept each other.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
export function refuseEarly({ faults: [fault], ...rest }: Recovery, flags: string): void {
  if (fault === undefined) return
  const ends = agentsOf({ faults: [], ...rest }).flatMap(({ end }) => end ?? [])
  const until = ends.length === 0 ? '' : `; the first ends on ${formatInstant(Math.min(...ends))}`
  const { address } = fault
  const name = address.slice('authority/'.length, address.lastIndexOf('/'))
  throw new NomadPkiError(
    'ERR_REFUSED',
    `${address} can sign nothing, and no certificate has ended yet${until}`,
    {
      address,
      hint:
        fault.fault === 'lost'
          ? `restore ${address} from a backup of the store`
          : `put ca-key.pem of ${address} back from a backup; or replace it while agents still accept each other: nomad-pki rotate authority ${name} --run${flags}`,
    },
  )
}

/** A new root is trusted alone: whoever lives by the old one would be cut off. */
export function refuseCutting(
  { faults }: Recovery,
  { file }: { readonly file?: string | undefined },
): void {
  const held = faults.find(({ holds }) => holds.length > 0)
  if (held === undefined) return
  const { address, holds, fault } = held
  const names = holds.slice(0, 5).map((one) => {
    const until = one.end === undefined ? 'it does not answer' : `until ${formatInstant(one.end)}`
    return `${parseIdentity(one.address).name} (${until})`
  })
  const more = holds.length > 5 ? ` and ${holds.length - 5} more` : ''
  const name = address.slice('authority/'.length, address.lastIndexOf('/'))
  const back =
    fault === 'key-lost'
      ? `put ca-key.pem of ${address} back from a backup`
      : `restore ${address} from a backup`
  // Without its certificate no bundle holds both roots.
  const stages =
    fault === 'lost'
      ? ''
      : `; or, if the servers still have a leader: nomad-pki rotate authority ${name} --run${fileFlag({ file })}`
  throw new NomadPkiError(
    'ERR_REFUSED',
    `${address} must be replaced, and these agents may still have a certificate of it that lives: ${names.join(', ')}${more}; a new root would cut them off`,
    {
      hint: `${back}, and then the same command; or wait until theirs have ended${stages}`,
    },
  )
}

/** An authority whose key is elsewhere is not lost with its files: its certificate comes back, and it signs. */
export function refuseKept({ faults }: Recovery, desired: Desired): void {
  for (const { address, fault } of faults) {
    const signer = signerOf(address, desired)
    if (fault !== 'lost' || signer === 'file' || signer === 'encrypted') continue
    throw new NomadPkiError(
      'ERR_REFUSED',
      `${address} is not in the store, and its key is not lost with it: the spec says that it is ${placeText(signer)}`,
      {
        address,
        hint: `restore ${address} from a backup of the store, and then the same command; to replace it all the same, raise \`signing\` and \`trusted\` in the spec`,
      },
    )
  }
}
