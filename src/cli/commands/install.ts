/**
 * `install`: what was packed for this node, put in place, loaded and proven; and the way back.
 *
 * @module
 */

import path from 'node:path'
import {
  goBack,
  install,
  prepareInstall,
  prepareReturn,
  rehearseInstall,
  type InstallOutcome,
  type InstallRequest,
  type PreparedInstall,
} from '../../delivery/install.js'
import { hasStanza, readArchive } from '../../delivery/read-archive.js'
import { parseEndpoint } from '../../probe/endpoint.js'
import { configDiff } from '../../report/diff.js'
import { directoryConfigs } from '../../store/directory-configs.js'
import { packageFile, type Context } from '../context.js'
import { usualPlace } from '../node-place.js'
import { overridesOf } from '../override.js'
import { exitStatus, type ExitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf, type Printer } from '../printer.js'
import { usage } from '../usage.js'

/** Guards of the installer. */
const codes = ['new-root', 'rollback', 'older', 'cluster', 'address', 'process'] as const

/** Installs, or goes back. */
export const command: Command<'install'> = async ({ args: [file], options }, context) => {
  const printer = printerOf(context, options)
  if (options.rollback === true) {
    if (file !== undefined)
      throw usage('--rollback takes no archive: the node has what it goes back to')
    const request = requestOf(options, context.resolve(options.tls ?? usualPlace()), context)
    if (options.dryRun === true) {
      const { said, warnings } = await prepareReturn(request)
      for (const warning of warnings) printer.tell(`warning: ${warning}`)
      for (const line of said) printer.answer(line)
      return exitStatus.ok
    }
    return tell(
      await goBack({ ...request, signal: interruption(context, printer) }),
      request,
      printer,
    )
  }
  if (file === undefined) throw usage('which archive?', 'nomad-pki pack NODE --out FILE makes one')
  const bytes = await context.readFile(file)
  const tls = options.tls ?? readArchive(bytes).manifest.tls
  const request = requestOf(options, context.resolve(tls), context)
  const mode = file === '-' ? undefined : await context.mode(file)
  if (mode !== undefined && (mode & 0o077) !== 0) {
    printer.tell(
      `warning: other users can read ${file}: chmod 600 it, and find out whether they did`,
    )
  }
  if (options.fingerprint === undefined) {
    printer.tell(
      'note: without --fingerprint nothing proves that this is the archive that was packed',
    )
  }
  const configs = directoryConfigs(context.cwd)
  const prepared = await prepareInstall(
    bytes,
    {
      ...request,
      fingerprint: options.fingerprint,
      config: options.config,
    },
    configs,
  )
  for (const warning of prepared.warnings) printer.tell(`warning: ${warning}`)
  if (options.dryRun === true) return rehearse(prepared, request, printer)
  const signal = interruption(context, printer)
  const outcome = await install(prepared, { ...request, signal }, configs)
  if (prepared.archive.manifest.key && file !== '-') {
    printer.tell(`the archive holds the private key: remove ${file}`)
  }
  return tell(outcome, request, printer, prepared)
}

function requestOf(options: Options<'install'>, tls: string, context: Context): InstallRequest {
  const { reload, probe } = options
  if (reload === undefined) {
    throw usage('how is the agent told to load it?', '--reload nomad.service, a process, or none')
  }
  const where = probe === true ? '127.0.0.1:4646' : probe
  const endpoint = where === undefined ? undefined : parseEndpoint(where)
  if (where !== undefined && endpoint === undefined) {
    throw usage(`--probe ${JSON.stringify(where)} is not HOST:PORT`, '--probe 127.0.0.1:4646')
  }
  return {
    script: packageFile(context, 'templates/install.sh'),
    tls,
    restart: options.restart,
    reload: reload.includes('/') ? path.resolve(context.cwd, reload) : reload,
    owner: options.owner,
    giveUp: options.giveUp,
    overrides: overridesOf(options, codes),
    probe: endpoint,
    now: context.now(),
  }
}

function interruption(context: Context, printer: Printer): AbortSignal {
  return context.onInterrupt(() => {
    printer.tell('interrupted: what is in place stays whole; a second Ctrl-C kills')
  })
}

async function rehearse(
  prepared: PreparedInstall,
  request: InstallRequest,
  printer: Printer,
): Promise<ExitStatus> {
  const { archive, edit } = prepared
  const { tls } = request
  const { directory } = archive.manifest
  const said = await rehearseInstall(prepared, request)
  if (printer.json) {
    for (const line of said) printer.tell(line)
    printer.document({
      format: 'nomad-pki/install',
      version: 1,
      dryRun: true,
      directory,
      tls,
      state: 'rehearsed',
      ...(edit && { config: edit.plan.file, restart: edit.plan.restart }),
    })
    return exitStatus.ok
  }
  for (const line of said) printer.answer(line)
  if (edit !== undefined) {
    const { file, before, after, restart } = edit.plan
    printer.answer(configDiff(file, before, after, printer.style))
    if (restart.length > 0) printer.answer(`the change of ${restart.join(', ')} needs a restart`)
  }
  return exitStatus.ok
}

function tell(
  outcome: InstallOutcome,
  { tls, reload }: InstallRequest,
  printer: Printer,
  prepared?: PreparedInstall,
): ExitStatus {
  const { directory, state, proof, said } = outcome
  for (const line of said) printer.tell(line)
  const edit = prepared?.edit
  if (printer.json) {
    printer.document({
      format: 'nomad-pki/install',
      version: 1,
      dryRun: false,
      directory,
      tls,
      state,
      ...(edit && { config: edit.plan.file, restart: edit.plan.restart }),
      ...(proof && { proof: proof.state }),
    })
  } else {
    const machine = prepared !== undefined && !hasStanza(prepared.archive.manifest.address)
    printer.answer(
      `${directory}: ${machine ? machineSentence(outcome) : sentenceOf(outcome, reload)}`,
    )
  }
  if (state === 'back') return exitStatus.error
  const isDone = ['proven', 'reloaded', 'placed', 'unchanged'].includes(state)
  return isDone ? exitStatus.ok : exitStatus.work
}

/** Nothing listens behind a machine's certificate: what it read can be seen from nowhere. */
function machineSentence({ state }: InstallOutcome): string {
  switch (state) {
    case 'reloaded':
      return 'in place, and the machine was told to read it'
    case 'unloaded':
      return 'in place, and the machine could not be told to read it'
    case 'unchanged':
      return 'in place already'
    default:
      return 'in place'
  }
}

/** How an installation ended, for people. */
export function sentenceOf({ state, proof }: InstallOutcome, reload: string): string {
  switch (state) {
    case 'proven':
      return 'in place, and the agent presents it'
    case 'reloaded':
      return proof === undefined
        ? 'in place, and the agent was told to load it (--probe HOST:PORT proves that it did)'
        : 'in place; the agent presents the leaf, and does not show which roots it trusts'
    case 'placed':
      return 'in place; the agent loads it at its next reload or start'
    case 'unchanged':
      return proof === undefined
        ? 'in place already; an earlier run told the agent to load it (--probe HOST:PORT proves that it did)'
        : 'in place already; the agent presents the leaf, and does not show which roots it trusts'
    case 'unloaded':
      return 'in place, and the agent could not be told to load it'
    case 'restart':
      return `in place, and so is the stanza: restart the agent${
        /^[0-9]+$|\/|^none$/.test(reload) ? '' : ` (systemctl restart ${reload})`
      }, a reload does not take it up`
    case 'back':
      return 'in place again: the agent did not load the new one, look at its log'
    case 'unproven':
      return `in place, and not proven: ${unprovenText(proof, reload)}`
  }
}

function unprovenText(proof: InstallOutcome['proof'], reload: string): string {
  switch (proof?.state) {
    case 'unreachable':
      return proof.message
    case 'foreign':
      return `the agent presents ${proof.fingerprint}, which is neither the new leaf nor the old one`
    case 'old':
      return reload === 'none'
        ? 'the agent still presents the one before, and was not told to load anything (--reload)'
        : 'the agent still presents the one before: its log says why'
    default:
      return 'nothing was seen'
  }
}
