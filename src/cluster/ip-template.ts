/**
 * The addresses of nodes: written out, with the number of a range in them (`10.0.1.{n}`), or counted
 * from a base within its network (`10.0.0.0/16+{n}`), so that five hundred nodes have addresses.
 *
 * @module
 */

import { isIP } from 'node:net'
import { formatIp, networkHolds, type Network } from '../x509/ip-address.js'
import { parseIp, parsePrefixed } from './network.js'
import {
  expandTemplate,
  parseTemplate,
  type NodeOfPattern,
  type Parsed,
  type Template,
} from './pattern.js'

/** An address, for one node or for the nodes of a range. */
export type IpTemplate =
  | {
      readonly kind: 'text'
      /** The address, with `{n}` where the number of a range stands. */
      readonly template: Template
    }
  | {
      readonly kind: 'offset'
      /** The base from which nodes are counted, and the network that they must stay in. */
      readonly network: Network
      /** The range of the node's pattern whose number is added, from 0. */
      readonly index: number
    }

/**
 * Reads an address template.
 *
 * @param text As written.
 * @param ranges How many ranges the node's pattern has.
 */
export function parseIpTemplate(text: string, ranges: number): Parsed<IpTemplate> {
  const plus = text.indexOf('+')
  if (plus === -1) {
    const template = parseTemplate(text, {}, ranges, false)
    return 'fault' in template ? template : { ok: { kind: 'text', template: template.ok } }
  }
  const network = parsePrefixed(text.slice(0, plus))
  if ('fault' in network) return network
  const number = parseTemplate(text.slice(plus + 1), {}, ranges, false)
  if ('fault' in number) return number
  const [part] = number.ok.parts
  if (number.ok.parts.length !== 1 || typeof part !== 'object' || part.kind !== 'number') {
    return { fault: 'has something else than {n} behind the +', hint: 'write 10.0.0.0/16+{n}' }
  }
  return { ok: { kind: 'offset', network: network.ok, index: part.index } }
}

/**
 * The address of one node.
 *
 * @returns Its canonical text, or what is wrong with it.
 */
export function expandIp(template: IpTemplate, node: NodeOfPattern): Parsed<string> {
  if (template.kind === 'text') {
    const text = expandTemplate(template.template, node)
    // What isIP takes is the canonical text already: no leading zeros.
    if (isIP(text) === 4 && text !== '0.0.0.0') return { ok: text }
    const address = parseIp(text)
    return 'fault' in address ? address : { ok: formatIp(address.ok) }
  }
  const { network } = template
  const { address, over } = later(network.address, node.numbers[template.index]!)
  const text = formatIp(address)
  return !over && networkHolds(network, address) ? { ok: text } : outside(text, node.name)
}

/** An address so many behind another; `over` where it is behind the last of all addresses. */
function later(
  base: Uint8Array,
  number: number,
): { readonly address: Uint8Array; readonly over: boolean } {
  const address = Uint8Array.from(base)
  let carry = number
  for (let at = address.length - 1; at >= 0 && carry > 0; at -= 1) {
    const sum = address[at]! + carry
    address[at] = sum % 256
    carry = Math.floor(sum / 256)
  }
  return { address, over: carry > 0 }
}

function outside(text: string, name: string): Parsed<string> {
  return {
    fault: `gives ${text} for ${name}, which is outside the network`,
    hint: 'give a shorter prefix or fewer nodes',
  }
}
