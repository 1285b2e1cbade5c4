/**
 * The hook of the local file: a program that is told what a command did. Its failure is a warning, and changes
 * nothing of what was done.
 *
 * @module
 */

import path from 'node:path'
import { authorityAddress } from '../address.js'
import { desire } from '../cluster/desire.js'
import { localFileName, type LocalCommand } from '../cluster/local.js'
import { parseSpec } from '../cluster/parse.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { isNomadPkiError } from '../errors.js'
import { shownPath } from '../files/fault.js'
import { endWords, runCommand, shownOutput } from '../files/run-command.js'
import { readLedger, type Ledger } from '../inventory/ledger.js'
import { readInventory } from '../inventory/read.js'
import type { Store } from '../inventory/store.js'
import { makeSchedule } from '../plan/schedule.js'
import {
  gateHappening,
  happenedSince,
  happeningLines,
  stillDue,
  type Happening,
} from '../report/happened.js'
import { gateOf } from '../rotation/gate-of.js'
import { rotationOf } from '../rotation/stages.js'
import { directoryStore } from '../store/directory-store.js'
import { memoryConfigs } from '../store/memory-configs.js'
import type { Context } from './context.js'
import { readLocal, requireOwnCommand } from './local-file.js'
import { printerOf, type Printer } from './printer.js'
import type { CommandName } from './surface.js'
import type { GlobalOptions } from './surface/entry.js'
import { defaultSpec, readSpec } from './workspace.js'

/** A command as it was called. */
interface HookedCall {
  readonly name: CommandName
  readonly args: readonly string[]
  readonly options: Partial<GlobalOptions> & { readonly due?: boolean | undefined }
}

/** What was read before the command. */
interface Before {
  readonly hook: LocalCommand
  readonly base: string
  readonly ledger: Ledger
}

/** What it may write on its standard output: nothing is done with it. */
const outputLimit = 1024 * 1024

/**
 * Runs a command, and then tells the hook what came of it, also where the command failed halfway.
 *
 * @param call The command.
 * @param context The world.
 * @param run Runs it.
 */
export async function withHook<Result>(
  call: HookedCall,
  context: Context,
  run: () => Promise<Result>,
): Promise<Result> {
  const { file, quiet, color, debug } = call.options
  const printer = printerOf(context, { file, quiet, color, debug })
  const before = await quietly(printer, () => readBefore(call, context))
  if (before === undefined) return run()
  try {
    return await run()
  } finally {
    await quietly(printer, () => tellHook(call, before, context, printer))
  }
}

/** What goes wrong here is said, and is not an error of the command. */
async function quietly<Result>(
  printer: Printer,
  act: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    const { message, hint, diagnostics } = error
    const [first] = diagnostics
    const expected = first?.expected === undefined ? undefined : `expected: ${first.expected}`
    const why = first === undefined ? '' : `: ${first.message}`
    warn(printer, `${message}${why}`, hint ?? first?.hint ?? expected)
    return undefined
  }
}

function warn(printer: Printer, message: string, hint?: string): void {
  const { errorStyle } = printer
  const next = hint === undefined ? '' : `\n  ${errorStyle.faint('hint:')} ${hint}`
  printer.report(`${errorStyle.doubtful('warning:')} the hook was not told: ${message}${next}`)
}

async function readBefore(call: HookedCall, context: Context): Promise<Before | undefined> {
  const base = path.dirname(context.resolve(call.options.file ?? defaultSpec))
  if (!(await context.exists(path.join(base, localFileName)))) return undefined
  const found = await specOf(call, context)
  if (found === undefined) return undefined
  const { hook } = await readLocal({ base, spec: found.spec })
  if (hook === undefined) return undefined
  requireOwnCommand(hook.command, base, context.env.PATH)
  return { hook, base, ledger: readLedger((await found.store.readLedger())?.bytes) }
}

/** A spec with errors is for the command to tell. */
async function specOf(
  { options }: HookedCall,
  context: Context,
): Promise<{ readonly spec: ClusterSpec; readonly store: Store } | undefined> {
  const file = options.file ?? defaultSpec
  if (file === '-' || !(await context.exists(file))) return undefined
  const { spec } = parseSpec((await readSpec(context, { file })).text, { file })
  if (spec === undefined) return undefined
  const base = path.dirname(context.resolve(file))
  return { spec, store: directoryStore(path.resolve(base, spec.store), {}) }
}

async function tellHook(
  call: HookedCall,
  { hook, base, ledger }: Before,
  context: Context,
  printer: Printer,
): Promise<void> {
  const found = await specOf(call, context)
  if (found === undefined) return
  const all = await happeningsOf(call, ledger, found, context)
  if (all.length === 0) return
  const { cluster } = found.spec
  const { end, stderr } = await runCommand({
    argv: hook.command,
    cwd: base,
    env: { ...context.env, NOMAD_PKI_OPERATION: 'hook', NOMAD_PKI_CLUSTER: cluster },
    input: Buffer.from(happeningLines(all, { cluster, at: context.now() })),
    timeout: hook.timeout,
    outputLimit,
  })
  if (end.how === 'exited' && end.status === 0) return
  const said = shownOutput(stderr)
  const why = `${shownPath(hook.command[0]!)} ${endWords(end, hook.timeout, 'end')}${said === '' ? '' : `: ${said}`}`
  warn(printer, why, `what was done stays done; correct hook: in ${localFileName}`)
}

async function happeningsOf(
  { name, args, options }: HookedCall,
  before: Ledger,
  { spec, store }: { readonly spec: ClusterSpec; readonly store: Store },
  context: Context,
): Promise<readonly Happening[]> {
  const now = context.now()
  const due = name === 'rotate leaves' && options.due === true
  const rotating = name === 'rotate authority'
  const { head } = readLedger((await store.readLedger())?.bytes)
  if (head === before.head && !due && !rotating) return []
  const ports = { store, configs: memoryConfigs() }
  const inventory = await readInventory(ports, { manifests: false })
  const desired = desire(spec)
  const all = [...happenedSince(inventory, before, { now })]
  if (due) all.push(...stillDue(makeSchedule(desired, inventory, { now })))
  for (const authority of rotating ? spec.authorities : []) {
    if (args[0] !== undefined && args[0] !== authority.name) continue
    const rotation = rotationOf(spec, inventory, authority.name, { now })
    if (rotation === undefined || rotation.position === 'settled') continue
    const gate = gateOf(rotation, desired, inventory, { now })
    all.push(gateHappening(authorityAddress(authority.name, rotation.to), gate))
  }
  return all
}
