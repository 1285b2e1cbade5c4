/**
 * Certificates of nodes that renew themselves, as agents presented them or receipts brought them. An engine signed them,
 * so no line of the ledger made them: the certificate itself is noted, once.
 *
 * @module
 */

import { isIssuedBy, isSignedUnder } from '../checks/issued-by.js'
import { isNomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import { memoByText } from '../memo.js'
import { fingerprintOf, parseCertificate, type Certificate } from '../x509/certificate.js'
import type { Observation } from './evidence.js'

/**
 * Finds the authority of this store that signed a leaf with a key that is not in the store, as that of an engine: others
 * ask such an authority too.
 *
 * @returns `authority/us-west/1`; `undefined` where none did.
 */
function engineSignerOf(
  leaf: Certificate,
  { authorities }: Pick<Inventory, 'authorities'>,
): string | undefined {
  for (const [address, { certificate, key }] of authorities) {
    if (certificate === undefined || key.state !== 'absent') continue
    if (isSignedUnder(leaf, certificate)) return address
  }
  return undefined
}

/** The longest leaf that is noted, characters of base64: ours have less than a thousand. */
const longest = 16_000

/**
 * The text by which a leaf is noted.
 *
 * @returns Its DER in base64; `undefined` for what no authority with a key elsewhere signed.
 */
export function leafText(
  leaf: Certificate,
  inventory: Pick<Inventory, 'authorities'>,
): string | undefined {
  const text = Buffer.from(leaf.der).toString('base64')
  return text.length > longest || engineSignerOf(leaf, inventory) === undefined ? undefined : text
}

/** SHA-256 of each leaf that a ledger has as a certificate, hex. */
export function notedLeaves({ events }: Pick<Ledger, 'events'>): ReadonlySet<string> {
  return new Set(
    events.flatMap((event) =>
      (event.event === 'observed' || event.event === 'received') && event.leaf !== undefined
        ? [event.fingerprint]
        : [],
    ),
  )
}

/** Gives the certificate with a SHA-256 (hex); `undefined` where none was noted. */
export type LeafReader = (fingerprint: string) => Certificate | undefined

/**
 * Opens the leaves that were noted, and those that were just seen. Each is read when it is asked for: a ledger keeps all
 * that there ever were.
 *
 * @param seen What a probe saw and nobody noted yet. Default: nothing.
 * @returns A text that is not the certificate of its line counts as none.
 */
export function presentedLeaves(
  { events }: Pick<Ledger, 'events'>,
  seen: readonly Pick<Observation, 'fingerprint' | 'leaf'>[] = [],
): LeafReader {
  const texts = new Map<string, string>()
  for (const event of events) {
    if (event.event !== 'observed' && event.event !== 'received') continue
    if (event.leaf !== undefined) texts.set(event.fingerprint, event.leaf)
  }
  for (const { fingerprint, leaf } of seen) if (leaf !== undefined) texts.set(fingerprint, leaf)
  return memoByText((fingerprint: string) => {
    const text = texts.get(fingerprint)
    const leaf = text === undefined ? undefined : leafIn(text)
    return leaf !== undefined && fingerprintOf(leaf) === fingerprint ? leaf : undefined
  })
}

/** The authority of this store that a noted leaf names as its issuer; its signature was checked when it was noted. */
export function issuerOfNoted(
  leaf: Certificate,
  { authorities }: Pick<Inventory, 'authorities'>,
): string | undefined {
  for (const [address, { certificate }] of authorities) {
    if (certificate !== undefined && isIssuedBy(leaf, certificate)) return address
  }
  return undefined
}

/** Whose leaf it is, and when it was noted. */
export interface PresentedLeaf {
  /** The agent that was asked, or that wrote the receipt. */
  readonly address: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly leaf: Certificate
}

/** Lists the leaves that were noted, with the agents that presented them or put them in place. */
export function presentedBy({ events }: Pick<Ledger, 'events'>): readonly PresentedLeaf[] {
  return events.flatMap((event) => {
    if (event.event !== 'observed' && event.event !== 'received') return []
    const leaf = event.leaf === undefined ? undefined : leafIn(event.leaf)
    const address = event.event === 'observed' ? (event.asked ?? event.address) : event.address
    return leaf === undefined ? [] : [{ address, at: event.at, leaf }]
  })
}

/** The certificate of a text; `undefined` for what is none. */
function leafIn(text: string): Certificate | undefined {
  try {
    return parseCertificate(Buffer.from(text, 'base64'))
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return undefined
  }
}

/**
 * Judges a leaf that a file of evidence has.
 *
 * @returns The text by which it is noted; `undefined` where there is none, or no authority of ours signed it;
 *   `fault` for what is not that certificate.
 */
export function givenLeaf(
  text: string | undefined,
  fingerprint: string,
  inventory: Pick<Inventory, 'authorities'>,
): string | undefined {
  if (text === undefined) return undefined
  const leaf = leafIn(text)
  if (leaf === undefined || fingerprintOf(leaf) !== fingerprint) return 'fault'
  return leafText(leaf, inventory)
}
