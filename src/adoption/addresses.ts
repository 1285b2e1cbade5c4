/**
 * Where others reach an agent, as far as its configuration says it.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { AgentConfig, Origin } from '../agent/index.js'
import { classifyName } from '../nomad/names.js'
import { runsServer } from '../nomad/roles.js'
import { formatIp, octetsOf, unmapped } from '../x509/ip-address.js'
import { parseHostPort } from './host-port.js'

/** What was found. */
export interface FoundAddresses {
  /** `ips`, `names`, `http` and `rpc` of a node; only what there is. */
  readonly value: Readonly<Record<string, string | readonly string[]>>
  /** What only the host itself knows, or what cannot be read; a line each. */
  readonly notes: readonly string[]
}

const places = ['http', 'rpc', 'serf'] as const
type Place = (typeof places)[number]

/**
 * Collects an agent's addresses: `advertise` first, as Nomad does, then what it binds to.
 *
 * @param config As read, with a role.
 */
export function addressesOf({ values, ports, role, region }: AgentConfig): FoundAddresses {
  const notes = new Set<string>()
  const ips = new Set<string>()
  const names = new Set<string>()
  const hosts: Partial<Record<Place, string>> = {}
  const said: Partial<Record<Place, number>> = {}
  for (const place of places) {
    const found = textAt(values, `advertise.${place}`, `addresses.${place}`, 'bind_addr')
    if (found === undefined) continue
    const { path, text, origin } = found
    const at = `${origin.file}:${origin.line}:${origin.column}`
    if (text.includes('{{')) {
      notes.add(`its address is a template, which only its host can fill in (${at}): add it to ips`)
      continue
    }
    // `addresses.http` alone may be several (command/agent/config.go normalizeMultipleBind).
    for (const one of path === 'addresses.http' ? text.split(/\s+/) : [text]) {
      const parsed = parseHostPort(one)
      if (parsed === undefined || /[\s${}]/.test(one)) {
        notes.add(`what ${path} says is not an address (${at}): add the right one to ips or names`)
        continue
      }
      const host = canonical(parsed.host)
      if (isUnspecified(host)) continue
      // The loopback is the probe's where there is nothing better.
      if (hosts[place] === undefined || isLoopback(hosts[place])) {
        hosts[place] = host
        said[place] = parsed.port
      }
      if (isIP(host) !== 0) {
        if (!isLoopback(host)) ips.add(host)
      } else if (host !== 'localhost' && !isRoleOf(host, region.value)) names.add(host)
    }
  }
  const [first] = ips
  const probes: Record<string, string> = {}
  // A client agent does not listen for RPC (client/client.go has no such listener).
  for (const place of runsServer(role) ? (['http', 'rpc'] as const) : (['http'] as const)) {
    const usual = place === 'http' ? 4646 : 4647
    const port = said[place] ?? ports[place]
    const host = hosts[place] ?? first
    // What the spec takes by itself is not said again.
    if (host === undefined || (port === usual && host === first)) continue
    if (!(port >= 1 && port <= 65_535)) {
      notes.add(`${place} is left out: ports.${place} is not a port: ${port}`)
      continue
    }
    probes[place] = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  }
  if (ips.size + names.size + notes.size === 0 && Object.keys(probes).length === 0) {
    notes.add('its address is not in its configuration: add ips or names')
  }
  return {
    value: {
      ...(ips.size > 0 && { ips: [...ips] }),
      ...(names.size > 0 && { names: [...names] }),
      ...probes,
    },
    notes: [...notes],
  }
}

/** The first of some settings that is set to something. */
function textAt(
  values: AgentConfig['values'],
  ...paths: readonly string[]
): { readonly path: string; readonly text: string; readonly origin: Origin } | undefined {
  for (const path of paths) {
    const { value, origin } = values.get(path) ?? {}
    if (origin === undefined || typeof value !== 'string' || value.trim() === '') continue
    return { path, text: value.trim(), origin }
  }
  return undefined
}

/** One spelling for one address: RFC 5952; IPv4 in IPv6 is IPv4; names in lower case, no final dot. */
function canonical(host: string): string {
  // A zone means something on its host alone.
  const bare = isIP(host) === 6 ? host.replace(/%.*$/, '') : host
  const address = octetsOf(bare)
  if (address === undefined) return bare.toLowerCase().replace(/\.$/, '')
  return formatIp(unmapped(address) ?? address)
}

function isUnspecified(host: string): boolean {
  return host === '' || /^0+(\.0+){3}$|^[0:]+$/.test(host)
}

function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.')) || host === 'localhost'
}

/** `server.<region>.nomad` and the like: the certificate has its own without being told. */
function isRoleOf(host: string, region: string): boolean {
  const meaning = classifyName(host)
  return meaning.kind === 'role' && meaning.region.toLowerCase() === region.toLowerCase()
}
