/**
 * Edits of an authority's generations: which one signs, which are trusted, whether leaves carry
 * cross-certificates. The text keeps its comments and layout byte for byte.
 *
 * @module
 */

import { hasErrors, type Diagnostic } from '../diagnostics.js'
import type { EditOptions, SpecEdit } from './edit.js'
import { parseSpec } from './parse.js'
import { createReport } from './report.js'
import type { ClusterSpec } from './spec.js'
import { keysAt, removeEntry, setEntry } from './yaml-edit.js'
import type { YamlEdit } from './yaml-meaning.js'

/** What an authority shall say; what is not named stays. */
export interface AuthorityEdit {
  /** The authority. */
  readonly name: string
  /** The generation that signs. */
  readonly signing?: number | undefined
  /** The generations that agents trust. */
  readonly trusted?: readonly number[] | undefined
  /** `false` takes the key away. */
  readonly crossed?: boolean | undefined
  /** `false` takes the key away. */
  readonly rollout?: 'ride-along' | false | undefined
  /** The fingerprints of generations that are to be pinned, by number; other pins stay. */
  readonly pins?: Readonly<Record<number, string>> | undefined
}

/**
 * Edits authorities.
 *
 * @param text The spec; it must be good.
 * @param edits What each shall say. A spec without `authorities` gets them: its root is `agent`.
 * @param options See {@link EditOptions}.
 * @returns The new text, or the old one with errors: those that the spec would have then too.
 */
export function editAuthorities(
  text: string,
  edits: readonly AuthorityEdit[],
  options: EditOptions = {},
): SpecEdit {
  const before = parseSpec(text, options)
  if (before.spec === undefined) return { text, diagnostics: before.diagnostics }
  let made = text
  for (const { name, signing, trusted, crossed, rollout, pins } of edits) {
    const path = ['authorities', name]
    for (const [key, value] of [
      ['signing', signing],
      ['trusted', trusted],
      ['crossed', crossed],
      ['rollout', rollout],
    ] as const) {
      if (value === undefined) continue
      const there = keysAt(made, path)?.includes(key) ?? false
      if (value === false && !there) continue
      const edit = value === false ? removeEntry(made, path, key) : setEntry(made, path, key, value)
      if ('fault' in edit) return { text, diagnostics: [fault(options, edit.fault)] }
      made = edit.text
    }
    const pinned = editPins(made, before.spec, { name, signing, trusted, pins })
    if ('fault' in pinned) return { text, diagnostics: [fault(options, pinned.fault)] }
    made = pinned.text
  }
  const after = parseSpec(made, options)
  if (hasErrors(after.diagnostics)) {
    return { text, diagnostics: after.diagnostics.filter(({ severity }) => severity === 'error') }
  }
  return { text: made, diagnostics: [] }
}

/** A pin goes with its generation; one pin becomes a map where several generations are trusted. */
function editPins(
  text: string,
  { authorities }: ClusterSpec,
  { name, signing, trusted, pins: more = {} }: AuthorityEdit,
): YamlEdit {
  const old = authorities.find((authority) => authority.name === name)
  const known = Object.entries(old?.fingerprints ?? {})
  const pins = Object.entries({ ...old?.fingerprints, ...more })
  if (old === undefined || pins.length === 0) return { text }
  const before = new Set([...old.trusted, old.signing])
  // Without `trusted` the one that signs is trusted: the key is written as soon as there are two.
  const listed = keysAt(text, ['authorities', name])?.includes('trusted') === true
  const now = signing ?? old.signing
  const after = new Set([...(trusted ?? (listed ? old.trusted : [now])), now])
  const kept = pins.filter(([generation]) => after.has(Number(generation)))
  if (kept.length === known.length && (after.size === 1) === (before.size === 1)) return { text }
  const path = ['authorities', name]
  return kept.length === 0
    ? removeEntry(text, path, 'fingerprint')
    : setEntry(text, path, 'fingerprint', Object.fromEntries(kept))
}

function fault(options: EditOptions, message: string): Diagnostic {
  const report = createReport('', options.file)
  report.error('spec/edit', 0, message, { hint: 'edit the file by hand' })
  return report.diagnostics()[0]!
}
