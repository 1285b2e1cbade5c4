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
import {
  commands,
  globalOptions,
  type CommandEntry,
  type OptionEntry,
  type Options,
} from './surface.js'
import { version } from './version.js'

/** Not errors: help or the version was asked for. Their exit code is that of the process so far. */
const told = ['commander.help', 'commander.helpDisplayed', 'commander.version']

/**
 * Parses the arguments and runs what they name.
 *
 * @throws {NomadPkiError} `ERR_USAGE` for anything that does not parse, and whatever the command throws.
 */
export async function runProgram(context: Context): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.ok
  const program = createProgram(context, (entry, args, options) => async () => {
    const command = await entry.load()
    status = await command({ args, options }, context)
  })
  if (context.argv.length === 0) {
    context.stderr.write(program.helpInformation())
    return exitStatus.usage
  }
  const [first, second] = context.argv
  if (first === 'help' && second !== undefined && !commands.some(({ name }) => name === second)) {
    const names = commands.map(({ name }) => name)
    const near = didYouMean(second, names)
    throw new NomadPkiError('ERR_USAGE', `unknown command '${second}'`, {
      hint: near === undefined ? 'see: nomad-pki --help' : `did you mean ${near}?`,
    })
  }
  try {
    await program.parseAsync([...context.argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (told.includes(error.code)) return exitStatus.ok
    throw usageError(error, context)
  }
  return status
}

function createProgram(
  context: Context,
  action: (entry: CommandEntry, args: readonly string[], options: Options) => () => Promise<void>,
): Parser {
  const program = configure(new Parser('nomad-pki'), context)
    .description('A private certificate authority for HashiCorp Nomad clusters.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'the version')
    .helpOption('-h, --help', 'this help')
    .helpCommand('help [command]', 'help for a command')
    .addHelpText('after', `\nExit status:\n${statuses()}`)
  addOptions(program, globalOptions)
  // Making them all costs more than running one: where the first word names it, it is the only one.
  const named = commands.filter(({ name }) => name === context.argv[0])
  for (const entry of named.length > 0 ? named : commands) {
    const command = configure(program.command(entry.name), context)
      .summary(entry.summary)
      .description(`${sentence(entry.summary)}\n\n${entry.details ?? ''}`.trimEnd())
      .helpOption('-h, --help', 'this help')
      .addHelpText(
        'after',
        `\nExamples:\n${entry.examples.map((line) => `  $ ${line}`).join('\n')}`,
      )
    if (entry.arguments !== '') command.arguments(entry.arguments)
    addOptions(command, entry.options)
    command.action(async (...given: unknown[]) => {
      const args = given
        .slice(0, -2)
        .flat()
        .filter((value) => typeof value === 'string')
      await action(entry, args, command.optsWithGlobals<Options>())()
    })
  }
  return program
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
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(context.stdout.columns, 100),
      getErrHelpWidth: () => Math.min(context.stderr.columns, 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
}

function addOptions(parser: Parser, options: readonly OptionEntry[]): void {
  for (const { flags, summary, many } of options) {
    const option = new Option(flags, summary)
    if (many === true) {
      option.argParser((value: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
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

/** `error: unknown option '--jsno'\n(Did you mean --json?)` as a sentence and a hint. */
function usageError(error: CommanderError, context: Context): NomadPkiError {
  const [first = '', ...rest] = error.message.split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(rest.join(' '))?.[1]
  const named = commands.find(({ name }) => context.argv.includes(name))?.name
  const help = `see: nomad-pki ${named === undefined ? '' : `${named} `}--help`
  return new NomadPkiError('ERR_USAGE', first.replace(/^error: /, '').replace(/\.$/, ''), {
    hint: suggestion === undefined ? help : `did you mean ${suggestion}? ${help}`,
    cause: error,
  })
}

function statuses(): string {
  return exitStatusSentences
    .map(([code, text]) => `  ${String(code).padEnd(3)}  ${text}`)
    .join('\n')
}
