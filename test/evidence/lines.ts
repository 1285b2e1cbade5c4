/**
 * A store as it would be if its ledger had more lines, and those that a probe of given agents writes.
 *
 * @module
 */

import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { ledgerWith } from '../ledger.js'

/** The same, with more lines. */
export function withLines(inventory: Inventory, events: readonly LedgerEvent[]): Inventory {
  return { ...inventory, ledger: ledgerWith(events, inventory.ledger) }
}

/** What an agent shows: a generation that was made, a leaf of nobody, or nothing. */
export interface Shown {
  readonly address: string
  readonly at: number
  /** Default: the newest. `0`: nothing answers; `-1`: a leaf of nobody. */
  readonly generation?: number | undefined
  /** Default: what that generation trusts. */
  readonly trusts?: readonly string[] | null | undefined
  readonly host?: string | undefined
}

/** The lines of one probe. */
export function probed({ ledger }: Inventory, shown: readonly Shown[]): readonly LedgerEvent[] {
  return shown.flatMap(({ address, at, generation, trusts, host = '10.0.0.1' }) => {
    const made = ledger.events.flatMap((line) =>
      line.address === address && (line.event === 'issued' || line.event === 'refreshed')
        ? [line]
        : [],
    )
    const line = made.find((one) => one.generation === generation) ?? made.at(-1)!
    const ports = address.startsWith('identity/client/') ? [false] : [false, true]
    return ports.map((rpc): LedgerEvent => {
      const port = { address, at, run: at, rpc, endpoint: `${host}:464${rpc ? 7 : 6}` }
      if (generation === 0) return { event: 'silent', message: 'nothing listens there', ...port }
      return {
        ...{ event: 'observed', ...port },
        fingerprint: generation === -1 ? 'f'.repeat(64) : line.fingerprint,
        generation: generation === -1 ? null : line.generation,
        trusts: trusts === undefined ? line.trusted! : trusts,
      }
    })
  })
}
