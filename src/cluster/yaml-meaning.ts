/**
 * What a YAML text says, apart from how: edits are proven by it.
 *
 * @module
 */

import { isMap, isScalar, type YAMLMap } from 'yaml'
import { applySplices, type Splice } from '../splice.js'
import { createReport } from './report.js'
import { readYaml } from './yaml.js'
import type { Plain } from './yaml-write.js'

/** What came of an edit; without a text there was no way that moves nothing else. */
export type YamlEdit = { readonly text: string } | { readonly fault: string }

/** Values as maps and arrays, in order: what a text says, without how. */
export type Meaning = Map<string, unknown>

/** The map at the top of a good text. */
export function rootOf(text: string): YAMLMap | undefined {
  const report = createReport(text, undefined)
  const contents = readYaml(text, report)?.contents
  return isMap(contents) ? contents : undefined
}

/** Keys keep their type until it is known that they are texts. */
function meaningOf(node: unknown): unknown {
  if (isMap(node)) {
    return new Map(
      node.items.map(({ key, value }) => [
        isScalar(key) ? `${typeof key.value} ${String(key.value)}` : '?',
        meaningOf(value),
      ]),
    )
  }
  if (isScalar(node)) return node.value
  const items = (node as { items?: readonly unknown[] } | null)?.items
  return items === undefined ? null : items.map(meaningOf)
}

/** The meaning of a text after a change to it; maps by their keys. */
export function plainOf(text: string, change: (plain: Meaning) => void): Meaning | undefined {
  const root = rootOf(text)
  if (root === undefined) return undefined
  const plain = stripped(meaningOf(root)) as Meaning
  change(plain)
  return plain
}

function stripped(value: unknown): unknown {
  if (value instanceof Map) {
    return new Map(
      [...(value as Meaning)].map(([key, one]) => [key.replace(/^string /, ''), stripped(one)]),
    )
  }
  return Array.isArray(value) ? value.map(stripped) : value
}

/** The map at a path. */
export function mapAt(plain: Meaning, path: readonly string[]): Meaning | undefined {
  let map: unknown = plain
  for (const key of path) map = map instanceof Map ? (map as Meaning).get(key) : undefined
  return map instanceof Map ? (map as Meaning) : undefined
}

/** What a value that is to be written will say. */
export function asMeaning(value: Plain): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return (value as readonly Plain[]).map(asMeaning)
  return new Map(
    Object.entries(value as { readonly [key: string]: Plain }).map(([key, one]) => [
      key,
      asMeaning(one),
    ]),
  )
}

/** Reads what came out: it must say what was wanted, in this order, and nothing else. */
export function proved(
  text: string,
  splices: readonly Splice[],
  wanted: Meaning | undefined,
): YamlEdit {
  const out = applySplices(text, splices)
  const found = plainOf(out, () => undefined)
  if (wanted === undefined || found === undefined || canonical(found) !== canonical(wanted)) {
    return { fault: 'this layout cannot be edited without moving other text' }
  }
  return { text: out }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    one instanceof Map ? { map: [...(one as Meaning)] } : one,
  )
}
