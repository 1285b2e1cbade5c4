/**
 * Shapes and values in words, for complaints.
 *
 * @module
 */

import { isMap, isScalar, isSeq, type Pair, type Scalar } from 'yaml'
import type { Shape } from './shape-types.js'

/**
 * What a shape wants, in words.
 *
 * @param shape Any shape.
 */
export function wordsOf(shape: Shape): string {
  switch (shape.kind) {
    case 'text':
      return shape.words
    case 'choice':
      return `one of ${shape.values.join(', ')}`
    case 'flag':
      return shape.only === undefined ? 'true or false' : String(shape.only)
    case 'count':
      return shape.min === shape.max
        ? `the number ${shape.min}`
        : `a whole number from ${shape.min} to ${shape.max}`
    case 'list':
      return `a list, each item ${wordsOf(shape.of)}`
    case 'record':
      return `a map with ${shape.fields.map((field) => field.key).join(', ')}`
    case 'map':
      return `a map, each key ${shape.key.words}`
    case 'either':
      return shape.of.map(wordsOf).join('; or ')
  }
}

/** What a node is, in words. */
export function wordFor(node: unknown): string {
  if (isMap(node)) return 'a map'
  if (isSeq(node)) return 'a list'
  if (!isScalar(node)) return 'nothing'
  const { value } = node
  if (value === null) return 'empty'
  if (typeof value === 'boolean') return `the truth value ${String(value)}`
  if (typeof value === 'number' || typeof value === 'bigint') {
    return `the number ${(node as Scalar.Parsed).source}`
  }
  return typeof value === 'string' ? `the text ${quote(value)}` : 'something else'
}

/** What a value of the wrong type may have meant. */
export function typeHint(node: unknown, shape: Shape): string | undefined {
  const kinds = shape.kind === 'either' ? shape.of.map(({ kind }) => kind) : [shape.kind]
  if (isScalar(node)) {
    const { value } = node
    const { source } = node as Scalar.Parsed
    if (shape.kind === 'text' && typeof value === 'number') {
      if (shape.duration) return `did you mean ${source}d?`
      return `put it in quotes: "${source}"`
    }
    if (value === false && shape.kind === 'text' && shape.insteadOfFalse !== undefined) {
      return shape.insteadOfFalse
    }
    if (kinds.includes('text') && typeof value === 'boolean') return `put it in quotes: "${source}"`
    if (kinds.includes('flag') && typeof value === 'string' && /^(yes|on|true)$/i.test(value)) {
      return 'did you mean true?'
    }
    if (kinds.includes('flag') && typeof value === 'string' && /^(no|off|false)$/i.test(value)) {
      return 'did you mean false?'
    }
    if (kinds.includes('count') && typeof value === 'string' && /^[0-9]+$/.test(value)) {
      return 'write it without quotes'
    }
    if (kinds.includes('list') && typeof value === 'string') return `did you mean [${clip(value)}]?`
  }
  if (isMap(node) && node.flow && node.items.length === 1 && kinds.includes('text')) {
    const [{ key, value }] = node.items as [Pair]
    // `{node}` is a map of one key without a value.
    if (isScalar(key) && (value === null || (isScalar(value) && value.value === null))) {
      return `put it in quotes: "{${String(key.value)}}"`
    }
  }
  if (isSeq(node) && kinds.includes('map')) return 'write "s1: {}", not "- s1"'
  return undefined
}

/** A text in quotes, not too long. */
export function quote(text: string): string {
  return JSON.stringify(clip(text))
}

/** In code points, as JSON Schema counts. */
export function lengthOf(text: string): number {
  return Array.from(text).length
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
