/**
 * The state of a cluster's PKI as one HTML file: it needs no network, no script and no other file, and holds no
 * secret. Its own policy lets a browser load and send nothing (CSP level 3).
 *
 * @module
 */

import type { GateVerdict } from '../evidence/gate.js'
import type { ScheduleEntry } from '../plan/schedule.js'
import { besideState, type BesideState, type SeenBeside } from '../plan/beside.js'
import { needsWork } from '../plan/needs-work.js'
import type { Step } from '../plan/plan.js'
import { sha256 } from '../sha256.js'
import { findingGroups } from './diagnostics.js'
import { fold, type Group } from './fold.js'
import { html, type Html } from './html.js'
import type { WatchedRotation } from './metrics.js'
import { agentParts } from './page-agents.js'
import { pageScript, pageStyle } from './page-style.js'
import { table, toneOf } from './page-table.js'
import { timeline, type TimelineRow } from './page-timeline.js'
import { trustParts } from './page-trust.js'
import { verdictOf, type Tone, type VerdictFacts } from './page-verdict.js'
import { alikeIn } from './status.js'
import { count, thousands } from './style.js'
import { formatDay, formatMinute } from './time.js'
import { earliestOf } from './watched.js'

/** What the page shows. */
export interface PageFacts extends VerdictFacts {
  readonly cluster: string
  readonly version: string
  readonly rotations: readonly WatchedRotation[]
  /** Consul's and Vault's TLS beside Nomad's. Default: none. */
  readonly beside?: readonly SeenBeside[] | undefined
  readonly steps: readonly Pick<Step, 'address' | 'action' | 'reasons'>[]
}

/** How a page of ours begins: nothing else is written over. */
export const pageMark = '<!doctype html>\n<!-- nomad-pki status: '

/**
 * Writes the page.
 *
 * @returns One HTML document.
 */
export function pageText(facts: PageFacts): string {
  const { cluster, version, schedule } = facts
  const { at, entries } = schedule
  const groupsOf = (kind: ScheduleEntry['kind']): readonly Group<ScheduleEntry>[] =>
    alikeIn(
      entries.filter((one) => one.kind === kind),
      { all: false },
    )
  // What is made when asked for is no work, and its end is early: it stands last.
  const [asked, kept] = [true, false].map((late) =>
    groupsOf('identity').filter(
      ({ members: [one] }) => (one!.onDemand && !needsWork(one!)) === late,
    ),
  )
  const identities = [...kept!, ...asked!]
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(pageStyle)}'`,
    `script-src '${hashOf(pageScript)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const verdict = verdictOf(facts)
  const { html: body } = html`<header>
      <h1>${cluster}</h1>
      <p class="verdict ${verdict.tone}">${withoutBreaks(verdict.text)}</p>
      <p class="faint">As of ${formatMinute(at)}. All times are UTC.</p>
    </header>
    <main>
      <section aria-labelledby="time">
        <h2 id="time">When certificates end</h2>
        ${timelineOf(facts, identities, 'identity')}
      </section>
      <section aria-labelledby="trust">
        <h2 id="trust">Authorities and trust</h2>
        ${timelineOf(facts, groupsOf('authority'), 'authority')}${trustParts(facts.inventory, schedule)}
      </section>
      ${rotationParts(facts)}${findingParts(facts)}${stepParts(facts)}
      <section aria-labelledby="agents">
        <h2 id="agents">Certificates</h2>
        ${agentParts(identities, facts.inventory, schedule)}
      </section>
      ${besideParts(facts)}${ledgerParts(facts)}
    </main>
    <footer class="faint">
      <p>
        Made by nomad-pki ${version} from the store and its ledger. What an agent has loaded is as
        fresh as the last probe.
      </p>
    </footer>`
  return `${pageMark}${html`the state of the cluster ${cluster}`.html} -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
${html`<title>${cluster}: certificates</title>`.html}
<style>${pageStyle}</style>
</head>
<body>
${body}
<script>${pageScript}</script>
</body>
</html>
`
}

/** The name of a command or an option stays whole at the end of a line. */
function withoutBreaks(text: string): readonly Html[] {
  return text
    .split(/(nomad-pki|(?<= )--[a-z-]+)/)
    .map((part, at) => (at % 2 === 1 ? html`<span class="option">${part}</span>` : html`${part}`))
}

function hashOf(text: string): string {
  return `sha256-${Buffer.from(sha256(text), 'hex').toString('base64')}`
}

/** More lines than this are no picture. */
const mostRows = 60

function timelineOf(
  { inventory, schedule }: PageFacts,
  groups: readonly Group<ScheduleEntry>[],
  kind: ScheduleEntry['kind'],
): Html {
  const rows = groups.slice(0, mostRows).flatMap(({ label, members }): readonly TimelineRow[] => {
    const [first] = members
    const made =
      kind === 'authority'
        ? inventory.authorities.get(first!.address)?.certificate
        : inventory.identities.get(first!.address)?.current?.chain[0]
    if (made === undefined || first!.notAfter === undefined) return []
    const tone = toneOf(first!)
    return [
      {
        label: members.length > 1 ? `${label} (${thousands(members.length)})` : label,
        from: made.notBefore,
        to: earliestOf(members.map(({ notAfter }) => notAfter))!,
        due: first!.onDemand ? undefined : first!.dueAt,
        tone: tone === 'faint' ? 'good' : tone,
      },
    ]
  })
  if (rows.length === 0) return html`<p>Nothing has been made yet.</p>`
  const what = kind === 'authority' ? 'Authorities' : 'Certificates'
  const rest = groups.length - mostRows
  return html`${timeline(rows, schedule.at, `${what}: from when, until when, and when they are renewed`)}
    <p class="faint">
      The long line is now, a short one the
      renewal.${rest > 0 ? ` ${count(rest, 'line')} more: see the table.` : ''}
    </p>`
}

function rotationParts({ rotations, deadlines }: PageFacts): Html | undefined {
  if (rotations.length === 0) return undefined
  return html`<section aria-labelledby="rotation">
    <h2 id="rotation">Rotation</h2>
    ${rotations.map(({ rotation: { name, from, to, next, stage }, gate }) => {
      const deadline = deadlines.find(({ authority }) => authority === name)
      const held = gate === undefined ? [] : heldGroups(gate)
      return html`<p>
          <strong>authority ${name}</strong>: generation ${from} to
          ${to}${stage === undefined ? '' : `, stage ${stage}`}. Next:
          ${next.title}.${deadline === undefined ? '' : ` Until ${formatDay(deadline.at)}.`}
        </p>
        ${
          gate === undefined
            ? undefined
            : html`<p>
                  ${thousands(gate.proven)} of ${count(gate.agents, 'agent')} proven.
                  ${gate.open ? 'The next stage can be taken.' : 'The next stage waits for:'}
                </p>
                <ul>
                  ${held
                    .slice(0, mostRows)
                    .map(
                      ({
                        label,
                        members: [{ message, remedy } = { message: '', remedy: '' }, ...more],
                      }) =>
                        html`<li>
                          <code>${label}</code
                          >${more.length > 0 ? ` (${thousands(more.length + 1)})` : ''}:
                          ${message}<br />fix: <code>${remedy}</code>
                        </li>`,
                    )}${
                    held.length > mostRows
                      ? html`<li>
                          and ${thousands(held.length - mostRows)} more:
                          <code>nomad-pki rotate authority ${name}</code>
                        </li>`
                      : undefined
                  }
                </ul>`
        }`
    })}
  </section>`
}

/** Agents that a gate waits for; alike ones are a line. */
function heldGroups({ holds }: GateVerdict): readonly Group<GateVerdict['holds'][number]>[] {
  const own = ({ address, message, remedy }: GateVerdict['holds'][number]): string =>
    `${message} ${remedy}`.replaceAll(address, '')
  const groups = fold(holds, { all: false, keyOf: own })
  // Each remedy names its own agent; that of many names all that are known to need it.
  return groups.map(({ label, members }) => {
    const [one] = members
    if (members.length === 1 || one === undefined) return { label, members }
    const remedy = one.remedy.replaceAll(` ${one.address}`, '')
    return { label, members: [{ ...one, remedy }, ...members.slice(1)] }
  })
}

const severityTones = { error: 'bad', warning: 'doubt', note: 'faint' } as const

function findingParts({ findings, verified = [] }: PageFacts): Html | undefined {
  const groups = findingGroups([...findings, ...verified], { all: false })
  if (groups.length === 0) return undefined
  const rest = groups.length - mostRows
  return html`<section aria-labelledby="findings">
    <h2 id="findings">Findings</h2>
    <ul>
      ${groups.slice(0, mostRows).map(({ label, members: [one, ...more], remedy }) => {
        const { severity, message } = one!
        const many = more.length > 0 ? ` (${thousands(more.length + 1)})` : ''
        return html`<li>
          <strong class="${severityTones[severity]}">${severity}</strong>
          <code>${label}</code>${many}:
          ${message}${remedy === undefined ? undefined : html`<br />fix: <code>${remedy}</code>`}
        </li>`
      })}${rest > 0 ? html`<li>and ${thousands(rest)} more: <code>nomad-pki verify</code></li>` : undefined}
    </ul>
  </section>`
}

function stepParts({ steps }: PageFacts): Html | undefined {
  if (steps.length === 0) return undefined
  const groups = fold(steps, {
    all: false,
    keyOf: ({ action, reasons }) => `${action} ${reasons.map(({ reason }) => reason).join()}`,
  })
  const rows = groups.map(
    ({ label, members }) =>
      html`<tr>
        <th scope="row">${label}</th>
        <td class="number">${thousands(members.length)}</td>
        <td>${members[0]!.action}</td>
        <td>${members[0]!.reasons.map(({ reason }) => reason).join(', ')}</td>
      </tr>`,
  )
  return html`<section aria-labelledby="plan">
    <h2 id="plan">What apply would do</h2>
    ${table('steps', 'Steps of the plan', rows)}
  </section>`
}

const besideWords: Readonly<Record<BesideState, readonly [text: string, tone: Tone | 'faint']>> = {
  present: ['present', 'good'],
  missing: ['missing', 'bad'],
  invalid: ['not a certificate', 'bad'],
  ended: ['ended', 'bad'],
  unseen: ['not seen: it is on another machine', 'faint'],
}

function besideParts({ beside = [], schedule: { at } }: PageFacts): Html | undefined {
  if (beside.length === 0) return undefined
  const groups = fold(beside, {
    all: false,
    keyOf: (one) =>
      `${one.block} ${one.key} ${one.path} ${one.shared} ${besideState(one, at)} ${one.found?.notAfter ?? ''}`,
  })
  const rows = groups.map(({ label, members: [one, ...more] }) => {
    const { block, key, path, shared, found } = one!
    const [text, tone] = besideWords[besideState(one!, at)]
    return html`<tr>
      <th scope="row">${label}</th>
      <td class="number">${thousands(more.length + 1)}</td>
      <td>${block}</td>
      <td class="wide"><code>${key}</code> ${path}</td>
      <td class="${tone}">${text}</td>
      <td class="when">${found?.notAfter === undefined ? '' : formatDay(found.notAfter)}</td>
      <td>${shared ? 'at a restart: the file is that of tls too' : 'at a restart'}</td>
    </tr>`
  })
  return html`<section aria-labelledby="beside">
    <h2 id="beside">TLS of Consul and Vault</h2>
    <p>Agents read these files at their start alone, and nomad-pki does not make them.</p>
    ${table('beside', 'Files of Consul and Vault', rows)}
  </section>`
}

function ledgerParts({ inventory: { ledger } }: PageFacts): Html {
  const last = ledger.events.slice(-20).reverse()
  const rows = last.map(
    ({ at, event, address }) =>
      html`<tr>
        <td class="when">${formatMinute(at)}</td>
        <td>${event}</td>
        <th scope="row">${address}</th>
      </tr>`,
  )
  return html`<section aria-labelledby="ledger">
    <h2 id="ledger">The last lines of the ledger</h2>
    ${table('ledger', 'Lines of the ledger', rows)}
    <p class="faint">${count(ledger.lines.length, 'line')}, head <code>${ledger.head}</code></p>
  </section>`
}
