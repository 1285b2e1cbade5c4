/**
 * Encrypted keys among the things that `inspect` sees, opened: with the passphrase that the options name, or
 * asked for on a terminal where a certificate or a request could be matched to the key.
 *
 * @module
 */

import type { Context } from './context.js'
import { askUntilOpen, givenPassphrase, type PassphraseOptions } from './passphrase.js'
import { opened, type Seen } from './seen.js'

/** All things, and the keys that their passphrase did not open. */
export interface Opened {
  readonly seen: readonly Seen[]
  readonly wrong: readonly string[]
}

/** Opens what can be opened; a key that stays closed is told as it was. */
export async function openSeen(
  seen: readonly Seen[],
  options: PassphraseOptions,
  context: Context,
): Promise<Opened> {
  if (seen.every(({ locked }) => locked === undefined)) return { seen, wrong: [] }
  const passphrase = await givenPassphrase(options, context)
  const matchable = seen.some(
    ({ thing }) => thing?.kind === 'certificate' || thing?.kind === 'request',
  )
  const all: Seen[] = []
  const wrong: string[] = []
  for (const one of seen) {
    const { locked } = one
    if (locked === undefined || (passphrase === undefined && !matchable)) {
      all.push(one)
      continue
    }
    if (passphrase !== undefined) {
      const open = opened(locked, passphrase)
      if (open === undefined) wrong.push(locked.where)
      all.push(open ?? one)
      continue
    }
    // A key that is only looked at can be passed over with an empty line.
    const answer = await askUntilOpen(context, locked.where, (text) =>
      Promise.resolve(opened(locked, text)),
    )
    if (answer === 'wrong') wrong.push(locked.where)
    all.push(typeof answer === 'string' ? one : answer.opened)
  }
  return { seen: all, wrong }
}
