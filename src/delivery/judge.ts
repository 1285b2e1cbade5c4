/**
 * Whether an archive may be put in place on a node, and whether a node may go back: what a shell can't judge
 * (chains, keys, and whether the same authority made it). Address, cluster, age, place and process are judged
 * by `install.sh` alone. It changes nothing.
 *
 * @module
 */

import { roleIn } from '../address.js'
import { latin1Of } from '../bytes.js'
import { isNomadPkiError } from '../errors.js'
import { isOverridden, type Override } from '../overrides.js'
import { fingerprintOf, type Certificate, fingerprintText } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { verifyChain } from '../x509/verify-chain.js'
import type { TrioCheck } from './check-trio.js'
import { checkTrio } from './check-trio.js'
import type { LastGeneration, NodeGeneration } from './node.js'
import type { Archive } from './read-archive.js'

/** Why an archive is refused, and what else to know of it. */
export interface Judgement {
  /** Sentences: with any of them nothing may be changed. */
  readonly faults: readonly string[]
  /** Sentences, what was overridden among them. */
  readonly warnings: readonly string[]
}

/**
 * Judges an archive for a node.
 *
 * @param archive The archive.
 * @param last What the node has, or had before it was removed.
 * @param now Epoch milliseconds.
 * @param overrides The guards that were overridden.
 * @param held For an archive without a key: the one that the node holds, or a sentence that says why it has none.
 */
export function judgeArchive(
  archive: Archive,
  last: LastGeneration,
  now: number,
  overrides: readonly Override[] = [],
  held?: Uint8Array | { readonly missing: string },
): Judgement {
  const faults: string[] = []
  const warnings: string[] = []
  const { manifest, generation } = archive
  const { present } = last
  const { ca } = archive.files
  const cert = archive.files.cert ?? present?.cert
  const missing = held !== undefined && 'missing' in held ? held.missing : undefined
  const key = archive.files.key ?? (held === undefined || 'missing' in held ? undefined : held)
  if (cert === undefined) faults.push('the archive has no certificate, and none is in place')
  if (key === undefined) {
    faults.push(
      missing ??
        'the archive has no key, and no key on this node is that of the certificate: nomad-pki request makes one, before the certificate',
    )
  }
  if (cert === undefined) return { faults, warnings }
  const trio = checkTrio({ ca, cert, key }, now, roleIn(manifest.address))
  const [leaf] = trio.chain
  if (leaf !== undefined && fingerprintOf(leaf) !== generation.leaf.fingerprint) {
    faults.push(`the leaf is not that of the manifest (${generation.leaf.fingerprint})`)
  }
  const sentence =
    last.lost === undefined && (present === undefined || present.directory === manifest.directory)
      ? undefined
      : whyAnother(trio, generation.leaf.fingerprint, last)
  if (sentence !== undefined) {
    const known = new Set(trustedLast(last))
    const unknown = trio.trust.filter((root) => !known.has(fingerprintOf(root)))
    const accepted =
      unknown.length > 0 &&
      unknown.every((root) => isOverridden(overrides, 'new-root', fingerprintText(root)))
    if (accepted) warnings.push(sentence)
    else faults.push(`${sentence}. ${newRootHint}`)
  }
  return { faults: [...faults, ...trio.faults], warnings: [...trio.warnings, ...warnings] }
}

/** Fingerprints of roots are not offered for copying: the store knows them. */
const newRootHint =
  'The agents that have not changed would refuse this node. Where the store was lost, restore it; where this is right: --override new-root=SHA256:HEX --reason TEXT, with the SHA-256 of the root in the archive as nomad-pki inspect shows it where the archive was packed'

/**
 * The other agents believe what this node believed until now: so the new leaf must be trusted by the
 * present trust, or the present leaf by the new one. Dates are left out, because a cluster that has
 * expired must be healable. Where the files are lost, the receipt still names the roots and the leaf.
 *
 * @returns Why another authority made it; `undefined` where what the node had vouches for it.
 */
function whyAnother(next: TrioCheck, leaf: string, last: LastGeneration): string | undefined {
  const { present, receipt, lost } = last
  const old = trustedLast(last)
  if (lost !== undefined) {
    if (receipt?.fingerprint === leaf) return undefined
  } else if (present !== undefined) {
    const trust = readQuietly(present.ca)
    if (accepts(trust, next.chain) || accepts(next.trust, readQuietly(present.cert))) {
      return undefined
    }
  }
  // Wider or narrower: then it follows, because each was whole when it was packed.
  const roots = next.trust.map(fingerprintOf)
  if (old.length > 0 && (isWithin(old, roots) || isWithin(roots, old))) return undefined
  if (lost === undefined) {
    return `another authority made it: the present trust (${present?.directory ?? 'none'}) does not accept the new leaf, and the new trust does not accept the present leaf`
  }
  return old.length > 0
    ? `another authority made it: the receipt of this node names other roots (${lost}, whose files are lost)`
    : `another authority may have made it: the files of ${lost} are lost, and its receipt does not name its roots`
}

/** SHA-256 of each root that the node trusted last, as far as its files or its receipt say. */
function trustedLast({ present, receipt, lost }: LastGeneration): readonly string[] {
  const noted = receipt?.roots ?? []
  if (lost !== undefined) return noted
  const found = readQuietly(present?.ca).map(fingerprintOf)
  return found.length === 0 && present?.directory === receipt?.directory ? noted : found
}

function isWithin(some: readonly string[], all: readonly string[]): boolean {
  return some.every((one) => all.includes(one))
}

function accepts(trust: readonly Certificate[], [leaf, ...rest]: readonly Certificate[]): boolean {
  return leaf !== undefined && verifyChain(leaf, rest, trust, { now: undefined }).ok
}

/** The certificates of a file; none where it was damaged in place: nothing vouches for anything then. */
export function readQuietly(pem: Uint8Array | undefined): readonly Certificate[] {
  try {
    return pem === undefined ? [] : parseCertificates(latin1Of(pem))
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return []
  }
}

/**
 * Judges the way back: agents on the old generation and agents on the present one must still talk to
 * each other, because the others have not gone back.
 *
 * @param present What the node has.
 * @param back Where to.
 * @param now Epoch milliseconds.
 * @param overrides The guards that were overridden: `rollback` to this generation lets pass what the other
 *   agents, or the clock, would refuse.
 */
export function judgeReturn(
  present: NodeGeneration,
  back: NodeGeneration,
  now: number,
  overrides: readonly Override[] = [],
): Judgement {
  const [here, there] = [present, back].map((one): TrioCheck | undefined => {
    const { ca, cert, key } = one
    if (ca === undefined || cert === undefined) return undefined
    return checkTrio({ ca, cert, key }, now, one.manifest && roleIn(one.manifest.address))
  })
  if (there === undefined) return { faults: [`${back.directory} is not whole`], warnings: [] }
  const faults = there.faults.map((fault) => `${back.directory}: ${fault}`)
  if (here === undefined) {
    return settle(faults, [`${present.directory} is not whole`], back, overrides)
  }
  const pairs = [
    [back.directory, there, present.directory, here, 'agents that still have it refuse this node'],
    [present.directory, here, back.directory, there, 'this node refuses agents that still have it'],
  ] as const
  for (const [name, { chain }, other, { trust }, effect] of pairs) {
    const [leaf, ...rest] = chain
    if (leaf === undefined) continue
    const verdict = verifyChain(leaf, rest, trust, { now })
    if (!verdict.ok) {
      faults.push(
        `the leaf of ${name} is not trusted by what ${other} trusts: ${verdict.message}; ${effect}`,
      )
    }
  }
  return settle(faults, there.warnings, back, overrides)
}

function settle(
  faults: readonly string[],
  warnings: readonly string[],
  { directory }: NodeGeneration,
  overrides: readonly Override[],
): Judgement {
  if (faults.length === 0 || isOverridden(overrides, 'rollback', directory)) {
    return { faults: [], warnings: [...warnings, ...faults] }
  }
  return {
    faults: [...faults, `to go back all the same: --override rollback=${directory} --reason TEXT`],
    warnings,
  }
}
