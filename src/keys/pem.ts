/**
 * PEM, strictly (RFC 7468): between blocks anything may stand, but every BEGIN and every END must
 * belong to a block that Go's decoder finds too.
 *
 * @module
 */

import { bufferOf } from '../bytes.js'
import { positionOf } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { begin, dashes, scanPem, type PemBlock } from './pem-scan.js'

/**
 * Finds all PEM blocks of a text, and refuses damaged ones that Go would silently pass over.
 *
 * @param text The whole text.
 * @throws {NomadPkiError} `ERR_PEM_MALFORMED` with the line, for a block that is damaged; what it holds is never in the message.
 */
export function pemBlocks(text: string): readonly PemBlock[] {
  const { blocks } = scanPem(text)
  let from = 0
  for (const { label, der, start, end } of blocks) {
    requireNoOther(text, from, start)
    if (!labels.test(label)) malformed(text, start, 'this BEGIN line is damaged')
    if (der.length === 0) malformed(text, start, `the block of ${label} is empty`)
    from = end
  }
  requireNoOther(text, from, text.length)
  return blocks
}

/**
 * Writes one block, 64 columns wide, with a line break at its end.
 *
 * @param label `CERTIFICATE`, `PRIVATE KEY`, …
 * @param der What it holds.
 */
export function pemEncode(label: string, der: Uint8Array): string {
  const base64 = bufferOf(der).toString('base64')
  let text = `${begin}${label}${dashes}\n`
  for (let at = 0; at < base64.length; at += 64) text += `${base64.slice(at, at + 64)}\n`
  return `${text}${dashes}END ${label}${dashes}\n`
}

/**
 * Reads the first block of a text that begins as {@link pemEncode} writes it: the short way for the
 * store's own files, which are most of what a plan reads.
 *
 * @param text The whole text.
 * @param label The label that the block must have.
 * @returns The block's bytes and what follows it; `undefined` where the text begins otherwise.
 */
export function firstWritten(
  text: string,
  label: string,
): { readonly der: Uint8Array; readonly rest: string } | undefined {
  const open = `${begin}${label}${dashes}\n`
  const close = `\n${dashes}END ${label}${dashes}\n`
  if (!text.startsWith(open)) return undefined
  const until = text.indexOf(close, open.length)
  if (until === -1) return undefined
  const body = text.slice(open.length, until)
  // Node passes over what is not base64, so the length tells whether all of it was; Node also takes - and _.
  if (body.includes('-') || body.includes('_')) return undefined
  const characters = body.length - Math.floor(body.length / 65)
  const padding = body.endsWith('==') ? 2 : body.endsWith('=') ? 1 : 0
  const der = Buffer.from(body, 'base64')
  if (characters % 4 !== 0 || der.length !== (characters / 4) * 3 - padding) return undefined
  return { der, rest: text.slice(until + close.length) }
}

const labels = /^[A-Z0-9][A-Z0-9 ]{0,63}$/

/** Refuses a BEGIN or an END between two places of a text: the scan found no block there. */
function requireNoOther(text: string, from: number, to: number): void {
  const at = text.indexOf(begin, from)
  if (at !== -1 && at < to) malformed(text, at, faultAt(text, at))
  const stray = text.indexOf(`${dashes}END `, from)
  if (stray !== -1 && stray < to) malformed(text, stray, 'this END has no BEGIN')
}

/** Why the scan found no block at a BEGIN. */
function faultAt(text: string, at: number): string {
  if (at > 0 && text.charCodeAt(at - 1) !== 10) {
    return 'BEGIN does not stand at the start of its line, so agents skip it'
  }
  const labelEnd = text.indexOf(dashes, at + begin.length)
  const label = labelEnd === -1 ? '' : text.slice(at + begin.length, labelEnd)
  if (!labels.test(label)) return 'this BEGIN line is damaged'
  const body = labelEnd + dashes.length
  if (!lineEndsAt(text, body)) {
    return `the BEGIN line of ${label} does not end after its dashes, so agents skip it`
  }
  const close = `${dashes}END ${label}${dashes}`
  const end = text.indexOf(close, body)
  const next = text.indexOf(begin, body)
  if (end === -1 || (next !== -1 && next < end)) return `the block of ${label} has no end`
  if (text.charCodeAt(end - 1) !== 10 || !lineEndsAt(text, end + close.length)) {
    return `the END line of ${label} does not stand alone, so agents skip the block`
  }
  return `the block of ${label} is not base64`
}

/** Whether nothing but blanks stands between a place and the end of its line. */
function lineEndsAt(text: string, at: number): boolean {
  return /^[ \t]*(?:\r?\n|$)/.test(text.slice(at, at + 80))
}

function malformed(text: string, at: number, message: string): never {
  const { line } = positionOf(text, at)
  throw new NomadPkiError('ERR_PEM_MALFORMED', `line ${line}: ${message}`)
}
