/**
 * `rollout --back`: one host goes back to the generation before.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import { NomadPkiError } from '../errors.js'
import { goBack } from '../rollout/go-back.js'
import type { RolloutNode } from '../rollout/order.js'
import { follow, onHosts, type RolloutChoice } from './bring-rollout.js'
import type { Context } from './context.js'
import { confirm } from './prompt.js'
import type { Printer } from './printer.js'
import { exitStatus, type ExitStatus } from './status.js'
import { underLock } from './under-lock.js'
import type { Workspace } from './workspace.js'

/**
 * Has it go back, under the store's lock.
 *
 * @param address The agent's.
 * @returns 0 if its agent presents the generation before.
 * @throws {NomadPkiError} `ERR_USAGE`: the agents read the store itself; `ERR_STORE_LOCKED`; `ERR_INTERRUPTED`.
 */
export async function bringBackOne(
  workspace: Workspace,
  address: string,
  choice: Pick<RolloutChoice, 'overrides' | 'dryRun' | 'yes' | 'via'>,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const { spec, store } = workspace
  const { tls } = spec.node
  const { overrides, dryRun } = choice
  if (tls === undefined) {
    throw new NomadPkiError('ERR_USAGE', 'the agents of this spec read the store itself', {
      hint: 'no host has a generation from before: nomad-pki rotate leaves makes a new one',
    })
  }
  if (!dryRun && !choice.yes) {
    const question = `have ${address} go back to the generation before?`
    if (!(await confirm(context, question, '--yes'))) {
      printer.tell('nothing was done')
      return exitStatus.work
    }
  }
  const node: RolloutNode = {
    ...{ address, host: parseIdentity(address).name, generation: 0, proven: undefined },
    ...{ leader: false, restart: false, configs: [], receipt: false },
    overrides: overrides.filter(({ code }) => code === 'rollback'),
  }
  const run = (): Promise<ExitStatus> =>
    onHosts(workspace, tls, choice, context, (rules, ports) =>
      follow((signal) => goBack(node, ports, { ...rules, signal }), undefined, context, printer),
    )
  return dryRun ? run() : underLock(store, 'rollout', run)
}
