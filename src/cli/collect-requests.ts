/**
 * Collects the requests that certificates wait for, by ssh, and signs them: the spec decides every name, and that ssh
 * reaches the host shows whose key it is.
 *
 * @module
 */

import { answerRequest } from '../checks/request.js'
import { count } from '../count.js'
import { vouching } from '../evidence/vouched.js'
import { sshHosts } from '../hosts/ssh-hosts.js'
import { keepersOf } from '../inventory/kept-keys.js'
import { makePlan } from '../plan/make-plan.js'
import { waitingFor, waitingText } from '../report/plan.js'
import { collectRequests, type Collected, type CollectPorts } from '../rollout/collect.js'
import { identityHost } from '../rollout/destinations.js'
import type { RolloutEvent } from '../rollout/ports.js'
import type { KeyOptions } from './authority-keys.js'
import { follow, requireMade } from './bring-rollout.js'
import { packageFile, type Context } from './context.js'
import { confirm } from './prompt.js'
import type { Printer } from './printer.js'
import { healFirst, refuseBlocked, runPlan } from './run-plan.js'
import { exitStatus, type ExitStatus } from './status.js'
import { takeOwnInventory, type Workspace } from './workspace.js'

const askedBySsh = {
  reason: 'collected',
  message: 'its host asks for it with a request, brought by ssh',
} as const

/** Whose requests, and how. */
export interface CollectChoice extends KeyOptions {
  /** Which agents: by their addresses. */
  readonly isMeant: (address: string) => boolean
  /** Make no key, and sign nothing. */
  readonly dryRun: boolean
  /** Ask nobody. */
  readonly yes: boolean
  /** The flags to be said again, ` --file other.yaml`. */
  readonly flags: string
}

/**
 * Asks the hosts, and signs when all have answered.
 *
 * @returns `undefined`: what was waited for is signed, or nothing was, and the rollout goes on. Else why it does not; in a
 *   dry run 2 where a request is waited for.
 * @throws {NomadPkiError} `ERR_REFUSED`: the plan has other steps, or there is nobody to ask; `ERR_INTERRUPTED`; what
 *   signing throws.
 */
export async function collectFirst(
  workspace: Workspace,
  { isMeant, dryRun, yes, passphraseFd, flags }: CollectChoice,
  context: Context,
  printer: Printer,
): Promise<ExitStatus | undefined> {
  const { spec, desired, store } = workspace
  const { tls } = spec.node
  const own = await takeOwnInventory(workspace)
  const healed = await healFirst(workspace, own, { permitted: yes, dryRun }, printer, context)
  const { inventory } = healed
  const { plan } = makePlan(desired, inventory, { now: context.now() })
  // What agents trust comes before what is signed for them.
  requireMade(plan, isMeant, printer)
  const due = new Set(waitingFor(plan).map(({ address }) => address))
  const hostOf = identityHost(spec, desired)
  const all = desired.identities.filter(({ address }) => due.has(address) && isMeant(address))
  // Agents that read the store itself hold no keys elsewhere.
  const wanted = all.filter(({ address }) => tls !== undefined && hostOf(address) !== false)
  for (const { address } of all.filter((one) => !wanted.includes(one))) {
    printer.tell(`${address}: ssh does not reach its host; nomad-pki plan says how it asks itself`)
  }
  if (wanted.length === 0 || tls === undefined) return undefined
  printer.tell(waitingText(wanted.length))
  if (!dryRun && !yes) {
    const question = `ask ${count(wanted.length, 'host')} for requests, and sign them?`
    if (!(await confirm(context, question, '--yes'))) {
      printer.tell('nothing was done')
      return exitStatus.work
    }
  }
  const waiting = wanted.map(({ address, profile }) => ({
    ...{ address, algorithm: profile.key, destination: hostOf(address) || undefined },
  }))
  const identities = new Map(wanted.map((one) => [one.address, one]))
  const judge: CollectPorts['judge'] = async (file, address) => {
    const { publicKey } = file.request
    const keepers = await keepersOf(publicKey, inventory, store)
    const { faults } = answerRequest(file.request, identities.get(address)!, inventory, keepers)
    const vouched = vouching(file, address, inventory, { now: context.now() })
    return vouched.state === 'false' ? [...faults, vouched.why] : faults
  }
  const installer = await context.readFile(packageFile(context, 'templates/install.sh'))
  const hosts = sshHosts({ ...spec.node.ssh, env: context.env })
  let collected: Collected | undefined
  let status: ExitStatus
  try {
    const ports = { hosts, installer, judge }
    const asking = async function* (signal: AbortSignal): AsyncGenerator<RolloutEvent> {
      collected = yield* collectRequests(waiting, ports, { tls, dryRun, signal })
    }
    status = await follow(asking, undefined, context, printer)
  } finally {
    await hosts.end()
  }
  if (collected === undefined || dryRun) return status
  const addresses = [...collected.keys()]
  const requests = new Map([...collected].map(([address, { request }]) => [address, request]))
  const planned = makePlan(desired, inventory, {
    ...{ now: context.now(), only: addresses, requests, renew: addresses },
    renewReason: askedBySsh,
    askedHosts: new Map(waiting.map(({ address, destination }) => [address, destination!])),
  })
  refuseBlocked(planned.plan, printer)
  const again = `nomad-pki rollout --collect${flags}`
  const signed = await runPlan(
    planned,
    workspace,
    healed,
    { dryRun, all: false, again, passphraseFd },
    // What a rollout answers is its events.
    {
      ...printer,
      json: false,
      answer: (text) => {
        printer.tell(text)
      },
    },
    context,
  )
  return signed === exitStatus.ok ? undefined : signed
}
