/**
 * `completion`: for bash, zsh and fish; and the words that their scripts ask for.
 *
 * @module
 */

import { didYouMean } from '../../diagnostics.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import { isAgent } from '../../nomad/roles.js'
import { completionShells, type CompletionShell } from '../../report/completion-shells.js'
import { completionText } from '../../report/completion.js'
import { desire } from '../../cluster/desire.js'
import type { Desired } from '../../cluster/desired.js'
import { parseSpec } from '../../cluster/parse.js'
import type { Command } from '../command.js'
import { exitStatus } from '../status.js'
import { commands, families, globalOptions } from '../surface.js'
import type { ListedKind } from '../surface/entry.js'
import { printerOf } from '../printer.js'
import { readSpec } from '../workspace.js'

/** Prints what the shell evaluates, or the words of a kind. */
export const command: Command<'completion'> = async ({ args: [shell = ''], options }, context) => {
  const printer = printerOf(context, options)
  if (options.list !== undefined) {
    let words: readonly string[] = []
    try {
      const { file, text } = await readSpec(context, options)
      const { spec } = parseSpec(text, { file })
      if (spec !== undefined) words = lists[options.list](desire(spec))
    } catch (error) {
      // Where there is no spec, there is nothing to complete: a shell has no place for an error here.
      if (!isNomadPkiError(error)) throw error
    }
    if (words.length > 0) printer.answer(words.join('\n'))
    return exitStatus.ok
  }
  if (!isShell(shell)) {
    const near = didYouMean(shell, completionShells)
    throw new NomadPkiError(
      'ERR_USAGE',
      shell === '' ? 'name a shell' : `there are no completions for ${JSON.stringify(shell)}`,
      {
        hint:
          near === undefined
            ? `there are: ${completionShells.join(', ')}`
            : `did you mean ${near}?`,
      },
    )
  }
  printer.answer(completionText(shell, commands, families, globalOptions).trimEnd())
  return exitStatus.ok
}

/** The words of each kind: addresses whole, and as short as is unambiguous. */
const lists: Readonly<Record<ListedKind, (desired: Desired) => readonly string[]>> = {
  addresses: ({ identities, authorities, bundles }) =>
    typed([...identities, ...authorities, ...bundles]),
  identities: ({ identities }) => typed(identities),
  agents: ({ identities }) => typed(identities.filter(({ profile }) => isAgent(profile.role))),
  authorities: ({ authorities }) => [...new Set(authorities.map(({ name }) => name))],
  configs: ({ configs }) => typed(configs),
  nodes: ({ identities }) =>
    identities.map(({ name, profile }) =>
      isAgent(profile.role) ? `${profile.region}/${name}` : name,
    ),
  operators: ({ identities }) =>
    identities.filter(({ profile }) => !isAgent(profile.role)).map(({ name }) => name),
}

/** The shortest end of each address that means it alone, then the addresses themselves. */
function typed(all: readonly { readonly address: string }[]): readonly string[] {
  const ends = new Map<string, number>()
  const endsOf = (address: string): readonly string[] => {
    const parts = address.split('/')
    return parts.map((_, at) => parts.slice(at).join('/')).reverse()
  }
  for (const { address } of all) {
    for (const end of endsOf(address)) ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  const short = all.map(({ address }) => endsOf(address).find((end) => ends.get(end) === 1)!)
  return [...new Set([...short, ...all.map(({ address }) => address)])]
}

function isShell(text: string): text is CompletionShell {
  return (completionShells as readonly string[]).includes(text)
}
