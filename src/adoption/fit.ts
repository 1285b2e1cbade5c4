/**
 * What of a node or of a stanza may stand in a spec: asked of the spec's own parser, so that nothing
 * is written that it would refuse, and what it refuses is told where it comes from.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import type { ListedNode } from '../cluster/new-spec.js'
import { parseSpec } from '../cluster/parse.js'
import type { Plain } from '../cluster/yaml-write.js'

/** Keys and values. */
export type Entries = Readonly<Record<string, Plain>>

/** What fits, and why the rest does not. */
export interface Fitted {
  readonly value: Entries
  readonly dropped: readonly Dropped[]
}

/** A value that may not stand there. */
export interface Dropped {
  readonly key: string
  /** The value, or the entry of the list. */
  readonly value: Plain
  /** What the parser says about it. */
  readonly message: string
}

/**
 * What the parser says about a node by its region and name alone.
 *
 * @param node Its `value` does not count.
 * @returns The first error; `undefined` if there is none.
 */
export function nodeFault(node: Omit<ListedNode, 'value' | 'notes'>): Diagnostic | undefined {
  return faultOfNode(node, {})
}

/** The keys of a node, without those that the parser refuses. */
export function fitNode(node: Omit<ListedNode, 'notes'>): Fitted {
  return fit(node.value, (value) => faultOfNode(node, value))
}

/** The keys of a stanza, without those that the parser refuses. */
export function fitStanza(stanza: Entries): Fitted {
  return fit(stanza, (value) =>
    faultIn(
      `{"version":1,"cluster":"c","node":{"stanza":${JSON.stringify(value)}},"regions":{"r":{"servers":{"s":{}}}}}`,
    ),
  )
}

function fit(value: Entries, faultOf: (value: Entries) => Diagnostic | undefined): Fitted {
  if (faultOf(value) === undefined) return { value, dropped: [] }
  const dropped: Dropped[] = []
  const fits = (key: string, one: Plain, whole: Plain): boolean => {
    const fault = faultOf({ [key]: whole })
    if (fault !== undefined) dropped.push({ key, value: one, message: fault.message })
    return fault === undefined
  }
  const kept: Record<string, Plain> = {}
  for (const [key, held] of Object.entries(value)) {
    if (!Array.isArray(held)) {
      if (fits(key, held, held)) kept[key] = held
      continue
    }
    const entries = (held as readonly Plain[]).filter((one) => fits(key, one, [one]))
    if (entries.length > 0) kept[key] = entries
  }
  return { value: kept, dropped }
}

function faultOfNode(
  { kind, region, name }: Omit<ListedNode, 'value' | 'notes'>,
  value: Entries,
): Diagnostic | undefined {
  const section = kind === 'combined' ? kind : `${kind}s`
  // JSON is YAML. The keys are put in as text: an object would lose one that is called __proto__.
  const nodes = `{${JSON.stringify(name)}:${JSON.stringify(value)}}`
  return faultIn(
    `{"version":1,"cluster":"c","regions":{${JSON.stringify(region)}:{"${section}":${nodes}}}}`,
  )
}

function faultIn(text: string): Diagnostic | undefined {
  return parseSpec(text).diagnostics.find(({ severity }) => severity === 'error')
}
