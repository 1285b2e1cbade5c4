/**
 * `rollout`: brings what was made to the hosts, in the order that keeps the cluster alive, and proves it.
 *
 * @module
 */

import { isOfOperator, parseIdentity, resolveAddress } from '../../address.js'
import type { MachinePlace } from '../../cluster/spec.js'
import { isAgent, runsServer } from '../../nomad/roles.js'
import { rolloutPolicy } from '../../report/roll-out.js'
import { bringBackOne } from '../bring-back.js'
import { bringRollout } from '../bring-rollout.js'
import { didYouMean } from '../../diagnostics.js'
import { durationSyntax, parseDuration } from '../../duration.js'
import { machinesOf } from '../../rollout/machines.js'
import { parseBatch, usualBatch, type Batch } from '../../rollout/order.js'
import { shellQuote } from '../../shell-quote.js'
import { printRollout } from '../print-rollout.js'
import { collectFirst } from '../collect-requests.js'
import type { Command } from '../command.js'
import type { Context } from '../context.js'
import type { Override } from '../../overrides.js'
import { overridesOf } from '../override.js'
import { printerOf } from '../printer.js'
import { recoverCluster, type Apply } from '../recover.js'
import { exitStatus } from '../status.js'
import type { Options } from '../surface.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, type Workspace } from '../workspace.js'

/** Exits 0 if every agent that was named has its newest generation and is proven; 2 if one does not run. */
export const command: Command<'rollout'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  if (options.policy === true) {
    printer.answer(rolloutPolicy)
    return exitStatus.ok
  }
  const batch = batchOf(options.batch)
  const maxFailures = options.maxFailures === undefined ? undefined : Number(options.maxFailures)
  if (!/^[0-9]{1,5}$/.test(options.maxFailures ?? '0')) {
    throw usage(
      `invalid --max-failures ${JSON.stringify(options.maxFailures)}`,
      'a number, such as 2',
    )
  }
  const overrides = overridesOf(options, ['tolerance', 'unhealthy', 'unseen', 'rollback'])
  const handPatience = waitOf(options.wait)
  const workspace = await openWorkspace(context, options, printer)
  const agents = workspace.desired.identities.filter(({ profile }) => isAgent(profile.role))
  const addresses = agents.map(({ address }) => address)
  requireKnown(overrides, workspace, addresses)
  const machines = machinesOf(workspace.spec)
  requireReached(args, workspace, machines)
  const named = new Set(
    args.map((text) => resolveAddress(text, [...addresses, ...machines.keys()])),
  )
  const recover = options.recover === true
  if (recover) requireAgents(options.only, named)
  requireSome(options.only, named, [...addresses, ...machines.keys()])
  const isMeant = (address: string): boolean =>
    address.startsWith('identity/') &&
    (!isOfOperator(address) || (machines.has(address) && !recover)) &&
    (named.size === 0 || named.has(address) || recover) &&
    (options.only === undefined || options.only === groupOf(address))
  const [dryRun, yes] = [options.dryRun === true, options.yes === true]
  const { via } = options
  const { backOnFailure } = options
  if (options.back === true) {
    const [address, ...more] = named
    if (address === undefined || more.length > 0) {
      throw usage('--back is for one host', 'name it: nomad-pki rollout --back s1')
    }
    const machine = machines.get(address)
    if (machine !== undefined) {
      throw usage(
        '--back is for agents: no handshake shows what a machine has',
        `on its host, with install.sh of its archive: ${rollbackLine(machine)}`,
      )
    }
    return bringBackOne(workspace, address, { overrides, dryRun, yes, via }, context, printer)
  }
  const { file, leader } = options
  if (options.commands === true) {
    return printRollout(workspace, { isMeant, batch, leader, file }, context, printer)
  }
  const how = { dryRun, yes, via, backOnFailure, handPatience, file }
  const choice = { isMeant, batch, maxFailures, overrides, ...how }
  if (recover) {
    const given = { ...choice, named, allClients: options.batch === undefined }
    return recoverCluster(workspace, given, applying(options, context), context, printer)
  }
  if (options.collect !== true) return bringRollout(workspace, choice, context, printer)
  const { passphraseFd } = options
  const isAsked = (address: string): boolean => isMeant(address) && !machines.has(address)
  const asked = { isMeant: isAsked, dryRun, yes, passphraseFd, flags: fileFlag(options) }
  const ended = await collectFirst(workspace, asked, context, printer)
  // Of a dry run the work is that something waits.
  if (ended !== undefined && !(dryRun && ended === exitStatus.work)) return ended
  const status = await bringRollout(workspace, choice, context, printer)
  return status === exitStatus.ok && ended !== undefined ? ended : status
}

/** How a machine goes back, as its administrator types it. */
function rollbackLine({ tls, reload }: MachinePlace): string {
  const unit = reload === undefined ? 'none' : shellQuote(reload.unit)
  const afresh = reload?.how === 'restart' ? ' --restart' : ''
  return `sh install.sh --tls ${shellQuote(tls)} --reload ${unit}${afresh} --rollback`
}

/** `apply`, as it is called by hand. With `--json` what it says is not an answer. */
function applying(options: Options<'rollout'>, context: Context): Apply {
  return async (names) => {
    const { command: apply } = await import('./apply.js')
    const call = { ...options, json: undefined, dryRun: undefined, yes: true }
    const given = { plan: undefined, prune: undefined, long: undefined, override: undefined }
    const own = options.json === true ? { ...context, stdout: context.stderr } : context
    return apply({ args: [...names], options: { ...call, ...given, reason: undefined } }, own)
  }
}

/** @throws {NomadPkiError} `ERR_USAGE`: an override of what the spec does not have would accept nothing. */
function requireKnown(
  overrides: readonly Override[],
  { spec }: Workspace,
  addresses: readonly string[],
): void {
  const known = { tolerance: spec.regions.map(({ name }) => name), unseen: addresses }
  for (const { code, value } of overrides) {
    if (code !== 'tolerance' && code !== 'unseen') continue
    if (known[code].includes(value)) continue
    const near = didYouMean(value, known[code])
    throw usage(
      `--override ${code}=${value}: the spec does not have it`,
      near === undefined
        ? `write it as the refusal does: ${code}=${code === 'tolerance' ? 'REGION' : 'identity/client/REGION/NAME'}`
        : `did you mean ${near}?`,
    )
  }
}

/** What `--only` calls it. */
function groupOf(address: string): 'servers' | 'clients' | 'machines' {
  if (isOfOperator(address)) return 'machines'
  return runsServer(parseIdentity(address).role) ? 'servers' : 'clients'
}

/** @throws {NomadPkiError} `ERR_USAGE`: `--only` leaves out what was named, or all that there is. */
function requireSome(
  only: Options<'rollout'>['only'],
  named: ReadonlySet<string>,
  all: readonly string[],
): void {
  if (only === undefined) return
  const out = [...named].filter((address) => groupOf(address) !== only)
  if (out.length > 0) {
    const names = out.map((address) => parseIdentity(address).name).join(', ')
    throw usage(`--only ${only} leaves out ${names}`, 'name what it is for, or leave --only out')
  }
  if (all.some((address) => groupOf(address) === only)) return
  throw usage(
    only === 'machines' ? 'there is no machine that ssh reaches here' : `the spec has no ${only}`,
    only === 'machines' ? 'kind: machine and ssh: of an operator in the spec' : undefined,
  )
}

/** @throws {NomadPkiError} `ERR_USAGE`: a machine is not what a recovery brings. */
function requireAgents(only: Options<'rollout'>['only'], named: ReadonlySet<string>): void {
  const machines = [...named].filter((address) => groupOf(address) === 'machines')
  if (only !== 'machines' && machines.length === 0) return
  const names = machines.map((address) => parseIdentity(address).name).join(' ')
  throw usage(
    '--recover is for agents',
    `the files of machines: nomad-pki apply, then: nomad-pki rollout ${names === '' ? '--only machines' : names}`,
  )
}

/** @throws {NomadPkiError} `ERR_USAGE`: a machine of which nothing says where ssh reaches its host. */
function requireReached(
  args: readonly string[],
  { desired }: Workspace,
  machines: ReadonlyMap<string, MachinePlace>,
): void {
  for (const { address, name } of desired.identities) {
    if (!address.startsWith('identity/machine/') || machines.has(address)) continue
    if (!args.some((text) => text === name || text === address || address.endsWith(`/${text}`)))
      continue
    throw usage(
      `nothing says where ssh reaches the host of ${name}`,
      `write ssh: at the machine in the spec; or bring its files yourself: nomad-pki pack ${name} --out FILE`,
    )
  }
}

/** Reads `--batch`. */
function batchOf(text: string | undefined): Batch {
  const batch = text === undefined ? usualBatch : parseBatch(text)
  if (batch !== undefined) return batch
  throw usage(
    `invalid --batch ${JSON.stringify(text)}`,
    'write a part of the clients of a region (10%), or how many (25)',
  )
}

/** Reads `--wait`. */
function waitOf(text: string | undefined): number | undefined {
  const span = text === undefined ? undefined : parseDuration(text)
  if (text === undefined || span !== undefined) return span
  throw usage(`--wait ${JSON.stringify(text)} is not a duration`, durationSyntax)
}
