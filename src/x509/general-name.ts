/**
 * GeneralName: the names in a subjectAltName and the subtrees of name constraints. RFC 5280
 * §4.2.1.6, §4.2.1.10
 *
 * @module
 */

import { count } from '../count.js'
import { fail, type DerReader } from '../der/read.js'
import { asciiString, contextPrimitive } from '../der/write.js'
import { NomadPkiError } from '../errors.js'
import type { GeneralName } from './extension.js'
import {
  decodeSubtree,
  encodeIp,
  encodeSubtree,
  formatIp,
  formatNetwork,
  parseNetwork,
} from './ip-address.js'

const email = 1
const dns = 2
const uri = 6
const ip = 7

const numbers = { email, dns, uri, ip } as const
const texts: Readonly<Record<number, 'email' | 'dns' | 'uri'>> = {
  [email]: 'email',
  [dns]: 'dns',
  [uri]: 'uri',
}

/**
 * Reads the GeneralName that a reader stands before. RFC 5280 §4.2.1.6
 *
 * @param reader Stands before it.
 * @param subtree Whether addresses come with masks, as in name constraints.
 * @param what What is read, for messages.
 * @throws {NomadPkiError} `ERR_DER_MALFORMED`
 */
export function readGeneralName(reader: DerReader, subtree: boolean, what: string): GeneralName {
  const tag = reader.peek()
  const kind = tag & 0x1f
  const text = texts[kind]
  if (text !== undefined && tag === 0x80 + kind) {
    const value = reader.latin1(tag, what)
    for (let at = 0; at < value.length; at += 1) {
      if (value.charCodeAt(at) > 127) fail(`${what} holds a name that is not ASCII`)
    }
    return { type: text, value }
  }
  if (tag === 0x80 + ip) {
    const bytes = reader.content(tag, what)
    if (!subtree) {
      if (bytes.length !== 4 && bytes.length !== 16) {
        fail(`${what} holds an address of ${count(bytes.length, 'octet')}`)
      }
      return { type: 'ip', value: formatIp(bytes) }
    }
    const network = decodeSubtree(bytes)
    if (network === undefined) return fail(`${what} holds addresses that are not a network`)
    return { type: 'ip', value: formatNetwork(network) }
  }
  if ((tag & 0xc0) !== 0x80 || kind > 8) fail(`${what} holds something that is not a name`)
  return { type: tag === 0xa4 ? 'directory' : 'other', der: reader.whole(what) }
}

/**
 * Writes a name of a subjectAltName, or a subtree of name constraints, as DER. RFC 5280 §4.2.1.6, §4.2.1.10
 *
 * @param name Text that is ASCII; addresses as text, subtrees of addresses as CIDR.
 * @throws {NomadPkiError} `ERR_NAME_INVALID`
 */
export function encodeGeneralName(name: GeneralName): Uint8Array {
  if (!('value' in name)) return name.der
  const { type, value } = name
  if (type === 'ip') {
    return contextPrimitive(
      ip,
      value.includes('/') ? encodeSubtree(parseNetwork(value)) : encodeIp(value),
    )
  }
  for (let at = 0; at < value.length; at += 1) {
    if (value.charCodeAt(at) > 127) {
      throw new NomadPkiError('ERR_NAME_INVALID', `not ASCII: ${JSON.stringify(value)}`)
    }
  }
  return asciiString(0x80 + numbers[type], value)
}
