/**
 * Makes a root: prepared, linted and signed by its own key.
 *
 * @module
 */

import { issue, type Issued } from './issue.js'
import { prepareRoot, type PrepareOptions, type RootRequest } from './prepare.js'

/**
 * Certifies a root.
 *
 * @param request Its subject, its lifetime in milliseconds, its key.
 * @param options `now`, and what has a default.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`, `ERR_KEY_ALGORITHM`, `ERR_BEYOND_ISSUER`, `ERR_LINT`
 */
export function createRoot(request: RootRequest, options: PrepareOptions): Promise<Issued> {
  return issue(prepareRoot(request, options))
}
