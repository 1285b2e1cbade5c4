/**
 * Several agents on loopback: laid out, started in the order that takes seconds instead of half a
 * minute, awaited, and ended.
 *
 * @module
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, type AgentPlan, writeAgentConfig } from './agent.js'
import { api, apiJson, type Credentials } from './api.js'
import { agentPorts } from './ports.js'
import { eventually } from './run.js'

export interface Member {
  readonly name: string
  readonly region: string
  readonly role: 'server' | 'client'
}

interface NodeStub {
  readonly Name: string
  readonly Status: string
}

/**
 * Makes directories and ports for every member; nothing is started.
 *
 * @param write Writes its configuration, and says what it is started with. Default: `agent.hcl`.
 */
export async function layOut(
  base: string,
  members: readonly Member[],
  write?: (plan: AgentPlan) => readonly string[],
): Promise<AgentPlan[]> {
  const withPorts = []
  for (const member of members) withPorts.push({ ...member, ports: await agentPorts() })
  const servers = withPorts.filter(({ role }) => role === 'server')
  const local = (port: number): string => `127.0.0.1:${port}`
  const plans = withPorts.map(({ name, region, role, ports }): AgentPlan => {
    const ofRegion = servers.filter((server) => server.region === region)
    return {
      name,
      region,
      role,
      ports,
      directory: join(base, 'agents', name),
      dataDir: join(base, 'data', name),
      ...(role === 'server'
        ? {
            bootstrapExpect: ofRegion.length,
            join: servers.map((server) => local(server.ports.serf)),
          }
        : { servers: ofRegion.map((server) => local(server.ports.rpc)) }),
    }
  })
  mkdirSync(join(base, 'data'), { recursive: true, mode: 0o700 })
  return plans.map((plan) => {
    if (write !== undefined) return { ...plan, configs: write(plan) }
    writeAgentConfig(plan)
    return plan
  })
}

/** A running cluster. */
export class Cluster {
  readonly agents: readonly Agent[]
  readonly #credentials: () => Credentials

  constructor(agents: readonly Agent[], credentials: Credentials | (() => Credentials)) {
    this.agents = agents
    this.#credentials = typeof credentials === 'function' ? credentials : () => credentials
  }

  agent(name: string): Agent {
    const found = this.agents.find((agent) => agent.name === name)
    if (found === undefined) throw new Error(`no agent ${name}`)
    return found
  }

  servers(region: string): readonly Agent[] {
    return this.agents.filter(({ plan }) => plan.region === region && plan.role === 'server')
  }

  get regions(): string[] {
    return [...new Set(this.agents.map(({ plan }) => plan.region))]
  }

  /** A GET on one agent's own address, with the operator's files. */
  async get<T>(name: string, path: string): Promise<T> {
    return apiJson<T>(this.agent(name).plan.ports.http, path, this.#credentials())
  }

  /** A PUT on one agent's own address; throws on any answer but 200. */
  async put(name: string, path: string): Promise<void> {
    const { http } = this.agent(name).plan.ports
    const { status, body } = await api(http, path, this.#credentials(), { method: 'PUT' })
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`)
  }

  /** Resolves when every region has a leader and, asked for, every client is `ready`. */
  async leaders(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for (const region of this.regions) {
      const server = this.servers(region)[0]
      if (server === undefined) throw new Error(`region ${region} has no server`)
      const leader = await this.#eventually(`a leader in ${region}`, async () => {
        const address = await this.get<string>(server.name, '/v1/status/leader')
        return address === '' ? undefined : address
      })
      found.set(region, leader)
    }
    return found
  }

  async nodesReady(): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>()
    for (const region of this.regions) {
      const server = this.servers(region)[0]
      const clients = this.agents.filter(
        ({ plan }) => plan.region === region && plan.role === 'client',
      )
      if (server === undefined || clients.length === 0) continue
      const names = await this.#eventually(`all nodes ready in ${region}`, async () => {
        const nodes = await this.get<readonly NodeStub[]>(server.name, '/v1/nodes')
        const ready = nodes.filter(({ Status }) => Status === 'ready').map(({ Name }) => Name)
        return ready.length === clients.length ? ready.sort() : undefined
      })
      found.set(region, names)
    }
    return found
  }

  async stop(): Promise<void> {
    // Clients first: they tell their servers while there are some.
    for (const role of ['client', 'server'] as const) {
      await Promise.all(this.agents.filter(({ plan }) => plan.role === role).map((a) => a.stop()))
    }
  }

  #eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    return eventually(what, ask, { explain: () => this.agents.map((a) => a.tail()).join('\n') })
  }
}

/**
 * Starts servers, waits for a leader in every region, starts clients, waits until all are ready: a
 * client that finds no leader would wait 15 to 30 s before it tries again.
 *
 * @param start Starts an agent.
 * @param agents Receives them: who replaces one here replaces it in the cluster.
 */
export async function startCluster(
  plans: readonly AgentPlan[],
  credentials: Credentials | (() => Credentials),
  start: (plan: AgentPlan) => Agent = (plan) => new Agent(plan),
  agents: Agent[] = [],
): Promise<Cluster> {
  const cluster = new Cluster(agents, credentials)
  try {
    agents.push(...plans.filter(({ role }) => role === 'server').map(start))
    // A region whose servers are all started counts; clients come after.
    await cluster.leaders()
    agents.push(...plans.filter(({ role }) => role === 'client').map(start))
    await cluster.nodesReady()
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}
