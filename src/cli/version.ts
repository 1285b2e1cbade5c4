/**
 * The version, alone in a file: `--version` is answered before anything else is loaded. A test
 * compares it with package.json.
 *
 * @module
 */

/** The version of this package. */
export const version = '0.1.0'
