/**
 * What a host says, for a message: it is not trusted, so it is short and moves no cursor.
 *
 * @module
 */

import type { InstallerLine } from '../delivery/porcelain.js'

/** No message of a script of ours is longer. */
const longest = 1000

/**
 * Cuts a text of a host, and shows each character that is not seen as its number.
 *
 * @param text Anything at all.
 * @returns One line of about a thousand characters at most.
 */
export function hostWords(text: string): string {
  // What is cut is not looked at: a host can send a line of a megabyte.
  const start = text.slice(0, longest)
  const shown = start.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
  return start.length < text.length ? `${shown} … (${text.length} characters)` : shown
}

/** The last line of what a program complained of; empty where it did not. */
export function lastWords(stderr: string): string {
  return hostWords(
    stderr
      .trim()
      .split(/[\r\n]+/)
      .at(-1) ?? '',
  )
}

/** The installer's line as a host sent it, each text of it bounded. */
export function boundedLine(line: InstallerLine | undefined): InstallerLine | undefined {
  if (line === undefined) return undefined
  const bounded = Object.entries(line).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' ? hostWords(value) : value,
  ])
  return Object.fromEntries(bounded) as InstallerLine
}
