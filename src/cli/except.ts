/**
 * `--except`: an agent that cannot be asked, for which a person answers.
 *
 * @module
 */

import { parseAddress, resolveAddress } from '../address.js'
import { note } from '../inventory/note.js'
import { underLock } from './under-lock.js'
import { usage } from './usage.js'
import type { Workspace } from './workspace.js'

/**
 * Records an exception.
 *
 * @param text The address as it was given.
 * @param options `authority`: the root for whose stages it holds.
 */
export async function exceptAgent(
  text: string,
  { store, desired }: Pick<Workspace, 'store' | 'desired'>,
  {
    reason,
    authority,
    at,
  }: { readonly reason: string; readonly authority: string; readonly at: number },
): Promise<void> {
  if (reason.trim() === '') throw usage('--reason is empty', 'say why it is not waited for')
  const all = desired.identities.map(({ address }) => address)
  const address = text.startsWith('member/') ? text : resolveAddress(text, all)
  if (!text.startsWith('member/')) parseAddress(address)
  await underLock(store, 'rotate', () =>
    note(store, [{ event: 'excepted', address, at, authority, reason }]),
  )
}
