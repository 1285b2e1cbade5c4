/**
 * The commands with which a running cluster keeps its authority.
 *
 * @module
 */

import { shellQuote } from './shell.js'

/**
 * Puts an authority into the store as its first generation.
 *
 * @param place The authority's folder in the store: `pki/authority/agent`.
 * @param certificate Its certificate in PEM.
 * @param key Its private key in PEM.
 * @returns Commands for a POSIX shell, a line each.
 */
export function takeOverCommands(
  place: string,
  certificate: string,
  key: string,
): readonly string[] {
  const folder = shellQuote(`${place}/1`)
  return [
    `(umask 077 && mkdir -p ${folder})`,
    `install -m 0644 ${shellQuote(certificate)} ${folder}/ca.pem`,
    `install -m 0400 ${shellQuote(key)} ${folder}/ca-key.pem`,
  ]
}
