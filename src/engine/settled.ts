/**
 * What was written and is read back: a standby answers reads by itself, and has a change a moment after the active
 * node.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { isMissingError, type Ask } from './key-inside.js'
import type { EngineSession } from './session.js'

const tries = 25
/** Milliseconds. */
const pause = 200

/**
 * Reads what was written before.
 *
 * @param isRight Whether it is what was written. Default: that it is there is enough.
 * @returns What the last try gave: it may be something else than what was written.
 * @throws {NomadPkiError} as `ask`, where it does not come.
 */
export async function settled(
  ask: Ask,
  path: string,
  isRight: (data: Readonly<Record<string, unknown>>) => boolean = () => true,
): Promise<Readonly<Record<string, unknown>>> {
  for (let left = tries; ; left -= 1) {
    try {
      const data = await ask('GET', path)
      if (left === 0 || isRight(data)) return data
    } catch (error) {
      if (left === 0 || !isMissingError(error)) throw error
    }
    await sleep(pause)
  }
}

/** Waits until a new mount is known where calls arrive. */
export async function routed(session: EngineSession, mount: string): Promise<void> {
  for (let left = tries; left > 0; left -= 1) {
    const verdict = await session.call({ method: 'LIST', path: `${mount}/keys` })
    // A list of nothing is answered with 404, too.
    if (verdict.is !== 'refused' || !/nothing is mounted/.test(verdict.reason)) return
    await sleep(pause)
  }
}
