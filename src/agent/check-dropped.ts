/**
 * Keys that Nomad takes and forgets: those that its own tidying takes out of the unknown ones
 * (command/agent/config_parse.go:320-428), and those of a block that a later block of the same name makes
 * it forget.
 *
 * @module
 */

import { foldKey, type Key, sameKey } from '../hcl/index.js'
import { once } from '../memo.js'
import { foreignBlocks, type Say } from './check-foreign.js'
import type { Entry } from './flatten.js'
import { type BlockShape, schemaOf } from './schema-table.js'

/**
 * Tells of every such key.
 *
 * @param entries The root's.
 * @param shape The root's.
 * @param told Keys that Nomad stops at.
 */
export function checkDropped(
  entries: readonly Entry[],
  shape: BlockShape,
  told: ReadonlySet<Key>,
  say: Say,
): void {
  within(entries, shape, '')

  function within(held: readonly Entry[], { fields }: BlockShape, path: string): void {
    for (const { keys, value } of held) {
      const [key, ...rest] = keys
      if (key === undefined) continue
      const name = foldKey(key.name)
      const inner = Object.hasOwn(fields, name) ? fields[name] : undefined
      if (inner === undefined) {
        const foreign = path === '' && foreignBlocks.some((block) => sameKey(block, key.name))
        if (!foreign && !told.has(key)) dropped(key, name, path)
      } else if (typeof inner === 'object' && inner.type === 'strict') {
        const below = path === '' ? name : `${path}.${name}`
        if (rest.length > 0) within([{ keys: rest, value }], inner, below)
        else if (value.type === 'object') within(value.entries, inner, below)
      }
    }
  }

  function dropped(key: Key, name: string, path: string): void {
    const where = path === '' ? 'at the top' : `in "${path}"`
    const known = (homesByKey().get(name) ?? []).slice(0, 3)
    say('warning', 'agent/ignored', key.start, `Nomad ignores "${key.name}" ${where}`, {
      hint:
        known.length === 0
          ? undefined
          : `it belongs in ${known.map((home) => `"${home}"`).join(' or ')}`,
    })
  }
}

/** The blocks that have a key, by its name. A hostile text asks for 100,000 names. */
const homesByKey = once((): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>()
  collect(schemaOf(), '')
  return found

  function collect({ fields }: BlockShape, path: string): void {
    for (const [key, shape] of Object.entries(fields)) {
      if (path !== '') found.set(key, [...(found.get(key) ?? []), path])
      if (typeof shape === 'object' && shape.type !== 'labelled') {
        collect(shape, path === '' ? key : `${path}.${key}`)
      }
    }
  }
})
