/**
 * Passphrases of keys: from a file, from a file descriptor, or asked on a terminal. Never an argument, and
 * never in the environment: other users of the machine see both.
 *
 * @module
 */

import { askSecret, canAsk } from './prompt.js'
import type { Context } from './context.js'
import { readPassword, textOfPassword } from './p12-password.js'
import { usage } from './usage.js'

/** The options that say where a passphrase is. */
export interface PassphraseOptions {
  readonly passphraseFile?: string | undefined
  readonly passphraseFd?: string | undefined
}

/** How often a terminal is asked for one passphrase. */
const mostTries = 3

/** The words of a hint for where there is no terminal. */
const passphraseHint = 'put it into a file, and name that: --passphrase-file FILE'

/**
 * Reads the passphrase that the options name.
 *
 * @returns `undefined` where they name none: then a terminal can be asked.
 * @throws {NomadPkiError} `ERR_USAGE`, `ERR_FILE_UNREADABLE`
 */
export async function givenPassphrase(
  { passphraseFile, passphraseFd }: PassphraseOptions,
  context: Context,
): Promise<string | undefined> {
  if (passphraseFile !== undefined) return readPassword(context, passphraseFile)
  if (passphraseFd === undefined) return undefined
  if (!/^[0-9]{1,4}$/.test(passphraseFd) || passphraseFd === '1' || passphraseFd === '2') {
    throw usage(
      `--passphrase-fd ${JSON.stringify(passphraseFd)}: not the number of an open file descriptor that can be read`,
      '--passphrase-fd 3 3< FILE',
    )
  }
  return textOfPassword(await context.readDescriptor(Number(passphraseFd)))
}

/**
 * Asks for a passphrase on the terminal until one fits.
 *
 * @param what Whose passphrase: `tls/ca.key`.
 * @param open Tries one: `undefined` for a wrong one.
 * @returns What was opened; `skipped` for an empty line, `none` where there is no terminal, `wrong` after
 *   three wrong ones.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`, `ERR_REFUSED`
 */
export async function askUntilOpen<Opened>(
  context: Context,
  what: string,
  open: (passphrase: string) => Promise<Opened | undefined>,
): Promise<{ readonly opened: Opened } | 'skipped' | 'none' | 'wrong'> {
  if (!canAsk(context)) return 'none'
  for (let tried = 0; tried < mostTries; tried += 1) {
    const answer = await askSecret(context, `passphrase of ${what}`, passphraseHint)
    if (answer === '') return 'skipped'
    const opened = await open(answer)
    if (opened !== undefined) return { opened }
    context.stderr.write('this passphrase does not open it\n')
  }
  return 'wrong'
}
