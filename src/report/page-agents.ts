/**
 * The part of the page about certificates: what was made, delivered and loaded, in each region and of each.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'
import type { Group } from './fold.js'
import { html, type Html } from './html.js'
import { table, toneOf } from './page-table.js'
import { lifeWords, proofNote, revokedNote } from './status.js'
import { thousands } from './style.js'
import { formatDay, formatMinute, formatUntil } from './time.js'
import { earliestOf } from './watched.js'

/** When the installer of its node switched to its newest generation, epoch milliseconds, by address. */
type Receipts = ReadonlyMap<string, number>

function receiptsOf({ ledger }: Inventory, { entries }: Schedule): Receipts {
  const newest = new Map(entries.map(({ address, proof }) => [address, proof?.newest.fingerprint]))
  const receipts = new Map<string, number>()
  for (const event of ledger.events) {
    if (event.event !== 'received' || newest.get(event.address) !== event.fingerprint) continue
    receipts.set(event.address, event.at)
  }
  return receipts
}

/** Each role of each region, then each certificate. */
export function agentParts(
  groups: readonly Group<ScheduleEntry>[],
  inventory: Inventory,
  schedule: Schedule,
): Html {
  const receipts = receiptsOf(inventory, schedule)
  return html`${regions(schedule, receipts)}
    <label class="script" for="filter"
      >Show only rows with these words<input id="filter" type="search" autocomplete="off"
    /></label>
    ${certificates(groups, receipts, schedule.at)}`
}

/** How many of each role in each region have what was made for them. */
function regions({ entries }: Schedule, receipts: Receipts): Html | undefined {
  const agents = entries.filter(({ proof, orphan }) => proof !== undefined && !orphan)
  if (agents.length === 0) return undefined
  const groups = groupBy(agents, ({ address }) => {
    const { region, role } = parseIdentity(address)
    return `${region} ${role}`
  })
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, members]) => {
      const { region, role } = parseIdentity(members[0]!.address)
      const loaded = members.filter(({ proof }) => proof!.state === 'proven').length
      const delivered = members.filter(
        ({ address, proof }) => proof!.state === 'proven' || receipts.has(address),
      ).length
      const never = members.filter(({ proof }) => proof!.at === undefined).length
      const oldest = earliestOf(members.map(({ proof }) => proof!.at))
      const tone = loaded === members.length ? 'good' : 'doubt'
      return html`<tr>
        <th scope="row">${region}, ${role}s</th>
        <td class="number">${thousands(members.length)}</td>
        <td class="number">${thousands(delivered)}</td>
        <td class="number ${tone}">${thousands(loaded)}</td>
        <td class="number">${thousands(never)}</td>
        <td class="when">${oldest === undefined ? '' : formatMinute(oldest)}</td>
      </tr>`
    })
  return table('regions', 'Agents of each region', rows)
}

/** All certificates; alike ones are a line. */
function certificates(
  groups: readonly Group<ScheduleEntry>[],
  receipts: Receipts,
  at: number,
): Html {
  const rows = groups.map(({ label, members }) => {
    const [first] = members
    const { notAfter } = first!
    const made = earliestOf(members.map(({ proof }) => proof?.newest.at))
    const delivered = members.flatMap(({ address }) => receipts.get(address) ?? [])
    const seen = earliestOf(members.map(({ proof, selfRenewed }) => proof?.at ?? selfRenewed?.at))
    return html`<tr>
      <th scope="row">${members.length > 1 ? `${label} (${thousands(members.length)})` : label}</th>
      <td class="${toneOf(first!)}">${lifeWords[first!.state]}</td>
      <td class="when">
        ${notAfter === undefined ? '' : `${formatDay(notAfter)} (${formatUntil(notAfter, at)})`}
      </td>
      <td class="when">
        ${
          first!.onDemand
            ? 'when asked for'
            : first!.dueAt === undefined
              ? ''
              : formatDay(first!.dueAt)
        }
      </td>
      <td class="when">${made === undefined ? '' : formatDay(made)}</td>
      <td class="when">${deliveredText(delivered, members.length)}</td>
      <td class="wide">${[revokedNote(first!), loadedText(members)].filter(Boolean).join('; ')}</td>
      <td class="when">${seen === undefined ? '' : formatMinute(seen)}</td>
    </tr>`
  })
  return table('certificates', 'Each certificate', rows)
}

/** A day only where all have it. */
function deliveredText(receipts: readonly number[], agents: number): string {
  const first = earliestOf(receipts)
  if (first === undefined) return ''
  return receipts.length === agents
    ? formatDay(first)
    : `${thousands(receipts.length)} of ${thousands(agents)}`
}

function loadedText(members: readonly ScheduleEntry[]): string {
  const [first] = members
  const { proof } = first!
  if (proof === undefined) return proofNote(first!)
  if (proof.state === 'proven') return `generation ${proof.newest.number}, the newest`
  return proof.state === 'unproven' ? 'never seen' : proofNote(first!)
}
