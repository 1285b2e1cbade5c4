/**
 * `probe`: asks the running agents which generation they loaded and which roots they trust, or records
 * what was seen elsewhere.
 *
 * @module
 */

import { resolveAddress } from '../../address.js'
import { durationSyntax, parseDuration } from '../../duration.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import { revokedAmong } from '../../inventory/revoked.js'
import { isBegun } from '../../inventory/begun.js'
import type { Ledger } from '../../inventory/ledger.js'
import type { LedgerEvent } from '../../inventory/ledger-events.js'
import { endpointsOf, formatEndpoint, type AgentTarget } from '../../probe/endpoints.js'
import { probeCluster, type Cost, type Probe } from '../../probe/probe-cluster.js'
import { probeDocument, probeText, type NomadSaid } from '../../report/probe.js'
import { shellQuote } from '../../shell-quote.js'
import { copiesIn } from '../../evidence/copies.js'
import { evidenceIn, type SeenPort } from '../../evidence/evidence.js'
import { formatEvidence, isEvidenceText } from '../../evidence/evidence-file.js'
import { generationsIn } from '../../evidence/generations.js'
import { newLinesOf, type ProbeSeen } from '../../evidence/new-lines.js'
import { halfRotations } from '../../rotation/half-rotated.js'
import {
  judgeAgents,
  judgeNoted,
  lastSeen,
  type AgentVerdict,
} from '../../evidence/judge-agents.js'
import { askNomad, type Asking } from '../ask-nomad.js'
import type { Context } from '../context.js'
import { offersFor, rootOf, tellRefusals } from '../offers.js'
import { dropEndedLeaves, dropSpentLeaves } from '../probe-leaves.js'
import { createProgress } from '../progress.js'
import { exitStatus, statusOfVerdicts, type ExitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { wayTo, type Way } from '../via-ssh.js'
import { takeEvidence } from '../take-evidence.js'
import { note } from '../../inventory/note.js'
import { underLock } from '../under-lock.js'
import { printerOf, type Printer } from '../printer.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'
import { readIfThere, requireFolderOf, requireOutside, writeFiles } from '../write.js'

/** Exits 0 if every agent is proven on its newest generation (without a ledger: answered), 2 if one is not. */
export const command: Command<'probe'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const timeout = parseTimeout(options.timeout)
  if (options.evidence !== undefined && args.length > 0) {
    throw usage(
      `--evidence and ${args[0]!} exclude each other`,
      'with --evidence no agent is asked',
    )
  }
  const workspace = await openWorkspace(context, options, printer)
  if (options.evidence !== undefined)
    return fromFiles(options.evidence, workspace, options, printer, context)
  if (options.out !== undefined) {
    requireOutside(context, workspace.store.location, options.out, 'evidence')
    requireFolderOf(context, options.out)
  }
  const inventory = await takeOwnInventory(workspace)
  const way = wayTo(workspace, inventory, context, options.via)
  try {
    return await fromAgents(args, way, inventory, workspace, { timeout, options }, printer, context)
  } finally {
    await way.end()
  }
}

/** Asks agents, notes what was seen, and tells it. */
async function fromAgents(
  args: readonly string[],
  { targets: all, listening, connect, concurrency }: Way,
  inventory: Inventory,
  workspace: Workspace,
  {
    timeout,
    options,
  }: { readonly timeout: number | undefined; readonly options: Options<'probe'> },
  printer: Printer,
  context: Context,
): Promise<ExitStatus> {
  const dryRun = options.dryRun === true
  tellShared(all, printer)
  const targets = choose(args, all)
  const signal = context.onInterrupt(() => {
    printer.tell('interrupted: nothing is noted')
  })
  const refused = rootOf(options.refuses, inventory)
  const { offers, missing } = await offersFor(refused, workspace, inventory, context, {
    keep: !dryRun,
  })
  const ask = { timeout, signal, offers, connect, concurrency, listening }
  const began = context.now()
  const first = await askAll(targets, inventory, ask, printer, context)
  // The members are asked for only where the whole cluster is probed.
  const { nomad, probe } =
    args.length > 0
      ? { nomad: undefined, probe: first }
      : await askNomad(targets, first, workspace, inventory, ask, context)
  const noticed = {
    ...{ seen: probe.sightings, silent: probe.unreachable, at: began },
    members: nomad?.members ?? [],
  }
  if (dryRun) printer.tell('dry run: nothing was noted or written')
  else {
    if (options.out !== undefined) await save(noticed, options.out, workspace, context)
    await remember(
      newLinesOf(
        noticed,
        evidenceIn(inventory.ledger, { now: context.now() }),
        generationsIn(inventory),
      ),
      workspace,
      { ledger: inventory.ledger, now: context.now() },
      options,
      printer,
    )
  }
  if (refused !== undefined) {
    const looked = { ...probe, missing: missing.get(refused) }
    return tellRefusals(refused, targets, looked, inventory, printer)
  }
  const looked = {
    addresses: targets.map(({ address }) => address),
    seen: probe.sightings,
    silent: probe.unreachable,
  }
  return tell(
    judgeAgents(workspace.desired, inventory, looked, { now: context.now() }),
    {
      seen: looked.seen,
      workspace,
      inventory,
      cost: probe.cost,
      nomad,
    },
    options,
    printer,
    context,
  )
}

/** What was seen elsewhere, and how the agents that it speaks of stand now. */
async function fromFiles(
  files: readonly string[],
  workspace: Workspace,
  options: Options<'probe'>,
  printer: Printer,
  context: Context,
): Promise<ExitStatus> {
  const { spec, desired } = workspace
  const taken = await takeEvidence(files, workspace, printer, context)
  const inventory = await takeOwnInventory(workspace)
  await dropSpentLeaves(workspace, inventory, context.now())
  const asked = new Map(
    endpointsOf(spec, desired, inventory).flatMap(({ address, endpoints }) =>
      endpoints.map((endpoint) => [formatEndpoint(endpoint), address] as const),
    ),
  )
  for (const [endpoint, address] of taken.asked) asked.set(endpoint, address)
  // An agent that left the spec is noted; nothing has to be done about it.
  const agents = new Set(desired.identities.map(({ address }) => address))
  const now = context.now()
  const seen = lastSeen(evidenceIn(inventory.ledger, { now }), asked, now)
  const addresses = taken.addresses.filter((address) => agents.has(address))
  return tell(
    judgeNoted(inventory, addresses, { now, desired }),
    { seen, workspace, inventory, cost: { handshakes: 0, noted: 0 } },
    options,
    printer,
    context,
  )
}

function choose(args: readonly string[], all: readonly AgentTarget[]): readonly AgentTarget[] {
  if (args.length === 0) return all
  const addresses = all.map(({ address }) => address)
  const named = new Set(args.map((text) => resolveAddress(text, addresses)))
  return all.filter(({ address }) => named.has(address))
}

/** Two agents at one port: at most one of them can be there, and the other one is judged by its leaf. */
function tellShared(targets: readonly AgentTarget[], printer: Printer): void {
  const at = new Map<string, string>()
  for (const { address, endpoints } of targets) {
    for (const endpoint of endpoints) {
      const text = formatEndpoint(endpoint)
      const other = at.get(text) ?? address
      if (other !== address) {
        printer.tell(
          `warning: ${other} and ${address} have the same endpoint ${text}: correct ips, http or rpc of one in the spec`,
        )
      }
      at.set(text, other)
    }
  }
}

async function askAll(
  targets: readonly AgentTarget[],
  inventory: Inventory,
  { timeout, signal, offers, connect, concurrency }: Omit<Asking, 'listening'>,
  printer: Printer,
  context: Context,
): Promise<Probe> {
  const total = targets.reduce((sum, { endpoints }) => sum + endpoints.length, 0)
  const progress = createProgress(context, total, printer)
  const again: string[] = []
  try {
    const probe = await probeCluster(targets, inventory, {
      clock: () => context.now(),
      ...{ timeout, signal, offers, connect, concurrency },
      onAsked: (done, endpoint) => {
        progress.update(done, endpoint)
      },
      onAgain: (endpoint) => again.push(endpoint),
    })
    // Those that did not answer the second time are told as such.
    const silent = new Set(probe.unreachable.map(({ endpoint }) => endpoint))
    const answered = again.filter((endpoint) => !silent.has(endpoint))
    if (answered.length > 0) {
      printer.tell(
        `asked once more after a refused connection, as in a reload: ${answered.join(', ')}`,
      )
    }
    return probe
  } finally {
    progress.clear()
  }
}

function tell(
  verdicts: readonly AgentVerdict[],
  {
    seen,
    workspace: { spec, desired },
    inventory,
    cost,
    nomad,
  }: {
    readonly seen: readonly SeenPort[]
    readonly workspace: Workspace
    readonly inventory: Inventory
    readonly cost: Cost
    readonly nomad?: NomadSaid | undefined
  },
  options: Options<'probe'>,
  printer: Printer,
  context: Context,
): ExitStatus {
  const { cluster } = desired
  const at = context.now()
  const halfRotated = halfRotations({ spec, desired, inventory, seen, now: at })
  const copies = copiesIn(inventory, { now: at, seen })
  const revoked = revokedAmong(seen, inventory)
  const facts = { cluster, at, verdicts, cost, halfRotated, nomad, copies, revoked }
  if (printer.json) printer.document(probeDocument(facts))
  else {
    const named = { all: options.long === true, fileFlag: fileFlag(options) }
    printer.answer(probeText(facts, printer.style, named))
  }
  const whole =
    halfRotated.length === 0 &&
    copies.leaves.length === 0 &&
    revoked.length === 0 &&
    (nomad === undefined || isWhole(nomad))
  return whole ? statusOfVerdicts(verdicts) : exitStatus.work
}

function isWhole({ members, faults, unknown, strange }: NomadSaid): boolean {
  return (
    unknown.length + strange.length === 0 &&
    faults.every(({ denied }) => !denied) &&
    members.every(({ skew }) => skew === undefined)
  )
}

function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const span = parseDuration(text)
  if (span !== undefined && span > 0 && span <= 600_000) return span
  throw usage(`--timeout ${JSON.stringify(text)} is not a duration of up to 10m`, durationSyntax)
}

async function save(
  probe: ProbeSeen,
  file: string,
  { desired: { cluster } }: Workspace,
  context: Context,
): Promise<void> {
  const expected = await readIfThere(context, file)
  if (expected !== undefined && !isEvidenceText(Buffer.from(expected).toString('utf8'))) {
    throw new NomadPkiError('ERR_FILE_EXISTS', `${file} exists, and is not evidence`, {
      hint: 'name another file: only evidence is written over',
    })
  }
  const text = formatEvidence(cluster, probe, context.now())
  await writeFiles(context, [{ file, text, expected }])
}

/** What was seen goes into the ledger. With `--out` it is safe already, and the ledger may be elsewhere. */
async function remember(
  events: readonly LedgerEvent[],
  workspace: Workspace,
  { ledger, now }: { readonly ledger: Ledger; readonly now: number },
  options: Options<'probe'>,
  printer: Printer,
): Promise<void> {
  const { store } = workspace
  const where =
    options.out === undefined
      ? ''
      : `; where it is: nomad-pki probe --evidence ${shellQuote(options.out)}`
  if (!(await isBegun(store))) {
    printer.tell(`there is no store here, and no ledger to note it in${where}`)
    return
  }
  try {
    if (events.length > 0) await underLock(store, 'probe', () => note(store, events))
    await dropEndedLeaves(store, ledger, now)
    if (hasOpenGate(ledger, now)) {
      await dropSpentLeaves(workspace, await takeOwnInventory(workspace), now)
    }
  } catch (error) {
    if (options.out === undefined || !isNomadPkiError(error)) throw error
    printer.tell(`warning: not noted in the ledger: ${error.message}${where}`)
  }
}

/** Whether a root was marked as compromised and some agents may still trust it. */
function hasOpenGate(ledger: Ledger, now: number): boolean {
  return evidenceIn(ledger, { now }).compromised.some(({ closed }) => closed === undefined)
}
