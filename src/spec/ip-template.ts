/**
 * The addresses of nodes: written out, with the number of a range in them (`10.0.1.{n}`), or counted
 * from a base within its network (`10.0.0.0/16+{n}`), so that five hundred nodes have addresses.
 *
 * @module
 */

import { formatIp, parseIp, parsePrefixed, type Network } from './network.js'
import {
  expandTemplate,
  parseTemplate,
  type NodeOfPattern,
  type Parsed,
  type Template,
} from './pattern.js'

/** An address, for one node or for the nodes of a range. */
export type IpTemplate =
  | { readonly kind: 'text'; readonly template: Template }
  /** The base plus the number at an index. */
  | { readonly kind: 'offset'; readonly network: Network; readonly index: number }

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
    const address = parseIp(text)
    return 'fault' in address ? address : { ok: formatIp(address.ok) }
  }
  const { network } = template
  const host = BigInt((network.family === 4 ? 32 : 128) - network.bits)
  const value = network.value + BigInt(node.numbers[template.index]!)
  const text = formatIp({
    family: network.family,
    value: value & ((1n << (network.family === 4 ? 32n : 128n)) - 1n),
  })
  if (value >> host !== network.value >> host) {
    return {
      fault: `gives ${text} for ${node.name}, which is outside the network`,
      hint: 'give a shorter prefix or fewer nodes',
    }
  }
  return { ok: text }
}
