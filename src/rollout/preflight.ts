/**
 * What has to hold on a host before anything is changed anywhere: judged from what it said.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { HostAnswer } from '../hosts/host.js'
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
}

/** A host that was looked at. */
export interface LookedHost {
  readonly node: RolloutNode
  /** The host as ssh knows it. */
  readonly host: string
  readonly look: HostLook
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
): { readonly looked?: LookedHost; readonly obstacles: readonly Obstacle[] } {
  const { address } = node
  const one = (message: string, remedy?: string): Obstacle => ({ host, address, message, remedy })
  if (!answer.reached) return { obstacles: [one(answer.message, answer.remedy)] }
  const look = readLook(answer.stdout)
  const obstacles: Obstacle[] = []
  if (look.clock === undefined || look.user === undefined) {
    const said = answer.stderr.trim().split('\n').at(-1) ?? ''
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
  const { installer } = look
  if (look.missing.length === 0) {
    if (installer === undefined) {
      const said = answer.stderr.trim().split('\n').at(-1) ?? ''
      obstacles.push(
        one(`its installer did not say what it would do${said === '' ? '' : `: ${said}`}`),
      )
    } else if (installer.status !== 0 && installer.status !== 2) {
      const remedy =
        installer.reason === 'unproven'
          ? 'see what the agent presents, then on the host: sh install.sh --tls DIR --proven, or --give-up with the next archive'
          : undefined
      obstacles.push(one(`its installer refuses: ${installer.message}`, remedy))
    }
  }
  return obstacles.length > 0 ? { obstacles } : { obstacles, looked: { node, host, look } }
}
