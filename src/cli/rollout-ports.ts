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
import { newLinesOf } from '../evidence/new-lines.js'
import type { Hosts } from '../hosts/host.js'
import { runsServer } from '../nomad/roles.js'
import { formatEndpoint } from '../probe/endpoints.js'
import { probeCluster } from '../probe/probe-cluster.js'
import { askNodes, askRaft, type RaftQuestion, type Unanswered } from '../probe/raft.js'
import { destinationsOf } from '../rollout/destinations.js'
import type { RolloutPorts } from '../rollout/ports.js'
import { apiAccess } from './api-access.js'
import { packageFile, type Context } from './context.js'
import { note } from './under-lock.js'
import { wayTo } from './via-ssh.js'
import { takeOwnInventory, type Workspace } from './workspace.js'

/**
 * Makes it. What is noted needs the store's lock.
 *
 * @param options `via`: `ssh` where agents and the API are asked from the agents' own hosts.
 */
export async function rolloutPorts(
  workspace: Workspace,
  hosts: Hosts,
  context: Context,
  { via }: { readonly via?: 'ssh' | undefined } = {},
): Promise<RolloutPorts> {
  const { spec, desired, store } = workspace
  const installer = await context.readFile(packageFile(context, 'templates/install.sh'))
  const identities = new Map(desired.identities.map((one) => [one.address, one]))
  const inventory = await takeOwnInventory(workspace)
  const { targets, connect, concurrency } = wayTo(workspace, inventory, context, via, hosts)
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
    ...{ region, credentials, roots, token, clock, connect },
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
      const probe = await probeCluster(asked, known, { clock, connect, concurrency })
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
