/**
 * What has to be run after an edit of the spec: `apply`, and before it what brings signatures of keys that are not at
 * hand.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { askFor, signerOf } from '../checks/key-place.js'
import type { AuthorityEdit } from '../cluster/edit-authority.js'
import { desire } from '../cluster/desire.js'
import type { AuthoritySpec, ClusterSpec } from '../cluster/spec.js'
import type { Inventory } from '../inventory/inventory.js'
import { missingCrosses } from '../plan/missing-crosses.js'

/** A command, without `--file`. */
export interface RecipeStep {
  /** Where it is run: where the store is, or on the machine that has the key. */
  readonly on: 'store' | 'key'
  readonly command: string
  /** What `cluster.yaml` of that machine must say before. */
  readonly edit?: AuthorityEdit | undefined
}

/** What is known of the store. */
export interface RecipeFacts {
  readonly inventory: Inventory
  /** Epoch milliseconds. */
  readonly now: number
  /** Addresses of authorities that earlier steps of the recipe make. */
  readonly made?: ReadonlySet<string> | undefined
}

/** A command where the store is. */
export function here(command: string): RecipeStep {
  return { on: 'store', command }
}

/**
 * The commands that make what a spec names and the store lacks.
 *
 * @param spec The spec after the edit.
 * @returns `apply` last.
 */
export function applySteps(
  spec: ClusterSpec,
  { inventory, now, made = new Set() }: RecipeFacts,
): readonly RecipeStep[] {
  const desired = desire(spec)
  const lacking = desired.authorities.filter(
    ({ address }) =>
      !made.has(address) && inventory.authorities.get(address)?.certificate === undefined,
  )
  const isOffline = (address: string): boolean => signerOf(address, desired) === 'offline'
  /** What waits, by the authority whose key signs it. */
  const asked = new Map<string, string[]>()
  const ask = (signer: string, address: string): void => {
    if (!isOffline(signer)) return
    const name = authorityNameOf(signer)
    asked.set(name, [...(asked.get(name) ?? []), address])
  }
  for (const { address, issuer } of lacking) ask(issuer?.address ?? address, address)
  for (const wanted of desired.authorities) {
    if (made.has(wanted.address)) continue
    for (const by of missingCrosses(wanted, inventory, now)) ask(by, wanted.address)
  }
  const setUps = lacking
    .filter(({ signer }) => signer === 'engine')
    .map(({ address, name, issuer }) => ({
      step: here(`nomad-pki authority setup ${name}`),
      // Its key is made first, and its certificate is put there when the answer is taken.
      twice: isOffline(issuer?.address ?? address),
    }))
  // What signs for an engine is made before: the set-up makes no authority but its own.
  const above = new Set(
    lacking.flatMap(({ signer, issuer }) =>
      signer === 'engine' && issuer ? [issuer.address] : [],
    ),
  )
  const first = lacking.filter(
    ({ address, signer, issuer }) =>
      above.has(address) && signer !== 'engine' && !isOffline(issuer?.address ?? address),
  )
  return [
    ...setUps.filter(({ twice }) => twice).map(({ step }) => step),
    ...[...asked].flatMap(([name, addresses]) => askSteps(spec, name, addresses)),
    ...first.map(({ address }) => here(`nomad-pki apply ${address}`)),
    ...setUps.map(({ step }) => step),
    here('nomad-pki apply'),
  ]
}

/** Asks a key on another machine. The file has the name of what is asked, so that no round writes that of another. */
function askSteps(
  spec: ClusterSpec,
  name: string,
  [first, ...others]: readonly string[],
): readonly RecipeStep[] {
  const file = `${authorityNameOf(first!)}-${generationOf(first!)}`
  const root = [first!, ...others].some((address) => authorityNameOf(address) === name)
  const { signing, trusted, crossed } = spec.authorities.find((one) => one.name === name)!
  // A key is made and used there under the generations that the spec there names.
  const edit = { name, signing, trusted, ...(crossed && { crossed }) }
  return [
    here(askFor(name, file)),
    {
      on: 'key',
      command: `nomad-pki authority accept ${file}.request --out ${file}.answer`,
      ...(root && { edit }),
    },
    here(`nomad-pki authority accept ${file}.answer`),
  ]
}

/** A spec with edits of its authorities, as it is read when they are written. */
export function withEdits(spec: ClusterSpec, edits: readonly AuthorityEdit[]): ClusterSpec {
  const authorities = spec.authorities.map((one): AuthoritySpec => {
    const edit = edits.find(({ name }) => name === one.name)
    if (edit === undefined) return one
    const { signing = one.signing, crossed = one.crossed } = edit
    const trusted = edit.trusted ?? (one.issuer === undefined ? one.trusted : [signing])
    const signers = { ...one.signers }
    for (const generation of [...trusted, signing]) signers[generation] ??= one.nextSigner
    return { ...one, signing, trusted, crossed, signers }
  })
  return { ...spec, authorities }
}

/** The addresses of the authorities that a spec names. */
export function namedIn(spec: ClusterSpec): readonly string[] {
  return desire(spec).authorities.map(({ address }) => address)
}
