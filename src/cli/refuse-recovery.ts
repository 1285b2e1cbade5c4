/**
 * What `rollout --recover` refuses, because it would harm more than it cures.
 *
 * @module
 */

import { authorityNameOf, parseIdentity, sharedName } from '../address.js'
import { placeText, signerOf } from '../checks/key-place.js'
import type { Desired } from '../cluster/desired.js'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { agentsOf, type Recovery, type RecoveryAgent } from '../rotation/recovery.js'
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
  const name = authorityNameOf(address)
  const rotation = `nomad-pki rotate authority ${name} --run${flags}`
  throw new NomadPkiError(
    'ERR_REFUSED',
    `${address} can sign nothing, and no certificate has ended yet${until}`,
    {
      address,
      hint: {
        lost: `restore ${address} from a backup of the store`,
        'key-lost': `put ca-key.pem of ${address} back from a backup; or replace it while agents still accept each other: ${rotation}`,
        ended: `${editsText(rest.edits)}, then: nomad-pki apply${flags}`,
      }[fault.fault],
    },
  )
}

/** Edits of the spec in words: a rotation begins only with an authority that still signs. */
function editsText(edits: Recovery['edits']): string {
  const all = edits.map(({ name, signing, trusted }) => {
    const trust = trusted === undefined ? '' : `, trusted: [${trusted.join(', ')}]`
    return `\`signing: ${signing!}${trust}\` for ${name}`
  })
  return `set ${all.join(' and ')} in the spec`
}

/** A new root is trusted alone: an agent that lives by the old one would be cut off. */
export function refuseCutting(
  { faults, regions }: Recovery,
  { file }: { readonly file?: string | undefined },
): void {
  const held = faults.find(({ holds }) => holds.length > 0)
  if (held === undefined) return
  const { address, holds, fault } = held
  const flags = fileFlag({ file })
  const names = holds.slice(0, 5).map((one) => {
    const silent = one.answers ? '' : 'it does not answer; '
    const until = one.end === undefined ? 'its end is not known' : `until ${formatInstant(one.end)}`
    return `${parseIdentity(one.address).name} (${silent}${until})`
  })
  const more = holds.length > 5 ? ` and ${holds.length - 5} more` : ''
  const name = authorityNameOf(address)
  const back =
    fault === 'key-lost'
      ? `put ca-key.pem of ${address} back from a backup`
      : `restore ${address} from a backup`
  const last = Math.max(...holds.map(({ end }) => end ?? Infinity))
  const wait = Number.isFinite(last) ? `; or wait until ${formatInstant(last)}` : ''
  const gone = goneText(holds, flags)
  // Without its certificate no bundle holds both roots; and without a leader no stage comes to its end.
  const stages =
    fault === 'lost' || regions.some(({ quorumLost }) => quorumLost)
      ? ''
      : `; or, if the servers still have a leader: nomad-pki rotate authority ${name} --run${flags}`
  throw new NomadPkiError(
    'ERR_REFUSED',
    `${address} must be replaced, and these agents may still have a certificate of it that lives: ${names.join(', ')}${more}; a new root would cut them off`,
    { hint: `${back}, and then the same command${wait}${gone}${stages}` },
  )
}

/** A host that is gone holds nothing once the spec does not have it. */
function goneText(holds: readonly RecoveryAgent[], flags: string): string {
  const silent = holds.filter(({ answers }) => !answers)
  const own = silent.find(({ address }) => !isShared(address))
  if (own !== undefined) return goneRemedy(own.address, flags)
  return silent[0] === undefined ? '' : goneRemedy(silent[0].address, flags)
}

/** What to do where a host is gone. To remove what many hosts share removes all of them. */
export function goneRemedy(address: string, flags: string): string {
  if (!isShared(address)) {
    return `; or, where its host is gone, take it out of the spec: ${removal(address, flags)}`
  }
  const { role, region } = parseIdentity(address)
  return `; leave shared in the spec: it stands for each ${role} of ${region} that has its certificate, and that one host is gone does not show that all are`
}

function isShared(address: string): boolean {
  return parseIdentity(address).name === sharedName
}

/** The command that takes an agent out of the spec. */
function removal(address: string, flags: string): string {
  const { role, region, name } = parseIdentity(address)
  return `nomad-pki remove ${role} ${region}/${name}${flags}`
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
