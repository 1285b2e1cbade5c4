/**
 * What is to be written, and what came of it.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import type { Attribute } from '../hcl/index.js'
import { tlsKeys, type TlsValues } from './tls-keys.js'

/** The text after the edit. */
export interface TlsEdit {
  /** The source itself if nothing had to change, or something is wrong. */
  readonly text: string
  /** Whether {@link text} differs from the source. */
  readonly changed: boolean
  /** If any is an error, nothing was edited. */
  readonly diagnostics: readonly Diagnostic[]
}

/** The wanted values in the order in which they are written; what is `undefined` is left out. */
export function wantedAttributes(wanted: TlsValues): Attribute[] {
  return tlsKeys.flatMap(({ key }) => {
    const value = wanted[key]
    return value === undefined ? [] : [{ name: key, value }]
  })
}

/** Whether a path is absolute, on Unix or on Windows. */
export function isAbsolute(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path)
}
