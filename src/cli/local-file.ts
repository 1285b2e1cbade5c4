/**
 * The local file of a workspace, and other files of secrets: they must be the user's own and closed to all others.
 *
 * @module
 */

import path from 'node:path'
import { getuid } from 'node:process'
import { localFileName, noLocalSettings, parseLocal, type LocalSettings } from '../cluster/local.js'
import { NomadPkiError } from '../errors.js'
import { shownPath } from '../files/fault.js'
import { nodeFiles } from '../files/files.js'
import { readWhole } from '../files/read.js'
import { openingOf, placeOfProgram } from '../files/trusted-program.js'
import { trackingOf } from '../files/tracked.js'
import { shellQuote } from '../shell-quote.js'
import type { Workspace } from './workspace.js'

/**
 * Reads the local file beside the spec.
 *
 * @returns What it says; nothing where there is none.
 * @throws {NomadPkiError} `ERR_LOCAL_INVALID`
 */
export async function readLocal({
  base,
  spec,
}: Pick<Workspace, 'base' | 'spec'>): Promise<LocalSettings> {
  const file = path.join(base, localFileName)
  const bytes = readOwn(file, 'the local file', invalid)
  if (bytes === undefined) return noLocalSettings
  await refuseTracked(file)
  const { settings, diagnostics } = parseLocal(utf8Of(bytes, file, invalid), {
    file: shownPath(file),
    authorities: spec.authorities.map(({ name }) => name),
  })
  if (settings === undefined) {
    throw new NomadPkiError('ERR_LOCAL_INVALID', `${shownPath(file)} has errors`, { diagnostics })
  }
  return settings
}

/** The local file, read once, when it is needed first. */
export function localOf(workspace: Pick<Workspace, 'spec' | 'base'>): () => Promise<LocalSettings> {
  let read: Promise<LocalSettings> | undefined
  return () => (read ??= readLocal(workspace))
}

/**
 * Reads a file that only its owner may read.
 *
 * @param file Absolute.
 * @param what What it is, for messages.
 * @param fault Makes the error.
 * @returns `undefined` where there is none.
 */
export function readOwn(
  file: string,
  what: string,
  fault: (message: string, hint: string) => NomadPkiError,
): Uint8Array | undefined {
  const shown = shownPath(file)
  const found = readWhole(nodeFiles, file, { limit: 1024 * 1024 })
  if (found.state === 'absent') return undefined
  if (found.state !== 'read') {
    throw fault(
      `${what} ${shown} is not read: ${found.message}`,
      found.state === 'odd'
        ? 'put a plain file into its place: links are not followed'
        : 'run as the owner of the file',
    )
  }
  const user = getuid?.()
  if (user !== undefined && found.uid !== user) {
    throw fault(
      `${what} ${shown} belongs to user ${found.uid}, and this runs as user ${user}`,
      `run as its owner; or, after you have read it: chown ${user} ${shellQuote(file)}`,
    )
  }
  if ((found.mode & 0o077) !== 0) {
    const bits = found.mode.toString(8).padStart(4, '0')
    throw fault(
      `${what} ${shown} is open to other users (mode ${bits})`,
      `chmod 600 ${shellQuote(file)}`,
    )
  }
  return found.bytes
}

/**
 * Refuses a command of the local file that others can change. It looks at the program (by its path or PATH), and at
 * each argument that is the absolute path of a plain file: a script, a token's library, a file with a PIN. What a shell
 * or a script then runs is not looked at.
 *
 * @param argv The command.
 * @param base The folder of the local file.
 * @param search PATH.
 * @throws {NomadPkiError} `ERR_LOCAL_INVALID`
 */
export function requireOwnCommand(
  argv: readonly string[],
  base: string,
  search: string | undefined,
): void {
  const [program, ...others] = argv
  const files = [
    placeOfProgram(program!, { cwd: base, search }),
    ...others.filter((one) => path.isAbsolute(one)),
  ]
  for (const file of files) {
    const found = file === undefined ? undefined : openingOf(file)
    if (found === undefined) continue
    throw invalid(
      `${shownPath(program!)} of ${localFileName} is not run beside a key: ${found.message}`,
      found.hint,
    )
  }
}

/**
 * The text of a file.
 *
 * @param fault Makes the error.
 * @param hint What to do where it is not text.
 */
export function utf8Of(
  bytes: Uint8Array,
  file: string,
  fault: (message: string, hint: string) => NomadPkiError,
  hint = 'is this the right file?',
): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw fault(`${shownPath(file)} is not UTF-8 text`, hint)
  }
}

async function refuseTracked(file: string): Promise<void> {
  const tracking = await trackingOf(file, [])
  if (tracking === undefined || tracking.state === 'ignored') return
  const { repository, path: inside, state } = tracking
  const line = `/${inside}`
  const where = shownPath(`${repository}/.gitignore`)
  throw invalid(
    state === 'tracked'
      ? `git tracks ${shownPath(file)}: who can change the repository could run programs here`
      : `git would track ${shownPath(file)}`,
    state === 'tracked'
      ? `git rm --cached ${shellQuote(inside)}, then add the line ${line} to ${where}`
      : `add the line ${line} to ${where}`,
  )
}

function invalid(message: string, hint: string): NomadPkiError {
  return new NomadPkiError('ERR_LOCAL_INVALID', message, { hint })
}
