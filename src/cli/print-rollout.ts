/**
 * `rollout --dry-run --commands`: the order in which what was made reaches the agents, with the commands of each
 * host. No host is asked.
 *
 * @module
 */

import { parseIdentity, resolveAddress } from '../address.js'
import { runsServer } from '../nomad/roles.js'
import { unmadeFor } from '../plan/unmade.js'
import { rolloutDocument, rolloutText } from '../report/rollout.js'
import type { Batch } from '../rollout/order.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'
import { onlyMeant, orderOf, placeOf } from './rollout-order.js'
import { exitStatus, statusOfRollout, type ExitStatus } from './status.js'
import { usage } from './usage.js'
import { takeOwnInventory, type Workspace } from './workspace.js'

/**
 * Prints it.
 *
 * @param choice `isMeant`: the agents that were named; `leader`: servers that lead, as they were typed.
 * @returns 2 while an agent lacks the newest generation, or the plan has steps or errors for agents.
 * @throws {NomadPkiError} `ERR_USAGE`: two leaders of one region.
 */
export async function printRollout(
  workspace: Workspace,
  choice: {
    readonly isMeant: (address: string) => boolean
    readonly batch: Batch
    readonly leader?: readonly string[] | undefined
    readonly file?: string | undefined
  },
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const { isMeant, batch } = choice
  const { desired } = workspace
  const servers = desired.identities
    .filter(({ profile }) => runsServer(profile.role))
    .map(({ address }) => address)
  const leaders = choice.leader?.map((text) => resolveAddress(text, servers))
  requireOneEach(leaders ?? [])
  const now = context.now()
  const inventory = await takeOwnInventory(workspace)
  const { plan, order: all } = orderOf(workspace, inventory, { now, batch, leaders })
  const order = onlyMeant(all, isMeant)
  const { steps: unapplied, errors } = unmadeFor(plan, isMeant)
  const place = { ...placeOf(workspace, choice), errors, unapplied }
  if (printer.json) {
    printer.document(rolloutDocument(order, { ...place, cluster: desired.cluster, at: now }))
  } else printer.answer(rolloutText(order, printer.style, place))
  return errors.length > 0 ? exitStatus.work : statusOfRollout(order, unapplied)
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
