/**
 * Which users other than root can change the way to a file. A user who can change a directory can put a link in it, and
 * root would write where it leads to: Nomad's packages give `/etc/nomad.d` and all below it to the
 * agent's user (.release/linux/postinst).
 *
 * @module
 */

import { getuid } from 'node:process'
import type { Files } from './files.js'
import { lookAt, type Look, type Seen } from './look.js'

/** A directory in which another user can put a link. */
export interface OpenDirectory {
  readonly path: string
  /** `user 998`, `group 998` or `everybody`. */
  readonly who: string
}

/**
 * Finds the first directory on the way to a file in which another user than root can put a link.
 *
 * The directory that holds the file may be another user's: a file is made aside in it under a new
 * name and renamed, which follows nothing. Where the file itself is a link, it may not.
 *
 * @param files The calls to use.
 * @param path Absolute; nothing need be there.
 * @returns `undefined` where there is none, and where this process is not root.
 */
export function openToOthers(files: Files, path: string): OpenDirectory | undefined {
  if (getuid?.() !== 0) return undefined
  const look = lookAt(files, path)
  const holder = look.links.some((link) => link.path === path) ? undefined : parentOf(look.path)
  for (const seen of look.way) {
    if (seen.path === holder) continue
    const who = otherIn(seen, look)
    if (who !== undefined) return { path: seen.path, who }
  }
  return undefined
}

function otherIn({ path, status }: Seen, { way, links }: Look): string | undefined {
  const { mode, uid, gid } = status
  if (uid !== 0) return `user ${uid}`
  const everybody = (mode & 0o002) !== 0
  if (!everybody && ((mode & 0o020) === 0 || gid === 0)) return undefined
  // In a sticky directory an entry is its owner's alone.
  const sticky = (mode & 0o1000) !== 0
  const entries = [...way, ...links].filter((entry) => parentOf(entry.path) === path)
  if (sticky && entries.every((entry) => entry.status.uid === 0)) return undefined
  return everybody ? 'every user' : `group ${gid}`
}

function parentOf(path: string): string | undefined {
  return path === '/' ? undefined : path.slice(0, path.lastIndexOf('/')) || '/'
}
