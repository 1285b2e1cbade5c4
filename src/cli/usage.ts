/**
 * The error of a wrong command line.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'

/**
 * Makes an `ERR_USAGE`.
 *
 * @param message One sentence: lower case, no full stop.
 * @param hint What to write instead.
 */
export function usage(message: string, hint?: string): NomadPkiError {
  return new NomadPkiError('ERR_USAGE', message, { hint })
}
