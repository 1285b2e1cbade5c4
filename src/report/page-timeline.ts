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

/** Where things stand: labels beside the bars, or above them where the screen is narrow. */
const layouts = {
  wide: { width: 1000, left: 330, rowHeight: 24, head: 26, ticks: 5, text: 15, bar: 4 },
  narrow: { width: 340, left: 4, rowHeight: 44, head: 26, ticks: 3, text: 15, bar: 20 },
} as const

/** The picture, for wide and for narrow screens; rows in the order given. */
export function timeline(rows: readonly TimelineRow[], now: number, title: string): Html {
  return html`<div class="picture">
    ${drawn('wide', rows, now, title)}${drawn('narrow', rows, now, title)}
  </div>`
}

function drawn(
  layout: keyof typeof layouts,
  rows: readonly TimelineRow[],
  now: number,
  title: string,
): Html {
  const { width, left, rowHeight, head, ticks: howMany, text, bar } = layouts[layout]
  const begin = Math.min(now, ...rows.map(({ from }) => from))
  const end = Math.max(now, ...rows.map(({ to }) => to))
  const span = Math.max(1, end - begin)
  const x = (instant: number): number =>
    Math.round(left + ((instant - begin) / span) * (width - left - 12))
  const height = head + rows.length * rowHeight + 8
  const last = howMany - 1
  const dueRise = layout === 'narrow' ? 0 : 3
  const ticks = Array.from({ length: howMany }, (_, at) => begin + (span * at) / last)
  return html`<svg
    class="${layout}"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="${title}"
  >
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
            text-anchor="${at === 0 ? 'start' : at === last ? 'end' : 'middle'}"
            >${formatDay(tick)}</text
          >`,
    )}${rows.map(({ label, from, to, due, tone }, at) => {
      const y = head + at * rowHeight
      return html`<g
        ><title>${label}: ${formatDay(from)} to ${formatDay(to)}</title
        ><text x="0" y="${y + text}">${shortened(label)}</text
        ><rect
          class="bar ${tone}"
          x="${x(from)}"
          y="${y + bar}"
          width="${Math.max(2, x(to) - x(from))}"
          height="14"
          rx="3"
        />${
          due === undefined
            ? undefined
            : html`<rect
                class="due"
                x="${x(due)}"
                y="${y + bar - dueRise}"
                width="2"
                height="${14 + 2 * dueRise}"
              />`
        }${layout === 'narrow' ? nowLine(x(now), y + bar - 3, y + bar + 22) : undefined}</g
      >`
    })}
    ${layout === 'narrow' ? undefined : nowLine(x(now), head - 8, height)}
  </svg>`
}

/** Where the screen is narrow it would cross the labels: there each row has its own. */
function nowLine(x: number, from: number, to: number): Html {
  return html`<line class="now" x1="${x}" y1="${from}" x2="${x}" y2="${to}" />`
}

/** So many characters fit beside the bars. */
const most = 44

/** A label that fits. */
export function shortened(label: string): string {
  return label.length <= most ? label : `${label.slice(0, most / 2 - 1)}…${label.slice(-most / 2)}`
}
