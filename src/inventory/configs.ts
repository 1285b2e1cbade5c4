/**
 * The agents' configurations as their callers need them. Implemented in `store/`, on directories
 * and in memory.
 *
 * @module
 */

/** One file of an agent's configuration. */
export interface ConfigFile {
  /** Full path as it is read. */
  readonly path: string
  /** The name inside its directory. */
  readonly name: string
  /** Its whole content. */
  readonly bytes: Uint8Array
  /** Where it is behind all links, if it is a link; default: {@link path}. */
  readonly real?: string | undefined
}

/** What was found at one `config` of the spec. */
export interface ConfigContents {
  /** As the spec gives it. */
  readonly path: string
  /** Absolute (or the same as `path` in memory). */
  readonly location: string
  /** Where it is behind all links; default: {@link location}. */
  readonly real?: string | undefined
  /** What is there. */
  readonly kind: 'directory' | 'file' | 'missing'
  /** The files at the top of the directory, whatever their names, in byte order of their names; the one file otherwise. */
  readonly files: readonly ConfigFile[]
  /** Folders in it that are called like a file of a configuration: none can be written there. */
  readonly folders?: readonly string[] | undefined
  /** Why it could not be read; then it has no files. Default: it was read. */
  readonly fault?:
    | {
        /** One sentence: lower case, no full stop. */
        readonly message: string
        /** What cures it. Default: not known. */
        readonly remedy?: string | undefined
      }
    | undefined
}

/** A file to be written. */
export interface ConfigWrite {
  /** The file. */
  readonly path: string
  /** Its whole new content. */
  readonly text: string
  /** What the file held when it was read; `undefined`: it did not exist. */
  readonly expected: Uint8Array | undefined
}

/** The agents' configurations. */
export interface Configs {
  /**
   * Reads what is at one path of the spec: a directory of files, a file, or nothing.
   *
   * @param path As the spec has it.
   * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`
   */
  read(path: string): Promise<ConfigContents>
  /**
   * Writes files aside and renames them into place, keeping mode and owner, following links.
   *
   * A configuration that already says what is to be written is left as it is.
   *
   * @throws {NomadPkiError} `ERR_CONFIG_CHANGED` if a file is not what was read; `ERR_FILE_UNWRITABLE`.
   */
  write(writes: readonly ConfigWrite[]): Promise<void>
}
