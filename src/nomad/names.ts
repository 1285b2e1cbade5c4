/**
 * What a DNS name means to Nomad, and which names a role may carry. The one place of these rules:
 * spec, lint and checks call it.
 *
 * @module
 */

import { isIP } from 'node:net'
import { domainToUnicode } from 'node:url'
import type { Role } from '../address.js'
import { roleProfiles, type RoleLabel } from './roles.js'

/**
 * What a name is. `role`: Nomad can take it for a server's or client's identity, or we for an
 * operator's. `wildcard`: it covers role names (`*.global.nomad`). `nomad`: below the zone, without
 * meaning to Nomad. `plain`: anywhere else.
 */
export type NameClass =
  | {
      readonly kind: 'role'
      readonly label: RoleLabel
      /** What stands between the label and the zone, as written; empty in `server..nomad`. */
      readonly region: string
      /** Whether label and zone are in lower case: the listener's checks compare letter by letter. */
      readonly exact: boolean
    }
  | { readonly kind: 'wildcard' | 'nomad' | 'plain' }

const wildcard: NameClass = { kind: 'wildcard' }
const belowZone: NameClass = { kind: 'nomad' }
const plain: NameClass = { kind: 'plain' }

/**
 * Classifies a DNS name or common name. Case doesn't count, nor a final dot: the dialer's check
 * ignores case (crypto/x509 VerifyHostname), the listener's doesn't (nomad/server.go:640), so both
 * spellings are read as the role.
 *
 * @param name Any text.
 */
export function classifyName(name: string): NameClass {
  const text = name.endsWith('.') ? name.slice(0, -1) : name
  const zone = text.slice(-6)
  if (zone !== '.nomad' && zone.toLowerCase() !== '.nomad') return plain
  const first = text.indexOf('.')
  const label = text.slice(0, first)
  const lower = label.toLowerCase()
  // At least three labels: nomad/server.go:640 wants them, and `server.nomad` names no region.
  if (first < text.length - 6 && (lower === 'server' || lower === 'client' || lower === 'cli')) {
    return {
      kind: 'role',
      label: lower,
      region: text.slice(first + 1, -6),
      exact: label === lower && zone === '.nomad' && text.length === name.length,
    }
  }
  return text.includes('*') ? wildcard : belowZone
}

/**
 * Why a text is not a DNS name that can be certified: LDH labels of RFC 1034 §3.5 and RFC 1123 §2.1,
 * with `_` as well, because regions named `us_west` run in the wild and Go takes it (crypto/x509
 * validHostname); `xn--` labels that can be read. Lower or upper case; no wildcard, no final dot.
 *
 * @param name The name in its ASCII form.
 * @returns A clause, lower case, without the name; `undefined` if it is one.
 */
export function dnsNameFault(name: string): string | undefined {
  const length = name.length
  if (length === 0) return 'is empty'
  if (length > 253) return `has ${length} characters, more than 253`
  let start = 0
  for (let at = 0; at <= length; at += 1) {
    const code = at === length ? 46 : name.charCodeAt(at)
    if (code === 46) {
      if (at === start) {
        return at === length ? 'ends in a dot' : 'has an empty label'
      }
      if (at - start > 63) return `has a label of ${at - start} characters, more than 63`
      if (name.charCodeAt(start) === 45 || name.charCodeAt(at - 1) === 45) {
        return 'has a label that begins or ends with a hyphen'
      }
      start = at + 1
      continue
    }
    const good =
      (code >= 97 && code <= 122) ||
      (code >= 48 && code <= 57) ||
      code === 45 ||
      (code >= 65 && code <= 90) ||
      code === 95
    if (!good) {
      if (code === 42) return 'is a wildcard'
      if (code > 127) return 'is not ASCII (write it in its xn-- form)'
      return `holds ${JSON.stringify(name.charAt(at))}`
    }
  }
  return idnFault(name)
}

const aLabel = /(?:^|\.)xn--/i

/** RFC 5890 §2.3.2.1: an A-label is what some name in Unicode becomes, and in its normal form. */
function idnFault(name: string): string | undefined {
  if (!aLabel.test(name)) return undefined
  const unicode = domainToUnicode(name)
  return unicode === '' || aLabel.test(unicode) || unicode.normalize('NFC') !== unicode
    ? 'has an xn-- label that stands for no name'
    : undefined
}

/**
 * Why the role names of a region cannot be certified, though Nomad itself takes almost any text as
 * a region (command/agent/command.go:351). Region names over 51 characters don't fit a common name
 * of 64 (RFC 5280 §A.1 ub-common-name); `a..b` or `eu-` make no DNS name, and under a name constraint
 * Go then refuses the whole certificate.
 *
 * @param region The region's name.
 * @returns A clause, lower case; `undefined` if they can.
 */
export function regionFault(region: string): string | undefined {
  if (region.length > 51) return `has ${region.length} characters, more than 51`
  return dnsNameFault(region)
}

/**
 * Why a role may not carry a DNS name. Nomad reads from the names what their bearer may do.
 * So a role carries the role names of its own kind and region alone, letter by letter.
 *
 * @param name The name in its ASCII form.
 * @param role Whose certificate it is for.
 * @param region The region of the agent or operator.
 * @returns A clause about the name, lower case; `undefined` if it may.
 */
export function nameFault(name: string, role: Role, region: string): string | undefined {
  if (name.includes('*')) {
    return classifyName(name).kind === 'plain'
      ? 'is a wildcard: a certificate names its own host and no others'
      : 'is a wildcard under .nomad: it would answer for every role of the region'
  }
  const syntax = dnsNameFault(name)
  if (syntax !== undefined) return syntax
  if (isIP(name) !== 0) return 'is an address: it belongs into `ips`'
  const meaning = classifyName(name)
  if (meaning.kind !== 'role') {
    // Below its own region a name has the region's `_`, as the role's own name has.
    return hasUnderscoreInDomain(name) && !name.endsWith(`.${region}.nomad`)
      ? 'has `_` in its domain, where no host name has one (RFC 1123 §2.1)'
      : undefined
  }
  const own = roleProfiles[role].labels.includes(meaning.label)
  if (own && meaning.exact && meaning.region === region) return undefined
  if (!own) {
    return `is the name of a ${words[meaning.label]}: ${roleProfiles[role].title} may not carry it`
  }
  if (meaning.region !== region && meaning.region.toLowerCase() !== region.toLowerCase()) {
    return `is the name of a ${words[meaning.label]} of region ${JSON.stringify(meaning.region)}, not ${JSON.stringify(region)}`
  }
  return `is not spelled as Nomad compares it: ${meaning.label}.${region}.nomad`
}

/**
 * Whether one of the last two labels holds `_`. Before them it is common practice; in them linters call
 * it an error (zlint e_rfc_dnsname_underscore_in_sld). Only a region's name is free to have it.
 */
function hasUnderscoreInDomain(name: string): boolean {
  const last = name.lastIndexOf('_')
  if (last === -1) return false
  const dot = name.indexOf('.', last)
  // A name of one label has no domain.
  return dot === -1 ? name.includes('.') : !name.includes('.', dot + 1)
}

const words: Readonly<Record<RoleLabel, string>> = {
  server: 'server',
  client: 'client',
  cli: 'person at the command line',
}
