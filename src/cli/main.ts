/**
 * From arguments to an exit status. Nothing heavy is imported here: `--help` costs what it needs and
 * no more.
 *
 * @module
 */

import type { Context } from './context.js'
import { processContext } from './context.js'
import { runProgram } from './program.js'
import { createPrinter } from './printer.js'
import { exitStatus, statusOfError, type ExitStatus } from './status.js'

/**
 * Runs the command of this process.
 *
 * @param packageUrl Gives the folder of the installed package, with a `/` at the end.
 * @returns The exit status.
 */
export async function start(packageUrl: () => URL): Promise<ExitStatus> {
  let context: Context
  try {
    context = processContext(packageUrl)
  } catch (error) {
    // There is no printer without a context: the current folder is gone.
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    return exitStatus.error
  }
  process.on('uncaughtException', (error) => {
    process.exitCode = exitStatus.error
    fail(error, context)
  })
  return main(context)
}

/**
 * Runs a command.
 *
 * @param context The world.
 * @returns The exit status; nothing is ever thrown.
 */
export async function main(context: Context): Promise<ExitStatus> {
  try {
    return await runProgram(context)
  } catch (error) {
    fail(error, context)
    return statusOfError(error)
  }
}

function fail(error: unknown, context: Context): void {
  const has = (flag: string): boolean => context.argv.includes(flag)
  createPrinter(context, {
    quiet: false,
    color: !has('--no-color'),
    debug: has('--debug'),
    json: has('--json'),
  }).fail(error)
}
