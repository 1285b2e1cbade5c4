/**
 * `rotate leaves`: new generations now, or for those that are due.
 *
 * @module
 */

import { refuseOwnRenewal } from '../../plan/own-renewal.js'
import { resolveAddress } from '../../address.js'
import type { ApplyEvent } from '../../apply/events.js'
import { checkContext } from '../../checks/context.js'
import { keylessRemedy, keylessText, signerOf } from '../../checks/key-place.js'
import { formatInstant } from '../../duration.js'
import { NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import { isAgent } from '../../nomad/roles.js'
import { makePlan } from '../../plan/make-plan.js'
import type { Plan } from '../../plan/plan.js'
import { costText } from '../../report/costs.js'
import { applyDocument, type Document } from '../../report/json.js'
import { planText, waitingFor } from '../../report/plan.js'
import { shellQuote } from '../../shell-quote.js'
import { dueLeaves } from '../../rotation/due.js'
import type { Command } from '../command.js'
import { requireBegun } from '../begin-store.js'
import { printerOf } from '../printer.js'
import { confirm } from '../prompt.js'
import { healFirst, refuseBlocked, runPlan } from '../run-plan.js'
import { exitStatus } from '../status.js'
import type { Options } from '../surface.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

const due = {
  reason: 'nearing-expiry',
  message: 'its renewal is due; the days are spread by address',
} as const

/** Makes new generations. Exits 3 where no authority can sign, and 2 where nodes have to ask for theirs. */
export const command: Command<'rotate leaves'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const dryRun = options.dryRun === true
  const ways = [args.length > 0, options.due === true, options.all === true].filter(Boolean)
  if (ways.length !== 1) {
    throw usage('which leaves?', 'name their addresses, or say --due, or --all')
  }
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace, fileFlag(options))
  const own = await takeOwnInventory(workspace)
  const healed = await healFirst(
    workspace,
    own,
    { permitted: options.yes === true, dryRun },
    printer,
    context,
  )
  const { desired } = workspace
  const now = context.now()
  const chosen =
    options.due === true
      ? dueLeaves(desired, healed.inventory, checkContext(desired, healed.inventory, { now }))
      : chosenLeaves(args, workspace)
  if (chosen.length === 0) {
    if (printer.json) printer.document(nothingDue(desired.cluster, now, healed.events, dryRun))
    else printer.answer(printer.style.good('nothing is due'))
    return exitStatus.ok
  }
  requireSigners(chosen, workspace, healed.inventory)
  const planned = makePlan(desired, healed.inventory, {
    now,
    only: chosen,
    renew: chosen,
    ...(options.due === true && { renewReason: due }),
    keepKey: options.keepKey === true,
  })
  const { plan } = planned
  refuseBlocked(plan, printer)
  // What a timer runs was decided when the timer was set up.
  if (plan.steps.length > 0 && options.yes !== true && options.due !== true && !dryRun) {
    const costs = costText(chosen.length, printer.errorStyle, { rotated: 'leaves' })
    const text = planText(plan, printer.errorStyle, { all: false, now })
    context.stderr.write(`${text}\n\n${costs}\n\n`)
    const again = commandLine(args, options, '--yes')
    if (!(await confirm(context, 'Make these?', `to rotate without being asked: ${again}`))) {
      printer.tell('nothing was done')
      return exitStatus.refused
    }
  }
  const again = commandLine(args, options)
  const status = await runPlan(
    planned,
    workspace,
    healed,
    { dryRun, all: false, again, passphraseFd: options.passphraseFd },
    printer,
    context,
  )
  if (status !== exitStatus.ok) return status
  if (plan.steps.length > 0 && !dryRun) {
    printer.tell(`to deliver them in order: nomad-pki rollout${fileFlag(options)}`)
  }
  // Their nodes hold the keys: nothing was made for them.
  return waitingFor(plan).length > 0 ? exitStatus.work : exitStatus.ok
}

/** The document of a run that had nothing to do. */
function nothingDue(
  cluster: string,
  madeAt: number,
  events: readonly ApplyEvent[],
  dryRun: boolean,
): Document {
  const plan: Plan = {
    ...{ format: 'nomad-pki/plan', version: 1, cluster, madeAt },
    ...{ steps: [], orphans: [], findings: [] },
  }
  return applyDocument(plan, events, { dryRun })
}

function chosenLeaves(args: readonly string[], { desired }: Workspace): readonly string[] {
  const all = desired.identities.map(({ address }) => address)
  if (args.length > 0) {
    const named = new Set(args.map((text) => resolveAddress(text, all)))
    for (const one of desired.identities) {
      if (named.has(one.address)) refuseOwnRenewal(one, 'no certificate is made for it here')
    }
    return [...named]
  }
  return desired.identities
    .filter(({ profile }) => isAgent(profile.role) && profile.renewedBy !== 'node')
    .map(({ address }) => address)
}

/** Where a key is kept elsewhere nothing can be renewed: said with the date at risk. */
function requireSigners(
  chosen: readonly string[],
  { desired }: Workspace,
  inventory: Inventory,
): void {
  const wanted = new Set(chosen)
  let without = 0
  let first:
    | {
        readonly address: string
        readonly notAfter: number
        readonly issuer: { readonly name: string; readonly address: string }
      }
    | undefined
  for (const { address, profile } of desired.identities) {
    if (!wanted.has(address)) continue
    const key = inventory.authorities.get(profile.issuer.address)?.key
    if (key === undefined) continue
    const signer = signerOf(profile.issuer.address, desired)
    if (keylessText(signer, key.state) === undefined) continue
    without += 1
    const notAfter = inventory.identities.get(address)?.current?.chain[0]?.notAfter ?? Infinity
    if (first === undefined || notAfter < first.notAfter) {
      first = { address, notAfter, issuer: profile.issuer }
    }
  }
  // Where others can sign, the plan holds these alone.
  if (first === undefined || without < chosen.length) return
  const { address, notAfter, issuer } = first
  const { state } = inventory.authorities.get(issuer.address)!.key
  const keyless = keylessText(signerOf(issuer.address, desired), state)!
  const risk = Number.isFinite(notAfter)
    ? `${address} is the first to end, on ${formatInstant(notAfter)}`
    : `${address} has no certificate`
  throw new NomadPkiError(
    'ERR_REFUSED',
    `no authority can sign: the key of ${issuer.address} ${keyless}; ${risk}`,
    {
      address: issuer.address,
      hint: `${keylessRemedy(issuer, state)}, then: nomad-pki rotate leaves --due`,
    },
  )
}

function commandLine(
  args: readonly string[],
  options: Options<'rotate leaves'>,
  ...more: readonly string[]
): string {
  const flags = [
    ...(options.file === undefined ? [] : ['--file', options.file]),
    ...(options.due === true ? ['--due'] : []),
    ...(options.all === true ? ['--all'] : []),
    ...(options.keepKey === true ? ['--keep-key'] : []),
  ]
  return ['nomad-pki rotate leaves', ...[...args, ...flags, ...more].map(shellQuote)].join(' ')
}
