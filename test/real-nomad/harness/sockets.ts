/**
 * Which connections a process holds, as the kernel tells: what a reload can cost at most.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

const established = '01'

/**
 * Established RPC connections of an agent: those on its own RPC port, and those of its process to the
 * RPC ports of others.
 *
 * @param rpcPorts The RPC ports of all agents.
 */
export function rpcConnections(
  pid: number,
  own: number,
  rpcPorts: ReadonlySet<number>,
): { readonly inbound: number; readonly outbound: number } {
  const mine = socketsOf(pid)
  let inbound = 0
  let outbound = 0
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/)
    if (state !== established || !mine.has(inode)) continue
    const [from, to] = [portOf(local), portOf(remote)]
    if (from === own) inbound += 1
    else if (rpcPorts.has(to)) outbound += 1
  }
  return { inbound, outbound }
}

const portOf = (endpoint: string): number => Number.parseInt(endpoint.split(':')[1] ?? '', 16)

function socketsOf(pid: number): ReadonlySet<string> {
  const found = new Set<string>()
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1]
      if (inode !== undefined) found.add(inode)
    } catch {
      // It was closed meanwhile.
    }
  }
  return found
}
