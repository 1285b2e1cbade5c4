/**
 * Where the program begins. `--version` is answered before anything else is loaded.
 *
 * @module
 */

import { writeSync } from 'node:fs'
import { version } from './version.js'

/**
 * Runs the command of this process and sets its exit status.
 *
 * @param packageUrl Gives the folder of the installed package, with a `/` at the end.
 */
export async function run(packageUrl: () => URL): Promise<void> {
  const [, , first, ...rest] = process.argv
  if (rest.length === 0 && (first === '--version' || first === '-V')) {
    try {
      writeSync(1, `${version}\n`)
    } catch {
      // A reader that has gone away is not an error.
    }
    return
  }
  // Until something else is known. Not process.exit: what was written to a pipe must arrive first.
  process.exitCode = 1
  const { start } = await import('./main.js')
  process.exitCode = await start(packageUrl)
}
