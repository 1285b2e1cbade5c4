/**
 * Certificates on a line of time: when each begins, is renewed and ends, and where now is.
 *
 * @module
 */

import { html, type Html } from './html.js'
import { formatDay } from './time.js'

/** One line of the picture. */
export interface TimelineRow {
  readonly label: string
  /** Epoch milliseconds. */
  readonly from: number
  readonly to: number
  /** When it is renewed. */
  readonly due?: number | undefined
  readonly tone: 'good' | 'doubt' | 'bad'
}

const width = 1000
const left = 330
const rowHeight = 24
const head = 26

/** The picture; rows in the order given. */
export function timeline(rows: readonly TimelineRow[], now: number, title: string): Html {
  const begin = Math.min(now, ...rows.map(({ from }) => from))
  const end = Math.max(now, ...rows.map(({ to }) => to))
  const span = Math.max(1, end - begin)
  const x = (instant: number): number =>
    Math.round(left + ((instant - begin) / span) * (width - left - 12))
  const height = head + rows.length * rowHeight + 8
  const ticks = Array.from({ length: 5 }, (_, at) => begin + (span * at) / 4)
  return html`<div class="picture" tabindex="0">
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">
      ${ticks.map(
        (tick, at) =>
          html`<line
              class="tick"
              x1="${x(tick)}"
              y1="${head - 6}"
              x2="${x(tick)}"
              y2="${height}"
            /><text
              class="faint"
              x="${x(tick)}"
              y="14"
              text-anchor="${at === 0 ? 'start' : at === 4 ? 'end' : 'middle'}"
              >${formatDay(tick)}</text
            >`,
      )}${rows.map(({ label, from, to, due, tone }, at) => {
        const y = head + at * rowHeight
        return html`<g
          ><title>${label}: ${formatDay(from)} to ${formatDay(to)}</title
          ><text x="0" y="${y + 15}">${shortened(label)}</text
          ><rect
            class="bar ${tone}"
            x="${x(from)}"
            y="${y + 4}"
            width="${Math.max(2, x(to) - x(from))}"
            height="14"
            rx="3"
          />${
            due === undefined
              ? undefined
              : html`<rect class="due" x="${x(due)}" y="${y + 1}" width="2" height="20" />`
          }</g
        >`
      })}
      <line class="now" x1="${x(now)}" y1="${head - 8}" x2="${x(now)}" y2="${height}" />
    </svg>
  </div>`
}

/** So many characters fit beside the bars. */
const most = 44

/** A label that fits. */
export function shortened(label: string): string {
  return label.length <= most ? label : `${label.slice(0, most / 2 - 1)}…${label.slice(-most / 2)}`
}
