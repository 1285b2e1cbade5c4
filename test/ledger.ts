/**
 * Ledgers that tests make up, line by line.
 *
 * @module
 */

import { eventIn, type LedgerEvent } from '../src/inventory/ledger-events.js'
import { emptyHead, type Ledger } from '../src/inventory/ledger.js'

/** An event in a test's own words; what a reader does with a wrong one is its own affair. */
export function told(event: string, address: string, at: number, detail: object = {}): LedgerEvent {
  return { event, address, at, ...detail } as unknown as LedgerEvent
}

/** A ledger with more lines; nobody followed its chain. */
export function ledgerWith(events: readonly LedgerEvent[], before?: Ledger): Ledger {
  const { lines = [], events: known = [] } = before ?? {}
  const more = events.map((event, at) => ({ ...event, seq: lines.length + 1 + at, prev: '' }))
  return {
    ...(before ?? { head: emptyHead, tornBytes: 0 }),
    lines: [...lines, ...more],
    events: [...known, ...more.flatMap((line) => eventIn(line) ?? [])],
  }
}
