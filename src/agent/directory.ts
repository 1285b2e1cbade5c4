/**
 * Which files of a directory Nomad reads, and in which order (command/agent/config.go:3272-3352).
 *
 * @module
 */

/** A file of a listing. */
export interface AgentFile {
  /** The name inside its directory. */
  readonly name: string
  /** The path to be shown; default: the name. */
  readonly path?: string | undefined
  readonly bytes: Uint8Array
  /**
   * Whether a `-config` names the file itself, so that its name is nobody's oversight; default: as
   * `kind` says, yes for `files`.
   */
  readonly named?: boolean | undefined
}

/** Whether Nomad reads a file of that name when `-config` names its directory. */
export function isConfigFileName(name: string): boolean {
  if (!name.endsWith('.hcl') && !name.endsWith('.json')) return false
  // Temporary files of vim and emacs; other files that start with a dot do count.
  return (
    !name.endsWith('~') && !name.startsWith('.#') && !(name.startsWith('#') && name.endsWith('#'))
  )
}

/**
 * The files that Nomad reads from a directory, in its order: by the bytes of their names.
 *
 * @param listing The regular files at the top of the directory (links followed), in any order.
 */
export function configFilesOf<T extends { readonly name: string }>(listing: readonly T[]): T[] {
  return listing
    .filter(({ name }) => isConfigFileName(name))
    .map((file) => ({ file, key: Buffer.from(file.name) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ file }) => file)
}

/**
 * Whether a name that Nomad does read looks like a backup, a copy or a temporary file, which its
 * owner may believe to be ignored.
 */
export function isStrayName(name: string): boolean {
  if (!isConfigFileName(name)) return false
  if (name.startsWith('.') || name.startsWith('~')) return true
  return /(?:^|[._\- ])(?:bak|backup|old|orig|save|saved|copy|tmp|temp|swp|disabled|off|dist|rpmsave|rpmnew|rpmorig|dpkg-old|dpkg-dist|dpkg-new|example|sample|\d{8,})(?:[._\- ()\d][^.]*)?\.(?:hcl|json)$/i.test(
    name,
  )
}
