/** Names and texts that the tests of stores share. */

import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { told } from '../ledger.js'

export const s1 = { role: 'server', region: 'global', name: 's1' } as const
export const c1 = { role: 'client', region: 'eu_west', name: 'c1' } as const

/** Files that tell which generation they belong to. */
export function filesOf(mark: string): { key: string; cert: string; ca: string; manifest: string } {
  return {
    key: `key ${mark}\n`,
    cert: `cert ${mark}\n`,
    ca: `ca ${mark}\n`,
    manifest: `{"mark":"${mark}"}\n`,
  }
}

/** A line for the ledger. */
export function line(event: string, address: string, detail: object = {}): LedgerEvent {
  return told(event, address, 1_795_500_000_000, detail)
}
