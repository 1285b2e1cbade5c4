/**
 * Questions, asked on a terminal only.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { Context } from './context.js'

/** Whether somebody is there who can be asked. */
export function canAsk(context: Context): boolean {
  return context.stdin.isTTY && context.stderr.isTTY
}

/**
 * Asks for a plain yes.
 *
 * @param context The world.
 * @param question Without its `[y/N]`.
 * @param hint How to do it without being asked, for when nobody is there.
 * @returns Whether the answer was yes; anything else is no.
 * @throws {NomadPkiError} `ERR_REFUSED` without a terminal.
 */
export async function confirm(context: Context, question: string, hint: string): Promise<boolean> {
  if (!canAsk(context)) {
    throw new NomadPkiError('ERR_REFUSED', 'there is no terminal to ask on', { hint })
  }
  context.stderr.write(`${question} [y/N] `)
  const answer = await context.stdin.readLine({ hidden: false })
  if (answer === undefined) context.stderr.write('\n')
  return /^\s*y(es)?\s*$/i.test(answer ?? '')
}

/**
 * Asks for a secret, which is not shown.
 *
 * @throws {NomadPkiError} `ERR_REFUSED` without a terminal, and where the input ends without an answer;
 *   `ERR_INTERRUPTED`.
 */
export async function askSecret(context: Context, prompt: string, hint: string): Promise<string> {
  if (!canAsk(context)) {
    throw new NomadPkiError('ERR_REFUSED', 'there is no terminal to ask for the password on', {
      hint,
    })
  }
  context.stderr.write(`${prompt}: `)
  let answer: string | undefined
  try {
    answer = await context.stdin.readLine({ hidden: true })
  } finally {
    context.stderr.write('\n')
  }
  // The empty password is a line, too: what ended was not an answer.
  if (answer === undefined) {
    throw new NomadPkiError('ERR_REFUSED', 'no password was given', { hint })
  }
  return answer
}
