/**
 * What the table of commands says of a command and of an option.
 *
 * @module
 */

import type { flags, globalFlags } from './flags.js'

/** The kinds of words that `completion --list` knows. */
export type ListedKind = (typeof flags)['list']['choices'][number]

/**
 * What a word on the command line can be, where that is not a fixed list: `addresses` are all that `plan`
 * and `apply` take, `identities` those of agents and operators, `nodes` is `REGION/NAME` or an operator.
 */
export type WordKind = ListedKind | 'files'

/** What can stand in one place of the command line. */
export type Words = readonly string[] | WordKind

/** An option, wherever it occurs. */
export interface FlagEntry {
  /** As commander reads it: `-f, --file <file>`. */
  readonly flags: string
  readonly summary: string
  /** May be given several times. */
  readonly many?: true
  /** All values that it takes. */
  readonly choices?: readonly string[]
  /** What its value can be, for completions. */
  readonly value?: string
  /** The name that it had before. */
  readonly former?: string
}

/** The name of an option, as the parser gives it: `dryRun`. */
export type FlagName = keyof typeof flags

/** An option of one command. */
export interface OptionUse {
  /** What it is here, where the summary for all commands says too little. */
  readonly summary?: string
  /** May be given several times here. */
  readonly many?: true
  /** All values that it takes here. */
  readonly choices?: readonly string[]
  /** Options that must be there too. */
  readonly needs?: readonly FlagName[]
  /** Options of which one must be there too. */
  readonly needsOne?: readonly FlagName[]
  /** Options that must not be there. */
  readonly excludes?: readonly FlagName[]
  /** Why, for a person that broke one of the two rules. */
  readonly because?: string
}

/** The groups of `--help`, in its order. */
export const commandGroups = ['describe', 'make', 'change', 'deliver', 'keys', 'use'] as const

/** A group of commands. */
export type CommandGroup = (typeof commandGroups)[number]

interface CommandTexts {
  /** As commander reads them: `[address...]`. */
  readonly arguments: string
  /** A line. */
  readonly summary: string
  /** A sentence or two more. */
  readonly details?: string
  /** Whole command lines; a test runs each of them. */
  readonly examples: readonly [string, string]
  /** What its arguments can be, for completions; the last place stands for all that follow. Default: files. */
  readonly words?: readonly Words[]
}

type Uses = Readonly<Partial<Record<FlagName, OptionUse>>>

/** A command, in the table: one that writes has `--dry-run`. */
export type CommandRow = CommandTexts &
  (
    | { readonly writes: true; readonly options: Uses & { readonly dryRun: OptionUse } }
    | { readonly writes: false; readonly options: Uses & { readonly dryRun?: never } }
  )

/** Commands of a group, by their names: `plan`, or `rotate leaves`. */
export type CommandRows = Readonly<Record<string, CommandRow>>

type ManyOf<Entry> = Entry extends { readonly many: true } ? true : false

/** The value of an option, as the parser gives it. */
type ValueOf<Flag extends FlagEntry, Use> = true extends ManyOf<Flag> | ManyOf<Use>
  ? Flag['flags'] extends `${string}[${string}]`
    ? readonly string[] | true
    : readonly string[]
  : Use extends { readonly choices: readonly (infer Choice)[] }
    ? Choice
    : Flag extends { readonly choices: readonly (infer Choice)[] }
      ? Choice
      : Flag['flags'] extends `${string}<${string}>`
        ? string
        : Flag['flags'] extends `${string}[${string}]`
          ? string | true
          : boolean

/** The values of the options that a command takes: every one of them is named, and may be absent. */
export type OptionsOf<Taken> = {
  readonly [Name in keyof Taken]:
    ValueOf<Name extends FlagName ? (typeof flags)[Name] : never, Taken[Name]> | undefined
}

/** The values of the options that hold everywhere. */
export type GlobalOptions = {
  readonly [Name in keyof typeof globalFlags]:
    ValueOf<(typeof globalFlags)[Name], unknown> | undefined
}
