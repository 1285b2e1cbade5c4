/**
 * Who may read a file, by owner, group and mode of it and of the directories on the way to it; lists
 * of access control beside them (setfacl) are not seen.
 *
 * @module
 */

/** Owner, group and mode of something. */
export interface Permissions {
  readonly path: string
  /** Permission bits, such as 0o600. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Who the agent runs as. */
export interface AgentUser {
  /** As the user is to be called. */
  readonly name: string
  readonly uid: number
  readonly gids: readonly number[]
  /** Nobody said so: it is the owner of the private key. */
  readonly assumed?: boolean | undefined
}

/**
 * Whether a user may read a file, the way to it left aside.
 *
 * @param user Any; 0 may read everything.
 * @param file Its permissions.
 */
export function mayRead(user: AgentUser, file: Permissions): boolean {
  return may(user, file, 4)
}

/**
 * Whether a user may go through a directory.
 *
 * @param user Any; 0 may enter everything.
 * @param directory Its permissions.
 */
export function mayEnter(user: AgentUser, directory: Permissions): boolean {
  return may(user, directory, 1)
}

/** Exactly one of the three groups of bits counts: the owner is not helped by what all may do. */
function may({ uid, gids }: AgentUser, file: Permissions, bit: number): boolean {
  if (uid === 0) return true
  const shift = uid === file.uid ? 6 : gids.includes(file.gid) ? 3 : 0
  return ((file.mode >> shift) & bit) !== 0
}

/** Who can read a file beside its owner. */
export interface Openness {
  readonly to: 'everyone' | 'group'
  /** The directory that keeps them from it all the same. */
  readonly shield?: Permissions | undefined
}

/**
 * Who can read a file beside its owner.
 *
 * @param file Its permissions, and its path without links.
 * @param crossed Those of the directories on the way to it; one that a link leads out of shields
 *   nothing, because there is another way.
 */
export function opennessOf(
  file: Permissions,
  crossed: readonly Permissions[],
): Openness | undefined {
  const way = crossed.filter(({ path }) => path === '/' || file.path.startsWith(`${path}/`))
  if ((file.mode & 0o004) !== 0) {
    return { to: 'everyone', shield: way.find(({ mode }) => (mode & 0o001) === 0) }
  }
  if ((file.mode & 0o040) !== 0) {
    const barred = ({ mode, gid }: Permissions): boolean =>
      (mode & (gid === file.gid ? 0o010 : 0o001)) === 0
    return { to: 'group', shield: way.find(barred) }
  }
  return undefined
}

/**
 * What anybody could put something else in place with: the file, or a directory on the way to it.
 *
 * @param file Its permissions.
 * @param way Those of the directories on the way to it.
 */
export function writableByAll(
  file: Permissions,
  way: readonly Permissions[],
): Permissions | undefined {
  if ((file.mode & 0o002) !== 0) return file
  // In a directory with the sticky bit no user renames the files of another.
  return way.find(({ mode }) => (mode & 0o1002) === 0o002)
}

/** `mode 0600, user 0, group 0` */
export function describe({ mode, uid, gid }: Permissions): string {
  return `mode ${mode.toString(8).padStart(4, '0')}, user ${uid}, group ${gid}`
}
