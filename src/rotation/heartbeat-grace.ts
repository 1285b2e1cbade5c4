/**
 * How long the servers wait for a client that they do not hear from, beyond its heartbeat. While TLS is turned on,
 * clients and servers do not always understand each other; a client that is given up loses its allocations.
 *
 * @module
 */

import { goDuration } from '../agent/duration.js'
import { readAgentConfig } from '../agent/index.js'
import type { Desired } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import { runsServer } from '../nomad/roles.js'
import { agentFiles } from '../plan/config-files.js'

/** What Nomad's own guide asks for while TLS is turned on, milliseconds. */
export const graceNeeded = 3_600_000

/** What servers that set nothing have, milliseconds (nomad/config.go of 1.11.3). */
const usual = 10_000

/** The servers of a cluster by what their configurations say. */
export interface HeartbeatGrace {
  /** Servers that wait long enough. */
  readonly enough: readonly string[]
  /** Servers that do not, and how long they wait, milliseconds. */
  readonly short: readonly { readonly address: string; readonly grace: number }[]
  /** Servers whose configuration the spec does not name, or that cannot be read. */
  readonly unknown: readonly string[]
}

/** Reads `server.heartbeat_grace` of every server whose configuration is here. */
export function heartbeatGrace(desired: Desired, inventory: Inventory): HeartbeatGrace {
  const enough: string[] = []
  const short: { address: string; grace: number }[] = []
  const unknown: string[] = []
  const configs = new Map(desired.configs.map((config) => [config.identity, config]))
  for (const { address, profile } of desired.identities) {
    if (!runsServer(profile.role)) continue
    const config = configs.get(address)
    const found = config && agentFiles(config, inventory)
    if (found === undefined || 'fault' in found) {
      unknown.push(address)
      continue
    }
    const text = readAgentConfig(found.files).values.get('server.heartbeat_grace')?.value
    const set = typeof text === 'string' ? (goDuration(text) ?? 0) / 1e6 : 0
    const grace = set > 0 ? set : usual
    if (grace >= graceNeeded) enough.push(address)
    else short.push({ address, grace })
  }
  return { enough, short, unknown }
}
