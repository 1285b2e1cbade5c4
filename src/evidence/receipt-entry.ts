/**
 * The receipt of an installer, as one object of evidence: held against what the ledger has, and turned
 * into its lines.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import { ledgerEvents, type EventField, type LedgerEvent } from '../inventory/ledger-events.js'
import { fingerprintOf, parseCertificate, type Certificate } from '../x509/certificate.js'
import { ownSignerOf } from './copies.js'
import type { Entry } from './entry.js'
import type { MadeGenerations } from './generations.js'
import { leafText } from './presented.js'
import type { Recogniser } from './recognise.js'

/** What an installer writes, as far as it is read here: the ledger's fields, and the chain. */
const receiptFields = {
  generation: ledgerEvents.received.fields.generation,
  fingerprint: ledgerEvents.received.fields.fingerprint,
  archive: ledgerEvents.received.fields.archive,
  host: ledgerEvents.received.fields.host,
  state: ledgerEvents.received.fields.state,
  chain: {
    type: 'texts',
    text: 'the certificates of `cert.pem` in base64, the leaf first: they show which key signed a generation that the ledger lacks',
    optional: true,
  },
  roots: { type: 'texts', text: 'SHA-256 of each root in `ca.pem`', optional: true },
} as const

/** What a receipt says of each override. */
const overrideFields = {
  code: ledgerEvents.override.fields.code,
  value: ledgerEvents.override.fields.value,
  reason: ledgerEvents.override.fields.reason,
} as const

/** The same tables, for the schema. */
export const receiptTables: Readonly<
  Record<'receipt' | 'override', Readonly<Record<string, EventField>>>
> = { receipt: receiptFields, override: overrideFields }

/** What a receipt is held against. */
export interface ReceiptFacts {
  readonly inventory: Inventory
  /** The generations of its ledger. */
  readonly made: MadeGenerations
  /** Tells leaves and roots of that ledger and store. */
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
  const read = entry.fields(receiptFields)
  if (read === undefined) return []
  const { generation, fingerprint, archive, host, state, chain, roots = [] } = read
  const own = made.get(address)?.find(({ number }) => number === generation)
  let copy: Copied | Presented | undefined
  if (own?.fingerprint !== fingerprint) {
    const found =
      known.leaf(fingerprint) === undefined
        ? copyIn(entry, chain, fingerprint, inventory)
        : undefined
    if (found === 'fault') return []
    if (found === undefined) {
      unmade(entry, address, generation, own?.fingerprint)
      return []
    }
    copy = 'leaf' in found ? { ...found, ...trustedIn(roots, inventory) } : found
  }
  const received: LedgerEvent = {
    event: 'received',
    ...{ address, at, generation, fingerprint, archive, host },
    ...(state !== undefined && { state }),
    ...copy,
  }
  const overrides = entry.entries('overrides').flatMap((one): readonly LedgerEvent[] => {
    const said = one.fields(overrideFields)
    return said === undefined ? [] : [{ event: 'override', address, at, ...said, host }]
  })
  return [received, ...overrides]
}

/** What to do about a generation that the ledger lacks. */
export function copyHint(address: string): string {
  return `is this the store that the agents were given their certificates from? nomad-pki probe ${address} tells whether another copy of it made this one`
}

/** Reports a generation that the ledger lacks and whose chain does not show its issuer. */
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

/** A leaf that an engine signed for a node that renews itself. */
interface Presented {
  readonly leaf: string
  readonly trusted?: readonly string[]
}

/** The roots of a receipt, by address where they are ours. Receipts of earlier installers have none. */
function trustedIn(
  roots: readonly string[],
  { authorities }: Inventory,
): Pick<Presented, 'trusted'> {
  if (roots.length === 0) return {}
  const own = new Map(
    [...authorities].flatMap(([address, { certificate }]) =>
      certificate === undefined ? [] : [[fingerprintOf(certificate), address] as const],
    ),
  )
  return { trusted: [...new Set(roots.map((one) => own.get(one.replace(/^SHA256:/, '')) ?? one))] }
}

interface Copied {
  readonly under: string
  readonly serial: string
}

/** No chain of ours has more. */
const longestChain = 10

/**
 * Whose key signed the chain of a receipt: the leaf is one that the ledger lacks. A leaf of an engine is given back whole.
 *
 * @param fingerprint SHA-256 of the leaf as the receipt names it, hex.
 * @returns `undefined` where the receipt has no chain (of earlier installers), or no key of ours signed
 *   it; `fault`, and a diagnostic, for what is not the chain of that leaf.
 */
function copyIn(
  entry: Entry,
  texts: readonly string[] = [],
  fingerprint: string,
  inventory: Inventory,
): Copied | Presented | undefined | 'fault' {
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
  if (under !== undefined) return { under, serial: leaf.serial }
  const text = leafText(leaf, inventory)
  return text === undefined ? undefined : { leaf: text }
}
