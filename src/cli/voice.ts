/**
 * How the command speaks. The rules, for every command:
 *
 * - The answer to what was asked goes to stdout, everything else to stderr.
 * - `--quiet` leaves of the latter only errors and questions.
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
import type { Options } from './command.js'

/** What the user said about speaking. */
export interface VoiceOptions {
  readonly quiet: boolean
  readonly color: boolean
  readonly debug: boolean
  readonly json: boolean
}

/** Speaks. */
export interface Voice {
  /** For what goes to stdout. */
  readonly style: Style
  /** For what goes to stderr. */
  readonly errorStyle: Style
  readonly json: boolean
  readonly quiet: boolean
  /** The answer, with a newline behind it. */
  answer(text: string): void
  /** The answer as a document. */
  document(document: Document | Plan): void
  /** Something worth knowing. */
  tell(text: string): void
  /** Warnings about a text that was read. */
  warn(diagnostics: readonly Diagnostic[]): void
  /** An error that ends the command. */
  fail(error: unknown): void
}

/** The voice that the options ask for. */
export function voiceOf(context: Context, options: Options): Voice {
  return createVoice(context, {
    quiet: options.quiet === true,
    color: options.color !== false,
    debug: options.debug === true,
    json: options.json === true,
  })
}

/** A voice for one command. */
export function createVoice(context: Context, options: VoiceOptions): Voice {
  const style = styleFor(context, context.stdout, options)
  let errorStyle: Style | undefined
  // Looked at when it is needed: only then is there a stderr.
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
    warn(diagnostics) {
      if (!options.quiet && diagnostics.length > 0) {
        context.stderr.write(`${diagnosticsText(diagnostics, styleOfErrors())}\n`)
      }
    },
    fail(error) {
      if (options.json) context.stdout.write(`${jsonText(errorDocument(error))}\n`)
      context.stderr.write(`${errorText(error, styleOfErrors(), { debug: options.debug })}\n`)
    },
  }
}

function styleFor(context: Context, output: Output, { color }: VoiceOptions): Style {
  const { NO_COLOR, TERM } = context.env
  // https://no-color.org: present and not empty.
  const refused = !color || (NO_COLOR !== undefined && NO_COLOR !== '') || TERM === 'dumb'
  return output.isTTY && !refused ? colourStyle : plainStyle
}
