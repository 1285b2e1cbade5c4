/**
 * What both sides of a request have in common: how old it may be, and who agrees.
 *
 * @module
 */

import { formatDuration, formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { certifierOf } from '../issuers/asked-of.js'
import { certify } from '../issuers/certify.js'
import { signLists } from '../issuers/offline-list.js'
import { requestDigest, type OfflineRequest } from '../issuers/offline-request.js'
import { rehearsalIssuers } from '../issuers/rehearsal-issuers.js'
import { rehearsalIssuer } from '../issuers/rehearsal.js'
import { shellQuote } from '../shell-quote.js'
import type { Context } from './context.js'
import { confirm } from './prompt.js'
import type { Printer } from './printer.js'
import type { Options } from './surface.js'
import { fileFlag, type Workspace } from './workspace.js'

/** A call of `authority accept`. */
export interface OfflineCall {
  /** As the user named it. */
  readonly file: string
  readonly bytes: Uint8Array
  readonly workspace: Workspace
  /** What was said on the command line. */
  readonly options: Pick<
    Options<'authority accept'>,
    'out' | 'fingerprint' | 'yes' | 'dryRun' | 'passphraseFd' | 'file'
  >
  readonly printer: Printer
  readonly context: Context
}

const day = 86_400_000
/** An older request says what a spec said long ago. */
const oldest = 30 * day
/** How far the clocks of two machines may differ: one that has no network drifts. */
const skew = day

/** Whether a request is young enough to be signed. */
export function isFresh({ madeAt }: Pick<OfflineRequest, 'madeAt'>, now: number): boolean {
  return madeAt <= now + skew && now - madeAt <= oldest
}

/**
 * Refuses a request that is too old, or of the future.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
export function requireFresh({ madeAt }: OfflineRequest, now: number): void {
  if (madeAt > now + skew) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the request was made ${formatInstant(madeAt)}, and it is ${formatInstant(now)} here`,
      { hint: 'set the clock of this machine right' },
    )
  }
  if (isFresh({ madeAt }, now)) return
  throw new NomadPkiError(
    'ERR_REFUSED',
    `the request is ${formatDuration(Math.floor((now - madeAt) / day) * day)} old, and ${formatDuration(oldest)} is the most (made ${formatInstant(madeAt)}, now ${formatInstant(now)})`,
    { hint: 'is the clock right? else make a new one: nomad-pki authority request --out FILE' },
  )
}

/**
 * Goes through every signature of a request with keys that nobody keeps: what cannot be signed is found before it is asked.
 *
 * @throws {NomadPkiError} what `certify` and `signLists` throw
 */
export async function rehearse(request: OfflineRequest): Promise<void> {
  await certify(request, certifierOf(rehearsalIssuers()))
  await signLists(request, async (_asked, certificate) => rehearsalIssuer({ certificate }))
}

/**
 * Compares the request with the fingerprint that was given.
 *
 * @returns Whether it was given.
 * @throws {NomadPkiError} `ERR_REFUSED` where it is another.
 */
export function isNamed(request: OfflineRequest, given: string | undefined): boolean {
  if (given === undefined) return false
  const digest = requestDigest(request)
  if (given === digest) return true
  throw new NomadPkiError('ERR_REFUSED', `the request is ${digest}, and ${given} was expected`, {
    hint: 'it is another request, or it was changed on its way: do not sign it before you know which',
  })
}

/**
 * Shows what it is, and asks.
 *
 * @param words What a person reads before.
 * @param named Whether the fingerprint was given.
 */
export async function agreed(
  { file, options, printer, context }: OfflineCall,
  {
    words,
    question,
    named,
  }: { readonly words: string; readonly question: string; readonly named: boolean },
): Promise<boolean> {
  // Without a question it is the answer.
  if (options.dryRun === true) {
    printer.answer(words.trimEnd())
    return true
  }
  context.stderr.write(`${words.trimEnd()}\n\n`)
  if (named || options.yes === true) return true
  const more = options.out === undefined ? '' : ` --out ${shellQuote(options.out)}`
  const hint = `read it, then: nomad-pki authority accept ${shellQuote(file)}${more}${fileFlag(options)} --fingerprint SHA256:…`
  return confirm(context, question, hint)
}
