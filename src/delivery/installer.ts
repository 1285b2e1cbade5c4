/**
 * Runs `templates/install.sh`, the one installer: with a node's own shell, on what was unpacked for it.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { NomadPkiError } from '../errors.js'
import { readMoment, readPorcelain, type InstallerLine } from './porcelain.js'

/** How the installer ended. */
export interface InstallerRun {
  /** `done`: in place, or it was. `unloaded`: in place, and the agent could not be reloaded. */
  readonly state: 'done' | 'unloaded'
  readonly report: InstallerLine
  /** Its lines, for people. Nothing reads them. */
  readonly said: readonly string[]
}

/**
 * Runs the installer.
 *
 * @param script Its path.
 * @param folder The folder to run it in: what was unpacked.
 * @param args Its arguments.
 * @param signal Ends it as SIGTERM does, and waits until it has ended.
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED` with its reason, nothing was changed then;
 *   `ERR_INSTALL_FAILED`; `ERR_INTERRUPTED`.
 */
export async function runInstaller(
  script: string,
  folder: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<InstallerRun> {
  const command = [script, '--porcelain', ...args]
  const { status, stdout, stderr } = await shell(command, folder, signal)
  const told = lines(stdout).filter((line) => readMoment(line) === undefined)
  const report = readPorcelain(told.at(-1) ?? '')
  // What tools complained of; its own sentence is in the report.
  const complaints = lines(stderr).filter((line) => !line.startsWith('install.sh: '))
  if (report !== undefined && (status === 0 || (status === 2 && signal?.aborted !== true))) {
    const { message } = report
    const said = [...told.slice(0, -1), ...complaints, ...(message === '' ? [] : [message])]
    return { state: status === 0 ? 'done' : 'unloaded', report, said }
  }
  // What had come to its end before the signal is done.
  if (signal?.aborted === true) {
    throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted; what is in place is whole', {
      hint: 'the same command goes on',
    })
  }
  const why = [report?.message, complaints.at(-1)].find((text) => text !== undefined && text !== '')
  const reason = why ?? `the installer exited with ${String(status)} and gave no reason`
  throw new NomadPkiError(status === 3 ? 'ERR_INSTALL_REFUSED' : 'ERR_INSTALL_FAILED', reason)
}

interface Ended {
  readonly status: number | string
  readonly stdout: string
  readonly stderr: string
}

function shell(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = execFile('sh', args, { cwd, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve({ status: 0, stdout, stderr })
      else if (typeof error.code === 'number') resolve({ status: error.code, stdout, stderr })
      else if (error.signal != null) resolve({ status: error.signal, stdout, stderr })
      else {
        reject(
          new NomadPkiError(
            'ERR_INSTALL_FAILED',
            `cannot start a shell to install with: ${error.message}`,
            {
              cause: error,
            },
          ),
        )
      }
    })
    const end = (): void => {
      child.kill('SIGTERM')
    }
    if (signal?.aborted === true) end()
    signal?.addEventListener('abort', end, { once: true })
    child.once('close', () => signal?.removeEventListener('abort', end))
  })
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '')
}
