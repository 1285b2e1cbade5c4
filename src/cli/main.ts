/**
 * From arguments to an exit status. Nothing heavy is imported here: `--version` and `--help` cost
 * what they need and no more.
 *
 * @module
 */

import type { Context } from './context.js'
import { processContext } from './context.js'
import { exitStatus, statusOfError, type ExitStatus } from './status.js'
import { version } from './version.js'

/**
 * Runs the command of this process and sets its exit status.
 *
 * @param packageUrl The folder of the installed package, with a `/` at the end.
 */
export async function run(packageUrl: URL): Promise<void> {
  // Not process.exit: what was written to a pipe must arrive first.
  process.exitCode = exitStatus.error
  const context = await Promise.resolve()
    .then(() => processContext(packageUrl))
    .catch((error: unknown) => {
      process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    })
  if (context === undefined) return
  process.on('uncaughtException', (error) => {
    void fail(error, context)
    process.exitCode = exitStatus.error
  })
  process.exitCode = await main(context)
}

/**
 * Runs a command.
 *
 * @param context The world.
 * @returns The exit status; nothing is ever thrown.
 */
export async function main(context: Context): Promise<ExitStatus> {
  try {
    const [first] = context.argv
    if (context.argv.length === 1 && (first === '--version' || first === '-V')) {
      context.stdout.write(`${version}\n`)
      return exitStatus.ok
    }
    const { runProgram } = await import('./program.js')
    return await runProgram(context)
  } catch (error) {
    await fail(error, context)
    return statusOfError(error)
  }
}

async function fail(error: unknown, context: Context): Promise<void> {
  const { createVoice } = await import('./voice.js')
  const has = (flag: string): boolean => context.argv.includes(flag)
  createVoice(context, {
    quiet: false,
    color: !has('--no-color'),
    debug: has('--debug'),
    json: has('--json'),
  }).fail(error)
}
