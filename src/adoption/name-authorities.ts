/**
 * Names and generations that authorities of a folder get in the spec, after those that the store has.
 *
 * @module
 */

import { authorityNameOf, generationOf, isOfAuthority } from '../address.js'
import type { AuthoritySpec } from '../cluster/spec.js'
import type { OwnList } from '../inventory/list-in.js'
import { fingerprintOf, fingerprintText, isTwin, type Certificate } from '../x509/certificate.js'
import { isSameLine } from './region-signers.js'
import { isSelfSigned, type Tree, type Trees } from './trees.js'

/** The name of the root in the spec, as the template has it. */
const rootName = 'agent'

/** What the spec says of the generations of an authority. */
export type SpecifiedAuthority = Pick<
  AuthoritySpec,
  'name' | 'signing' | 'trusted' | 'fingerprints'
>

/** An authority of the store. */
export interface PresentAuthority {
  readonly address: string
  readonly certificate: Certificate
  /** Its revocation list, under the last number that is known; default: there is none. */
  readonly list?: OwnList | undefined
}

/** Authorities by their names and numbers in the spec. */
export class Named extends Map<Tree, { readonly name: string; readonly generation: number }> {
  /** Those that cannot be adopted, because the store has another one. */
  readonly refused: Set<Tree> = new Set<Tree>()
}

/** Names of authorities in the spec: the roots are generations of one, intermediates are named by their region. */
export function nameAuthorities(
  { trees }: Trees,
  roots: readonly Tree[],
  signers: ReadonlySet<Tree>,
  regions: ReadonlyMap<Tree, ReadonlySet<string>>,
  known: ReadonlyMap<string, string>,
): Named {
  const named = new Named()
  const begun = [...known.values()].filter((address) => address.startsWith('authority/'))
  const take = (tree: Tree, name: string, generation: number): void => {
    const address = known.get(fingerprintOf(tree.certificate))
    const twin = begun.findLast((one) =>
      trees.some(
        ({ certificate }) =>
          known.get(fingerprintOf(certificate)) === one && isTwin(certificate, tree.certificate),
      ),
    )
    if (address !== undefined) {
      named.set(tree, { name: authorityNameOf(address), generation: generationOf(address) })
    } else if (twin !== undefined) {
      // It comes after the one whose key it has, which is the newest.
      const of = authorityNameOf(twin)
      const last = Math.max(...begun.filter((one) => isOfAuthority(one, of)).map(generationOf))
      named.set(tree, { name: of, generation: last + 1 })
    } else if (begun.some((one) => isOfAuthority(one, name))) named.refused.add(tree)
    else named.set(tree, { name, generation })
  }
  for (const [index, tree] of [...roots].sort(oldestFirst).entries())
    take(tree, rootName, index + 1)
  const signing = [...signers].filter((tree) => tree.issuer !== undefined && named.has(tree.issuer))
  // All leaves of an earlier generation can be renewed.
  const between = trees.filter(
    (tree) =>
      signing.includes(tree) ||
      (known.has(fingerprintOf(tree.certificate)) &&
        signing.some((one) => isSameLine(one, tree, regions))),
  )
  const lines: Tree[][] = []
  for (const tree of between.sort(oldestFirst)) {
    const line = lines.find((one) => one.some((other) => isSameLine(other, tree, regions)))
    if (line === undefined) lines.push([tree])
    else line.push(tree)
  }
  const taken = new Set<string>([rootName])
  for (const line of lines) {
    const own = new Set(line.flatMap((tree) => [...(regions.get(tree) ?? [])]))
    const [region] = own
    const wanted = lines.length > 1 && own.size === 1 ? region! : 'issuing'
    let name = wanted
    for (let next = 2; taken.has(name); next += 1) name = `${wanted}-${next}`
    taken.add(name)
    const stored = line.flatMap((tree) => known.get(fingerprintOf(tree.certificate)) ?? [])
    const [one] = stored
    if (one === undefined) {
      for (const [index, tree] of line.entries()) take(tree, name, index + 1)
      continue
    }
    // The old tool made a generation after those of the store.
    let number = Math.max(
      ...begun.filter((other) => isOfAuthority(other, authorityNameOf(one))).map(generationOf),
    )
    for (const tree of line) {
      if (known.has(fingerprintOf(tree.certificate))) take(tree, name, 0)
      else named.set(tree, { name: authorityNameOf(one), generation: ++number })
    }
  }
  return named
}

/**
 * Whether a certificate that the old tool made again becomes the next generation: what it renews is the
 * newest of its authority, and the spec does not replace that.
 *
 * @param address What it renews, in the store.
 */
export function isNextOf(
  address: string,
  later: Certificate,
  present: readonly PresentAuthority[],
  specified: readonly SpecifiedAuthority[],
): boolean {
  const name = authorityNameOf(address)
  const number = generationOf(address)
  if (present.some((one) => isOfAuthority(one.address, name) && generationOf(one.address) > number))
    return false
  const said = specified.find((one) => one.name === name)
  if (said === undefined) return true
  // An intermediate has no pin, and agents need not know its next generation.
  if (!isSelfSigned(later)) return said.signing <= number + 1
  const newest = Math.max(...said.trusted, said.signing)
  // An earlier run was interrupted after it had written the spec.
  return (
    newest === number ||
    (newest === number + 1 && said.fingerprints[newest] === fingerprintText(later))
  )
}

function oldestFirst({ certificate: a }: Tree, { certificate: b }: Tree): number {
  if (isTwin(a, b)) return a.notAfter - b.notAfter
  return a.notBefore - b.notBefore || (fingerprintOf(a) < fingerprintOf(b) ? -1 : 1)
}
