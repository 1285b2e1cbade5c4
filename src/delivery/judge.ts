/**
 * Whether an archive may be put in place on a node, and whether a node may go back: everything that
 * speaks against it, at once. It changes nothing.
 *
 * @module
 */

import type { Manifest } from '../inventory/manifest.js'
import { fingerprintOf } from '../x509/certificate.js'
import { verifyChain } from '../x509/verify-chain.js'
import type { TrioCheck } from './check-trio.js'
import { checkTrio } from './check-trio.js'
import type { NodeGeneration } from './node.js'
import type { Archive } from './read-archive.js'

/** What was found. */
export interface Judgement {
  /** Sentences: with any of them nothing may be changed. */
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Judges an archive for a node.
 *
 * @param archive The archive.
 * @param present What the node has; `undefined`: nothing.
 * @param now Epoch milliseconds.
 */
export function judgeArchive(
  archive: Archive,
  present: NodeGeneration | undefined,
  now: number,
): Judgement {
  const faults: string[] = []
  const { manifest, generation } = archive
  if (manifest.layout === 'flat')
    faults.push('an archive of the layout flat is copied, not installed')
  const there = present?.manifest
  if (there !== undefined && there.address !== manifest.address) {
    faults.push(`the archive is for ${manifest.address}, and this is ${there.address}`)
  } else if (there !== undefined && isOlder(manifest, there)) {
    faults.push(
      `the archive was made at ${manifest.made}, before what is in place (${there.made}): --rollback goes back`,
    )
  }
  const { ca } = archive.files
  const cert = archive.files.cert ?? present?.cert
  const key = archive.files.key ?? present?.key
  if (cert === undefined) faults.push('the archive has no certificate, and none is in place')
  if (key === undefined) faults.push('the archive has no key, and none is in place')
  if (cert === undefined) return { faults, warnings: [] }
  const trio = checkTrio({ ca, cert, key }, now)
  const [leaf] = trio.chain
  if (leaf !== undefined && fingerprintOf(leaf) !== generation.leaf.fingerprint) {
    faults.push(`the leaf is not that of the manifest (${generation.leaf.fingerprint})`)
  }
  return { faults: [...faults, ...trio.faults], warnings: trio.warnings }
}

/** By time; by number where two were made in one second. */
function isOlder(one: Made, other: Made): boolean {
  const [a, b] = [Date.parse(one.made), Date.parse(other.made)]
  return a < b || (a === b && one.generation < other.generation)
}

type Made = Pick<Manifest, 'made' | 'generation'>

/**
 * Judges the way back: who is on the old generation and who is on the present one must still talk to
 * each other, because the others have not gone back.
 *
 * @param present What the node has.
 * @param back Where to.
 * @param now Epoch milliseconds.
 */
export function judgeReturn(present: NodeGeneration, back: NodeGeneration, now: number): Judgement {
  const [here, there] = [present, back].map((one): TrioCheck | undefined => {
    const { ca, cert, key } = one
    if (ca === undefined || cert === undefined) return undefined
    return checkTrio({ ca, cert, key }, now)
  })
  if (there === undefined) return { faults: [`${back.directory} is not whole`], warnings: [] }
  const faults = there.faults.map((fault) => `${back.directory}: ${fault}`)
  if (here === undefined) return { faults, warnings: [`${present.directory} is not whole`] }
  const pairs = [
    [back.directory, there, present.directory, here],
    [present.directory, here, back.directory, there],
  ] as const
  for (const [name, { chain }, other, { trust }] of pairs) {
    const [leaf, ...rest] = chain
    if (leaf === undefined) continue
    const verdict = verifyChain(leaf, rest, trust, { now })
    if (!verdict.ok) {
      faults.push(`the leaf of ${name} is not trusted by what ${other} trusts: ${verdict.message}`)
    }
  }
  return { faults, warnings: there.warnings }
}
