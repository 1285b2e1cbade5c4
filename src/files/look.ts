/**
 * What lies at a path, and the directories on the way to it: one link after the other, as the system
 * goes, because each directory decides for itself which users get through.
 *
 * @module
 */

import { errnoOf } from './fault.js'
import type { Files, FileStatus } from './files.js'

/** Something on the way. */
export interface Seen {
  readonly path: string
  readonly status: FileStatus
}

/** What came of looking. */
export interface Look {
  /** `hidden`: the system does not let this process look further. */
  readonly state: 'found' | 'missing' | 'hidden'
  /** Without links, as far as the way led. */
  readonly path: string
  /** Every directory that is gone through, in that order; also those that a link leads out of. */
  readonly way: readonly Seen[]
  /** Every link that is followed. */
  readonly links: readonly Seen[]
  /** Of what was found, links followed. */
  readonly status?: FileStatus | undefined
}

/** As many as Linux follows (path_resolution(7)). */
const linkLimit = 40

/**
 * Looks at a path.
 *
 * @param files The calls to use.
 * @param path Absolute.
 */
export function lookAt(files: Files, path: string): Look {
  const way: Seen[] = []
  let here = '/'
  /** What is still to go, the next one last. */
  const rest = path.split('/').reverse()
  const links: Seen[] = []
  const end = (state: Look['state'], at: string, status?: FileStatus): Look => ({
    state,
    path: at,
    way,
    links,
    status,
  })
  for (;;) {
    let status: FileStatus | undefined
    try {
      status = files.lstat(here)
    } catch (error) {
      const code = errnoOf(error)
      const denied = code === 'EACCES' || code === 'EPERM'
      return end(denied ? 'hidden' : 'missing', here)
    }
    if (status === undefined) return end('missing', here)
    if (status.isSymbolicLink()) {
      links.push({ path: here, status })
      if (links.length > linkLimit) return end('missing', here)
      const target = files.readlink(here)
      rest.push(...target.split('/').reverse())
      here = target.startsWith('/') ? '/' : parentOf(here)
      continue
    }
    let slashed = false
    while (rest.at(-1) === '' || rest.at(-1) === '.') {
      rest.pop()
      slashed = true
    }
    const name = rest.pop()
    // "x/" and "x/." are x only where x is a directory.
    if (name === undefined && (!slashed || status.isDirectory())) return end('found', here, status)
    if (!status.isDirectory() || name === undefined) return end('missing', here)
    if (way.every((seen) => seen.path !== here)) way.push({ path: here, status })
    if (name === '..') here = parentOf(here)
    else here = here === '/' ? `/${name}` : `${here}/${name}`
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}
