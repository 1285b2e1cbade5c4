/**
 * The ledger's file: whole lines are appended in one write, and what a killed append left is mended.
 * What the lines mean and how they are chained is `inventory/ledger.ts`.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { createFile, writeWhole } from '../files/create.js'
import { shownPath } from '../files/fault.js'
import { appendFlags, writeFlags } from '../files/files.js'
import type { Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import { chainLine, emptyHead, followLine, hashLine } from '../inventory/ledger.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { modes } from './layout.js'

/** A ledger of 4 million lines. Larger ones were not written by us. */
export const ledgerLimit: number = 1024 * 1024 * 1024

/** Where the next line goes. */
export interface LedgerEnd {
  /** Bytes up to the end of the last whole line. */
  readonly size: number
  readonly head: string
  readonly seq: number
  /** Bytes behind that: what a killed append left. */
  readonly torn: Uint8Array
  readonly exists: boolean
}

/**
 * Finds the end of a ledger, from its last line alone; `verify` follows the whole chain.
 *
 * @throws {NomadPkiError} `ERR_LEDGER_BROKEN` if the last line is not a line of a ledger; `ERR_STORE_UNREADABLE`.
 */
export function ledgerEnd(files: Files, path: string): LedgerEnd {
  const reading = readWhole(files, path, { limit: ledgerLimit })
  if (reading.state === 'absent') {
    return { size: 0, head: emptyHead, seq: 0, torn: new Uint8Array(), exists: false }
  }
  if (reading.state !== 'read') {
    throw new NomadPkiError(
      'ERR_STORE_UNREADABLE',
      `can't read ${shownPath(path)}: ${reading.message}`,
    )
  }
  const bytes = Buffer.from(reading.bytes.buffer, reading.bytes.byteOffset, reading.bytes.length)
  const size = bytes.lastIndexOf(0x0a) + 1
  const torn = bytes.subarray(size)
  if (size === 0) return { size, head: emptyHead, seq: 0, torn, exists: true }
  const start = size === 1 ? 0 : bytes.lastIndexOf(0x0a, size - 2) + 1
  const { seq, head } = endOfLine(bytes.subarray(start, size), path)
  return { size, head, seq, torn, exists: true }
}

function endOfLine(line: Buffer, path: string): { readonly seq: number; readonly head: string } {
  const text = line.toString('utf8').slice(0, -1)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const seq = typeof value === 'object' && value !== null && 'seq' in value ? value.seq : undefined
  const prev =
    typeof value === 'object' && value !== null && 'prev' in value ? value.prev : undefined
  if (
    typeof seq !== 'number' ||
    !Number.isSafeInteger(seq) ||
    seq < 1 ||
    typeof prev !== 'string'
  ) {
    throw new NomadPkiError('ERR_LEDGER_BROKEN', `the last line of ${shownPath(path)} is damaged`, {
      hint: 'restore the file from a backup, or move it away: then a new ledger begins',
    })
  }
  return { seq, head: hashLine(text) }
}

/**
 * Appends lines, all of them or none.
 *
 * @returns The new end.
 * @throws Node's `ErrnoException`; the file is cut back to what it was, as far as that is possible.
 */
export function appendLedger(
  files: Files,
  path: string,
  end: LedgerEnd,
  events: readonly LedgerEvent[],
): LedgerEnd {
  let { head, seq } = end
  const lines = events.map((event) => {
    const line = chainLine(event, { head, seq })
    ;({ head, seq } = line)
    return `${line.text}\n`
  })
  const bytes = Buffer.from(lines.join(''))
  const torn = new Uint8Array()
  if (!end.exists) {
    createFile(files, path, bytes, modes.ledger)
    return { size: bytes.length, head, seq, torn, exists: true }
  }
  const fd = files.open(path, appendFlags)
  try {
    try {
      writeWhole(files, fd, bytes)
    } catch (error) {
      files.ftruncate(fd, end.size)
      throw error
    }
  } finally {
    files.close(fd)
  }
  return { size: end.size + bytes.length, head, seq, torn, exists: true }
}

/**
 * Mends what a killed append left behind the last whole line: a line that only lacks its newline
 * gets it, anything else is cut off, because nothing was turned that it could speak of.
 *
 * @returns The new end.
 * @throws Node's `ErrnoException`.
 */
export function mendLedger(files: Files, path: string, end: LedgerEnd): LedgerEnd {
  if (end.torn.length === 0) return end
  const text = Buffer.from(end.torn).toString('utf8')
  const followed = followLine(text, end)
  const parsed = typeof followed === 'string' ? undefined : followed
  const fd = files.open(path, parsed === undefined ? writeFlags : appendFlags)
  const torn = new Uint8Array()
  try {
    if (parsed === undefined) {
      files.ftruncate(fd, end.size)
      return { ...end, torn }
    }
    writeWhole(files, fd, Buffer.from('\n'))
    return {
      size: end.size + end.torn.length + 1,
      head: hashLine(text),
      seq: parsed.seq,
      torn,
      exists: true,
    }
  } finally {
    files.close(fd)
  }
}
