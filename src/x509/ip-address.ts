/**
 * Addresses between text and the octets of certificates (RFC 5280 §4.2.1.6, §4.2.1.10).
 *
 * @module
 */

import { isIP } from 'node:net'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { memoByText } from '../memo.js'

/** A network: octets of its address, and how many leading bits count. */
export interface Network {
  /** 4 or 16 octets. */
  readonly address: Uint8Array
  /** How many leading bits count. */
  readonly prefix: number
}

/** Every agent's certificate has the loopback addresses; they are among the first that are asked for. */
const mostRemembered = 64

/**
 * Reads an IP address.
 *
 * @param text IPv4 or IPv6, also IPv4-mapped.
 * @returns 4 or 16 octets, which must not be changed; `undefined` for anything else, and for an address
 *   with a zone (`fe80::1%eth0`), which a certificate cannot hold.
 */
export const octetsOf: (text: string) => Uint8Array | undefined = memoByText((text) => {
  const version = text.includes('%') ? 0 : isIP(text)
  if (version === 0) return undefined
  return version === 4 ? encodeIpv4(text) : encodeIpv6(text)
}, mostRemembered)

/**
 * Reads a network in CIDR notation as a person writes it: bits behind the prefix may be set.
 * {@link parseNetwork} refuses those.
 *
 * @param text `10.0.0.0/8` or `fd00::/8`.
 * @returns `undefined` where it is not a network.
 */
export function cidrOf(text: string): Network | undefined {
  const slash = text.indexOf('/')
  const address = slash === -1 ? undefined : octetsOf(text.slice(0, slash))
  const bits = text.slice(slash + 1)
  if (address === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(bits)) return undefined
  const prefix = Number(bits)
  return prefix > address.length * 8 ? undefined : { address, prefix }
}

/** The four octets of an IPv4-mapped IPv6 address; `undefined` for any other. RFC 4291 §2.5.5.2 */
export function unmapped(address: Uint8Array): Uint8Array | undefined {
  return address.length === 16 &&
    address[10] === 0xff &&
    address[11] === 0xff &&
    address.subarray(0, 10).every((byte) => byte === 0)
    ? address.subarray(12)
    : undefined
}

/** The first address of a network: no bit behind the prefix is set. */
export function baseOf({ address, prefix }: Network): Uint8Array {
  return address.map((byte, at) => byte & maskOctet(prefix, at))
}

/** The canonical text of a network: its address as {@link formatIp} writes it, and its prefix. */
export function formatNetwork({ address, prefix }: Network): string {
  return `${formatIp(address)}/${prefix}`
}

/**
 * The octets of an address: 4 or 16.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID`; also for a zone (`fe80::1%eth0`), which no certificate
 * can say, and for IPv4 mapped into IPv6, which would never match the address that it means.
 */
export function encodeIp(text: string): Uint8Array {
  const bytes = octetsOf(text)
  if (bytes === undefined) {
    throw new NomadPkiError('ERR_NAME_INVALID', `not an IP address: ${JSON.stringify(text)}`)
  }
  const four = unmapped(bytes)
  if (four !== undefined) {
    throw new NomadPkiError('ERR_NAME_INVALID', `IPv4 in the form of IPv6: ${text}`, {
      hint: `write ${formatIp(four)}`,
    })
  }
  return bytes
}

/**
 * The canonical text of an address (RFC 5952 §4).
 *
 * @param bytes 4 or 16 octets.
 * @throws {TypeError} for any other number of octets.
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]!}.${bytes[1]!}.${bytes[2]!}.${bytes[3]!}`
  if (bytes.length !== 16) throw new TypeError('an address has 4 or 16 octets')
  return ipv6Text(Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('latin1'), bytes)
}

const ipv6Text = memoByText((_: string, bytes: Uint8Array) => formatIpv6(bytes), mostRemembered)

function formatIpv6(bytes: Uint8Array): string {
  const four = unmapped(bytes)
  if (four !== undefined) return `::ffff:${formatIp(four)}`
  const groups: number[] = []
  for (let at = 0; at < 16; at += 2) groups.push(bytes[at]! * 256 + bytes[at + 1]!)
  // The longest run of zeros, the first of equals, and never a single group.
  let best = -1
  let bestLength = 1
  for (let at = 0; at < 8; at += 1) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length += 1
    if (length > bestLength) {
      best = at
      bestLength = length
    }
    at += length
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return best === -1 ? text(0, 8) : `${text(0, best)}::${text(best + bestLength, 8)}`
}

/**
 * Reads a network in CIDR notation.
 *
 * @param text `10.0.0.0/8` or `fd00::/8`.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`; also if bits behind the prefix are set, because the
 * writer then meant something else.
 */
export function parseNetwork(text: string): Network {
  const slash = text.indexOf('/')
  const length = slash === -1 ? '' : text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length)) {
    throw new NomadPkiError('ERR_NAME_INVALID', `not a network: ${JSON.stringify(text)}`, {
      hint: 'write it as 10.0.0.0/8 or fd00::/8',
    })
  }
  const network = { address: encodeIp(text.slice(0, slash)), prefix: Number(length) }
  const { address, prefix } = network
  if (prefix > address.length * 8) {
    throw new NomadPkiError(
      'ERR_NAME_INVALID',
      `the prefix of ${text} is longer than ${address.length * 8} bits`,
    )
  }
  const base = baseOf(network)
  if (!sameBytes(base, address)) {
    throw new NomadPkiError('ERR_NAME_INVALID', `${text} has bits behind its prefix`, {
      hint: `write ${formatNetwork({ address: base, prefix })}`,
    })
  }
  return network
}

/** A network as a name constraint has it: address, then mask. RFC 5280 §4.2.1.10 */
export function encodeSubtree({ address, prefix }: Network): Uint8Array {
  const out = new Uint8Array(address.length * 2)
  out.set(address)
  for (let at = 0; at < address.length; at += 1) out[address.length + at] = maskOctet(prefix, at)
  return out
}

/**
 * Reads a name constraint's address and mask.
 *
 * @param bytes 8 or 32 octets.
 * @returns `undefined` if they are not a network: another length, or a mask with gaps (Go refuses both).
 */
export function decodeSubtree(bytes: Uint8Array): Network | undefined {
  if (bytes.length !== 8 && bytes.length !== 32) return undefined
  const half = bytes.length / 2
  let prefix = 0
  while (prefix < half * 8 && (bytes[half + (prefix >> 3)]! & (0x80 >> (prefix & 7))) !== 0) {
    prefix += 1
  }
  for (let at = 0; at < half; at += 1) {
    if (bytes[half + at] !== maskOctet(prefix, at)) return undefined
  }
  return { address: bytes.subarray(0, half), prefix }
}

/** Whether an address is in a network; never across families. */
export function networkHolds({ address, prefix }: Network, ip: Uint8Array): boolean {
  if (ip.length !== address.length) return false
  for (let at = 0; at < ip.length; at += 1) {
    if (((ip[at]! ^ address[at]!) & maskOctet(prefix, at)) !== 0) return false
  }
  return true
}

function encodeIpv4(text: string): Uint8Array {
  const out = new Uint8Array(4)
  let octet = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 46) octet += 1
    else out[octet] = out[octet]! * 10 + code - 48
  }
  return out
}

function encodeIpv6(text: string): Uint8Array {
  let plain = text
  const dotted = /([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/.exec(text)
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(1).map(Number) as [number, number, number, number]
    const last = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    plain = text.slice(0, dotted.index) + last
  }
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - groups.length - rest.length
  const all = [...groups, ...Array.from({ length: gap }, () => '0'), ...rest]
  const out = new Uint8Array(16)
  all.forEach((group, index) => {
    const value = Number.parseInt(group, 16)
    out[2 * index] = value >> 8
    out[2 * index + 1] = value & 0xff
  })
  return out
}

function maskOctet(prefix: number, at: number): number {
  const bits = Math.min(8, Math.max(0, prefix - at * 8))
  return (0xff00 >> bits) & 0xff
}

/** The networks of the loopback (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), which each agent has. */
export const loopbackNetworks: readonly string[] = ['127.0.0.0/8', '::1/128']
