/**
 * The part of the page about authorities: who signed whom, whom agents trust, and how many certificates hang on each.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { Schedule } from '../plan/schedule.js'
import { sameCertificate } from '../x509/certificate.js'
import { html, type Html } from './html.js'
import { table } from './page-table.js'
import { shortened } from './page-timeline.js'
import { count, thousands } from './style.js'
import { formatDay } from './time.js'

/** One authority, and where it stands. */
interface Standing {
  readonly authority: FoundAuthority
  /** How many leaves it signed. */
  readonly leaves: number
  /** The bundles that hold it. */
  readonly trustedIn: readonly string[]
  /** The authority that signed it; absent for a root. */
  readonly above?: string | undefined
}

function standingsOf({ authorities, identities, bundles }: Inventory): readonly Standing[] {
  const under = new Map<string, number>()
  for (const { current } of identities.values()) {
    const issuer = current?.chain[0]?.issuer.der
    if (issuer === undefined) continue
    const name = latin1Of(issuer)
    under.set(name, (under.get(name) ?? 0) + 1)
  }
  const bySubject = new Map<string, string>()
  for (const { address, certificate } of authorities.values()) {
    if (certificate !== undefined) bySubject.set(latin1Of(certificate.subject.der), address)
  }
  return [...authorities.values()].map((authority): Standing => {
    const { certificate } = authority
    if (certificate === undefined) return { authority, leaves: 0, trustedIn: [] }
    const [own, issuer] = [latin1Of(certificate.subject.der), latin1Of(certificate.issuer.der)]
    const holding = [...bundles.values()].filter(({ certificates: roots }) =>
      roots.some((root) => sameCertificate(root, certificate)),
    )
    return {
      ...{ authority, leaves: under.get(own) ?? 0 },
      trustedIn: holding.map(({ name }) => name),
      above: own === issuer ? undefined : bySubject.get(issuer),
    }
  })
}

/** More boxes than this are no picture. */
const mostBoxes = 40

/** The picture, then the same as a table. */
export function trustParts(inventory: Inventory, schedule: Schedule): Html {
  const standings = standingsOf(inventory)
  const shown = standings.slice(0, mostBoxes)
  const rest = standings.length - shown.length
  return html`${
    shown.length === 0
      ? undefined
      : html`${picture(shown)}
          <p class="faint">
            A line leads from who signed to what was signed; a broken one is a cross-certificate.
            Agents trust what has a thick
            border.${rest > 0 ? ` ${count(rest, 'authority', 'authorities')} more: see the table.` : ''}
          </p>`
  }${authorityTable(standings, schedule)}`
}

/**
 * Where the boxes stand. Left of them is room for cross-certificates; where the screen is narrow, what hangs on an
 * authority is a line in its box.
 */
const layouts = {
  wide: {
    width: 1020,
    boxWidth: 300,
    boxHeight: 44,
    rowHeight: 60,
    columns: [50, 380, 710],
    cross: 26,
  },
  narrow: {
    width: 348,
    boxWidth: 306,
    boxHeight: 62,
    rowHeight: 74,
    columns: [16, 40, 40],
    cross: 6,
  },
} as const

interface Box {
  readonly x: number
  readonly y: number
  readonly first: string
  readonly second: string
  readonly third?: string | undefined
  readonly trusted: boolean
}

/** Authorities from the root down, each in a row; what hangs on one stands right of it. */
function picture(standings: readonly Standing[]): Html {
  return html`<div class="picture">${drawn('wide', standings)}${drawn('narrow', standings)}</div>`
}

function drawn(layout: keyof typeof layouts, standings: readonly Standing[]): Html {
  const { width, boxWidth, boxHeight, rowHeight, columns, cross } = layouts[layout]
  const middle = ({ y }: Box): number => y + boxHeight / 2
  const boxes: Box[] = []
  const lines: Html[] = []
  const places = new Map<string, Box>()
  let row = 0
  const link = (from: Box, to: Box): void => {
    const [y1, y2] = [middle(from), middle(to)]
    const right = from.x + boxWidth
    const path =
      layout === 'wide'
        ? `M${right} ${y1}H${right + 14}V${y2}H${to.x}`
        : `M${from.x + 12} ${from.y + boxHeight}V${y2}H${to.x}`
    lines.push(html`<path class="link" d="${path}" />`)
  }
  const put = (box: Box): Box => {
    boxes.push(box)
    return box
  }
  const at = (): number => row * rowHeight + 4
  const place = (one: Standing, depth: number, above?: Box): void => {
    const { authority, leaves, trustedIn } = one
    const { address, certificate } = authority
    const end = certificate === undefined ? 'not there' : `ends ${formatDay(certificate.notAfter)}`
    const hanging = leaves === 0 ? 'no certificate' : count(leaves, 'certificate')
    const box = put({
      ...{ x: columns[Math.min(depth, 1)]!, y: at() },
      first: shortened(address),
      second: `${trustedIn.length > 0 ? 'trusted, ' : ''}${end}`,
      third: layout === 'narrow' ? hanging : undefined,
      trusted: trustedIn.length > 0,
    })
    places.set(address, box)
    if (above !== undefined) link(above, box)
    const below = standings.filter(({ above: parent }) => parent === address)
    if (layout === 'wide' && leaves > 0) {
      link(box, put({ x: columns[2], y: at(), first: hanging, second: '', trusted: false }))
    }
    if (layout === 'narrow' || leaves > 0 || below.length === 0) row += 1
    for (const child of below) place(child, depth + 1, box)
  }
  const known = new Set(standings.map(({ authority }) => authority.address))
  for (const one of standings) {
    if (one.above === undefined || !known.has(one.above)) place(one, 0)
  }
  for (const { authority } of standings) {
    const to = places.get(authority.address)
    for (const generation of authority.crossed.keys()) {
      const from = places.get(`authority/${authority.name}/${generation}`)
      if (from === undefined || to === undefined) continue
      const [y1, y2] = [middle(from), middle(to)]
      lines.push(html`<path class="link cross" d="M${from.x} ${y1}H${cross}V${y2}H${to.x}" />`)
    }
  }
  return html`<svg
    class="${layout}"
    viewBox="0 0 ${width} ${row * rowHeight}"
    role="img"
    aria-label="${wordsOf(standings)}"
  >
    ${lines}${boxes.map(
      ({ x, y, first, second, third, trusted }) =>
        html`<rect
            class="box${trusted ? ' trusted' : ''}"
            x="${x}"
            y="${y}"
            width="${boxWidth}"
            height="${boxHeight}"
            rx="6"
          /><text x="${x + 12}" y="${y + (second === '' ? 27 : 19)}">${first}</text
          ><text class="faint" x="${x + 12}" y="${y + 36}">${second}</text
          >${third === undefined ? undefined : html`<text x="${x + 12}" y="${y + 53}">${third}</text>`}`,
    )}
  </svg>`
}

/** The picture for who does not see it. */
function wordsOf(standings: readonly Standing[]): string {
  return standings
    .map(({ authority: { address, crossed }, leaves, trustedIn, above }) =>
      [
        `${address}: ${above === undefined ? 'a root' : `signed by ${above}`}`,
        ...[...crossed.keys()].map((generation) => `cross-signed by generation ${generation}`),
        trustedIn.length === 0 ? 'not trusted' : 'trusted',
        leaves === 0 ? 'no certificate under it' : `${count(leaves, 'certificate')} under it`,
      ].join(', '),
    )
    .join('; ')
}

function authorityTable(standings: readonly Standing[], schedule: Schedule): Html {
  const entries = new Map(schedule.entries.map((entry) => [entry.address, entry]))
  const rows = standings.map(({ authority, leaves, trustedIn }) => {
    const { address, key, crossed } = authority
    const entry = entries.get(address)
    return html`<tr>
      <th scope="row">${address}</th>
      <td>${leaves === 0 ? 'none' : thousands(leaves)}</td>
      <td>${trustedIn.length === 0 ? 'no' : trustedIn.join(', ')}</td>
      <td>${crossed.size === 0 ? '' : `by ${[...crossed.keys()].join(', ')}`}</td>
      <td>
        ${
          key.state === 'present'
            ? 'in the store'
            : key.state === 'encrypted'
              ? 'encrypted'
              : 'not in the store'
        }
      </td>
      <td class="when">${entry?.notAfter === undefined ? '' : formatDay(entry.notAfter)}</td>
      <td class="when">${entry?.dueAt === undefined ? '' : formatDay(entry.dueAt)}</td>
    </tr>`
  })
  return table('authorities', 'Each authority', rows)
}
