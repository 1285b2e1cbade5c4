/**
 * The whole command surface: what there is, what it takes, two examples each. The parser, `--help`, the
 * shells' completions, `docs/commands.md` and the types of the commands' options are all made from it.
 *
 * @module
 */

import { changeCommands } from './surface/change.js'
import { deliverCommands } from './surface/deliver.js'
import { describeCommands } from './surface/describe.js'
import {
  commandGroups,
  type CommandGroup,
  type CommandRow,
  type CommandRows,
  type FlagEntry,
  type FlagName,
  type GlobalOptions,
  type OptionsOf,
  type OptionUse,
} from './surface/entry.js'
import { flags, globalFlags } from './surface/flags.js'
import { keysCommands } from './surface/keys.js'
import { makeCommands } from './surface/make.js'
import { useCommands } from './surface/use.js'

type Table = typeof describeCommands &
  typeof makeCommands &
  typeof changeCommands &
  typeof deliverCommands &
  typeof keysCommands &
  typeof useCommands

/** The name of a command: `plan`, or `rotate leaves`. */
export type CommandName = keyof Table

/** The options of a command: those of its entry in the table, and no others. */
export type Options<Name extends CommandName> = GlobalOptions & OptionsOf<Table[Name]['options']>

/** An option of one command. */
export interface OptionEntry extends FlagEntry, OptionUse {
  /** As the parser gives it: `dryRun`. */
  readonly name: FlagName
  readonly summary: string
}

/** A command. */
export interface CommandEntry extends Omit<CommandRow, 'options'> {
  readonly name: CommandName
  readonly group: CommandGroup
  readonly options: readonly OptionEntry[]
}

/** Commands that share a first word. */
export interface CommandFamily {
  readonly name: string
  readonly group: CommandGroup
  /** A line. */
  readonly summary: string
}

/** The first words of commands of two words. */
export const families: readonly CommandFamily[] = [
  { name: 'config', group: 'describe', summary: "show, compare or check agents' configurations" },
  {
    name: 'authority',
    group: 'keys',
    summary: "show where authorities' keys are, encrypt or decrypt them",
  },
  {
    name: 'rotate',
    group: 'change',
    summary: 'renew leaves, replace an authority, or leave plaintext',
  },
]

/** Options that hold everywhere, before and after the command. */
export const globalOptions: readonly FlagEntry[] = Object.values(globalFlags)

const groups: Readonly<Record<CommandGroup, CommandRows>> = {
  describe: describeCommands,
  make: makeCommands,
  change: changeCommands,
  deliver: deliverCommands,
  keys: keysCommands,
  use: useCommands,
}

/** The commands, group by group. */
export const commands: readonly CommandEntry[] = commandGroups.flatMap((group) =>
  Object.entries(groups[group]).map(([name, { options, ...texts }]) => ({
    ...texts,
    // A key of the table, by its type.
    name: name as CommandName,
    group,
    options: Object.entries(options as Readonly<Record<string, OptionUse>>).map(([flag, use]) =>
      optionOf(flag as FlagName, use),
    ),
  })),
)

/** The long name of an option: `--dry-run`. */
export function longName(name: FlagName): string {
  return /--[a-z-]+/.exec(flags[name].flags)![0]
}

function oneOf(names: readonly FlagName[] = []): readonly string[] {
  return names.length === 0 ? [] : [names.map(longName).join(' or ')]
}

function optionOf(name: FlagName, use: OptionUse): OptionEntry {
  const flag: FlagEntry = flags[name]
  const summary = use.summary ?? flag.summary
  const needed = [...(use.needs ?? []).map(longName), ...oneOf(use.needsOne)].join(', ')
  return {
    ...flag,
    ...use,
    name,
    summary: needed === '' ? summary : `${summary} (with ${needed})`,
  }
}
