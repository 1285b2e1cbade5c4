/**
 * Runs `templates/install.sh`, the one installer: with a node's own shell, on what was unpacked for it.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { NomadPkiError } from '../errors.js'

/** What the installer said. */
export interface InstallerRun {
  /** `done`: in place, or it was. `unloaded`: in place, and the agent could not be reloaded. */
  readonly state: 'done' | 'unloaded'
  /** Its lines, for people. */
  readonly said: readonly string[]
}

/**
 * Runs the installer.
 *
 * @param script Its path.
 * @param folder The folder to run it in: what was unpacked.
 * @param args Its arguments.
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED` with its reason, nothing was changed then;
 *   `ERR_INSTALL_FAILED`.
 */
export async function runInstaller(
  script: string,
  folder: string,
  args: readonly string[],
): Promise<InstallerRun> {
  const { status, stdout, stderr } = await shell([script, ...args], folder)
  const said = lines(stdout)
  const complaints = lines(stderr).map((line) => line.replace(/^install\.sh: (refused: )?/, ''))
  if (status === 0) return { state: 'done', said: [...said, ...complaints] }
  if (status === 2) return { state: 'unloaded', said: [...said, ...complaints] }
  const reason = complaints.at(-1) ?? `the installer ended with ${String(status)}`
  throw new NomadPkiError(status === 3 ? 'ERR_INSTALL_REFUSED' : 'ERR_INSTALL_FAILED', reason)
}

interface Ended {
  readonly status: number | string
  readonly stdout: string
  readonly stderr: string
}

function shell(args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile('sh', args, { cwd, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve({ status: 0, stdout, stderr })
      else if (typeof error.code === 'number') resolve({ status: error.code, stdout, stderr })
      else if (error.signal != null) resolve({ status: error.signal, stdout, stderr })
      else {
        reject(
          new NomadPkiError(
            'ERR_INSTALL_FAILED',
            `there is no shell to install with: ${error.message}`,
            {
              cause: error,
            },
          ),
        )
      }
    })
  })
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}
