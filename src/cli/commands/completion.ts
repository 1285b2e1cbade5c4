/**
 * `completion`: for bash, zsh and fish.
 *
 * @module
 */

import { didYouMean } from '../../diagnostics.js'
import { NomadPkiError } from '../../errors.js'
import { completionText, completionShells, type CompletionShell } from '../../report/completion.js'
import { exitStatus } from '../status.js'
import { commands, globalOptions, type Command } from '../surface.js'
import { voiceOf } from '../voice.js'

/** Prints what the shell evaluates. */
export const command: Command = async ({ args: [shell = ''], options }, context) => {
  if (!isShell(shell)) {
    const near = didYouMean(shell, completionShells)
    throw new NomadPkiError('ERR_USAGE', `no completions for ${JSON.stringify(shell)}`, {
      hint:
        near === undefined ? `there are: ${completionShells.join(', ')}` : `did you mean ${near}?`,
    })
  }
  voiceOf(context, options).answer(completionText(shell, commands, globalOptions).trimEnd())
  return exitStatus.ok
}

function isShell(text: string): text is CompletionShell {
  return (completionShells as readonly string[]).includes(text)
}
