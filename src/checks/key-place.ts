/**
 * Where an authority's key is: what the spec says against what the store has.
 *
 * @module
 */

import { generationOf } from '../address.js'
import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import type { SignerKind } from '../cluster/signers.js'
import { issuerNameIn } from '../cluster/vault.js'
import type { Finding } from '../diagnostics.js'
import type { FoundAuthority, FoundKey, Inventory } from '../inventory/inventory.js'

/** How the spec's kinds are put in a sentence: "its key is …". */
const places: Readonly<Record<SignerKind, string>> = {
  file: 'a file in the store',
  encrypted: 'in the store, encrypted',
  'ssh-agent': 'in an ssh-agent',
  command: 'behind a command',
  offline: 'on another machine',
  engine: 'in Vault or OpenBao',
}

/**
 * Why nothing can be signed with the key of an authority, as far as the store tells.
 *
 * @param signer Where the spec says that the key is.
 * @param state The key in the store; `undefined` where the authority is not there.
 * @returns A clause about the key; `undefined` where nothing speaks against it.
 */
export function keylessText(
  signer: SignerKind,
  state: FoundKey['state'] = 'absent',
): string | undefined {
  if (signer !== 'file' && signer !== 'encrypted') return undefined
  switch (state) {
    case 'present':
      return undefined
    case 'encrypted':
      return signer === 'encrypted' ? undefined : 'is encrypted'
    case 'malformed':
      return 'cannot be parsed'
    case 'absent':
      return 'is not in the store'
  }
}

/**
 * What to do about a key that cannot sign.
 *
 * @param authority Whose key it is.
 * @param state The key in the store.
 */
export function keylessRemedy(
  { name, address }: { readonly name: string; readonly address: string },
  state: FoundKey['state'] = 'absent',
): string {
  return state === 'encrypted'
    ? `set \`signer: encrypted\` for ${name} in the spec`
    : `put ca-key.pem of ${address} into the store (mode 0400)`
}

/** Where the spec says that the key of a generation is. */
export function signerOf(
  address: string,
  { authorities }: Pick<Desired, 'authorities'>,
): SignerKind {
  return authorities.find((one) => one.address === address)?.signer ?? 'file'
}

/** Where an authority is in an engine. */
export interface PlaceInEngine {
  readonly mount: string
  /** The path of its issuer: `pki/nomad/issuer/us-west-1` */
  readonly issuer: string
}

/**
 * Where in Vault or OpenBao the key of a generation is. One that signs no more is where the spec says that its key is,
 * unless the store has that key.
 *
 * @returns `undefined` where it is not in an engine.
 */
export function placeInEngine(
  address: string,
  { authorities, formerInEngine = [] }: Pick<Desired, 'authorities' | 'formerInEngine'>,
  found: Pick<Inventory, 'authorities'>,
): PlaceInEngine | undefined {
  const listed = authorities.find((one) => one.address === address)
  const state = found.authorities.get(address)?.key.state ?? 'absent'
  const former = state === 'absent' && formerInEngine.find((one) => one.address === address)
  const { engine } = listed ?? (former || {})
  if (engine === undefined) return undefined
  const { mount } = engine
  return { mount, issuer: `${mount}/issuer/${issuerNameIn(engine, generationOf(address))}` }
}

/** Where the spec and the store differ. */
export function keyPlaceFindings(
  { address, name, generation, signer }: DesiredAuthority,
  { key }: Pick<FoundAuthority, 'key'>,
): readonly Finding[] {
  const say = (message: string, remedy: string): readonly Finding[] => [
    { severity: 'warning', address, reason: 'signer-differs', message, remedy },
  ]
  if (key.state === 'encrypted' && signer === 'file') {
    return say(
      'its key in the store is encrypted, and the spec does not say so',
      `set \`signer: encrypted\` for ${name} in the spec`,
    )
  }
  if (key.state === 'present' && signer === 'encrypted') {
    return say(
      'the spec says that its key is encrypted, and the key in the store is not',
      `nomad-pki authority encrypt ${address}`,
    )
  }
  if (key.state !== 'absent' && signer !== 'file' && signer !== 'encrypted') {
    return say(
      `the spec says that its key is ${places[signer]}, and the store has ca-key.pem`,
      `move ca-key.pem of generation ${generation} away, to a place that you trust; or correct \`signer\` of ${name} in the spec`,
    )
  }
  return []
}

/**
 * The command that asks a key on another machine for what waits for it.
 *
 * @param name The authority.
 * @param file The name of the file, without its end.
 */
export function askFor(name: string, file: string): string {
  return `nomad-pki authority request ${name} --out ${file}.request`
}

/** Where a key is, in words. */
export function placeText(signer: SignerKind): string {
  return places[signer]
}
