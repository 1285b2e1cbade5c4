/**
 * PEM, strictly (RFC 7468): between blocks anything may stand, but a block that began must be whole.
 * Go's decoder passes over a damaged block in silence, and so an agent loses a certificate from its
 * bundle without a word; here that is an error with a line.
 *
 * @module
 */

import { positionOf } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'

/** One block. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string
  readonly der: Uint8Array
  /** Where its BEGIN line starts in the text, a UTF-16 offset. */
  readonly start: number
  /** Where its END line ends, before the line break. */
  readonly end: number
  /** Whether it has headers that call it encrypted: `Proc-Type: 4,ENCRYPTED` (RFC 1421 §4.6.1.1). */
  readonly encrypted: boolean
}

const begin = '-----BEGIN '
const dashes = '-----'

/**
 * Finds all blocks.
 *
 * @param text The whole text.
 * @throws {NomadPkiError} `ERR_PEM_MALFORMED` with the line, for a block that is damaged; what it holds is never in the message.
 */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = []
  let from = 0
  for (let at = text.indexOf(begin); at !== -1; at = text.indexOf(begin, from)) {
    if (at > 0 && text.charCodeAt(at - 1) !== 10 && text.charCodeAt(at - 1) !== 13) {
      malformed(text, at, 'BEGIN does not stand at the start of its line, so agents pass over it')
    }
    const labelEnd = text.indexOf(dashes, at + begin.length)
    const label = labelEnd === -1 ? '' : text.slice(at + begin.length, labelEnd)
    if (!/^[A-Z0-9][A-Z0-9 ]{0,63}$/.test(label)) malformed(text, at, 'this BEGIN line is damaged')
    const close = `${dashes}END ${label}${dashes}`
    const bodyStart = labelEnd + dashes.length
    const bodyEnd = text.indexOf(close, bodyStart)
    if (bodyEnd === -1) malformed(text, at, `the block of ${label} has no end`)
    const next = text.indexOf(begin, bodyStart)
    if (next !== -1 && next < bodyEnd) malformed(text, at, `the block of ${label} has no end`)
    const { der, encrypted } = decode(text.slice(bodyStart, bodyEnd), text, at, label)
    from = bodyEnd + close.length
    blocks.push({ label, der, start: at, end: from, encrypted })
  }
  const stray = text.indexOf(`${dashes}END `, from)
  if (stray !== -1) malformed(text, stray, 'this END has no BEGIN')
  return blocks
}

/**
 * Writes one block, 64 columns wide, with a line break at its end.
 *
 * @param label `CERTIFICATE`, `PRIVATE KEY`, …
 * @param der What it holds.
 */
export function pemEncode(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  let text = `${begin}${label}${dashes}\n`
  for (let at = 0; at < base64.length; at += 64) text += `${base64.slice(at, at + 64)}\n`
  return `${text}${dashes}END ${label}${dashes}\n`
}

function decode(
  body: string,
  text: string,
  at: number,
  label: string,
): { readonly der: Uint8Array; readonly encrypted: boolean } {
  let encrypted = false
  let base64 = body
  if (body.includes(':')) {
    // RFC 1421 §4.4: headers end at the first empty line.
    const headers = /^[ \t]*\r?\n((?:[^\r\n]+\r?\n)+?)[ \t]*\r?\n/.exec(body)
    if (headers === null) malformed(text, at, `the headers of this ${label} are damaged`)
    encrypted = /^Proc-Type: *4, *ENCRYPTED/m.test(headers[1]!)
    base64 = body.slice(headers[0].length)
  }
  const packed = base64.replace(/[\r\n\t ]+/g, '')
  if (packed.length === 0) malformed(text, at, `the block of ${label} is empty`)
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(packed)) {
    malformed(text, at, `the block of ${label} is not base64`)
  }
  return { der: Buffer.from(packed, 'base64'), encrypted }
}

function malformed(text: string, at: number, message: string): never {
  const { line } = positionOf(text, at)
  throw new NomadPkiError('ERR_PEM_MALFORMED', `line ${line}: ${message}`)
}
