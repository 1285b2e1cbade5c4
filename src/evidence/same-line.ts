/**
 * When two lines of evidence are one and the same: a file can be taken twice.
 *
 * @module
 */

import type { LedgerEvent } from '../inventory/store.js'

/** What makes two lines the same. */
export function keyOf(event: LedgerEvent): string {
  const { address, at, endpoint, rpc, fingerprint, generation, region, trusts } = event
  switch (event.event) {
    case 'observed':
      return JSON.stringify(['observed', at, endpoint, rpc, fingerprint, trusts])
    case 'silent':
      return JSON.stringify(['silent', address, at, endpoint, rpc])
    case 'received':
      return JSON.stringify(['received', address, at, generation, fingerprint])
    case 'override':
      // Each later receipt of the generation says it again.
      return JSON.stringify([
        'override',
        address,
        event.code,
        event.value,
        event.reason,
        event.host,
      ])
    case 'members':
      return JSON.stringify(['members', at, region])
    default:
      return ''
  }
}
