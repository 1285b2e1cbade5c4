/**
 * Who belongs to the cluster, by Nomad's own word; and those among them that the spec does not have by
 * name, asked where Nomad says they are: the leaf that one presents says who it is.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent, profileOf, runsServer } from '../nomad/roles.js'
import type { Connect } from '../probe/dial.js'
import { formatEndpoint, type AgentEndpoint, type AgentTarget } from '../probe/endpoints.js'
import { askMembers, type MemberHost } from '../probe/members.js'
import { probeCluster, type Offers, type Probe } from '../probe/probe-cluster.js'
import type { NomadSaid } from '../report/probe.js'
import type { SeenPort } from '../evidence/evidence.js'
import { bareName, unknownMembers, withRecognised } from '../evidence/unknown-members.js'
import type { Desired } from '../cluster/desired.js'
import { apiAccess } from './api-access.js'
import type { Context } from './context.js'
import type { Workspace } from './workspace.js'

/** How long, and until when. */
export interface Asking {
  /** Milliseconds. */
  readonly timeout: number | undefined
  readonly signal: AbortSignal
  /** What is offered to those that are asked in addition. */
  readonly offers?: Offers | undefined
  /** How ports are reached. Default: by TCP, from here. */
  readonly connect?: Connect | undefined
  /** Handshakes at a time. */
  readonly concurrency?: number | undefined
  /** Where agents listen that speak plaintext. */
  readonly listening: readonly AgentTarget[]
}

/**
 * Asks servers that answered, with an operator's certificate.
 *
 * @returns What Nomad said; and the probe with those that were asked in addition.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`
 */
export async function askNomad(
  targets: readonly AgentTarget[],
  probe: Probe,
  workspace: Workspace,
  inventory: Inventory,
  { timeout, signal, offers, connect, concurrency, listening }: Asking,
  context: Context,
): Promise<{ readonly nomad: NomadSaid; readonly probe: Probe }> {
  const { desired } = workspace
  const { credentials, roots, token } = await apiAccess(workspace, inventory, context)
  if (desired.transport === 'plaintext')
    return askPlainly(token, workspace, probe, { timeout, signal, connect, listening }, context)
  if (credentials.length === 0 || roots === '') {
    const operator = desired.identities.find(({ profile }) => !isAgent(profile.role))
    const missing =
      operator === undefined
        ? 'there is no operator: nomad-pki add operator NAME, then: nomad-pki apply'
        : `no operator has a valid certificate: nomad-pki apply ${operator.name}`
    return { nomad: { members: [], faults: [], unknown: [], strange: [], missing }, probe }
  }
  const clock = (): number => context.now()
  const servers = serversThatAnswer(targets, probe, desired)
  const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
  const names = new Set(agents.map(({ name, profile }) => `${profile.region}/${name}`))
  const regions = [...new Set(agents.map(({ profile }) => profile.region))]
  const said = await askMembers({
    ...{ servers, credentials, roots, token, timeout, signal, connect, clock },
    regions,
    locate: ({ region, name }) => !names.has(`${region}/${bareName(name, region)}`),
  })
  if (signal.aborted) throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted while asking Nomad')
  const more = await askHosts(said.hosts, probe, desired, (asked) =>
    probeCluster(asked, inventory, { clock, timeout, signal, offers, connect, concurrency }),
  )
  const recognised = recognisedIn(more.sightings, desired)
  const members = said.members.map((one) => withRecognised(one, recognised))
  return {
    nomad: {
      ...{ members, faults: said.faults, unknown: unknownMembers(desired, members) },
      strange: members.map(({ region }) => region).filter((region) => !regions.includes(region)),
    },
    probe: {
      sightings: [...probe.sightings, ...more.sightings],
      unreachable: [...probe.unreachable, ...more.unreachable],
      undecided: [...probe.undecided, ...more.undecided],
      cost: {
        handshakes: probe.cost.handshakes + more.cost.handshakes,
        noted: probe.cost.noted + more.cost.noted,
      },
    },
  }
}

/** Before TLS is turned on: the agents' API is plain HTTP, and no host is asked for a certificate. */
async function askPlainly(
  token: string | undefined,
  { desired }: Workspace,
  probe: Probe,
  { timeout, signal, connect, listening }: Asking,
  context: Context,
): Promise<{ readonly nomad: NomadSaid; readonly probe: Probe }> {
  const servers = desired.identities.filter(({ profile }) => runsServer(profile.role))
  const endpoints = new Map(listening.map((target) => [target.address, target.endpoints]))
  const said = await askMembers({
    ...{ token, timeout, signal, connect, plaintext: true, roots: '', locate: () => false },
    clock: () => context.now(),
    credentials: [{ name: 'nobody' }],
    regions: [...new Set(desired.identities.map(({ profile }) => profile.region))],
    servers: new Map(
      [...groupBy(servers, ({ profile }) => profile.region)].map(([region, own]) => [
        region,
        own.flatMap(({ address }) => endpoints.get(address) ?? []).filter(({ rpc }) => !rpc),
      ]),
    ),
  })
  if (signal.aborted) throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted while asking Nomad')
  const { members, faults } = said
  const nomad = { members, faults, unknown: unknownMembers(desired, members), strange: [] }
  return { nomad, probe }
}

function serversThatAnswer(
  targets: readonly AgentTarget[],
  { sightings }: Probe,
  desired: Desired,
): ReadonlyMap<string, readonly AgentEndpoint[]> {
  const answering = new Set(sightings.map(({ endpoint }) => endpoint))
  const endpoints = new Map(targets.map((target) => [target.address, target.endpoints]))
  const servers = desired.identities.filter(({ profile }) => runsServer(profile.role))
  const regions = groupBy(servers, ({ profile }) => profile.region)
  return new Map(
    [...regions].map(([region, members]) => [
      region,
      members
        .flatMap(({ address }) => endpoints.get(address) ?? [])
        .filter((one) => !one.rpc && answering.has(formatEndpoint(one))),
    ]),
  )
}

/** Who is asked: the identity that its kind shares in the region, or a member without one. */
function addressOf({ region, kind, name }: MemberHost, desired: Desired): string {
  const bare = bareName(name, region)
  const named = desired.identities.find(
    ({ profile, name: own }) => isAgent(profile.role) && profile.region === region && own === bare,
  )
  // Two hosts with the name of an agent: both have to be what it should be.
  if (named !== undefined) return named.address
  const shared = desired.identities.find(
    ({ profile }) =>
      profile.shared && profile.region === region && profileOf(profile.role).labels.includes(kind),
  )
  return shared?.address ?? `member/${region}/${bare}`
}

async function askHosts(
  hosts: readonly MemberHost[],
  { sightings, unreachable }: Probe,
  desired: Desired,
  probe: (targets: readonly AgentTarget[]) => Promise<Probe>,
): Promise<Probe> {
  const before = new Map(sightings.map((one) => [one.endpoint, one]))
  const silent = new Set(unreachable.map(({ endpoint }) => endpoint))
  const again: SeenPort[] = []
  const targets: AgentTarget[] = []
  for (const host of hosts) {
    const address = addressOf(host, desired)
    const endpoint = formatEndpoint(host.endpoint)
    const seen = before.get(endpoint)
    if (seen?.asked === address) continue
    if (seen !== undefined) again.push({ ...seen, asked: address })
    else if (!silent.has(endpoint)) targets.push({ address, endpoints: [host.endpoint] })
  }
  const more = await probe(targets)
  return { ...more, sightings: [...again, ...more.sightings] }
}

/** Who presented the leaf of an agent of the spec, as it was asked. */
function recognisedIn(sightings: readonly SeenPort[], desired: Desired): ReadonlySet<string> {
  const agents = new Set(desired.identities.map(({ address }) => address))
  return new Set(sightings.filter(({ address }) => agents.has(address)).map(({ asked }) => asked))
}
