/**
 * Where each agent of a spec can be asked: what the spec says, else what the agent's configuration
 * advertises, else its first address.
 *
 * @module
 */

import { isIP } from 'node:net'
import { identityAddress, sharedName } from '../address.js'
import { parseHostPort } from '../adoption/host-port.js'
import { readAgentConfig, type AgentConfig } from '../agent/index.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import { agentFiles } from '../plan/config-files.js'
import type { Desired, DesiredConfig, DesiredIdentity } from '../cluster/desired.js'
import { expandTemplate, nodeAt, type Template } from '../cluster/pattern.js'
import type { ClusterSpec } from '../cluster/spec.js'

/** One port of one agent. */
export interface AgentEndpoint {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  /** The TCP port. */
  readonly port: number
  /** Whether it is the RPC port, where TLS begins behind a byte of its own. */
  readonly rpc: boolean
}

/** An agent and where to ask it. */
export interface AgentTarget {
  /** `identity/server/global/s1` */
  readonly address: string
  /** HTTPS, then RPC; clients do not listen for RPC. Empty where nothing says an address. */
  readonly endpoints: readonly AgentEndpoint[]
}

/** `10.0.0.11:4646`, `[fd00::1]:4647` */
export function formatEndpoint({ host, port }: Pick<AgentEndpoint, 'host' | 'port'>): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

const usual = { http: 4646, rpc: 4647 } as const
type Place = keyof typeof usual

/**
 * Finds the addresses at which agents can be asked, in the order of the spec: HTTPS at 4646 and, of servers,
 * RPC at 4647, unless spec or configuration say others. An identity that many hosts share has none, because
 * the spec does not name the hosts.
 *
 * @param spec For its own `http` and `rpc`.
 * @param desired The same spec, spread out: `desire(spec)`.
 * @param inventory With the agents' configurations.
 * @param from Whether agents are asked from here, or each from its own host.
 * @returns Each agent once; without endpoints where nothing says its address.
 * @example
 *
 * ```ts
 * import {
 *   desire, endpointsOf, judgeAgents, memoryConfigs, memoryStore, parseSpec, probeCluster, readInventory,
 * } from 'nomad-pki'
 *
 * const text = 'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: { ips: [127.0.0.1] } }\n'
 * const { spec } = parseSpec(text)
 * if (spec === undefined) throw new Error('the spec has errors')
 * const desired = desire(spec)
 * const inventory = await readInventory({ store: memoryStore(), configs: memoryConfigs() })
 * const targets = endpointsOf(spec, desired, inventory)
 * const probe = await probeCluster(targets, inventory, { clock: () => Date.now(), timeout: 1000 })
 * const seen = { addresses: targets.map(({ address }) => address), seen: probe.sightings, silent: probe.unreachable }
 * for (const verdict of judgeAgents(desired, inventory, seen, { now: Date.now() })) {
 *   console.log(verdict.address, verdict.state, verdict.message)
 * }
 * ```
 */
export function endpointsOf(
  spec: ClusterSpec,
  desired: Desired,
  inventory: Inventory,
  from: 'here' | 'host' = 'here',
): readonly AgentTarget[] {
  const said = endpointsInSpec(spec)
  const configs = new Map(desired.configs.map((config) => [config.identity, config]))
  return desired.identities
    .filter(({ profile }) => isAgent(profile.role))
    .map((identity) => {
      const { address, profile } = identity
      // A client does not listen for RPC, and a port without TLS has no certificate to show.
      const places: readonly Place[] = [
        ...(identity.stanza?.http === false ? [] : (['http'] as const)),
        ...(runsServer(profile.role) && identity.stanza?.rpc !== false ? (['rpc'] as const) : []),
      ]
      const own = said.get(address)
      const missing = profile.shared ? [] : places.filter((place) => own?.[place] === undefined)
      const config = missing.length === 0 ? undefined : configOf(configs.get(address), inventory)
      return {
        address,
        endpoints: places.flatMap((place) => {
          const text = own?.[place]
          const found =
            text !== undefined
              ? parseHostPort(text)
              : profile.shared
                ? undefined
                : from === 'host'
                  ? onHost(place, config, identity)
                  : fromConfig(place, config, identity)
          if (found === undefined) return []
          return [{ host: found.host, port: found.port ?? usual[place], rpc: place === 'rpc' }]
        }),
      }
    })
}

function endpointsInSpec(
  spec: ClusterSpec,
): ReadonlyMap<string, Readonly<Partial<Record<Place, string>>>> {
  const said = new Map<string, Partial<Record<Place, string>>>()
  for (const { name: region, groups } of spec.regions) {
    for (const { role, pattern, shared, http, rpc } of groups) {
      if (http === undefined && rpc === undefined) continue
      for (let index = 0; index < pattern.count; index += 1) {
        const node = shared ? { name: sharedName, numbers: [] } : nodeAt(pattern, index)
        const text = (template: Template | undefined): string | undefined =>
          template && expandTemplate(template, node)
        said.set(identityAddress({ role, region, name: node.name }), {
          ...(http !== undefined && { http: text(http)! }),
          ...(rpc !== undefined && { rpc: text(rpc)! }),
        })
      }
    }
  }
  return said
}

function configOf(
  wanted: DesiredConfig | undefined,
  inventory: Inventory,
): AgentConfig | undefined {
  const found = wanted && agentFiles(wanted, inventory)
  if (found === undefined || 'fault' in found) return undefined
  return readAgentConfig(found.files)
}

interface Found {
  readonly host: string
  readonly port?: number | undefined
}

function fromConfig(
  place: Place,
  config: AgentConfig | undefined,
  { ips: [first] }: DesiredIdentity,
): Found | undefined {
  const { port, usable } = portOf(place, config)
  // `advertise` is what others are told; `addresses` and `bind_addr` are what is listened on.
  for (const path of [`advertise.${place}`, `addresses.${place}`, 'bind_addr']) {
    const { value, origin } = config?.values.get(path) ?? {}
    if (origin === undefined || typeof value !== 'string') continue
    const parsed = literal(value)
    if (parsed === undefined || isEvery(parsed.host)) continue
    if (parsed.port === undefined && !usable) continue
    return { host: parsed.host, port: parsed.port ?? port }
  }
  return first === undefined || !usable ? undefined : { host: first, port }
}

/** On its own host an agent that listens on every address listens on 127.0.0.1 as well. */
function onHost(
  place: Place,
  config: AgentConfig | undefined,
  { ips: [first] }: DesiredIdentity,
): Found | undefined {
  const { port, usable } = portOf(place, config)
  if (!usable) return undefined
  const unsaid = { host: first ?? loopback, port }
  if (config === undefined) return unsaid
  const said = [`addresses.${place}`, 'bind_addr']
    .map((path) => config.values.get(path))
    .find((one) => one?.origin !== undefined && typeof one.value === 'string' && one.value !== '')
  if (typeof said?.value !== 'string') return { host: loopback, port }
  const parsed = literal(said.value)
  if (parsed === undefined) return unsaid
  return { host: isEvery(parsed.host) ? loopback : parsed.host, port }
}

const loopback = '127.0.0.1'

function portOf(
  place: Place,
  config: AgentConfig | undefined,
): { readonly port: number; readonly usable: boolean } {
  const port = config?.ports[place] ?? usual[place]
  return { port, usable: port >= 1 && port <= 65_535 }
}

/** A template of go-sockaddr is filled in on its host alone; of several addresses the first will do. */
function literal(value: string): ReturnType<typeof parseHostPort> {
  const text = value.trim().split(/\s+/)[0]!
  return value.includes('{{') || text === '' ? undefined : parseHostPort(text)
}

/** Whether it stands for every address of the host. */
function isEvery(host: string): boolean {
  return /^0+(\.0+){3}$|^[0:]+$/.test(host)
}
