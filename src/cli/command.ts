/**
 * What a command is, and what it is called with.
 *
 * @module
 */

import type { Context } from './context.js'
import type { ExitStatus } from './status.js'
import type { CommandName, Options } from './surface.js'

/** A command: callable from a test. */
export type Command<Name extends CommandName> = (
  call: Call<Name>,
  context: Context,
) => Promise<ExitStatus>

/** What a command was called with. */
export interface Call<Name extends CommandName> {
  readonly args: readonly string[]
  readonly options: Options<Name>
}
