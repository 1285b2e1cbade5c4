/**
 * What a command did, for a program that is told: one JSON object a line. Facts only: an address, dates, a
 * fingerprint and a sentence of ours. A key, and a text that somebody wrote, is never among them.
 *
 * @module
 */

import { count } from '../count.js'
import { formatInstant } from '../duration.js'
import type { GateVerdict } from '../evidence/gate.js'
import { proofsIn } from '../evidence/proven.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import type { Schedule } from '../plan/schedule.js'

/** One line. */
export interface Happening {
  /** `gate`: of a rotation. `more`: what is counted, and not told. */
  readonly event:
    'renewed' | 'delivered' | 'proven' | 'due' | 'expired' | 'revoked' | 'gate' | 'more'
  readonly address: string
  /** When the certificate ends, epoch milliseconds. */
  readonly notAfter?: number | undefined
  /** Of the certificate, hex. */
  readonly fingerprint?: string | undefined
  /** Of a gate. */
  readonly state?: 'open' | 'held' | undefined
  /** How many proofs a gate waits for. */
  readonly waiting?: number | undefined
  readonly count?: number | undefined
  /** One sentence, without line ends. */
  readonly message: string
}

/** A receiver need not take more: the rest is counted. */
const mostLines = 1000

/**
 * What the ledger says that it did not say before.
 *
 * @param inventory As it is now.
 * @param before The ledger before the command.
 * @param options `now`: epoch milliseconds.
 */
export function happenedSince(
  inventory: Inventory,
  before: Ledger,
  options: { readonly now: number },
): readonly Happening[] {
  const news = inventory.ledger.events.slice(before.events.length)
  if (news.length === 0) return []
  const all: Happening[] = []
  for (const event of news) {
    const { address } = event
    switch (event.event) {
      case 'received': {
        const message = `${address}: its node switched to generation ${event.generation}`
        all.push({ event: 'delivered', address, fingerprint: event.fingerprint, message })
        break
      }
      case 'issued':
      case 'adopted':
      case 'refreshed':
      case 'turned': {
        const { notAfter, fingerprint } = event
        const message = `${address}: a new generation was made, good until ${formatInstant(notAfter)}`
        all.push({ event: 'renewed', address, notAfter, fingerprint, message })
        break
      }
      case 'revoked': {
        const { notAfter, fingerprint } = event
        const message = `${address}: a certificate was revoked; Nomad accepts it until it ends, or until no agent trusts its root`
        all.push({ event: 'revoked', address, notAfter, fingerprint, message })
        break
      }
      default:
    }
  }
  const old = proofsIn({ ...inventory, ledger: before }, options)
  for (const [address, { state, newest }] of proofsIn(inventory, options)) {
    if (state !== 'proven') continue
    const known = old.get(address)
    if (known?.state === 'proven' && known.newest.fingerprint === newest.fingerprint) continue
    const { notAfter, fingerprint } = newest
    const message = `${address}: the agent has loaded its newest generation`
    all.push({ event: 'proven', address, notAfter, fingerprint, message })
  }
  return all
}

/** What is due or over, and is work: after a run that was to renew it. */
export function stillDue({ entries }: Schedule): readonly Happening[] {
  return entries.flatMap(({ address, state, notAfter, orphan, onDemand }): Happening[] => {
    if (orphan || onDemand || !['due', 'overdue', 'expired'].includes(state)) return []
    const end = notAfter === undefined ? '' : `: it ends ${formatInstant(notAfter)}`
    const message =
      state !== 'expired'
        ? `${address} is due, and was not renewed${end}`
        : `${address} has expired`
    return [{ event: state === 'expired' ? state : 'due', address, notAfter, message }]
  })
}

/** How the gate of a rotation stands. */
export function gateHappening(address: string, verdict: GateVerdict | undefined): Happening {
  const waiting = verdict?.holds.length ?? 0
  const open = verdict?.open ?? true
  return {
    ...{ event: 'gate', address, state: open ? 'open' : 'held', waiting },
    message: open
      ? `${address}: the gate of its rotation is open`
      : `${address}: the gate of its rotation waits for ${count(waiting, 'proof')}`,
  }
}

/**
 * The lines that a program gets.
 *
 * @param all In their order; beyond a thousand they are counted.
 * @param about The cluster, and when it was told, epoch milliseconds.
 */
export function happeningLines(
  all: readonly Happening[],
  { cluster, at }: { readonly cluster: string; readonly at: number },
): string {
  const kept = all.slice(0, mostLines)
  const left = all.length - kept.length
  const more: readonly Happening[] =
    left === 0
      ? []
      : [{ event: 'more', address: 'cluster', count: left, message: count(left, 'more event') }]
  // `message` is last: a script without a JSON parser finds it.
  return [...kept, ...more]
    .map(({ message, ...rest }) =>
      JSON.stringify({ format: 'nomad-pki/happened', version: 1, cluster, at, ...rest, message }),
    )
    .map((line) => `${line}\n`)
    .join('')
}
