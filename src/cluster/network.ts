/**
 * IP addresses and networks as a spec writes them: what is wrong with a text, and how to write it.
 * What an address is, and how it is written, is in `x509/ip-address.ts`.
 *
 * @module
 */

import { isIP } from 'node:net'
import { sameBytes } from '../bytes.js'
import {
  baseOf,
  cidrOf,
  formatIp,
  formatNetwork,
  octetsOf,
  unmapped,
  type Network,
} from '../x509/ip-address.js'
import type { Parsed } from './pattern.js'

/**
 * Reads an address that a certificate may carry.
 *
 * @param text An IPv4 or IPv6 address.
 * @returns Its 4 or 16 octets, or what is wrong with it.
 */
export function parseIp(text: string): Parsed<Uint8Array> {
  const address = octetsOf(text)
  if (address === undefined) {
    return isIP(text) === 0
      ? { fault: 'is not an IP address', hint: ipHint(text) }
      : {
          fault: 'has a zone, which is valid on one host only',
          hint: `write ${text.split('%')[0]!}`,
        }
  }
  if (address.every((byte) => byte === 0)) {
    return { fault: 'is the unspecified address: it cannot be dialled' }
  }
  const four = unmapped(address)
  if (four === undefined) return { ok: address }
  return {
    fault: 'is an IPv4-mapped IPv6 address: TLS libraries compare it as IPv4',
    hint: `write ${formatIp(four)}`,
  }
}

function ipHint(text: string): string {
  if (/^\[.*\]$/.test(text)) return 'write it without brackets'
  if (/^[0-9.]+:[0-9]+$/.test(text)) return 'write it without a port'
  if (/^[0-9A-Fa-f.:]+\/[0-9]+$/.test(text))
    return 'an address, not a network; for ranges: 10.0.0.0/16+{n}'
  if (/^[0-9]+(\.[0-9]+)*$/.test(text)) {
    const parts = text.split('.')
    if (parts.length !== 4) return `IPv4 has four numbers, this has ${parts.length}`
    const big = parts.find((part) => Number(part) > 255)
    if (big !== undefined) return `${big} is more than 255`
    return 'numbers have no leading zeros: some programs read them as octal'
  }
  if (text.includes(':'))
    return 'IPv6 is eight groups of up to four hexadecimal digits, :: once at most'
  return 'a DNS name belongs into names:'
}

/**
 * Reads a network; its host bits must be zero.
 *
 * @param text CIDR: `10.2.0.0/16`.
 */
export function parseNetwork(text: string): Parsed<Network> {
  const network = parsePrefixed(text)
  if ('fault' in network) return network
  const address = baseOf(network.ok)
  if (!sameBytes(address, network.ok.address)) {
    const fixed = formatNetwork({ ...network.ok, address })
    return { fault: 'has bits set behind its prefix', hint: `did you mean ${fixed}?` }
  }
  return network
}

/** Reads `address/bits`, the address anywhere in its network. */
export function parsePrefixed(text: string): Parsed<Network> {
  const slash = text.indexOf('/')
  if (slash === -1) {
    const address = octetsOf(text)
    const hint = `did you mean ${text}/${(address?.length ?? 0) * 8}?`
    return {
      fault: 'has no prefix length',
      hint: address === undefined ? 'a network is written 10.2.0.0/16' : hint,
    }
  }
  const address = octetsOf(text.slice(0, slash))
  if (address === undefined) {
    return { fault: 'does not begin with an IP address', hint: 'a network is written 10.2.0.0/16' }
  }
  const network = cidrOf(text)
  if (network === undefined) {
    return { fault: `has no prefix length from 0 to ${address.length * 8}` }
  }
  const four = unmapped(address)
  if (four === undefined) return { ok: network }
  return {
    fault: 'is a network of IPv4-mapped IPv6 addresses: TLS libraries compare them as IPv4',
    hint: `write it as IPv4: ${formatIp(four)}/${Math.max(0, network.prefix - 96)}`,
  }
}
