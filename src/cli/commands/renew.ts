/**
 * `renew`: on a node, its own certificate from the engine: looked at, asked for, put in place, loaded and proven.
 *
 * @module
 */

import { nodeFilePlace } from '../../cluster/node-file.js'
import { formatInstant } from '../../duration.js'
import { parseEndpoint } from '../../probe/endpoint.js'
import {
  finish,
  lookAtNode,
  rehearse,
  renew,
  renewalText,
  type Renewal,
  type RenewalRequest,
  type Renewed,
} from '../../renewal/renew.js'
import { directoryConfigs } from '../../store/directory-configs.js'
import { sendReceipt } from '../../renewal/send-receipt.js'
import type { Command } from '../command.js'
import { packageFile } from '../context.js'
import { openNode } from '../node-file.js'
import { overridesOf } from '../override.js'
import { printerOf, type Printer } from '../printer.js'
import { exitStatus, type ExitStatus } from '../status.js'
import { usage } from '../usage.js'
import { sentenceOf } from './install.js'

/** Guards of the installer that a new certificate of the same node can meet. */
const codes = ['new-root', 'older', 'cluster', 'address', 'process'] as const

/** Renews, finishes what an earlier run left, or says when it is due. */
export const command: Command<'renew'> = async ({ options }, context) => {
  const printer = printerOf(context, options)
  const file = context.resolve(options.config ?? nodeFilePlace)
  const { node, authority, session, receipts } = openNode(file, printer)
  const reload = options.reload ?? node.reload
  // Judged also where nothing is due: a mistake is said on the day it is made.
  const probe = node.probe === undefined ? undefined : parseEndpoint(node.probe)
  if (node.probe !== undefined && probe === undefined) {
    throw usage(
      `probe of the node's file, ${JSON.stringify(node.probe)}, is not HOST:PORT`,
      'probe: 127.0.0.1:4646',
    )
  }
  const renewal = lookAtNode(node, authority, {
    now: context.now(),
    reload,
    force: options.force === true,
  })
  const dry = options.dryRun === true
  const request: RenewalRequest = {
    script: packageFile(context, 'templates/install.sh'),
    reload,
    probe,
    giveUp: options.giveUp,
    overrides: overridesOf(options, codes),
    signal: context.onInterrupt(() => {
      printer.tell('interrupted: what is in place stays whole; a second Ctrl-C kills')
    }),
  }
  const ports = {
    session,
    installer: await context.readFile(request.script),
    configs: directoryConfigs(context.cwd),
    clock: () => context.now(),
  }
  if (renewal.action === 'wait') {
    const untold = await rehearse(renewal, request, ports)
    if (untold !== undefined) printer.tell(`warning: the agent could not be told now: ${untold}`)
  }
  const work = async (): Promise<Renewed | undefined> => {
    if (dry || renewal.action === 'wait') return undefined
    printer.tell(renewalText(renewal))
    return (renewal.action === 'renew' ? renew : finish)(renewal, request, ports)
  }
  const done = await work()
  const ended = told(renewal, done, { dry, reload }, printer)
  // The certificate is in place, whoever collects receipts.
  const unsent =
    dry || receipts === undefined ? undefined : await sendReceipt({ node, ...receipts })
  if (unsent !== undefined)
    printer.tell(`warning: the receipt was not put there: ${unsent}; the next run tries again`)
  return ended
}

function told(
  renewal: Renewal,
  done: Renewed | undefined,
  { dry, reload }: { readonly dry: boolean; readonly reload: string },
  printer: Printer,
): ExitStatus {
  const { node, present, due, action } = renewal
  for (const line of done?.said ?? []) printer.tell(line)
  for (const line of done?.warnings ?? []) printer.tell(`warning: ${line}`)
  const directory = done?.directory ?? present?.directory
  if (printer.json) {
    printer.document({
      ...{ format: 'nomad-pki/renew', version: 1, dryRun: dry },
      ...{ address: node.address, action, tls: node.tls },
      reasons: due.reasons.map(({ reason, message }) => ({ reason, message })),
      directory: directory ?? null,
      notAfter: done?.notAfter ?? due.notAfter ?? null,
      renewFrom: done === undefined ? (due.at ?? null) : null,
      state: done?.state ?? null,
      ...(done?.proof && { proof: done.proof.state }),
    })
  } else if (done !== undefined) {
    const until = done.notAfter === undefined ? '' : `, valid until ${formatInstant(done.notAfter)}`
    printer.answer(
      `${done.directory}${until}: ${done.untold === undefined ? sentenceOf(done, reload) : untoldText(done.untold)}`,
    )
  } else {
    const what = { renew: 'would be renewed: ', finish: 'would be loaded: ', wait: '' }
    printer.answer(`${what[action]}${renewalText(renewal)}`)
    if (action === 'renew') {
      const { engine, role, region, names, ips } = node
      printer.answer(
        `would ask ${engine.address} (${engine.mount}/issuer/${engine.issuer}, role ${engine.role}) for ${[`the ${role} of ${region}`, ...names, ...ips].join(', ')}`,
      )
      printer.answer(`would put it in place in ${node.tls}; reload: ${reload}`)
    }
  }
  if (done === undefined) return exitStatus.ok
  if (done.state === 'back') return exitStatus.error
  const isDone = ['proven', 'reloaded', 'placed', 'unchanged'].includes(done.state)
  return isDone && done.untold === undefined ? exitStatus.ok : exitStatus.work
}

function untoldText(why: string): string {
  return `in place, and the agent was not told (${why}): it loads it at its next start`
}
