/**
 * Where the rotation of an authority stands, what its gate waits for and what the next stage costs.
 *
 * @module
 */

import type { GateVerdict } from '../evidence/gate.js'
import type { Rotation } from '../rotation/stages.js'
import type { AuthorityEdit } from '../cluster/edit-authority.js'
import { costText } from './costs.js'
import { fold } from './fold.js'
import type { Document } from './json.js'
import { count, printable, thousands, type Style } from './style.js'

/** What is told. */
export interface RotationFacts {
  readonly rotation: Rotation
  /** Absent where the next stage waits for nobody. */
  readonly gate?: GateVerdict | undefined
  /** How many agents the next stage touches. */
  readonly agents: number
}

/** How many holds are shown; `--json` has them all. */
const mostShown = 20

/** The whole of it, as text. */
export function rotationText(
  { rotation, gate, agents }: RotationFacts,
  style: Style,
  options: { readonly flags: string },
): string {
  const { name, stage, position, way, why, from, to, next } = rotation
  const parts = [
    position === 'settled' && gate !== undefined
      ? `${style.strong(`authority ${name}`)}: generation ${from} signs and is trusted; ${gate.open ? 'the rotation to it has ended' : 'not every agent is proven on it'}`
      : position === 'settled'
        ? `${style.strong(`authority ${name}`)}: generation ${from} signs and is trusted; no rotation is under way`
        : `${style.strong(`authority ${name}`)}: from generation ${from} to ${to}, ${way}, stage ${stage ?? ''}: ${why}`,
    [
      `next: ${next.title}`,
      ...(position === 'settled' ? [`  ${way}: ${why}`] : []),
      ...next.edits.map((edit) => style.faint(`  ${authorityEditText(edit)}`)),
    ].join('\n'),
    ...(gate === undefined ? [] : [gateText(gate, style)]),
    ...(next.reloads
      ? [
          costText(agents, style, {
            rotated: way === 'intermediate' ? way : 'root',
            rides: next.rides,
            ...(position === 'settled' && { inAll: reloadsOf[way] }),
          }),
        ]
      : []),
    gate === undefined || gate.open
      ? `to take this stage: nomad-pki rotate authority ${name} --next${options.flags}`
      : `to open the gate: ${gate.holds[0]!.remedy}`,
  ]
  return parts.join('\n\n')
}

/** How often each agent is reloaded from the first stage to the last. */
const reloadsOf: Readonly<Record<Rotation['way'], number>> = {
  intermediate: 1,
  crossed: 2,
  staged: 3,
}

/** `agent: signing: 2, trusted: [1, 2], crossed: true` */
export function authorityEditText(edit: AuthorityEdit): string {
  const { name, signing, trusted, crossed, rollout } = edit
  const parts = [
    ...(signing === undefined ? [] : [`signing: ${signing}`]),
    ...(trusted === undefined ? [] : [`trusted: [${trusted.join(', ')}]`]),
    ...(crossed === undefined ? [] : [crossed ? 'crossed: true' : 'without crossed']),
    ...(rollout === undefined
      ? []
      : [rollout === false ? 'without rollout' : `rollout: ${rollout}`]),
  ]
  return `${name}: ${parts.join(', ')}`
}

/** What the gate says, as text. */
export function gateText(
  { open, holds, proven, agents, excepted, notes }: GateVerdict,
  style: Style,
): string {
  // One sentence for all that it is true of.
  const groups = fold(holds, { keyOf: ({ message }) => message, all: false })
  const shown = groups.slice(0, mostShown)
  const more = holds.length - shown.reduce((sum, { members }) => sum + members.length, 0)
  const lines = [
    `gate: ${open ? style.good('open') : style.bad('closed')}; ${thousands(proven)} of ${count(agents, 'agent', 'agents')} proven to have what it needs`,
    ...shown.map(({ label, members }) => {
      const many = members.length > 1 ? ` (${thousands(members.length)})` : ''
      return `  ${style.bad('×')} ${label}${many}: ${printable(members[0]!.message)}`
    }),
    ...(more > 0 ? [style.faint(`    and ${thousands(more)} more (--json has them all)`)] : []),
    ...excepted.map(({ address, reason }) =>
      style.faint(`  - ${address} is not waited for: ${printable(reason)}`),
    ),
    ...notes.map((note) => style.doubtful(`  ! ${printable(note)}`)),
  ]
  return lines.join('\n')
}

/** The same as a document. */
export function rotationDocument(
  { rotation, gate, agents }: RotationFacts,
  options: { readonly taken: boolean },
): Document {
  const { name, position, stage, way, why, from, to, next } = rotation
  return {
    format: 'nomad-pki/rotation',
    version: 1,
    authority: name,
    position,
    stage: stage ?? null,
    way,
    why,
    from,
    to,
    agents,
    next: { title: next.title, edits: next.edits, reloads: next.reloads, rides: next.rides },
    gate: gate ?? null,
    taken: options.taken,
  }
}
