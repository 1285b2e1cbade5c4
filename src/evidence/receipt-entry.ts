/**
 * The receipt of an installer, as an entry of a file of evidence: held against what the ledger has, and
 * turned into its lines.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { fingerprintOf, parseCertificate, type Certificate } from '../x509/certificate.js'
import { ownSignerOf } from './copies.js'
import { digestIn } from './entry-texts.js'
import { receiptStates } from './evidence.js'
import type { Entry } from './evidence-reader.js'
import type { MadeGenerations } from './generations.js'
import type { Recogniser } from './recognise.js'

/** What a receipt is held against. */
export interface ReceiptFacts {
  readonly inventory: Inventory
  /** Of its ledger. */
  readonly made: MadeGenerations
  /** Of the same. */
  readonly known: Recogniser
}

/**
 * The lines of the ledger that a receipt is worth: what was put in place, and what was overridden for it.
 * A generation that the ledger lacks is taken where its chain shows that a key of ours signed it.
 *
 * @param entry Keeps what is wrong with it.
 * @param whose The agent, and when it was written, epoch milliseconds.
 * @returns None, and a diagnostic, where something is wrong.
 */
export function receiptEvents(
  entry: Entry,
  { address, at }: { readonly address: string; readonly at: number },
  { inventory, made, known }: ReceiptFacts,
): readonly LedgerEvent[] {
  const generation = entry.number('generation')
  const fingerprint = digestIn(entry, 'fingerprint')
  const archive = entry.nullable('archive', () => digestIn(entry, 'archive'))
  const host = entry.nullable('host', () => entry.text('host', { most: 253 }))
  const state = entry.has('state') ? entry.word('state', receiptStates) : null
  if (
    generation === undefined ||
    fingerprint === undefined ||
    archive === undefined ||
    host === undefined ||
    state === undefined
  ) {
    return []
  }
  const own = made.get(address)?.find(({ number }) => number === generation)
  let copy: Copied | undefined
  if (own?.fingerprint !== fingerprint) {
    const found =
      known.leaf(fingerprint) === undefined ? copyIn(entry, fingerprint, inventory) : undefined
    if (found === 'fault') return []
    if (found === undefined) {
      unmade(entry, address, generation, own?.fingerprint)
      return []
    }
    copy = found
  }
  const received: LedgerEvent = {
    event: 'received',
    ...{ address, at, generation, fingerprint, archive, host },
    ...(state !== null && { state }),
    ...copy,
  }
  const overrides = entry.entries('overrides').flatMap((one): readonly LedgerEvent[] => {
    const code = one.text('code', { most: 64 })
    const value = one.text('value', { most: 600 })
    const reason = one.text('reason', { most: 1000 })
    if (code === undefined || value === undefined || reason === undefined) return []
    return [{ event: 'override', ...{ address, at, code, value, reason, host } }]
  })
  return [received, ...overrides]
}

/** What to do about a generation that the ledger lacks. */
export function copyHint(address: string): string {
  return `is this the store that the agents were given their certificates from? nomad-pki probe ${address} tells whether another copy of it made this one`
}

/** Says that the ledger lacks it, and the chain does not show whose it is. */
function unmade(
  entry: Entry,
  address: string,
  generation: number,
  other: string | undefined,
): void {
  const hint = copyHint(address)
  if (other === undefined) {
    const message = `${address} has no generation ${generation}`
    entry.fault('generation', 'evidence/generation', message, { hint })
  } else {
    const message = `generation ${generation} of ${address} has another leaf (SHA-256 ${other.slice(0, 16)}…)`
    entry.fault('fingerprint', 'evidence/fingerprint', message, { hint })
  }
}

interface Copied {
  readonly under: string
  readonly serial: string
}

/** A certificate in a receipt, base64 characters: an installer leaves out what is longer. */
const longestCertificate = 16_384

/** No chain of ours has more. */
const longestChain = 10

/**
 * Whose key signed the chain of a receipt: the leaf is one that the ledger lacks.
 *
 * @param fingerprint SHA-256 of the leaf as the receipt names it, hex.
 * @returns `undefined` where the receipt has no chain (of earlier installers), or no key of ours signed
 *   it; `fault`, and a diagnostic, for what is not the chain of that leaf.
 */
function copyIn(
  entry: Entry,
  fingerprint: string,
  inventory: Inventory,
): Copied | undefined | 'fault' {
  if (!entry.has('chain')) return undefined
  const texts = entry.texts('chain', { most: longestCertificate })
  if (texts === undefined) return 'fault'
  const chain: Certificate[] = []
  for (const text of texts.slice(0, longestChain)) {
    try {
      chain.push(parseCertificate(Buffer.from(text, 'base64')))
    } catch (error) {
      if (!isNomadPkiError(error)) throw error
      entry.fault('chain', 'evidence/value', `it is not a chain of certificates: ${error.message}`)
      return 'fault'
    }
  }
  const [leaf] = chain
  if (leaf === undefined) return undefined
  if (fingerprintOf(leaf) !== fingerprint) {
    entry.fault('chain', 'evidence/fingerprint', 'its first certificate is not that leaf', {
      expected: `SHA-256 ${fingerprint}`,
    })
    return 'fault'
  }
  const under = ownSignerOf(chain, inventory)
  return under === undefined ? undefined : { under, serial: leaf.serial }
}
