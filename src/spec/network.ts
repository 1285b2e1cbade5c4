/**
 * IP addresses and networks: canonical text, membership, and addresses counted from a base.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { Parsed } from './pattern.js'

/** An address as a number, so that one can count. */
export interface IpAddress {
  readonly family: 4 | 6
  readonly value: bigint
}

/** A network in CIDR form. */
export interface Network extends IpAddress {
  readonly bits: number
}

/**
 * Reads an address that a certificate may carry.
 *
 * @param text An IPv4 or IPv6 address.
 */
export function parseIp(text: string): Parsed<IpAddress> {
  const family = isIP(text)
  if (family === 4) {
    const value = fromV4(text)
    if (value === 0n) return { fault: 'is the unspecified address: nobody dials it' }
    return { ok: { family, value } }
  }
  if (family === 6) {
    if (text.includes('%')) {
      return {
        fault: 'has a zone, which means something on one host alone',
        hint: `write ${text.split('%')[0]!}`,
      }
    }
    const value = fromV6(text)
    if (value === 0n) return { fault: 'is the unspecified address: nobody dials it' }
    if (value >> 32n === 0xffffn) {
      return {
        fault: 'is an IPv4 address in IPv6 clothes: TLS libraries compare it as IPv4',
        hint: `write ${formatIp({ family: 4, value: value & 0xffffffffn })}`,
      }
    }
    return { ok: { family, value } }
  }
  return { fault: 'is not an IP address', hint: ipHint(text) }
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

/** The text that is compared and stored: dotted IPv4, RFC 5952 for IPv6. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) {
    const number = Number(value)
    return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
  }
  const groups: string[] = []
  for (let shift = 112n; shift >= 0n; shift -= 16n)
    groups.push(((value >> shift) & 0xffffn).toString(16))
  // RFC 5952 §4.2: the longest run of zeros, at least two, the first of equals.
  let best = { start: -1, length: 1 }
  for (let at = 0; at < 8; at += 1) {
    let length = 0
    while (at + length < 8 && groups[at + length] === '0') length += 1
    if (length > best.length) best = { start: at, length }
    at += length
  }
  if (best.start === -1) return groups.join(':')
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`
}

/**
 * Reads a network; its host bits must be zero.
 *
 * @param text CIDR: `10.2.0.0/16`.
 */
export function parseNetwork(text: string): Parsed<Network> {
  const network = parsePrefixed(text)
  if ('fault' in network) return network
  const base = maskOf(network.ok)
  if (base !== network.ok.value) {
    const fixed = `${formatIp({ family: network.ok.family, value: base })}/${network.ok.bits}`
    return { fault: 'has bits set behind its prefix', hint: `did you mean ${fixed}?` }
  }
  return network
}

/** Reads `address/bits`, the address anywhere in its network. */
export function parsePrefixed(text: string): Parsed<Network> {
  const slash = text.indexOf('/')
  if (slash === -1) {
    const bits = isIP(text) === 6 ? 128 : 32
    return {
      fault: 'has no prefix length',
      hint: isIP(text) === 0 ? 'a network is written 10.2.0.0/16' : `did you mean ${text}/${bits}?`,
    }
  }
  const address = text.slice(0, slash)
  const family = isIP(address)
  if ((family !== 4 && family !== 6) || address.includes('%')) {
    return { fault: 'does not begin with an IP address', hint: 'a network is written 10.2.0.0/16' }
  }
  const bits = text.slice(slash + 1)
  const most = family === 4 ? 32 : 128
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > most) {
    return { fault: `has no prefix length from 0 to ${most}` }
  }
  const value = family === 4 ? fromV4(address) : fromV6(address)
  return { ok: { family, value, bits: Number(bits) } }
}

/** Writes a network. */
export function formatNetwork(network: Network): string {
  return `${formatIp(network)}/${network.bits}`
}

/** Whether an address lies in a network. */
export function contains(network: Network, address: IpAddress): boolean {
  if (network.family !== address.family) return false
  const host = BigInt((network.family === 4 ? 32 : 128) - network.bits)
  return network.value >> host === address.value >> host
}

function maskOf(network: Network): bigint {
  const host = BigInt((network.family === 4 ? 32 : 128) - network.bits)
  return (network.value >> host) << host
}

function fromV4(text: string): bigint {
  return BigInt(v4Number(text))
}

function v4Number(text: string): number {
  let value = 0
  for (const part of text.split('.')) value = value * 256 + Number(part)
  return value
}

function fromV6(text: string): bigint {
  const dotted = text.lastIndexOf('.') === -1 ? undefined : text.slice(text.lastIndexOf(':') + 1)
  let plain = text
  if (dotted !== undefined) {
    const number = v4Number(dotted)
    plain = `${text.slice(0, text.lastIndexOf(':') + 1)}${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`
  }
  const [head, tail] = plain.split('::') as [string, string | undefined]
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0')
  return [...left, ...middle, ...right].reduce(
    (value, group) => (value << 16n) | BigInt(parseInt(group, 16)),
    0n,
  )
}
