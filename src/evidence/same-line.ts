/**
 * When two lines of evidence are one and the same: a file can be taken twice.
 *
 * @module
 */

import type { LedgerEvent } from '../inventory/ledger-events.js'

/** What makes two lines the same. */
export function keyOf(event: LedgerEvent): string {
  switch (event.event) {
    case 'observed': {
      const { at, endpoint, rpc, fingerprint, trusts } = event
      return JSON.stringify(['observed', at, endpoint, rpc, fingerprint, trusts])
    }
    case 'silent':
      return JSON.stringify(['silent', event.address, event.at, event.endpoint, event.rpc])
    case 'received': {
      const { address, at, generation, fingerprint } = event
      return JSON.stringify(['received', address, at, generation, fingerprint])
    }
    case 'override': {
      // Each later receipt of the generation says it again.
      const { address, code, value, reason, host } = event
      return JSON.stringify(['override', address, code, value, reason, host])
    }
    case 'members':
      return JSON.stringify(['members', event.at, event.region])
    default:
      return ''
  }
}
