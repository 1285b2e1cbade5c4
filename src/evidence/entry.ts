/**
 * The fields of one object of evidence, by the table of the ledger's fields: strictly, with a diagnostic
 * for each that is not what it should be.
 *
 * @module
 */

import type { Diagnostic, Position } from '../diagnostics.js'
import type { EventField, EventValues } from '../inventory/ledger-events.js'
import type { EvidenceCode } from './codes.js'
import { kindOf, shown, type JsonObject } from './json-lines.js'

/** What else a diagnostic says. */
interface FaultDetails {
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

/** Keeps what is wrong with one file. */
export interface Faults {
  readonly diagnostics: readonly Diagnostic[]
  /** Whether no more is kept. */
  isFull(): boolean
  add(at: Position, code: EvidenceCode, message: string, details?: FaultDetails): void
}

/**
 * Makes a list of faults.
 *
 * @param options `most`: how many are kept; one more says that there are others.
 */
export function faultsOf({ file, most }: { readonly file: string; readonly most: number }): Faults {
  const diagnostics: Diagnostic[] = []
  return {
    diagnostics,
    isFull: () => diagnostics.length > most,
    add({ line, column }, code, message, details = {}) {
      const place = { severity: 'error', file, line, column } as const
      if (diagnostics.length < most) diagnostics.push({ ...place, code, message, ...details })
      else if (diagnostics.length === most) {
        diagnostics.push({ ...place, code: 'evidence/more', message: 'and more' })
      }
    },
  }
}

/** One object of evidence. What is wrong with it is kept; then `undefined` is given back. */
export interface Entry {
  has(key: string): boolean
  /** The values of some fields: all of them, or none. */
  fields<const Fields extends FieldTable>(table: Fields): EventValues<Fields> | undefined
  /** The objects of a list; none where the key is absent. */
  entries(key: string): readonly Entry[]
  /** Something is wrong with the value of a key. */
  fault(key: string, code: EvidenceCode, message: string, details?: FaultDetails): void
}

/** Fields by their keys, as {@link EventField} describes them. */
type FieldTable = Readonly<Record<string, EventField>>

/** More of one list than any cluster has. */
const listLimit = 200_000

/** How long texts may be where it is not 256, in UTF-16 units. */
const longest: Readonly<Record<string, number>> = {
  code: 64,
  host: 253,
  value: 600,
  message: 1000,
  incomplete: 1000,
  reason: 1000,
  // A certificate in base64: an installer leaves out what is longer.
  chain: 16_384,
  leaf: 16_384,
}

/** What is expected of each type of field. */
const expected: Readonly<Record<EventField['type'], string>> = {
  text: 'a text',
  address: 'a text',
  digest: 'a text',
  hex: 'a text',
  instant: 'a whole number from 0',
  milliseconds: 'a whole number',
  number: 'a whole number from 0',
  flag: 'true or false',
  texts: 'a list of texts',
  addresses: 'a list of texts',
}

/** An object as it stands in the file. */
export function entryOf({ values, positionOf }: JsonObject, faults: Faults): Entry {
  return entryAt(values, '', positionOf, faults)
}

/** @param path What stands before a key in messages: `overrides[0].` */
function entryAt(
  values: ReadonlyMap<string, unknown>,
  path: string,
  positionOf: JsonObject['positionOf'],
  faults: Faults,
): Entry {
  const say = (key: string, code: EvidenceCode, message: string, details?: FaultDetails): void => {
    faults.add(positionOf(key), code, `${path}${key}${message}`, details)
  }
  const isFit = (key: string, name: string, { type, words }: EventField): boolean => {
    const value = values.get(key)
    if (words !== undefined ? !words.includes(value as string) : !isOfType(value, type)) {
      const details = { expected: words?.join(', ') ?? expected[type] }
      say(name, 'evidence/type', ` is ${kindOf(value)}`, details)
      return false
    }
    const fault = Array.isArray(value)
      ? listFault(value as readonly string[], longest[key] ?? 1024)
      : typeof value === 'string'
        ? (textFault(value, longest[key] ?? 256) ?? formFault(value, type))
        : undefined
    if (fault === undefined) return true
    say(key, fault.code, fault.message, fault.details)
    return false
  }
  return {
    has: (key) => values.has(key),
    fields<const Fields extends FieldTable>(table: Fields) {
      let whole = true
      const found: Record<string, unknown> = {}
      for (const [key, field] of Object.entries(table)) {
        const value = values.get(key)
        if (value === undefined) {
          if (field.optional === true) continue
          say(key, 'evidence/missing', ' is missing')
          whole = false
        } else if ((value === null && field.nullable === true) || isFit(key, key, field)) {
          found[key] = value
        } else whole = false
      }
      return whole ? (found as EventValues<Fields>) : undefined
    },
    entries(key) {
      const list = values.get(key)
      if (list === undefined) return []
      if (!Array.isArray(list)) {
        say(key, 'evidence/type', ` is ${kindOf(list)}`, { expected: 'a list of objects' })
        return []
      }
      return list.slice(0, listLimit).flatMap((one: unknown, index) => {
        const name = `${key}[${index}]`
        if (typeof one === 'object' && one !== null && !Array.isArray(one)) {
          const inner = new Map(Object.entries(one))
          return [entryAt(inner, `${path}${name}.`, () => positionOf(key), faults)]
        }
        say(name, 'evidence/type', ` is ${kindOf(one)}`, { expected: 'an object' })
        return []
      })
    },
    fault(key, code, message, details) {
      say(key, code, `: ${message}`, details)
    },
  }
}

function isOfType(value: unknown, type: EventField['type']): boolean {
  switch (type) {
    case 'flag':
      return typeof value === 'boolean'
    case 'milliseconds':
      return Number.isSafeInteger(value)
    case 'instant':
    case 'number':
      return Number.isSafeInteger(value) && (value as number) >= 0
    case 'texts':
    case 'addresses':
      return Array.isArray(value) && value.every((one) => typeof one === 'string')
    default:
      return typeof value === 'string'
  }
}

interface Wrong {
  readonly code: EvidenceCode
  /** What follows the key. */
  readonly message: string
  readonly details?: FaultDetails
}

function listFault(list: readonly string[], most: number): Wrong | undefined {
  if (list.length > listLimit) {
    const message = ` has ${list.length} items, more than ${listLimit}`
    return { code: 'evidence/too-many', message }
  }
  for (const [index, one] of list.entries()) {
    const fault = textFault(one, most)
    if (fault !== undefined) return { ...fault, message: `[${index}]${fault.message}` }
  }
  return undefined
}

/** Names and messages reach a terminal: they hold no control characters. */
function textFault(text: string, most: number): Wrong | undefined {
  const code = 'evidence/value'
  if (text.length > most)
    return { code, message: ` has ${text.length} characters, more than ${most}` }
  // eslint-disable-next-line no-control-regex
  if (!/[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(text)) return undefined
  return { code, message: ` holds a control character or half a character: ${shown(text)}` }
}

const forms: Partial<
  Record<EventField['type'], readonly [RegExp, what: string, expected: string]>
> = {
  digest: [/^[0-9a-f]{64}$/, 'a SHA-256', '64 hexadecimal digits in lower case'],
  hex: [/^[0-9a-f]+$/, 'a number in hex', 'hexadecimal digits in lower case'],
}

function formFault(text: string, type: EventField['type']): Wrong | undefined {
  const form = forms[type]
  if (form === undefined || form[0].test(text)) return undefined
  const message = `: ${shown(text)} is not ${form[1]}`
  return { code: 'evidence/value', message, details: { expected: form[2] } }
}
