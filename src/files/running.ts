/**
 * Who holds a lock, and whether that process still runs.
 *
 * @module
 */

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { kill, pid } from 'node:process'

/** A process, so that it can be told from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number
  readonly host: string
  readonly user: string
  /** When it started, in the kernel's own count (Linux: field 22 of `/proc/PID/stat`). */
  readonly start?: string | undefined
  /** The run of the kernel (Linux: `boot_id`). */
  readonly boot?: string | undefined
  /** The namespace in which its number counts: containers can share a host's name and not its processes. */
  readonly space?: string | undefined
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  return {
    pid,
    host: hostname(),
    user: userName(),
    start: statusOf(pid)?.start,
    boot: firstLine('/proc/sys/kernel/random/boot_id'),
    space: pidSpace(),
  }
}

/**
 * Whether a process still runs.
 *
 * @param other What a lock says of it.
 * @param self {@link thisProcess}.
 * @returns `unknown` where it can't be seen from here: on another host, or in another container.
 */
export function isRunning(
  other: ProcessIdentity,
  self: ProcessIdentity = thisProcess(),
): 'running' | 'gone' | 'unknown' {
  if (other.host !== self.host) return 'unknown'
  if (other.space !== self.space) return 'unknown'
  // The same host (and, in its first namespace, the same name for it) after a restart.
  if (other.boot !== undefined && self.boot !== undefined && other.boot !== self.boot) {
    return isFirstSpace(self.space) ? 'gone' : 'unknown'
  }
  if (!Number.isSafeInteger(other.pid) || other.pid < 1) return 'unknown'
  try {
    kill(other.pid, 0)
  } catch (error) {
    // EPERM: it runs, as another user.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return 'gone'
  }
  const status = statusOf(other.pid)
  if (status === undefined) return 'running'
  if (status.state === 'Z' || status.state === 'X') return 'gone'
  return other.start === undefined || other.start === status.start ? 'running' : 'gone'
}

/** PROC_PID_INIT_INO of the kernel's `include/linux/proc_ns.h`: the namespace of the host itself. */
function isFirstSpace(space: string | undefined): boolean {
  return space === 'pid:[4026531836]'
}

function statusOf(id: number): { readonly state: string; readonly start: string } | undefined {
  const text = firstLine(`/proc/${id}/stat`)
  if (text === undefined) return undefined
  // The second field is the program's name in parentheses and may itself hold spaces and ')'.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, start] = [fields[0], fields[19]]
  return state === undefined || start === undefined ? undefined : { state, start }
}

function pidSpace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container's user often has no name.
    return 'unknown'
  }
}

function firstLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]
  } catch {
    return undefined
  }
}
