/** node:fs, and the one thing that it lacks. */

import { execFileSync } from 'node:child_process'

export * from 'node:fs'

/** Makes a named pipe. */
export function mkfifoSync(path: string): void {
  execFileSync('mkfifo', [path])
}
