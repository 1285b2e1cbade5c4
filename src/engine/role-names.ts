/**
 * Which names and addresses a role of an engine takes beyond its role names: those that the nodes of its kind have in
 * its region. A domain or a network of the region stands for the nodes that are in it; what is in none of them stands
 * for itself. A domain below `.nomad` is never among them: `*.us-west.nomad` would be every agent of the region.
 *
 * @module
 */

import type { RegionBounds } from '../cluster/spec.js'
import {
  cidrOf,
  formatNetwork,
  loopbackNetworks,
  networkHolds,
  octetsOf,
  type Network,
} from '../x509/ip-address.js'

/** What certificates name. */
export interface Named {
  /** DNS names beyond the role's own; lower case. */
  readonly names: readonly string[]
  /** Addresses beyond the loopback's. */
  readonly ips: readonly string[]
}

/**
 * The names of a role: `*.acme.internal` for a domain in which a node is, else each name as it is.
 *
 * @param domains Those of the region.
 * @param all The nodes of the role.
 * @returns Each once.
 */
export function namesOfRole(
  { domains }: Pick<RegionBounds, 'domains'>,
  all: readonly Pick<Named, 'names'>[],
): readonly string[] {
  // The narrowest counts.
  const narrow = [...domains].sort((a, b) => b.length - a.length)
  const out = new Set<string>()
  for (const { names } of all) {
    for (const name of names) {
      const domain = narrow.find((one) => name.endsWith(`.${one}`))
      out.add(domain === undefined ? name : `*.${domain}`)
    }
  }
  return [...out]
}

/**
 * The networks of a role: the loopback's, each of the region in which a node is, and the addresses that are in none of
 * them, as few networks as hold these alone. Never empty, because an engine takes no network for every address.
 *
 * @param networks Those of the region.
 * @param all The nodes of the role.
 */
export function networksOfRole(
  { networks }: Pick<RegionBounds, 'networks'>,
  all: readonly Pick<Named, 'ips'>[],
): readonly string[] {
  const narrow = networks
    .map((text) => ({ text, network: cidrOf(text)! }))
    .sort((a, b) => b.network.prefix - a.network.prefix)
  const used = new Set<string>()
  const alone = { 4: new Set<bigint>(), 16: new Set<bigint>() }
  for (const { ips } of all) {
    for (const ip of ips) {
      const octets = octetsOf(ip)!
      const found = narrow.find(({ network }) => networkHolds(network, octets))
      if (found === undefined) alone[octets.length as 4 | 16].add(numberOf(octets))
      else used.add(found.text)
    }
  }
  const exact = ([4, 16] as const).flatMap((length) => exactly([...alone[length]], length))
  return [...new Set([...loopbackNetworks, ...used, ...exact.map(formatNetwork)])]
}

/** The fewest networks that hold these addresses and no other. */
function exactly(addresses: bigint[], length: 4 | 16): readonly Network[] {
  addresses.sort((a, b) => (a < b ? -1 : 1))
  const out: Network[] = []
  for (let at = 0; at < addresses.length;) {
    const first = addresses[at]!
    let bits = 0
    // Twice as many, as long as they begin where such a network does and none is lacking.
    for (let size = 2; first % BigInt(size) === 0n; size *= 2, bits += 1) {
      if (addresses[at + size - 1] !== first + BigInt(size - 1)) break
    }
    out.push({ address: octetsOfNumber(first, length), prefix: length * 8 - bits })
    at += 2 ** bits
  }
  return out
}

function numberOf(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`)
}

function octetsOfNumber(value: bigint, length: number): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex'))
}
