/**
 * `rollout`: brings what was made to the hosts, in the order that keeps the cluster alive, and proves it.
 *
 * @module
 */

import { isOfOperator, parseIdentity, resolveAddress } from '../../address.js'
import { NomadPkiError } from '../../errors.js'
import { packIdentity } from '../../delivery/pack-identity.js'
import { importEvidence } from '../../evidence/import-evidence.js'
import { judgeAgents } from '../../evidence/judge-agents.js'
import { evidenceIn } from '../../evidence/evidence.js'
import { newLinesOf } from '../../evidence/new-lines.js'
import { sshHosts } from '../../hosts/ssh-hosts.js'
import type { Hosts } from '../../hosts/host.js'
import { isAgent, runsServer } from '../../nomad/roles.js'
import { endpointsOf, formatEndpoint } from '../../probe/endpoints.js'
import { probeCluster } from '../../probe/probe-cluster.js'
import { askNodes, askRaft, type RaftQuestion, type Unanswered } from '../../probe/raft.js'
import { eventDocument, eventText, orderText, rolloutPolicy } from '../../report/roll-out.js'
import { destinationsOf } from '../../rollout/destinations.js'
import type { Rollout } from '../../rollout/order.js'
import { rollOut } from '../../rollout/roll-out.js'
import type { RolloutPorts } from '../../rollout/ports.js'
import { apiAccess } from '../api-access.js'
import type { Command } from '../command.js'
import { packageFile, type Context } from '../context.js'
import { overridesOf } from '../override.js'
import { confirm } from '../prompt.js'
import { printerOf, type Printer } from '../printer.js'
import { batchOf, orderOf } from '../rollout-order.js'
import { exitStatus, type ExitStatus } from '../status.js'
import { note, underLock } from '../under-lock.js'
import { usage } from '../usage.js'
import { openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

/** Exits 0 if every agent that was named has its newest generation and is proven; 2 if one does not run. */
export const command: Command<'rollout'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  if (options.policy === true) {
    printer.answer(rolloutPolicy)
    return exitStatus.ok
  }
  const batch = batchOf(options.batch)
  const maxFailures = Number(options.maxFailures ?? 0)
  if (!/^[0-9]{1,5}$/.test(options.maxFailures ?? '0')) {
    throw usage(
      `invalid --max-failures ${JSON.stringify(options.maxFailures)}`,
      'a number, such as 2',
    )
  }
  const overrides = overridesOf(options, ['tolerance'])
  const workspace = await openWorkspace(context, options, printer)
  const { desired, spec, store } = workspace
  const { tls, unit } = spec.node
  if (tls === undefined) {
    throw new NomadPkiError('ERR_USAGE', 'the agents of this spec read the store itself', {
      hint: 'there is nothing to bring: reload them; node: { tls: /etc/nomad-tls } says where a node has its files',
    })
  }
  const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
  const addresses = agents.map(({ address }) => address)
  const named = new Set(args.map((text) => resolveAddress(text, addresses)))
  const isMeant = (address: string): boolean =>
    address.startsWith('identity/') &&
    !isOfOperator(address) &&
    (named.size === 0 || named.has(address)) &&
    (options.only === undefined ||
      runsServer(parseIdentity(address).role) === (options.only === 'servers'))
  const run = async (): Promise<ExitStatus> => {
    const inventory = await takeOwnInventory(workspace)
    const { plan, order: all } = orderOf(workspace, inventory, { now: context.now(), batch })
    // Authorities and bundles are in what agents receive.
    const unapplied = plan.steps.filter(
      ({ address }) => isMeant(address) || !address.startsWith('identity/'),
    ).length
    const errors = plan.findings.filter(
      ({ severity, address }) => severity === 'error' && isMeant(address),
    )
    for (const { address, message } of errors) printer.report(`${address}: ${message}`)
    if (errors.length > 0 || unapplied > 0) {
      const steps = unapplied === 1 ? 'a step' : `${unapplied} steps`
      throw new NomadPkiError(
        'ERR_REFUSED',
        errors.length > 0
          ? 'errors hold a part of the plan: what is not made cannot be delivered'
          : `the plan has ${steps} for these agents: what is not made cannot be delivered`,
        {
          hint:
            errors.length > 0 ? 'nomad-pki plan' : 'nomad-pki apply, and then this command again',
        },
      )
    }
    const order = only(all, isMeant)
    if (!printer.json) printer.answer(orderText(order, printer.style))
    if (order.steps.length === 0) {
      if (printer.json) {
        const done = { event: 'done', proven: 0, placed: 0, failures: [] } as const
        context.stdout.write(`${JSON.stringify(eventDocument(done, context.now()))}\n`)
      }
      return order.doubtful.length + order.missing.length > 0 ? exitStatus.work : exitStatus.ok
    }
    if (options.dryRun !== true && options.yes !== true) {
      const hosts = order.steps.reduce((sum, { nodes }) => sum + nodes.length, 0)
      if (!(await confirm(context, `bring them to ${hosts} hosts?`, '--yes'))) {
        printer.tell('nothing was done')
        return exitStatus.work
      }
    }
    const hosts = sshHosts({ ...spec.node.ssh, env: context.env })
    try {
      const rules = {
        ...{ tls, unit, maxFailures, dryRun: options.dryRun === true },
        withoutTolerance: new Set(overrides.map(({ value }) => value)),
      }
      return await follow(order, await portsOf(workspace, hosts, context), rules, context, printer)
    } finally {
      await hosts.end()
    }
  }
  // One rollout at a time: the second is told who runs the first.
  return options.dryRun === true ? run() : underLock(store, 'rollout', run)
}

/** The steps of the agents that were named. */
function only(order: Rollout, isMeant: (address: string) => boolean): Rollout {
  const steps = order.steps
    .map((step) => ({ ...step, nodes: step.nodes.filter(({ address }) => isMeant(address)) }))
    .filter(({ nodes }) => nodes.length > 0)
    .map((step, at) => ({ ...step, number: at + 1 }))
  return {
    ...order,
    steps,
    missing: order.missing.filter(isMeant),
    doubtful: order.doubtful.filter(({ address }) => isMeant(address)),
    excepted: order.excepted.filter(({ address }) => isMeant(address)),
  }
}

async function follow(
  order: Rollout,
  ports: RolloutPorts,
  rules: Omit<Parameters<typeof rollOut>[2], 'signal'>,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const signal = context.onInterrupt(() => {
    printer.tell('interrupted: the host at work is finished first; a second Ctrl-C kills')
  })
  let status: ExitStatus = exitStatus.work
  for await (const event of rollOut(order, ports, { ...rules, signal })) {
    if (printer.json)
      context.stdout.write(`${JSON.stringify(eventDocument(event, context.now()))}\n`)
    else {
      const text = eventText(event, printer.style)
      if (text !== undefined) printer.answer(text)
    }
    if (event.event === 'refused') status = exitStatus.refused
    if (event.event === 'stopped') status = exitStatus.error
    if (event.event === 'ready' && rules.dryRun === true) status = exitStatus.work
    if (event.event === 'done') {
      const open = order.doubtful.length + order.missing.length + event.placed
      status =
        event.failures.length > 0 ? exitStatus.error : open > 0 ? exitStatus.work : exitStatus.ok
    }
  }
  return status
}

async function portsOf(
  workspace: Workspace,
  hosts: Hosts,
  context: Context,
): Promise<RolloutPorts> {
  const { spec, desired, store } = workspace
  const installer = await context.readFile(packageFile(context, 'templates/install.sh'))
  const identities = new Map(desired.identities.map((one) => [one.address, one]))
  const inventory = await takeOwnInventory(workspace)
  const targets = endpointsOf(spec, desired, inventory)
  const clock = (): number => context.now()
  const { credentials, roots, token } = await apiAccess(workspace, inventory, context)
  const rpcOf = new Map(
    targets.map(({ address, endpoints }) => [
      address,
      endpoints.filter(({ rpc }) => rpc).map(formatEndpoint),
    ]),
  )
  const nobody: Unanswered | undefined =
    credentials.length > 0 && roots !== ''
      ? undefined
      : {
          state: 'silent',
          message: 'no operator has a certificate that lives: nomad-pki apply OPERATOR',
        }
  const questionOf = (region: string): RaftQuestion => ({
    ...{ region, credentials, roots, token, clock },
    servers: targets
      .filter(({ address }) => {
        const { role, region: own } = parseIdentity(address)
        return own === region && runsServer(role)
      })
      .flatMap(({ endpoints }) => endpoints.filter(({ rpc }) => !rpc)),
  })
  return {
    hosts,
    installer,
    clock,
    destination: destinationsOf(spec, desired),
    sleep: (span) => new Promise((resolve) => setTimeout(resolve, span)),
    async pack(address) {
      const { archive, fingerprint, manifest } = await packIdentity(
        spec,
        identities.get(address)!,
        store,
        { now: clock(), installer },
      )
      return { archive, fingerprint, notBefore: Date.parse(manifest.leaf.notBefore) }
    },
    async prove(addresses, { note: noted } = { note: true }) {
      const asked = targets.filter(({ address }) => addresses.includes(address))
      const known = await takeOwnInventory(workspace)
      const began = clock()
      const probe = await probeCluster(asked, known, { clock })
      const noticed = {
        ...{ seen: probe.sightings, silent: probe.unreachable, at: began, members: [] },
      }
      if (noted) await note(store, newLinesOf(noticed, evidenceIn(known.ledger, { now: clock() })))
      const seen = { addresses, seen: probe.sightings, silent: probe.unreachable }
      return judgeAgents(desired, known, seen, { now: clock() })
    },
    async receive(receipt, address) {
      const known = await takeOwnInventory(workspace)
      const facts = { desired, inventory: known, now: clock() }
      const taken = importEvidence([{ file: `receipt of ${address}`, text: receipt }], facts)
      // A host speaks for its own agent: what else it says is not taken.
      const own = taken.events.filter(
        (one) => (one.event === 'received' || one.event === 'override') && one.address === address,
      )
      await note(store, own)
    },
    servers: (region) =>
      desired.identities
        .filter(({ profile }) => profile.region === region && runsServer(profile.role))
        .map(({ address }) => address),
    raft: async (region) => nobody ?? askRaft(questionOf(region)),
    nodes: async (region) => nobody ?? askNodes(questionOf(region)),
    isServer(address, server) {
      const { name, region } = parseIdentity(address)
      return (
        server.name === `${name}.${region}` || rpcOf.get(address)?.includes(server.address) === true
      )
    },
  }
}
