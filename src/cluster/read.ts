/**
 * From YAML nodes to plain values, as the table of `shape.ts` describes them. Knows no meaning:
 * references, defaults and limits are `resolve.ts`'s.
 *
 * Maps of the user's keys become `Map`s (a node may be called `__proto__` or `7`), records become
 * plain objects. What is wrong is reported and left out, so that one mistake does not hide the next.
 *
 * @module
 */

import { isMap, isScalar, isSeq, Scalar, type ParsedNode, type YAMLMap } from 'yaml'
import { didYouMean } from '../diagnostics.js'
import { parseDuration } from '../duration.js'
import type { Report } from './report.js'
import { createSources, offsetOf, type Origin, type Sources } from './sources.js'
import { lengthOf, quote, typeHint, wordFor, wordsOf } from './words.js'
import type { Field, MapShape, RecordShape, Shape, TextShape } from './shape-types.js'

/** Values and where they came from. */
export interface ReadValue {
  readonly value: unknown
  readonly sources: Sources
}

/**
 * Reads a node as the shape says.
 *
 * @param root The document's contents.
 * @param shape What it should be.
 * @param report Takes what is wrong.
 * @param whole What the whole text is called.
 */
export function readShape(
  root: ParsedNode,
  shape: Shape,
  report: Report,
  whole: string = 'the spec',
): ReadValue {
  const origins = new Map<object, Origin>()
  const read = createReader(report, origins, whole)
  const value = read(root, shape, '')
  return { value, sources: createSources(origins) }
}

type Reader = (node: unknown, shape: Shape, path: string) => unknown

function createReader(report: Report, origins: Map<object, Origin>, whole: string): Reader {
  const tables = new Map<readonly Field[], ReadonlyMap<string, Field>>()
  const patterns = new Map<string, RegExp>()

  const tableOf = (fields: readonly Field[]): ReadonlyMap<string, Field> => {
    let table = tables.get(fields)
    if (table === undefined) {
      table = new Map(fields.map((field) => [field.key, field]))
      tables.set(fields, table)
    }
    return table
  }

  const matches = (text: string, shape: TextShape): boolean => {
    if (shape.maxLength !== undefined && text.length > shape.maxLength) {
      if (lengthOf(text) > shape.maxLength) return false
    }
    if (shape.pattern === undefined) return true
    let pattern = patterns.get(shape.pattern)
    if (pattern === undefined) {
      // The same flag that JSON Schema validators use.
      pattern = new RegExp(shape.pattern, 'u')
      patterns.set(shape.pattern, pattern)
    }
    return pattern.test(text)
  }

  const wrongType = (node: unknown, shape: Shape, path: string): unknown => {
    report.error('spec/type', offsetOf(node), `${path === '' ? whole : path} is ${wordFor(node)}`, {
      expected: wordsOf(shape),
      hint: typeHint(node, shape),
    })
    return undefined
  }

  const checkText = (text: string, shape: TextShape, offset: number, path: string): boolean => {
    if (matches(text, shape)) return true
    const told = shape.explain?.(text)
    const long = shape.maxLength !== undefined && lengthOf(text) > shape.maxLength
    const clause =
      told?.message ??
      (text === ''
        ? 'is empty'
        : long
          ? `has more than ${shape.maxLength} characters`
          : `does not fit`)
    report.error(shape.code ?? 'spec/value', offset, `${path}: ${quote(text)} ${clause}`, {
      expected: shape.words,
      hint: told?.hint,
    })
    return false
  }

  /** The text of a key; keys that are not text are reported. */
  const keyText = (key: unknown, numeric: boolean): string | undefined => {
    if (isScalar(key)) {
      if (typeof key.value === 'string') return key.value
      if (numeric && typeof key.value === 'number') return String(key.value)
      const written = (key as Scalar.Parsed).source
      report.error(
        'spec/key-type',
        offsetOf(key),
        written === ''
          ? 'a key is missing'
          : `the key ${quote(written)} is ${wordFor(key)}, not text`,
        written === '' ? {} : { hint: `put it in quotes: "${written}"` },
      )
      return undefined
    }
    report.error('spec/key-type', offsetOf(key), 'a key is a list or a map', {
      expected: 'text',
      hint: 'put text that begins with [ or { in quotes: "c[001-500]"',
    })
    return undefined
  }

  const entries = (
    map: YAMLMap | Scalar,
    visit: (key: string, keyOffset: number, value: unknown) => void,
    numeric = false,
  ): void => {
    if (isScalar(map)) return
    const seen = new Set<string>()
    for (const { key, value } of map.items) {
      const text = keyText(key, numeric)
      if (text === undefined) continue
      const offset = offsetOf(key)
      if (seen.has(text)) {
        report.error(
          'spec/duplicate-key',
          offset,
          `the key ${quote(text)} stands here a second time`,
          {
            hint: 'remove one of them: YAML readers differ in which one counts',
          },
        )
        continue
      }
      seen.add(text)
      visit(text, offset, value ?? nullAt(key))
    }
  }

  const readRecord = (node: YAMLMap | Scalar, shape: RecordShape, path: string): object => {
    const table = tableOf(shape.fields)
    const out = Object.create(null) as Record<string, unknown>
    origins.set(out, node)
    const present = new Set<string>()
    entries(node, (key, offset, value) => {
      const field = table.get(key)
      if (field === undefined) {
        unknownKey(report, key, offset, path, [...table.keys()], shape.refused)
        return
      }
      present.add(key)
      const result = read(value, field.shape, path === '' ? key : `${path}.${key}`)
      if (result !== undefined) out[key] = result
    })
    for (const field of shape.fields) {
      if (field.required && !present.has(field.key)) {
        report.error(
          'spec/missing-key',
          offsetOf(node),
          `${path === '' ? '' : `${path}: `}the key ${field.key} is missing`,
          {
            expected: `${field.key}: ${field.example ?? wordsOf(field.shape)}`,
          },
        )
      }
    }
    return out
  }

  const readMap = (node: YAMLMap | Scalar, shape: MapShape, path: string): object => {
    const named = shape.named === undefined ? undefined : tableOf(shape.named)
    const out = new Map<string, unknown>()
    origins.set(out, node)
    const visit = (key: string, offset: number, value: unknown): void => {
      const field = named?.get(key)
      const inside = `${path}.${key}`
      if (field === undefined && key === '<<') {
        report.error('spec/name', offset, 'a merge key', {
          hint: 'use defaults: for what several have in common',
        })
        return
      }
      if (field === undefined && !checkText(key, shape.key, offset, path)) return
      const result = read(value, field?.shape ?? shape.of, inside)
      if (result !== undefined) out.set(key, result)
    }
    entries(node, visit, shape.numericKeys)
    return out
  }

  const read = (node: unknown, shape: Shape, path: string): unknown => {
    switch (shape.kind) {
      case 'text': {
        if (!isScalar(node) || typeof node.value !== 'string') return wrongType(node, shape, path)
        if (!checkText(node.value, shape, offsetOf(node), path)) return undefined
        return shape.duration ? parseDuration(node.value) : node.value
      }
      case 'choice': {
        if (!isScalar(node) || typeof node.value !== 'string') return wrongType(node, shape, path)
        if (shape.values.includes(node.value)) return node.value
        const refused = Object.hasOwn(shape.refused ?? {}, node.value)
          ? shape.refused?.[node.value]
          : undefined
        const near =
          refused === undefined && !report.crowded()
            ? didYouMean(node.value, shape.values)
            : undefined
        report.error(
          'spec/value',
          offsetOf(node),
          `${path}: ${quote(node.value)} is not possible here`,
          {
            expected: shape.values.join(', '),
            hint: refused ?? (near === undefined ? undefined : `did you mean ${near}?`),
          },
        )
        return undefined
      }
      case 'flag': {
        if (!isScalar(node) || typeof node.value !== 'boolean') return wrongType(node, shape, path)
        if (shape.only !== undefined && node.value !== shape.only) {
          report.error(
            'spec/value',
            offsetOf(node),
            `${path}: ${String(node.value)} is not possible here`,
            {
              expected: String(shape.only),
              hint: 'leave the key out instead',
            },
          )
          return undefined
        }
        return node.value
      }
      case 'count': {
        if (!isScalar(node) || typeof node.value !== 'number') return wrongType(node, shape, path)
        if (!Number.isInteger(node.value) || node.value < shape.min || node.value > shape.max) {
          report.error(
            'spec/value',
            offsetOf(node),
            `${path}: ${(node as Scalar.Parsed).source} is not possible here`,
            {
              expected: wordsOf(shape),
            },
          )
          return undefined
        }
        return node.value
      }
      case 'list': {
        if (!isSeq(node)) return wrongType(node, shape, path)
        const out: unknown[] = []
        origins.set(out, node)
        if (node.items.length < (shape.min ?? 0)) {
          report.error('spec/value', offsetOf(node), `${path} is empty`, {
            expected: wordsOf(shape),
          })
        }
        if (node.items.length > shape.max) {
          report.error('spec/too-many', offsetOf(node), `${path} has ${node.items.length} items`, {
            expected: `at most ${shape.max}`,
          })
          return undefined
        }
        // Broken items keep their place, so that indexes stay those of the text.
        node.items.forEach((item, index) => out.push(read(item, shape.of, `${path}[${index}]`)))
        return out
      }
      case 'record': {
        if (isMap(node) || standsForEmpty(node, shape)) return readRecord(node, shape, path)
        return wrongType(node, shape, path)
      }
      case 'map': {
        if (isMap(node) || standsForEmpty(node, shape)) return readMap(node, shape, path)
        return wrongType(node, shape, path)
      }
      case 'either': {
        const fitting = shape.of.find((one) => fits(node, one))
        return fitting === undefined ? wrongType(node, shape, path) : read(node, fitting, path)
      }
    }
  }
  return read
}

/** `s1:` is as good as `s1: {}`, where nothing must be said. */
function standsForEmpty(node: unknown, shape: RecordShape | MapShape): node is Scalar {
  if (!isScalar(node) || node.value !== null) return false
  return shape.kind === 'map' || !shape.fields.some((field) => field.required)
}

function nullAt(key: unknown): Scalar {
  const node = new Scalar(null)
  const range = (key as Scalar | null)?.range
  if (range) node.range = range
  return node
}

function fits(node: unknown, shape: Shape): boolean {
  switch (shape.kind) {
    case 'text':
    case 'choice':
      return isScalar(node) && typeof node.value === 'string'
    case 'flag':
      return isScalar(node) && typeof node.value === 'boolean'
    case 'count':
      return isScalar(node) && typeof node.value === 'number'
    case 'list':
      return isSeq(node)
    case 'record': {
      const { when } = shape
      if (when !== undefined) return isMap(node) && when.some((key) => node.has(key))
      return isMap(node) || standsForEmpty(node, shape)
    }
    case 'map':
      return isMap(node) || standsForEmpty(node, shape)
    case 'either':
      return shape.of.some((one) => fits(node, one))
  }
}

function unknownKey(
  report: Report,
  key: string,
  offset: number,
  path: string,
  known: readonly string[],
  refused: Readonly<Record<string, string>> | undefined,
): void {
  const where = path === '' ? 'at the top' : `in ${path}`
  if (key === '<<') {
    report.error('spec/unknown-key', offset, 'a merge key', {
      hint: 'use defaults: for what several have in common',
    })
    return
  }
  const told = refused !== undefined && Object.hasOwn(refused, key) ? refused[key] : undefined
  const near = told === undefined && !report.crowded() ? didYouMean(key, known) : undefined
  report.error('spec/unknown-key', offset, `unknown key ${quote(key)} ${where}`, {
    expected: known.join(', '),
    hint: told ?? (near === undefined ? undefined : `did you mean ${near}?`),
  })
}
