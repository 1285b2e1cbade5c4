/**
 * The package as it is installed, built once per test file into a folder of its own: what `dist/`
 * holds may be of yesterday.
 *
 * @module
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyFolder } from './copy-folder.js'

const root = fileURLToPath(new URL('../', import.meta.url))

/** What a run of the program came to. */
export interface Run {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Builds it. @returns The folder: `bin/`, `dist/`, `templates/`, `package.json`. */
export function buildPackage(): string {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-built-'))
  execFileSync(process.execPath, [
    path.join(root, 'build.mjs'),
    path.join(folder, 'dist'),
    '--fast',
  ])
  for (const name of ['bin', 'templates', 'package.json']) {
    copyFolder(path.join(root, name), path.join(folder, name))
  }
  return folder
}

/** Starts the program of a built package. */
export function runBuilt(
  built: string,
  args: readonly string[],
  options: {
    readonly cwd?: string
    readonly env?: NodeJS.ProcessEnv
    /** Called when it runs. */
    readonly started?: (child: ChildProcess) => void
    /** Called whenever it says something. */
    readonly watch?: (child: ChildProcess) => void
  } = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(built, 'bin/nomad-pki.js'), ...args], {
      cwd: options.cwd ?? built,
      env: options.env ?? { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    options.started?.(child)
    const watch = (): void => options.watch?.(child)
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      watch()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
      watch()
    })
    child.on('error', reject)
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout, stderr })
    })
  })
}
