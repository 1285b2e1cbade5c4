/**
 * The table of `surface.ts` as a commander program: parsing and help, and nothing else.
 *
 * @module
 */

import { Command as Parser, CommanderError, Option, type Argument } from 'commander'
import { didYouMean } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import type { Context } from './context.js'
import { exitStatus, exitStatusSentences, type ExitStatus } from './status.js'
import { loadCommand } from './load.js'
import { commands, families, globalOptions, longName, type CommandEntry } from './surface.js'
import type { CommandGroup, FlagEntry } from './surface/entry.js'
import { usage } from './usage.js'
import { version } from './version.js'

/** Commands that the hook of the local file is told of. */
const hooked: ReadonlySet<CommandEntry['name']> = new Set<CommandEntry['name']>([
  'apply',
  'rotate leaves',
  'rotate authority',
  'rollout',
  'probe',
  'sign',
  'revoke',
])

/** Not errors: help or the version was asked for. Their exit code is that of the process so far. */
const told = ['commander.help', 'commander.helpDisplayed', 'commander.version']

/**
 * Parses the arguments and runs what they name.
 *
 * @throws {NomadPkiError} `ERR_USAGE` for anything that does not parse, and whatever the command throws.
 */
export async function runProgram(context: Context): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.ok
  const program = createProgram(context, async (entry, args, options) => {
    requireWords(entry, args, options)
    requireFit(entry, options)
    const command = await loadCommand(entry.name)
    // The parser gives what the table says: the command's own type is made from the same entry.
    const run = (): Promise<ExitStatus> => command({ args, options: options as never }, context)
    if (!hooked.has(entry.name) || options['dryRun'] === true) status = await run()
    else {
      const { withHook } = await import('./hook.js')
      status = await withHook({ name: entry.name, args, options }, context, run)
    }
  })
  if (context.argv.length === 0) {
    context.stderr.write(program.helpInformation())
    return exitStatus.usage
  }
  const [first, second] = context.argv
  const names = [...new Set(commands.map(firstWord))]
  if (first === 'help' && second !== undefined && !names.includes(second)) {
    const near = didYouMean(second, names)
    throw usage(
      `unknown command '${second}'`,
      near === undefined ? 'see: nomad-pki --help' : `did you mean ${near}?`,
    )
  }
  try {
    await program.parseAsync([...context.argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Without a second word `rotate` shows its help, and was called wrongly.
    if (told.includes(error.code)) return error.exitCode === 0 ? exitStatus.ok : exitStatus.usage
    throw usageError(error, context)
  }
  return status
}

function createProgram(
  context: Context,
  action: (
    entry: CommandEntry,
    args: readonly string[],
    options: Readonly<Record<string, unknown>>,
  ) => Promise<void>,
): Parser {
  const program = configure(new Parser('nomad-pki'), context)
    .description('A private certificate authority for HashiCorp Nomad clusters.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'the version')
    .helpOption('-h, --help', 'this help')
    .commandsGroup(headings.use)
    .helpCommand('help [command]', 'help for a command')
    .addHelpText('after', `\nExit status:\n${statuses()}\n`)
  addOptions(program, globalOptions)
  // Making them all costs more than running one: where the first word names it, it is the only one.
  const named = commands.filter((entry) => firstWord(entry) === context.argv[0])
  const entries = named.length > 0 ? named : commands
  const parents = new Map<string, Parser>()
  const parentOf = (entry: CommandEntry): Parser => {
    const name = firstWord(entry)
    if (name === entry.name) return program
    let parent = parents.get(name)
    if (parent === undefined) {
      const { summary, group } = families.find((family) => family.name === name)!
      parent = configure(program.command(name), context)
        .summary(summary)
        .description(sentence(summary))
        .helpGroup(headings[group])
        .helpOption('-h, --help', 'this help')
        .helpCommand(false)
      parents.set(name, parent)
    }
    return parent
  }
  for (const entry of entries) {
    const command = configure(parentOf(entry).command(entry.name.split(' ').at(-1)!), context)
      .summary(entry.summary)
      .description(`${sentence(entry.summary)}\n\n${entry.details ?? ''}`.trimEnd())
      .helpGroup(headings[entry.group])
      .helpOption('-h, --help', 'this help')
      .addHelpText(
        'after',
        `\nExamples:\n${entry.examples.map((line) => `  $ ${line}`).join('\n')}\n`,
      )
    if (entry.arguments !== '') command.arguments(entry.arguments)
    addOptions(command, entry.options)
    command.action(async (...given: unknown[]) => {
      const args = given
        .slice(0, -2)
        .flat()
        .filter((value) => typeof value === 'string')
      await action(entry, args, command.optsWithGlobals())
    })
  }
  return program
}

const headings: Readonly<Record<CommandGroup, string>> = {
  describe: 'Describe the cluster:',
  make: 'Make and check certificates:',
  change: 'Renew and replace:',
  deliver: 'Bring them to the agents:',
  keys: 'Keys that are elsewhere:',
  use: 'Use and look:',
}

/** `rotate` of `rotate leaves`. */
function firstWord({ name }: CommandEntry): string {
  return name.split(' ')[0]!
}

function configure(parser: Parser, context: Pick<Context, 'stdout' | 'stderr'>): Parser {
  return parser
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
      visibleGlobalOptions: (command) =>
        command.parent === null
          ? []
          : globalOptions.map(({ flags, summary }) => new Option(flags, summary)),
    })
    .configureOutput({
      writeOut: (text) => {
        context.stdout.write(text)
      },
      writeErr: (text) => {
        context.stderr.write(text)
      },
      // Errors are told by whoever runs the program.
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(context.stdout.columns, 100),
      getErrHelpWidth: () => Math.min(context.stderr.columns, 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
}

/** Refuses empty words, as a script gives them for a variable that is not set: a path of nothing is this folder. */
function requireWords(
  entry: CommandEntry,
  args: readonly string[],
  given: Readonly<Record<string, unknown>>,
): void {
  const at = args.indexOf('')
  if (at !== -1) {
    const places = entry.arguments.split(' ')
    const place = places[Math.min(at, places.length - 1)]!
    throw usage(
      'an argument is empty',
      `${whatIsNamed(place)}; see: nomad-pki ${entry.name} --help`,
    )
  }
  const taken: readonly FlagEntry[] = [...entry.options, ...globalOptions]
  for (const { flags } of taken) {
    const option = new Option(flags)
    const value = given[option.attributeName()]
    const empty = Array.isArray(value) ? value.includes('') : value === ''
    if (!empty) continue
    throw usage(
      `${option.long!} is empty`,
      option.optional ? `${whatIsNamed(flags)}, or leave the value out` : whatIsNamed(flags),
    )
  }
}

/** `name the file`, of `--out <file>` or `<file...>`. */
function whatIsNamed(text: string): string {
  const [, place = 'value'] = /[<[]([a-z:=]+)/.exec(text) ?? []
  if (place === 'name') return 'give the name'
  return place === 'path' || place === 'config'
    ? 'name the file or the folder'
    : `name the ${place}`
}

/** Refuses options that exclude each other, or lack one that they need. */
function requireFit(
  { name, options: entries }: CommandEntry,
  given: Readonly<Record<string, unknown>>,
): void {
  for (const { name: option, needs = [], needsOne = [], excludes = [], because } of entries) {
    if (given[option] === undefined) continue
    const hint = because ?? `see: nomad-pki ${name} --help`
    const other = excludes.find((one) => given[one] !== undefined)
    if (other !== undefined) {
      throw usage(`${longName(option)} and ${longName(other)} exclude each other`, hint)
    }
    const lacking = needs.find((one) => given[one] === undefined)
    if (lacking !== undefined) throw usage(`${longName(option)} needs ${longName(lacking)}`, hint)
    if (needsOne.length > 0 && needsOne.every((one) => given[one] === undefined)) {
      throw usage(`${longName(option)} needs ${needsOne.map(longName).join(' or ')}`, hint)
    }
  }
}

function addOptions(parser: Parser, options: readonly FlagEntry[]): void {
  for (const { flags, summary, many, choices } of options) {
    const option = new Option(flags, summary)
    if (choices !== undefined) option.choices(choices)
    if (many === true) {
      // `true`: it came before without its value.
      option.argParser((value: string, before: readonly string[] | true | undefined) => [
        ...(before === true ? [] : (before ?? [])),
        value,
      ])
    }
    parser.addOption(option)
  }
}

function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '')
  return argument.required ? `<${name}>` : `[${name}]`
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`
}

/** Words of other tools, and what does it here. */
const otherWords: ReadonlyMap<string, string> = new Map([
  ['issue', 'nomad-pki add KIND NODE, then: nomad-pki apply'],
  ['delete', 'nomad-pki remove KIND NODE'],
  [
    'rollout',
    'nomad-pki rollout --dry-run shows the order; with --commands also what is typed for each host',
  ],
])

/** `error: unknown option '--jsno'\n(Did you mean --json?)` as a sentence and a hint. */
function usageError(error: CommanderError, context: Context): NomadPkiError {
  const [first = '', ...rest] = error.message.split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(rest.join(' '))?.[1]
  const named = commandIn(context.argv)
  const help = `see: nomad-pki ${named === undefined ? '' : `${named} `}--help`
  const elsewhere = /^error: unknown option '(--[a-z-]+)'/.exec(first)?.[1]
  const hint = elsewhere === undefined ? undefined : optionElsewhere(elsewhere, named)
  if (hint !== undefined) {
    return new NomadPkiError('ERR_USAGE', sentenceless(first), {
      hint: `${hint}; ${help}`,
      cause: error,
    })
  }
  const foreign = /^error: unknown command '([a-z-]+)'/.exec(first)?.[1]
  const instead = foreign === undefined ? undefined : otherWords.get(foreign)
  if (instead !== undefined) {
    return new NomadPkiError('ERR_USAGE', sentenceless(first), { hint: instead, cause: error })
  }
  const choice =
    /^error: option '(?:-., )?(--[a-z-]+).*?' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/.exec(
      first,
    )
  if (choice !== null) {
    const [, flag, given = '', choices = ''] = choice
    const near = didYouMean(given, choices.split(', '))
    return new NomadPkiError('ERR_USAGE', `invalid ${flag!} ${JSON.stringify(given)}`, {
      hint: near === undefined ? `one of: ${choices}` : `did you mean ${near}? one of: ${choices}`,
      cause: error,
    })
  }
  return new NomadPkiError('ERR_USAGE', sentenceless(first), {
    hint: suggestion === undefined ? help : `did you mean ${suggestion}? ${help}`,
    cause: error,
  })
}

/** The command that the arguments name, of one word or two. */
function commandIn(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => commands.some((entry) => firstWord(entry) === word))
  const [first = '', second = ''] = at === -1 ? [] : argv.slice(at, at + 2)
  const both = `${first} ${second}`
  if (commands.some(({ name }) => name === both)) return both
  return first === '' ? undefined : first
}

/** What an option was renamed to, or which commands take it. */
function optionElsewhere(flag: string, named: string | undefined): string | undefined {
  const own = commands.find(({ name }) => name === named)?.options ?? []
  const renamed = own.find(({ former }) => former === flag)
  if (renamed !== undefined) return `it is called ${renamed.flags} here`
  const takers = commands
    .filter(({ options }) => options.some(({ flags }) => flags.split(/[ ,]+/).includes(flag)))
    .map(({ name }) => name)
  return takers.length === 0 ? undefined : `${flag} is an option of: ${takers.join(', ')}`
}

/** Without what commander puts around it. */
function sentenceless(message: string): string {
  return message.replace(/^error: /, '').replace(/\.$/, '')
}

function statuses(): string {
  return exitStatusSentences
    .map(([code, text]) => `  ${String(code).padEnd(3)}  ${text}`)
    .join('\n')
}
