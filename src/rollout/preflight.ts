/**
 * What has to hold on a host before anything is changed anywhere: judged from what it said.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { HostAnswer } from '../hosts/host.js'
import { lastWords } from './host-words.js'
import type { RolloutNode } from './order.js'
import { readLook, type HostLook } from './scripts.js'

/** What speaks against a rollout. */
export interface Obstacle {
  /** The host as ssh knows it; `undefined`: what is wrong is the region's. */
  readonly host: string | undefined
  /** The agent's address, or the region's name. */
  readonly address: string
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** What cures it. */
  readonly remedy?: string | undefined
  /** The last lines of the agent's own log, where they could be read. */
  readonly log?: readonly string[] | undefined
}

/** A host that was looked at. */
export interface LookedHost {
  readonly node: RolloutNode
  /** The host as ssh knows it. */
  readonly host: string
  readonly look: HostLook
  /** The generation that an earlier run put in place there, and of which nobody knows that it was loaded. */
  readonly left?: string | undefined
  /**
   * A person brings it its files, because ssh does not reach it; `seen`: a handshake shows already that its agent
   * has the newest.
   */
  readonly byHand?: { readonly seen: boolean } | undefined
  /** Whether its agent speaks plaintext, so that it loads no files. */
  readonly plaintext?: boolean | undefined
}

/** A file of the configuration on a host is not what was pulled. */
export function changedConfig(path: string): { readonly message: string; readonly remedy: string } {
  return {
    message: `${path} was changed on the host since it was pulled`,
    remedy: 'nomad-pki config pull shows the difference; nothing is written over',
  }
}

/** Clocks that differ by more are told, milliseconds. */
const mostSkew = 60_000

/** Kilobytes that must be free: a few generations, and room for the host itself. */
const leastFree = 1024

/**
 * Judges one host.
 *
 * @param asked The agent, the host, and the leaf's beginning (epoch milliseconds).
 * @param answer What {@link lookScript} came to there.
 * @param clock This machine's time when it answered, epoch milliseconds.
 */
export function judgeHost(
  {
    node,
    host,
    notBefore,
  }: { readonly node: RolloutNode; readonly host: string; readonly notBefore: number },
  answer: HostAnswer,
  clock: number,
): {
  readonly looked?: LookedHost
  readonly obstacles: readonly Obstacle[]
  /** The generation that its installer does not replace, because it was never proven. */
  readonly left?: string | undefined
} {
  const { address } = node
  const one = (message: string, remedy?: string): Obstacle => ({ host, address, message, remedy })
  if (!answer.reached) return { obstacles: [one(answer.message, answer.remedy)] }
  const look = readLook(answer.stdout)
  const obstacles: Obstacle[] = []
  let left: string | undefined
  if (look.clock === undefined || look.user === undefined) {
    const said = saidBy(answer, look)
    return { obstacles: [one(`the host cannot be looked at${said === '' ? '' : `: ${said}`}`)] }
  }
  if (look.missing.length > 0) {
    obstacles.push(
      one(`${look.missing.join(', ')} is missing there`, `install ${look.missing.join(' and ')}`),
    )
  }
  const skew = look.clock - clock
  // The host tells whole seconds.
  if (Math.abs(skew) > mostSkew + 1000) {
    obstacles.push(
      one(
        `its clock is ${formatDuration(Math.round(Math.abs(skew) / 1000) * 1000)} ${skew > 0 ? 'ahead' : 'behind'}`,
        'set its clock: agents refuse leaves that have not begun or have ended',
      ),
    )
  }
  if (look.clock + 1000 < notBefore) {
    obstacles.push(one('by its clock the new leaf has not begun', 'set its clock'))
  }
  if (look.free !== undefined && look.free < leastFree) {
    obstacles.push(one(`only ${look.free} kB are free where its files go`, 'make room'))
  }
  for (const path of look.changed) {
    const { message, remedy } = changedConfig(path)
    obstacles.push(one(message, remedy))
  }
  const { installer } = look
  if (look.missing.length === 0) {
    if (installer === undefined) {
      const said = saidBy(answer, look)
      obstacles.push(
        one(`its installer did not say what it would do${said === '' ? '' : `: ${said}`}`),
      )
    } else if (installer.reason === 'unproven') {
      left = installer.generation
      obstacles.push(one(`its installer refuses: ${installer.message}`))
    } else if (installer.status !== 0 && installer.status !== 2) {
      obstacles.push(one(`its installer refuses: ${installer.message}`))
    }
  }
  return obstacles.length > 0 ? { obstacles, left } : { obstacles, looked: { node, host, look } }
}

/** Why a script did not come to its end: what it says itself, else the last line of its errors. */
export function saidBy(
  { stderr }: Pick<Extract<HostAnswer, { reached: true }>, 'stderr'>,
  { fault }: { readonly fault: string | undefined },
): string {
  return [fault, lastWords(stderr)].filter((text) => text !== undefined && text !== '').join(': ')
}
