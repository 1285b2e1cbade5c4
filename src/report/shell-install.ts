/**
 * The commands that bring an archive into a node that has a shell and nothing of ours.
 *
 * @module
 */

import type { Override } from '../overrides.js'
import { shellQuote } from '../shell-quote.js'

/** What the reader puts where the fingerprint stands: it comes from `pack`, not with the archive. */
export const fingerprintPlace = 'FINGERPRINT'

/**
 * A command line that compares, unpacks and installs, in this order. A tool of the host compares: an archive
 * that was tampered with brings its own install.sh, so nothing of the archive may run, or be unpacked,
 * before. The line that is compared is the one that `pack` prints.
 *
 * @param archive The archive's name, in the folder where the command runs.
 * @param flags Of install.sh, quoted.
 * @param end What follows: how the agent is told, `--reload nomad`.
 */
export function shellInstall(archive: string, flags: string, end: string): string {
  const file = shellQuote(archive)
  const line = shellQuote(`${fingerprintPlace}  ${archive}`)
  return `echo ${line} | sha256sum -c - && tar -xzf ${file} && (cd nomad-pki && sh install.sh ${flags} --archive ../${file} ${end})`
}

/** What an installer is told to accept: ` --override cluster=acme --reason …`, or nothing. */
export function overrideFlags({ overrides }: { readonly overrides: readonly Override[] }): string {
  const [first] = overrides
  if (first === undefined) return ''
  const all = overrides.map(({ code, value }) => ` --override ${shellQuote(`${code}=${value}`)}`)
  return `${all.join('')} --reason ${shellQuote(first.reason)}`
}
