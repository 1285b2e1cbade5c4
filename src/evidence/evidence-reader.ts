/**
 * The members of a JSON document by their types, with a diagnostic for each that is not what it should be.
 *
 * @module
 */

import type { EvidenceCode } from './codes.js'
import type { Diagnostic } from '../diagnostics.js'
import { shown, type JsonNode } from './json-text.js'

/** What else a diagnostic says. */
export interface FaultDetails {
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

/** An object of the document. Each getter reports what is missing or wrong, and returns `undefined` then. */
export interface Entry {
  has(key: string): boolean
  text(key: string, options?: { readonly most?: number }): string | undefined
  /** A whole number from 0 that JSON carries exactly. */
  number(key: string): number | undefined
  /** A whole number, also below 0. */
  integer(key: string): number | undefined
  boolean(key: string): boolean | undefined
  texts(key: string, options?: { readonly most?: number }): readonly string[] | undefined
  word<T extends string>(key: string, words: readonly T[]): T | undefined
  /** `null` where it is that, else what `read` makes of it. */
  nullable<T>(key: string, read: () => T | undefined): T | null | undefined
  /** The objects of a list; none where the key is absent. */
  entries(key: string): readonly Entry[]
  /** Something is wrong with the value of a key. */
  fault(key: string, code: EvidenceCode, message: string, details?: FaultDetails): void
}

/** Reads, and keeps what is wrong. */
export interface EvidenceReader {
  readonly diagnostics: readonly Diagnostic[]
  fault(offset: number, code: EvidenceCode, message: string, details?: FaultDetails): void
  /** `undefined`, and a diagnostic, for what is not an object. */
  entry(node: JsonNode, path: string): Entry | undefined
}

/** More of one list than any cluster has. */
const listLimit = 200_000

/**
 * A reader for one text.
 *
 * @param text For lines and columns.
 * @param options `most`: how many diagnostics are kept; one more says that there are others.
 */
export function evidenceReader(
  text: string,
  options: { readonly file: string; readonly most: number },
): EvidenceReader {
  const { file, most } = options
  const diagnostics: Diagnostic[] = []
  const position = positions(text)
  let full = false
  const fault: EvidenceReader['fault'] = (offset, code, message, details = {}) => {
    if (full) return
    full = diagnostics.length >= most
    const place = position(offset)
    diagnostics.push(
      full
        ? { severity: 'error', file, ...place, code: 'evidence/more', message: 'and more' }
        : {
            severity: 'error',
            file,
            ...place,
            code,
            message,
            ...(details.expected !== undefined && { expected: details.expected }),
            ...(details.hint !== undefined && { hint: details.hint }),
          },
    )
  }
  const entryOf = (node: JsonNode, path: string): Entry | undefined => {
    if (node.kind !== 'object') {
      fault(node.at, 'evidence/type', `${path === '' ? 'it' : path} is ${kindOf(node)}`, {
        expected: 'an object',
      })
      return undefined
    }
    const { members } = node
    const pathOf = (key: string): string => (path === '' ? key : `${path}.${key}`)
    const get = (key: string): JsonNode | undefined => {
      const found = members.get(key)
      if (found === undefined) fault(node.at, 'evidence/missing', `${pathOf(key)} is missing`)
      return found
    }
    const wrong = (key: string, found: JsonNode, expected: string): void => {
      fault(found.at, 'evidence/type', `${pathOf(key)} is ${kindOf(found)}`, { expected })
    }
    /** What a getter makes of a value; nothing means that it is of another type. */
    const as = <T>(
      key: string,
      expected: string,
      pick: (found: JsonNode) => T | undefined,
    ): T | undefined => {
      const found = get(key)
      if (found === undefined) return undefined
      const value = pick(found)
      if (value === undefined) wrong(key, found, expected)
      return value
    }
    const entry: Entry = {
      has: (key) => members.has(key),
      text(key, { most: longest = 256 } = {}) {
        const value = as(key, 'a text', textOf)
        return value !== undefined && isFit(members.get(key)!.at, value, longest, pathOf(key))
          ? value
          : undefined
      },
      number: (key) =>
        as(key, 'a whole number from 0', (found) => {
          const value = found.kind === 'value' ? found.value : undefined
          const fits = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
          return fits ? value : undefined
        }),
      integer: (key) =>
        as(key, 'a whole number', (found) => {
          const value = found.kind === 'value' ? found.value : undefined
          return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
        }),
      boolean: (key) =>
        as(key, 'true or false', (found) =>
          found.kind === 'value' && typeof found.value === 'boolean' ? found.value : undefined,
        ),
      texts(key, { most: longest = 1024 } = {}) {
        const found = as(key, 'a list of texts', (one) => (one.kind === 'array' ? one : undefined))
        if (found === undefined || isTooLong(found, pathOf(key))) return undefined
        const texts: string[] = []
        for (const [index, item] of found.items.entries()) {
          const name = `${key}[${index}]`
          const value = textOf(item)
          if (value === undefined) {
            wrong(name, item, 'a text')
            return undefined
          }
          if (!isFit(item.at, value, longest, pathOf(name))) return undefined
          texts.push(value)
        }
        return texts
      },
      word: (key, words) =>
        as(key, words.join(', '), (found) =>
          words.find((one) => found.kind === 'value' && one === found.value),
        ),
      nullable(key, read) {
        const found = get(key)
        if (found === undefined) return undefined
        return found.kind === 'value' && found.value === null ? null : read()
      },
      entries(key) {
        const found = members.get(key)
        if (found === undefined) return []
        if (found.kind !== 'array') {
          wrong(key, found, 'a list of objects')
          return []
        }
        if (isTooLong(found, pathOf(key))) return []
        return found.items.flatMap((item, index) => {
          const one = entryOf(item, pathOf(`${key}[${index}]`))
          return one === undefined ? [] : [one]
        })
      },
      fault(key, code, message, details) {
        const found = members.get(key)
        fault(found?.at ?? node.at, code, `${pathOf(key)}: ${message}`, details)
      },
    }
    return entry
  }
  return { diagnostics, fault, entry: entryOf }

  function isFit(at: number, value: string, longest: number, path: string): boolean {
    // eslint-disable-next-line no-control-regex
    const fits = !/[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(value)
    if (fits && value.length <= longest) return true
    const message =
      value.length > longest
        ? `${path} has ${value.length} characters, more than ${longest}`
        : `${path} holds what no name holds: ${shown(value)}`
    fault(at, 'evidence/value', message)
    return false
  }

  function isTooLong({ at, items }: JsonNode & { readonly kind: 'array' }, path: string): boolean {
    if (items.length <= listLimit) return false
    fault(at, 'evidence/too-many', `${path} has ${items.length} items, more than ${listLimit}`)
    return true
  }
}

function textOf(node: JsonNode): string | undefined {
  return node.kind === 'value' && typeof node.value === 'string' ? node.value : undefined
}

function kindOf(node: JsonNode): string {
  if (node.kind === 'object') return 'an object'
  if (node.kind === 'array') return 'a list'
  if (node.value === null) return 'null'
  return typeof node.value === 'string' ? shown(node.value) : String(node.value)
}

/** Lines and columns of many offsets: `positionOf` counts from the beginning each time. */
function positions(text: string): (offset: number) => { line: number; column: number } {
  let starts: number[] | undefined
  return (offset) => {
    if (starts === undefined) {
      starts = [0]
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
        starts.push(at + 1)
      }
    }
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    // Columns count in code points.
    return { line: low + 1, column: Array.from(text.slice(starts[low], offset)).length + 1 }
  }
}
