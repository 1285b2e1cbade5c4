/**
 * `status --watch`: the state again and again, as long as somebody looks. What it reads again is bounded: files are
 * read after the spec, the ledger or the lock changed, once a minute in any case, and never for more than a fifth of
 * the time.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { formatInstant } from '../duration.js'
import { isNomadPkiError } from '../errors.js'
import { changesBetween, viewOf, watchLines, type WatchFacts } from '../report/watch.js'
import { printable } from '../report/style.js'
import { stampOf, type StoreStamp } from '../store/stamp.js'
import type { Context } from './context.js'
import { pictureOn } from './picture.js'
import { printerOf, type Printer } from './printer.js'
import { isFancy } from './progress.js'
import { exitStatus, type ExitStatus } from './status.js'
import { watchedFacts } from './status-files.js'
import type { Options } from './surface.js'
import { takeStatus } from './take-status.js'
import { usage } from './usage.js'
import { openWorkspace } from './workspace.js'

/** Milliseconds between two pictures, and between two looks at the files. */
const pause = 1000
/** So long after a change it is read once more: the ledger is written before the links turn. */
const settling = 2000
/** Dates come near without a change of any file. */
const longest = 60_000
/** Reading may take one part, and what lies between takes so many. */
const idleParts = 4
/** A pipe whose reader has gone away shows it to a write alone: without a change there is one so often, milliseconds. */
const silence = 3_600_000

/** What is shown. */
interface Shown {
  /** The newest reading; the same one where it was not read again. */
  readonly facts: WatchFacts
  readonly trouble: string | undefined
  readonly holder: StoreStamp['holder']
}

/**
 * Watches until Ctrl-C, or until nobody reads the output any more.
 *
 * @throws {NomadPkiError} What `status` throws, for the first reading. Later faults are shown.
 */
export async function watchStatus(
  options: Options<'status'>,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  if (options.file === '-') {
    throw usage('--watch cannot read the spec from the standard input', 'name a file')
  }
  const { stdout } = context
  const isTerminal = stdout.isTTY && context.env['TERM'] !== 'dumb'
  const show = isTerminal ? onScreen(context, printer) : inLines(context, printer)
  const look = async (
    teller: Printer,
  ): Promise<{ facts: WatchFacts; places: readonly [string, string] }> => {
    const workspace = await openWorkspace(context, options, teller)
    const taken = await takeStatus(workspace, { now: context.now(), asMade: false })
    const places = [workspace.store.location, context.resolve(workspace.file)] as const
    return { facts: watchedFacts(taken, workspace), places }
  }
  // Warnings about the spec are told once.
  const silent = printerOf(context, { ...options, quiet: true })
  let began = performance.now()
  let { facts, places } = await look(printer)
  // Until here Ctrl-C ends it at once.
  const signal = context.onInterrupt(() => {
    // The terminal has written ^C.
    if (isTerminal) stdout.write('\n')
  })
  let trouble: string | undefined
  let stamp = stampOf(...places)
  let readFrom = performance.now() + idleParts * (performance.now() - began)
  let readBy = performance.now() + settling
  for (;;) {
    show({ facts, trouble, holder: stamp.holder })
    if (stdout.closed) return exitStatus.ok
    await sleep(pause, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return exitStatus.interrupted
    began = performance.now()
    const seen = stampOf(...places)
    const changed = seen.text !== stamp.text
    const { holder } = seen
    if (began < readFrom || !(changed || began >= readBy)) {
      stamp = { text: stamp.text, holder }
      continue
    }
    try {
      // Taken before it is read: what changes meanwhile is seen next time.
      stamp = seen
      ;({ facts, places } = await look(silent))
      trouble = undefined
    } catch (error) {
      if (!isNomadPkiError(error)) throw error
      const why = error.diagnostics[0]?.message
      trouble = why === undefined ? error.message : `${error.message}: ${why}`
    }
    const ended = performance.now()
    readFrom = ended + idleParts * (ended - began)
    readBy = ended + (changed ? settling : longest)
  }
}

function onScreen(context: Context, { style }: Printer): (shown: Shown) => void {
  const { stdout } = context
  const picture = pictureOn(stdout)
  const fancy = isFancy(context.env)
  let view: ReturnType<typeof viewOf> | undefined
  let of: WatchFacts | undefined
  return ({ facts, ...moment }) => {
    if (view === undefined || facts !== of) view = viewOf(facts)
    of = facts
    const { columns, rows } = stdout
    picture.draw(watchLines(view, moment, { at: context.now(), columns, rows, fancy }, style))
  }
}

function inLines(context: Context, printer: Printer): (shown: Shown) => void {
  let last: Shown | undefined
  let saidAt = context.now()
  const say = (text: string): void => {
    saidAt = context.now()
    printer.answer(`${formatInstant(saidAt)} ${text}`)
  }
  return (shown) => {
    const { facts, trouble, holder } = shown
    if (last === undefined) say(printable(viewOf(facts).verdict.text))
    if (trouble !== last?.trouble) {
      say(trouble === undefined ? 'it can be read again' : printable(trouble))
    }
    if (holder?.since !== last?.holder?.since) {
      const ended = last?.holder?.command
      if (ended !== undefined) say(printable(`${ended} has ended`))
      if (holder !== undefined) say(printable(`${holder.command} holds the store`))
    }
    if (last !== undefined && facts !== last.facts) {
      for (const text of changesBetween(last.facts, facts)) say(text)
    }
    if (context.now() - saidAt >= silence) say(printable(viewOf(facts).verdict.text))
    last = shown
  }
}
