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

/** A table with headings. */
export function table(heads: readonly string[], rows: readonly Html[]): Html {
  return html`<div class="scroll" tabindex="0">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}

/** How bad the state of an entry is; `faint`: no work. */
export function toneOf(entry: ScheduleEntry): Tone | 'faint' {
  if (entry.state === 'good') return 'good'
  if (!needsWork(entry)) return 'faint'
  return mild.has(entry.state) ? 'doubt' : 'bad'
}
