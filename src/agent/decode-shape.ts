/**
 * What HashiCorp's decoder makes of the entries of a document when it fills Nomad's structs
 * (hcl/decoder.go): which values it refuses, and which keys it leaves over.
 *
 * Its book-keeping of left-over keys is crude, and Nomad's verdict rests on it:
 *
 * - all keys and labels of a block go into one list
 * - each field that is decoded takes away one of them
 * - a block that leaves nothing over keeps the list of the block before it
 *
 * @module
 */

import {
  asBoolean,
  asFloat,
  asInteger,
  asString,
  type Document,
  type Key,
  type Literal,
  foldKey,
} from '../hcl/index.js'
import { isGoDuration } from './duration.js'
import type { Entry, Shaped } from './flatten.js'
import type { BlockShape, Shape } from './schema-table.js'

/** A value that Nomad cannot decode. */
export interface DecodeFault {
  readonly start: number
  /** `client.servers` */
  readonly path: string
  readonly kind: 'value' | 'duration'
  readonly expected: string
}

/** What is left after decoding. */
export interface Decoded {
  readonly faults: readonly DecodeFault[]
  /** Keys that no field took, by the path of their block; the root's is empty. */
  readonly leftOver: ReadonlyMap<string, KeyPool>
  /** The names of labelled blocks and map entries, by path. */
  readonly names: ReadonlyMap<string, readonly string[]>
  /** Every plain value that a field took, by path, in the order of decoding. */
  readonly values: readonly { readonly path: string; readonly literal: Literal }[]
}

/** A node as the decoder passes it on: a value, or an entry of a list of labelled blocks. */
type Node = Shaped | { readonly type: 'entry'; readonly start: number; readonly entry: Entry }

const expectations: Readonly<Record<Exclude<Shape, BlockShape>, string>> = {
  bool: 'true or false',
  int: 'a whole number',
  float: 'a number without quotes',
  string: 'a quoted string',
  duration: 'a duration such as "30s"',
  strings: 'a list of strings',
  map: 'a block of strings',
  any: 'a block',
  refused: 'nothing: Nomad stops at any value (it cannot decode "uint")',
}

/**
 * Decodes entries.
 *
 * @param document Where the literals stand.
 * @param entries The root's entries.
 * @param schema The root's shape.
 */
export function decodeShape(
  document: Document,
  entries: readonly Entry[],
  schema: BlockShape,
): Decoded {
  const faults: DecodeFault[] = []
  const leftOver = new Map<string, KeyPool>()
  const names = new Map<string, string[]>()
  const values: { path: string; literal: Literal }[] = []

  function refuse(
    start: number,
    path: string,
    shape: Exclude<Shape, BlockShape> | undefined,
  ): void {
    const expected = shape === undefined ? 'a block' : expectations[shape]
    faults.push({ start, path, kind: shape === 'duration' ? 'duration' : 'value', expected })
  }

  function name(path: string, value: string): void {
    const known = names.get(path)
    if (known === undefined) names.set(path, [value])
    else known.push(value)
  }

  function decode(shape: Shape, node: Node, path: string): void {
    if (typeof shape === 'object') {
      if (shape.type === 'labelled')
        elements(node, path, undefined, (item) => {
          block(shape, expand(item), path, true)
        })
      else block(shape, node, path, false)
      return
    }
    switch (shape) {
      case 'strings':
        elements(node, path, shape, (item) => {
          scalar('string', item, path)
        })
        return
      case 'map':
      case 'any':
        map(shape, node, path)
        return
      case 'refused':
        refuse(node.start, path, shape)
        return
      default:
        scalar(shape, node, path)
    }
  }

  function scalar(
    shape: 'bool' | 'int' | 'float' | 'string' | 'duration',
    node: Node,
    path: string,
  ): void {
    if (node.type !== 'literal') {
      refuse(node.start, path, shape)
      return
    }
    const { literal } = node
    const sound =
      shape === 'bool'
        ? asBoolean(document, literal) !== undefined
        : shape === 'int'
          ? asInteger(document, literal) !== undefined
          : shape === 'float'
            ? asFloat(document, literal) !== undefined
            : shape === 'string' || isGoDuration(asString(document, literal))
    if (sound) values.push({ path, literal })
    else refuse(node.start, path, shape)
  }

  function elements(
    node: Node,
    path: string,
    shape: 'strings' | undefined,
    each: (item: Node) => void,
  ): void {
    switch (node.type) {
      case 'list':
        node.items.forEach(each)
        return
      case 'object':
        for (const entry of node.entries)
          each({ type: 'entry', start: startOf(entry, node.start), entry })
        return
      default:
        refuse(node.start, path, shape)
    }
  }

  function map(shape: 'map' | 'any', node: Node, path: string): void {
    const held =
      node.type === 'entry' ? [node.entry] : node.type === 'object' ? node.entries : undefined
    if (held === undefined) {
      refuse(node.start, path, shape)
      return
    }
    for (const entry of held) {
      const [key, ...labels] = entry.keys
      if (key === undefined) {
        refuse(node.start, path, shape)
        continue
      }
      name(path, key.name)
      const inner = `${path}.${key.name}`
      if (shape === 'any') numbers(entry.value, inner)
      else if (labels.length > 0) refuse(entry.value.start, inner, 'string')
      else scalar('string', entry.value, inner)
    }
  }

  /** Without a schema only a number can fail: it has to fit into 64 bits. */
  function numbers(value: Shaped, path: string): void {
    if (value.type === 'object') for (const entry of value.entries) numbers(entry.value, path)
    else if (value.type === 'list') for (const item of value.items) numbers(item, path)
    else if (value.literal.kind === 'number') scalar('int', value, path)
    else if (value.literal.kind === 'float') scalar('float', value, path)
  }

  function block(shape: BlockShape, node: Node, path: string, named: boolean): void {
    const entry = node.type === 'entry' ? node.entry : undefined
    const value = entry === undefined ? node : entry.value
    const held =
      value.type === 'object'
        ? value.entries
        : value.type === 'literal' && entry !== undefined
          ? [entry]
          : undefined
    if (held === undefined || (named && entry === undefined)) {
      refuse(node.start, path, undefined)
      return
    }
    if (named) name(path, entry?.keys[0]?.name ?? '')
    if (held.length === 0) return
    const unused = keyPool(held)
    const byName = new Map<string, Entry[]>()
    for (const item of held) {
      const [first] = item.keys
      if (first === undefined) continue
      const folded = foldKey(first.name)
      const same = byName.get(folded)
      if (same === undefined) byName.set(folded, [item])
      else same.push(item)
    }
    for (const [field, matched] of byName) {
      const inner = Object.hasOwn(shape.fields, field) ? shape.fields[field] : undefined
      if (inner === undefined) continue
      unused.remove(field)
      const inside = path === '' ? field : `${path}.${field}`
      const labelled = matched.filter(({ keys }) => keys.length > 1)
      if (labelled.length > 0) {
        const stripped = labelled.map((item) => ({ keys: item.keys.slice(1), value: item.value }))
        const start = startOf(labelled[0]!, 0)
        decode(inner, { type: 'object', start, entries: stripped }, inside)
      }
      for (const { keys, value: plain } of matched) {
        if (keys.length === 1) decode(inner, plain, inside)
      }
    }
    if (!unused.isEmpty()) leftOver.set(path, unused)
  }

  block(schema, { type: 'object', start: 0, entries }, '', false)
  return { faults, leftOver, names, values }
}

/** Keys from which the first match of a name can be taken away, again and again. */
export interface KeyPool {
  readonly remove: (name: string) => void
  /** Takes away all for which the predicate holds. */
  readonly removeAll: (matches: (name: string) => boolean) => void
  readonly isEmpty: () => boolean
  /** What is left, in the order given. */
  readonly rest: () => Key[]
}

/**
 * A pool of the keys and labels of entries; every operation is of constant cost, since hostile texts
 * hold many. Of one name the keys go first, each in the order given: what is left is then the label
 * that is one too many, and not the key that it is called like.
 */
function keyPool(entries: readonly Entry[]): KeyPool {
  const keys: Key[] = []
  for (const entry of entries) for (const key of entry.keys) keys.push(key)
  const places = new Map<string, number[]>()
  const put = (label: boolean): void => {
    // From the back, so that the first is the last of its list.
    let at = keys.length
    for (let entry = entries.length - 1; entry >= 0; entry -= 1) {
      for (let own = entries[entry]!.keys.length - 1; own >= 0; own -= 1) {
        at -= 1
        if (own > 0 !== label) continue
        const folded = foldKey(keys[at]!.name)
        const same = places.get(folded)
        if (same === undefined) places.set(folded, [at])
        else same.push(at)
      }
    }
  }
  if (keys.length > entries.length) put(true)
  put(false)
  const gone = new Set<number>()
  return {
    remove(name) {
      const same = places.get(foldKey(name))
      for (let at = same?.pop(); at !== undefined; at = same?.pop()) {
        if (gone.has(at)) continue
        gone.add(at)
        return
      }
    },
    removeAll(matches) {
      keys.forEach(({ name }, at) => {
        if (matches(name)) gone.add(at)
      })
    },
    isEmpty: () => gone.size === keys.length,
    rest: () => keys.filter((_, at) => !gone.has(at)),
  }
}

function startOf({ keys, value }: Entry, otherwise: number): number {
  return keys[0]?.start ?? (value.start || otherwise)
}

/** Two keys before a struct: the second goes inside again (decoder.go expandObject). */
function expand(node: Node): Node {
  if (node.type !== 'entry' || node.entry.keys.length !== 2) return node
  const { keys, value } = node.entry
  const inner: Entry = { keys: keys.slice(1), value }
  const held: Shaped = { type: 'object', start: value.start, entries: [inner] }
  return { ...node, entry: { keys: keys.slice(0, 1), value: held } }
}
