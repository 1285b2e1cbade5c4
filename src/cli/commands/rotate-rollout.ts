/**
 * `rotate rollout`: the order in which what was made reaches the agents.
 *
 * @module
 */

import { isOfOperator, parseIdentity, resolveAddress } from '../../address.js'
import { runsServer } from '../../nomad/roles.js'
import { rolloutDocument, rolloutText } from '../../report/rollout.js'
import { batchOf, orderOf } from '../rollout-order.js'
import { exitStatus, statusOfRollout } from '../status.js'
import type { Command } from '../command.js'
import { printerOf } from '../printer.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory } from '../workspace.js'

/** Exits 2 while an agent lacks the newest generation, or the plan has steps or errors for agents. */
export const command: Command<'rotate rollout'> = async ({ options }, context) => {
  const printer = printerOf(context, options)
  const batch = batchOf(options.batch)
  const workspace = await openWorkspace(context, options, printer)
  const { desired, spec } = workspace
  const servers = desired.identities
    .filter(({ profile }) => runsServer(profile.role))
    .map(({ address }) => address)
  const leaders = options.leader?.map((text) => resolveAddress(text, servers))
  requireOneEach(leaders ?? [])
  const now = context.now()
  const inventory = await takeOwnInventory(workspace)
  const { plan, order } = orderOf(workspace, inventory, { now, batch, leaders })
  const { steps } = plan
  const place = {
    fileFlag: fileFlag(options),
    tls: spec.node.tls,
    plaintext: spec.transport === 'plaintext',
    errors: plan.findings.filter(
      ({ severity, address }) => severity === 'error' && !isOfOperator(address),
    ),
    // People's certificates reach no agent.
    unapplied: steps.filter(({ address }) => !isOfOperator(address)).length,
  }
  if (printer.json) {
    printer.document(rolloutDocument(order, { ...place, cluster: desired.cluster, at: now }))
  } else printer.answer(rolloutText(order, printer.style, place))
  return place.errors.length > 0 ? exitStatus.work : statusOfRollout(order, place.unapplied)
}

/** A region has one leader: a second one would put two servers last, in an order that nobody chose. */
function requireOneEach(leaders: readonly string[]): void {
  const known = new Map<string, string>()
  for (const leader of leaders) {
    const { region } = parseIdentity(leader)
    const other = known.get(region)
    if (other !== undefined) {
      throw usage(
        `--leader names two leaders of ${region}: ${other} and ${leader}`,
        'name one for each region',
      )
    }
    known.set(region, leader)
  }
}
