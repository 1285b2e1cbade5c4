/**
 * The independent judge of the unit suite: HashiCorp's own HCL 1, compiled to JavaScript
 * (`hcl-parser` 0.1.1), and our tree in the form in which it answers.
 */

import { createRequire } from 'node:module'
import {
  asBoolean,
  asInteger,
  asString,
  type Document,
  type Item,
  rawText,
  type Value,
} from '../../src/hcl/index.js'

type Data = null | boolean | number | string | readonly Data[] | { readonly [key: string]: Data }

/** What the judge says: the data, or that it refuses. */
export type Verdict = { readonly data: Data } | { readonly refused: string }

const { parse } = createRequire(import.meta.url)('hcl-parser') as {
  parse: (text: string) => readonly [Data, unknown]
}

/** HashiCorp's verdict; a panic of its decoder is a refusal. */
export function judge(text: string): Verdict {
  try {
    const [data, error] = parse(text)
    return error === null ? { data } : { refused: describe(error) }
  } catch (error) {
    return { refused: `panic: ${error instanceof Error ? error.message : 'unknown'}` }
  }
}

function describe(error: unknown): string {
  return JSON.stringify(error)
}

/**
 * The document as the judge would give it, or `undefined` where keys repeat: it merges those by
 * rules of its own, which are the business of `agent/`.
 */
export function dataOf(document: Document): Data | undefined {
  try {
    return mapOf(document, document.root.items)
  } catch (error) {
    if (error === repeated) return undefined
    throw error
  }
}

const repeated = new Error('a key repeats')

function mapOf(document: Document, items: readonly Item[]): Data {
  const out: Record<string, Data> = {}
  for (const { keys, value } of items) {
    const [first, ...labels] = keys
    if (Object.hasOwn(out, first!.name)) throw repeated
    let data = dataIn(document, value, false)
    for (const label of labels.reverse()) data = [{ [label.name]: data }]
    Object.defineProperty(out, first!.name, { value: data, enumerable: true })
  }
  return out
}

function dataIn(document: Document, value: Value, inList: boolean): Data {
  switch (value.type) {
    case 'object': {
      const map = mapOf(document, value.items)
      return inList ? map : [map]
    }
    case 'list':
      return value.items.map((item) => dataIn(document, item, true))
    case 'literal':
      switch (value.kind) {
        case 'bool':
          return asBoolean(document, value)!
        case 'number':
          return Number(asInteger(document, value))
        case 'float':
          return Number(rawText(document, value))
        default:
          return asString(document, value)
      }
  }
}
