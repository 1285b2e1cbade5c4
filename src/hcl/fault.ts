/**
 * The one way in which the readers of this room stop: caught by `parse.ts` and turned into a
 * diagnostic, so it never leaves the room.
 *
 * @module
 */

import type { Diagnostic, Position } from '../diagnostics.js'

/** Why a text cannot be read: every code of this room with the sentence that documents it. */
export const hclCodes = {
  'hcl/bom': 'the text starts with a byte order mark',
  'hcl/encoding': 'the bytes are not valid UTF-8',
  'hcl/character': 'a character that the syntax does not know, or forbids',
  'hcl/nul': 'a NUL character',
  'hcl/too-deep': 'blocks or lists are nested too deeply',
  'hcl/string': 'a string is not closed, or an escape in it is not valid',
  'hcl/heredoc': 'a heredoc is not closed, or its first line is wrong',
  'hcl/comment': 'a comment is not closed, or not a comment',
  'hcl/number': 'a number that HCL 1 scans but cannot decode',
  'hcl/bare-word': 'a word without quotes where a value should be',
  'hcl/syntax': 'the tokens do not make a configuration',
  'hcl/no-value': 'a key without a value',
  'hcl/unclosed': 'a block or list is not closed',
  'hcl/json': 'the text starts with "{" and is not valid JSON',
  'hcl/json-escape': 'a JSON escape that HashiCorp HCL 1 cannot decode',
  'hcl/json-nested-list': 'a list in a list, at which the JSON reader of HCL 1 loses its place',
  'hcl/json-dropped': 'a value that the JSON reader of HCL 1 drops silently',
  'hcl/unproven-edit': 'an edit moved more than it should have, and was not made',
} as const

/** A code of this room. */
export type HclCode = keyof typeof hclCodes

/** What a fault says beyond its code and place. */
export interface FaultDetails {
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

/** A text that cannot be read, and where. */
export class Fault extends Error {
  readonly code: HclCode
  readonly offset: number
  readonly details: FaultDetails

  constructor(code: HclCode, offset: number, message: string, details: FaultDetails = {}) {
    super(message)
    this.code = code
    this.offset = offset
    this.details = details
  }
}

/** A diagnostic of this room. */
export function diagnose(
  severity: Diagnostic['severity'],
  code: HclCode,
  position: Position,
  message: string,
  details: FaultDetails & { readonly file?: string | undefined } = {},
): Diagnostic {
  return {
    severity,
    ...(details.file === undefined ? {} : { file: details.file }),
    line: position.line,
    column: position.column,
    code,
    message,
    ...(details.expected === undefined ? {} : { expected: details.expected }),
    ...(details.hint === undefined ? {} : { hint: details.hint }),
  }
}
