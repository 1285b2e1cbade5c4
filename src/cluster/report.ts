/**
 * Collects what is wrong with a text, each with its line and column, all at once.
 *
 * @module
 */

import type { Diagnostic, Severity } from '../diagnostics.js'
import type { SpecCode } from './codes.js'

/** How many are listed; the rest is counted. */
const most = 500

/** What else a diagnostic says. */
export interface Detail {
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

/** Where the reading of one text puts its complaints. */
export interface Report {
  error(code: SpecCode, offset: number, message: string, detail?: Detail): void
  warning(code: SpecCode, offset: number, message: string, detail?: Detail): void
  note(code: SpecCode, offset: number, message: string, detail?: Detail): void
  /** Whether an error was reported. */
  failed(): boolean
  /** Whether more would only be counted: time to stop looking for hints. */
  crowded(): boolean
  /** Everything, in the order of the text; the same complaint about the same place once. */
  diagnostics(): Diagnostic[]
}

/**
 * Opens a report about a text.
 *
 * @param text The whole text, so that offsets become lines and columns.
 * @param file The file as the user named it.
 */
export function createReport(text: string, file: string | undefined): Report {
  const found = new Map<string, { readonly offset: number; readonly diagnostic: Diagnostic }>()
  let failed = false
  let dropped = 0
  let positionAt: ((offset: number) => { line: number; column: number }) | undefined

  const add = (
    severity: Severity,
    code: SpecCode,
    offset: number,
    message: string,
    detail: Detail = {},
  ): void => {
    failed ||= severity === 'error'
    const key = `${offset} ${code} ${message}`
    if (found.has(key)) return
    if (found.size >= most) {
      dropped += 1
      return
    }
    positionAt ??= lineIndex(text)
    const diagnostic: Diagnostic = {
      severity,
      ...(file === undefined ? {} : { file }),
      ...positionAt(offset),
      code,
      message,
      ...(detail.expected === undefined ? {} : { expected: detail.expected }),
      ...(detail.hint === undefined ? {} : { hint: detail.hint }),
    }
    found.set(key, { offset, diagnostic })
  }

  return {
    error: (code, offset, message, detail) => {
      add('error', code, offset, message, detail)
    },
    warning: (code, offset, message, detail) => {
      add('warning', code, offset, message, detail)
    },
    note: (code, offset, message, detail) => {
      add('note', code, offset, message, detail)
    },
    failed: () => failed,
    crowded: () => found.size >= most,
    diagnostics: () => {
      const ordered = [...found.values()]
        .sort((a, b) => a.offset - b.offset)
        .map(({ diagnostic }) => diagnostic)
      const last = ordered.at(-1)
      if (dropped > 0 && last !== undefined) {
        ordered.push({
          severity: failed ? 'error' : 'warning',
          ...(file === undefined ? {} : { file }),
          line: last.line,
          column: last.column,
          code: 'spec/more',
          message: `and ${dropped} more like these`,
        })
      }
      return ordered
    },
  }
}

/** Line and column by bisection: ten thousand complaints about a long text stay cheap. */
function lineIndex(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    const end = Math.max(0, Math.min(offset, text.length))
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= end) low = middle
      else high = middle - 1
    }
    let column = 1
    for (let at = starts[low]!; at < end; column += 1) at += text.codePointAt(at)! > 0xffff ? 2 : 1
    return { line: low + 1, column }
  }
}
