/**
 * What the parts of the page share: a table that can be scrolled alone, and how bad a state is.
 *
 * @module
 */

import type { ScheduleEntry } from '../plan/schedule.js'
import { needsWork } from '../plan/needs-work.js'
import { html, type Html } from './html.js'
import type { Tone } from './page-verdict.js'
import { mild } from './status.js'

/** A table of this page. */
export type TableName = 'regions' | 'certificates' | 'authorities' | 'steps' | 'beside' | 'ledger'

/** The headings of each table. */
const tables: Readonly<Record<TableName, readonly string[]>> = {
  regions: ['region', 'made', 'newest delivered', 'newest loaded', 'never seen', 'oldest sighting'],
  certificates: [
    ...['certificate', 'state', 'ends', 'renewal', 'made', 'delivered', 'loaded', 'last seen'],
  ],
  authorities: [
    ...['authority', 'certificates under it', 'trusted in', 'cross-certified', 'key', 'ends'],
    'rotate by',
  ],
  steps: ['address', 'how many', 'step', 'why'],
  beside: ['configuration', 'how many', 'block', 'file', 'state', 'ends', 'read'],
  ledger: ['when', 'event', 'about'],
}

/** A table with headings; `title` is its name for who does not see it. Each row has as many cells as there are headings. */
export function table(name: TableName, title: string, rows: readonly Html[]): Html {
  return html`<div class="scroll" role="region" aria-label="${title}" tabindex="0">
    <table class="${name}" aria-label="${title}">
      <thead>
        <tr>
          ${tables[name].map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(squeezed)}
      </tbody>
    </table>
  </div>`
}

/** Without the line breaks of the source: a cell without a value is empty. */
function squeezed({ html: text }: Html): Html {
  return { html: text.replaceAll(/>\s*\n\s*/g, '>').replaceAll(/\s*\n\s*</g, '<') }
}

/** Narrower than this a row is a block of lines, each with its heading before it. */
export const narrow = '(max-width:60rem)'

/** The part of the style sheet that does it: a heading is said once for the page, not once a cell. */
export const stackedStyle: string = `@media screen and ${narrow}{
table,thead,tbody,tr,th,td{display:block}
thead tr{display:flex;flex-wrap:wrap;gap:0 .8rem;padding:.35rem .6rem;background:var(--panel)}
thead th{padding:0;background:none;font-size:.85em}
tbody tr{border-top:1px solid var(--line);padding:.5rem .6rem}tbody tr[hidden]{display:none}
tbody th,tbody td,th[scope=row]{border:0;padding:0;min-width:0;overflow-wrap:anywhere}
tbody td,tbody th:not(:first-child){display:grid;grid-template-columns:9rem minmax(0,1fr)}
tbody td:empty{display:none}
td::before,tbody th:not(:first-child)::before{color:var(--faint);font-weight:400}
${Object.entries(tables)
  .flatMap(([name, heads]) =>
    heads.map(
      (head, at) =>
        `.${name} tbody :is(td,th:not(:first-child)):nth-child(${at + 1})::before{content:"${head}"}`,
    ),
  )
  .join('\n')}
}`

/** How bad the state of an entry is; `faint`: no work. */
export function toneOf(entry: ScheduleEntry): Tone | 'faint' {
  if (entry.state === 'good') return 'good'
  if (!needsWork(entry)) return 'faint'
  return mild.has(entry.state) ? 'doubt' : 'bad'
}
