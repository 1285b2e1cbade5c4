/**
 * Bytes to text, refusing what HashiCorp's scanner refuses, with the place where it stands.
 *
 * @module
 */

import { type Diagnostic, positionOf } from '../diagnostics.js'
import { diagnose, type HclCode } from './fault.js'

/** A text, or why it cannot be read. */
export interface Decoded {
  /** Absent where a diagnostic is an error. */
  readonly text?: string | undefined
  /** What is wrong with the bytes. */
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * Decodes the bytes of a configuration as UTF-8, and refuses with line and column what HashiCorp's scanner
 * refuses: a byte order mark, broken sequences, NUL.
 *
 * @param bytes The content of a file.
 * @param file Its name, for the diagnostics.
 * @returns The text, absent where a diagnostic is an error.
 * @see https://github.com/hashicorp/hcl/blob/v1.0.1-nomad-1/hcl/scanner/scanner.go
 */
export function decodeText(bytes: Uint8Array, file?: string): Decoded {
  const refuse = (code: HclCode, message: string, hint: string, before = ''): Decoded => ({
    diagnostics: [
      diagnose('error', code, positionOf(before, before.length), message, { file, hint }),
    ],
  })
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) {
    return refuse(
      'hcl/bom',
      'the file starts with a byte order mark',
      'save it as UTF-8 without BOM',
    )
  }
  const utf16 =
    (first === 0xff && second === 0xfe) ||
    (first === 0xfe && second === 0xff) ||
    (bytes.length >= 4 && ((first === 0 && third === 0) || (second === 0 && bytes[3] === 0)))
  if (utf16) return refuse('hcl/encoding', 'the file is UTF-16', 'save it as UTF-8 without BOM')
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { text, diagnostics: [] }
  } catch {
    const valid = validPrefix(bytes)
    const before = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, valid))
    return refuse('hcl/encoding', 'the bytes are not valid UTF-8', 'save it as UTF-8', before)
  }
}

/** How many bytes are valid UTF-8: `TextDecoder` gives no offset, so halve until it is found. */
function validPrefix(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    try {
      // Streaming: a sequence that is merely cut is not a fault yet.
      decoder.decode(bytes.subarray(0, middle), { stream: true })
      good = middle
    } catch {
      bad = middle
    }
  }
  // The bytes before may be the start of the broken sequence.
  for (let back = 0; back < 4 && good - back >= 0; back += 1) {
    try {
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        bytes.subarray(0, good - back),
      )
      return good - back
    } catch {
      continue
    }
  }
  return good
}
