/**
 * Where the program begins. `--version` is answered before anything else is loaded.
 *
 * @module
 */

import { version } from './version.js'

/**
 * Runs the command of this process and sets its exit status.
 *
 * @param packageUrl The folder of the installed package, with a `/` at the end.
 */
export async function run(packageUrl: URL): Promise<void> {
  const [, , first, ...rest] = process.argv
  if (rest.length === 0 && (first === '--version' || first === '-V')) {
    // A reader that has gone away is no error.
    process.stdout.on('error', () => undefined).write(`${version}\n`)
    return
  }
  // Until something else is known. Not process.exit: what was written to a pipe must arrive first.
  process.exitCode = 1
  const { start } = await import('./main.js')
  process.exitCode = await start(packageUrl)
}
