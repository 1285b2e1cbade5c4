/**
 * The one `tls` block of a document, or why Nomad would stop at it.
 *
 * @module
 */

import { type Diagnostic, didYouMean } from '../diagnostics.js'
import {
  asBoolean,
  type Document,
  foldKey,
  type Item,
  objectIn,
  type ObjectValue,
  positionsIn,
} from '../hcl/index.js'
import { type AgentCode, diagnostic } from './codes.js'
import { datedKeys } from './schema-table.js'
import { tlsKeys } from './tls-keys.js'

/** The block and what is wrong with it. */
export interface TlsBlock {
  /** The item `tls`; absent if there is none. */
  readonly item?: Item | undefined
  /** What it holds; absent if there is none, or none that could be edited. */
  readonly object?: ObjectValue | undefined
  readonly diagnostics: readonly Diagnostic[]
}

const known = new Map<string, (typeof tlsKeys)[number]>(tlsKeys.map((entry) => [entry.key, entry]))

/**
 * Finds the `tls` block of a configuration file.
 *
 * @param document A file of an agent.
 * @param wanted Keys whose value is going to be replaced: a wrong literal there is not a fault.
 * @param file The file's name, for the diagnostics.
 */
export function findTlsBlock(
  document: Document,
  wanted: ReadonlySet<string> = new Set(),
  file?: string,
): TlsBlock {
  const position = positionsIn(document.text)
  const diagnostics: Diagnostic[] = []
  const refuse = (code: AgentCode, at: number, message: string, more: object = {}): void => {
    if (diagnostics.length >= 1000) return
    diagnostics.push(diagnostic('error', code, position(at), message, { file, ...more }))
  }
  const blocks = document.root.items.filter(({ keys }) => foldKey(keys[0]!.name) === 'tls')
  const [item, ...others] = blocks
  if (item === undefined) return { diagnostics }
  for (const other of others) {
    const { line } = position(item.start)
    refuse(
      'agent/tls-repeated',
      other.start,
      `a second "tls" block; the first is in line ${line}`,
      {
        hint: 'put all keys into one block: Nomad stops with "unexpected keys tls"',
      },
    )
  }
  for (const { keys, value } of blocks) {
    if (keys.length > 1) {
      refuse(
        'agent/tls-label',
        keys[1]!.start,
        `the "tls" block has the label "${keys[1]!.name}"`,
        {
          expected: 'tls { … }',
        },
      )
    } else if (value.type === 'list' && document.syntax === 'json' && value.items.length > 1) {
      refuse('agent/tls-repeated', value.items[1]!.start, 'a second "tls" object in the list')
    } else if (
      value.type !== 'object' &&
      (document.syntax === 'hcl' || objectIn({ keys, value, start: 0, end: 0 }) === undefined)
    ) {
      refuse('agent/tls-not-a-block', value.start, '"tls" does not hold a block', {
        expected: document.syntax === 'hcl' ? 'tls { … }' : '"tls": { … }',
      })
    }
  }
  if (diagnostics.length > 0) return { item, diagnostics }
  const object = objectIn(item)!
  checkKeys(document, object, wanted, refuse)
  return diagnostics.length > 0 ? { item, diagnostics } : { item, object, diagnostics }
}

function checkKeys(
  document: Document,
  object: ObjectValue,
  wanted: ReadonlySet<string>,
  refuse: (code: AgentCode, at: number, message: string, more?: object) => void,
): void {
  const seen = new Set<string>()
  let unknown = 0
  for (const { keys, value, start } of object.items) {
    const name = keys[0]!.name
    const folded = foldKey(name)
    const entry = known.get(folded)
    // What was a key once is judged with the version of Nomad (check-schema.ts).
    if (entry === undefined && datedKeys.has(`tls.${folded}`)) continue
    if (entry === undefined) {
      // Untagged field of the struct: accepted, and it sets internal state (tls.go:57).
      const leaked = folded === 'checksum'
      const near = unknown < 100 ? didYouMean(name, known.keys()) : undefined
      unknown += 1
      refuse('agent/unknown-key', start, `"${name}" is not a key of "tls"`, {
        hint: leaked
          ? 'it sets internal state of Nomad: remove it'
          : near === undefined
            ? 'Nomad stops with "tls unexpected keys"'
            : `did you mean "${near}"?`,
      })
      continue
    }
    if (seen.has(folded)) {
      refuse('agent/repeated-key', start, `"${name}" occurs twice in "tls"`, {
        hint: 'Nomad stops with "tls unexpected keys"',
      })
    }
    seen.add(folded)
    if (keys.length > 1 || value.type !== 'literal') {
      refuse('agent/tls-value', value.start, `"${name}" does not hold a plain value`, {
        expected: entry.type === 'boolean' ? 'true or false' : 'a quoted string',
      })
    } else if (
      entry.type === 'boolean' &&
      !wanted.has(folded) &&
      asBoolean(document, value) === undefined
    ) {
      refuse('agent/tls-value', value.start, `the value of "${name}" is not a boolean`, {
        expected: 'true or false',
      })
    }
  }
}
