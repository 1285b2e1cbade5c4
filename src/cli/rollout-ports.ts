/**
 * The world of a rollout: the store, the ledger, the agents' ports and the servers' API.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import { packIdentity } from '../delivery/pack-identity.js'
import { evidenceIn } from '../evidence/evidence.js'
import { importEvidence } from '../evidence/import-evidence.js'
import { judgeAgents } from '../evidence/judge-agents.js'
import { generationsIn } from '../evidence/generations.js'
import { newLinesOf } from '../evidence/new-lines.js'
import { ofAgents } from '../evidence/of-agents.js'
import { whyNotBack } from '../evidence/way-back.js'
import type { Hosts } from '../hosts/host.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { withEvents } from '../inventory/ledger.js'
import { roleName, runsServer } from '../nomad/roles.js'
import type { Override } from '../overrides.js'
import { formatEndpoint, type AgentTarget } from '../probe/endpoints.js'
import { probeCluster } from '../probe/probe-cluster.js'
import {
  askNodes,
  askRaft,
  type ApiPort,
  type RaftQuestion,
  type Unanswered,
} from '../probe/raft.js'
import { destinationsOf } from '../rollout/destinations.js'
import { machinesOf } from '../rollout/machines.js'
import type { RolloutNode } from '../rollout/order.js'
import type { NodeConfigs, RolloutPorts } from '../rollout/ports.js'
import { apiAccess } from './api-access.js'
import { putsFor, rememberPuts } from './config-copy.js'
import { packageFile, type Context } from './context.js'
import { note } from '../inventory/note.js'
import { wayTo } from './via-ssh.js'
import { takeOwnInventory, type Workspace } from './workspace.js'

/**
 * Makes it. What is noted needs the store's lock: nobody else writes meanwhile, so the store is read once.
 *
 * @param options `via`: `ssh` where agents and the API are asked from the agents' own hosts; `overrides`: what
 *   a person overrode, noted where it is used.
 */
export async function rolloutPorts(
  workspace: Workspace,
  hosts: Hosts,
  context: Context,
  {
    via,
    overrides = [],
  }: {
    readonly via?: 'ssh' | undefined
    readonly overrides?: readonly Override[] | undefined
  } = {},
): Promise<RolloutPorts> {
  const { spec, desired, store } = workspace
  const installer = await context.readFile(packageFile(context, 'templates/install.sh'))
  const identities = new Map(desired.identities.map((one) => [one.address, one]))
  let inventory = await takeOwnInventory(workspace)
  const { targets, connect, concurrency } = wayTo(workspace, inventory, context, via, hosts)
  const targetOf = new Map(targets.map((target) => [target.address, target]))
  const noteAll = async (events: readonly LedgerEvent[]): Promise<void> => {
    await note(store, events)
    inventory = { ...inventory, ledger: withEvents(inventory.ledger, events) }
  }
  const unnoted = [...overrides]
  const machines = machinesOf(spec)
  const clock = (): number => context.now()
  const { credentials, roots, token } = await apiAccess(workspace, inventory, context)
  const rpcOf = new Map(
    targets.map(({ address, endpoints }) => [
      address,
      endpoints.filter(({ rpc }) => rpc).map(formatEndpoint),
    ]),
  )
  // An agent that was seen with TLS is never asked without it: the token would be there for who stands between.
  const withTls = new Set(
    inventory.ledger.events.flatMap((one) =>
      one.event === 'observed' ? [one.asked ?? one.address] : [],
    ),
  )
  const isPlain = (address: string): boolean =>
    spec.transport === 'upgrading' && !withTls.has(address)
  const nobody: Unanswered | undefined =
    credentials.length > 0 && roots !== ''
      ? undefined
      : {
          state: 'silent',
          message: 'no operator has a certificate that lives: nomad-pki apply OPERATOR',
        }
  const questionOf = (region: string): RaftQuestion => ({
    ...{ region, credentials, roots, token, clock, connect },
    servers: apiPortsOf(region, targets, isPlain),
  })
  return {
    hosts,
    installer,
    clock,
    machine: (address) => machines.get(address),
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
    configs: (node) => Promise.resolve(configsFor(node, workspace)),
    async configsPlaced({ address }) {
      const config = desired.configs.find(({ identity }) => identity === address)
      if (config !== undefined) await rememberPuts(config, workspace)
    },
    async prove(addresses, { note: noted } = { note: true }) {
      const asked = addresses.flatMap((address) => targetOf.get(address) ?? [])
      const began = clock()
      let known = ofAgents(inventory, addresses)
      const options = { clock, connect, concurrency }
      let probe = await probeCluster(asked, known, options)
      if (probe.sightings.some(({ generation }) => generation === null)) {
        // Whose leaf it is says the whole ledger.
        known = inventory
        probe = await probeCluster(asked, known, options)
      }
      for (const { asked: one } of probe.sightings) withTls.add(one)
      const seen = { addresses, seen: probe.sightings, silent: probe.unreachable }
      if (noted) {
        const noticed = { ...seen, at: began, members: [] }
        await noteAll(
          newLinesOf(noticed, evidenceIn(known.ledger, { now: clock() }), generationsIn(known)),
        )
      }
      return judgeAgents(desired, known, seen, { now: clock() })
    },
    async receive(receipt, address) {
      const facts = { desired, inventory, now: clock() }
      const taken = importEvidence([{ file: `receipt of ${address}`, text: receipt }], facts)
      // A host speaks for its own agent: what else it says is not taken.
      const own = taken.events.filter(
        (one) => (one.event === 'received' || one.event === 'override') && one.address === address,
      )
      await noteAll(own)
      return own.findLast((one) => one.event === 'received')?.generation
    },
    whyNotBack: (address, directory) =>
      Promise.resolve(whyNotBack(address, directory, inventory, { now: clock() })),
    async accept(used) {
      for (const { code, value } of used) {
        const at = unnoted.findIndex((one) => one.code === code && one.value === value)
        if (at < 0) continue
        const [{ reason }] = unnoted.splice(at, 1) as [Override]
        await noteAll([{ event: 'override', address: 'store', at: clock(), code, value, reason }])
      }
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

/** So many agents are asked where no server of the region can be: a region may have thousands. */
const mostOthers = 8

/**
 * Where the HTTP API can be asked about a region: its own servers; else any other agent, servers first, because
 * each passes the question on. A port without TLS is not asked, but for agents that speak nothing else yet.
 *
 * @param isPlain Whether an agent may speak plain HTTP, because TLS is being turned on. Default: none does.
 */
export function apiPortsOf(
  region: string,
  targets: readonly AgentTarget[],
  isPlain: (address: string) => boolean = () => false,
): readonly ApiPort[] {
  const ports = targets.flatMap(({ address, endpoints }) => {
    const { role, region: own } = parseIdentity(address)
    const server = runsServer(role)
    const rank = (server ? 0 : 2) + (own === region ? 0 : 1)
    const plain = isPlain(address) ? { plaintext: true } : {}
    const servername = roleName(server ? 'server' : 'client', own)
    return endpoints.flatMap((one) =>
      one.rpc ? [] : [{ rank, port: { ...one, servername, ...plain } }],
    )
  })
  const own = ports.filter(({ rank }) => rank === 0)
  const others = ports.filter(({ rank }) => rank > 0).sort((a, b) => a.rank - b.rank)
  return [...own, ...others.slice(0, mostOthers)].map(({ port }) => port)
}

/** What was edited here and its host is to get: nothing where nothing was edited since it was proven. */
function configsFor({ address, configs }: RolloutNode, workspace: Workspace): NodeConfigs {
  if (configs.length === 0) return { puts: [] }
  const config = workspace.desired.configs.find(({ identity }) => identity === address)
  if (config?.host === undefined) {
    return {
      fault: `${configs.join(', ')} was edited here, and nothing says where its host has it`,
      remedy:
        'write config: { host, copy } at the node; or copy it to the host and restart the agent, as nomad-pki rollout --dry-run --commands prints it',
    }
  }
  const puts = putsFor(config, workspace)
  if (puts !== undefined) return { puts }
  return {
    fault: `${configs.join(', ')} was not pulled from its host`,
    remedy: `nomad-pki config pull ${config.address}`,
  }
}
