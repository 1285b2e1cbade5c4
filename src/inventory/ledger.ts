/**
 * The ledger: what was issued, turned, removed and observed, one JSON object a line, each chained
 * to the one before by its SHA-256. Editing a line in the middle breaks the chain; cutting lines off
 * the end does not, which is what writing the head down elsewhere (`status`, `verify
 * --ledger-head`) is for.
 *
 * @module
 */

import { bufferOf } from '../bytes.js'
import { sha256 } from '../sha256.js'
import { eventIn, type LedgerEvent } from './ledger-events.js'

/** The head of a ledger without lines. */
export const emptyHead: string = '0'.repeat(64)

/** One line, of whatever event: what every line has. */
export interface LedgerLine {
  /** Counts from 1. */
  readonly seq: number
  /** SHA-256 of the line before (its bytes without the newline), hex; 64 zeros for the first. */
  readonly prev: string
  /** The word that says what happened. */
  readonly event: string
  /** What it is about. */
  readonly address: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Of the certificate that it is about, as events of newer versions name it too. */
  readonly fingerprint?: unknown
}

/** A parsed ledger. */
export interface Ledger {
  /** All lines, also those of events that are not known here. */
  readonly lines: readonly LedgerLine[]
  /** What they tell: the known events, in their order. */
  readonly events: readonly LedgerEvent[]
  /** SHA-256 of the last whole line: what the next line's `prev` will be. */
  readonly head: string
  /** The first place where the chain does not hold; lines from there on are not listed. */
  readonly fault?:
    | {
        /** The number of the line, from 1. */
        readonly line: number
        /** What is wrong with it: lower case, no full stop. */
        readonly message: string
      }
    | undefined
  /** How many bytes at the end are a line without its newline: an append that was killed. */
  readonly tornBytes: number
}

/**
 * Reads a ledger and follows its chain.
 *
 * @param bytes The whole file; `undefined` for a store without one.
 */
export function readLedger(bytes: Uint8Array | undefined): Ledger {
  const lines: LedgerLine[] = []
  const events: LedgerEvent[] = []
  let head = emptyHead
  if (bytes === undefined) return { lines, events, head, tornBytes: 0 }
  const buffer = bufferOf(bytes)
  const text = buffer.toString('utf8')
  let at = 0
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
    const line = text.slice(at, end)
    const parsed = followLine(line, { head, seq: lines.length })
    if (typeof parsed === 'string') {
      const fault = { line: lines.length + 1, message: parsed }
      return { lines, events, head, fault, tornBytes: 0 }
    }
    lines.push(parsed)
    const event = eventIn(parsed)
    if (event !== undefined) events.push(event)
    head = hashLine(line)
    at = end + 1
  }
  return { lines, events, head, tornBytes: buffer.length - (buffer.lastIndexOf(0x0a) + 1) }
}

/** Events that tell of certificates which need not have been made here. */
const seenElsewhere: ReadonlySet<string> = new Set(['observed', 'received', 'found', 'revoked'])

/**
 * Lists the certificates that were made here, those of events of newer versions too.
 *
 * @returns SHA-256 of each, hex.
 */
export function madeFingerprints({ lines }: Ledger): ReadonlySet<string> {
  const made = new Set<string>()
  for (const { event, fingerprint } of lines) {
    if (typeof fingerprint === 'string' && !seenElsewhere.has(event)) made.add(fingerprint)
  }
  return made
}

/**
 * Reads a line that should follow on others.
 *
 * @param text The line without its newline.
 * @param after What stands before it.
 * @returns The line, or one sentence that says why it does not follow.
 */
export function followLine(
  text: string,
  after: { readonly head: string; readonly seq: number },
): LedgerLine | string {
  const parsed = parseLine(text)
  if (typeof parsed === 'string') return parsed
  if (parsed.seq !== after.seq + 1) {
    return `seq is ${parsed.seq}, expected ${after.seq + 1}`
  }
  if (parsed.prev !== after.head) {
    return 'it does not follow from the line before: one of the two was changed'
  }
  return parsed
}

/**
 * Writes the line that follows.
 *
 * @returns The line without its newline, and the new head.
 */
export function chainLine(
  event: LedgerEvent,
  after: { readonly head: string; readonly seq: number },
): { readonly text: string; readonly head: string; readonly seq: number } {
  const seq = after.seq + 1
  const text = JSON.stringify({ seq, prev: after.head, ...event })
  return { text, head: hashLine(text), seq }
}

/**
 * Gives a ledger as it is after more events were noted, so that it need not be read again.
 *
 * @param ledger Whole, as it was read.
 * @param events In the order in which they were noted.
 */
export function withEvents(ledger: Ledger, events: readonly LedgerEvent[]): Ledger {
  const lines = [...ledger.lines]
  let { head } = ledger
  for (const event of events) {
    const next = chainLine(event, { head, seq: lines.length })
    lines.push({ seq: next.seq, prev: head, ...event })
    head = next.head
  }
  return { ...ledger, lines, events: [...ledger.events, ...events], head }
}

/**
 * The head after a line.
 *
 * @param text The line without its newline.
 * @returns SHA-256, hex.
 */
export function hashLine(text: string): string {
  return sha256(text)
}

function parseLine(text: string): LedgerLine | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'it is not JSON'
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'it is not an object'
  const { seq, prev, event, address, at } = value as Partial<Record<string, unknown>>
  if (
    typeof seq !== 'number' ||
    typeof prev !== 'string' ||
    typeof event !== 'string' ||
    typeof address !== 'string' ||
    typeof at !== 'number'
  ) {
    return 'seq, prev, event, address or at is missing'
  }
  return value as LedgerLine
}
