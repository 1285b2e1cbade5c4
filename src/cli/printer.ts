/**
 * How a command prints. The rules, for every command:
 *
 * - The answer goes to stdout, everything else to stderr.
 * - With `--quiet` only errors and questions go to stderr.
 * - Progress is shown only on a terminal.
 * - Colours only on a terminal, and not with `--no-color`, `NO_COLOR` or `TERM=dumb`.
 * - A stack trace only with `--debug`.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { diagnosticsText, errorText } from '../report/diagnostics.js'
import { errorDocument, jsonText, type Document } from '../report/json.js'
import { colourStyle, plainStyle, type Style } from '../report/style.js'
import type { Plan } from '../plan/plan.js'
import type { Context, Output } from './context.js'
import type { GlobalOptions } from './surface/entry.js'

/** The flags about printing. */
export interface PrinterOptions {
  readonly quiet: boolean
  readonly color: boolean
  readonly debug: boolean
  readonly json: boolean
}

/** Prints the answer and messages of one command. */
export interface Printer {
  /** For what goes to stdout. */
  readonly style: Style
  /** For what goes to stderr. */
  readonly errorStyle: Style
  readonly json: boolean
  readonly quiet: boolean
  /** Prints the answer and a newline. */
  answer(text: string): void
  /** Prints the answer as JSON. */
  document(document: Document | Plan): void
  /** Prints a note; not with `--quiet`. */
  tell(text: string): void
  /** Prints errors that do not end the command; also with `--quiet`. */
  report(text: string): void
  /** Prints warnings about a text that was read; not with `--quiet`. */
  warn(diagnostics: readonly Diagnostic[]): void
  /** Prints an error that ends the command. */
  fail(error: unknown): void
}

/** Makes the printer that the options of a command ask for. Not every command has `--json`. */
export function printerOf(
  context: Context,
  options: GlobalOptions & { readonly json?: boolean | undefined },
): Printer {
  return createPrinter(context, {
    quiet: options.quiet === true,
    color: options.color !== false,
    debug: options.debug === true,
    json: options.json === true,
  })
}

/** Makes the printer of one command. */
export function createPrinter(context: Context, options: PrinterOptions): Printer {
  const style = styleFor(context, context.stdout, options)
  let errorStyle: Style | undefined
  // Made when it is needed: `context.stderr` opens on its first use.
  const styleOfErrors = (): Style => (errorStyle ??= styleFor(context, context.stderr, options))
  return {
    style,
    get errorStyle() {
      return styleOfErrors()
    },
    json: options.json,
    quiet: options.quiet,
    answer(text) {
      context.stdout.write(`${text}\n`)
    },
    document(document) {
      context.stdout.write(`${jsonText(document)}\n`)
    },
    tell(text) {
      if (!options.quiet) context.stderr.write(`${text}\n`)
    },
    report(text) {
      context.stderr.write(`${text}\n`)
    },
    warn(diagnostics) {
      if (!options.quiet && diagnostics.length > 0) {
        context.stderr.write(`${diagnosticsText(diagnostics, styleOfErrors())}\n`)
      }
    },
    fail(error) {
      // One line: a command that prints a document a line may fail after some of them.
      if (options.json) context.stdout.write(`${JSON.stringify(errorDocument(error))}\n`)
      context.stderr.write(`${errorText(error, styleOfErrors(), { debug: options.debug })}\n`)
    },
  }
}

function styleFor(context: Context, output: Output, { color }: PrinterOptions): Style {
  const { NO_COLOR, TERM } = context.env
  // https://no-color.org: present and not empty.
  const refused = !color || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb'
  return output.isTTY && !refused ? colourStyle : plainStyle
}
