/**
 * Every name that a leaf of a role carries: what `prepare` puts into the subjectAltName and what the
 * checks expect to find there.
 *
 * @module
 */

import type { Role } from '../address.js'
import { loopback, profileOf } from './roles.js'

/** The names of a leaf, by their type in the subjectAltName; no duplicates. */
export interface LeafNames {
  readonly dns: readonly string[]
  readonly ips: readonly string[]
  readonly uris: readonly string[]
}

/**
 * Lists the names of a leaf: the role's own, the loopback's for agents, then what was asked for.
 *
 * @param wanted Names are lower-case DNS names in ASCII, addresses in canonical text.
 */
export function leafNames(wanted: {
  readonly role: Role
  readonly region: string
  readonly names?: readonly string[] | undefined
  readonly ips?: readonly string[] | undefined
  readonly uris?: readonly string[] | undefined
}): LeafNames {
  const profile = profileOf(wanted.role)
  const local = profile.localNames ? loopback : { names: [], ips: [] }
  return {
    dns: distinct([...profile.roleNames(wanted.region), ...local.names, ...(wanted.names ?? [])]),
    ips: distinct([...local.ips, ...(wanted.ips ?? [])]),
    uris: distinct(wanted.uris ?? []),
  }
}

function distinct(items: readonly string[]): readonly string[] {
  // A handful of names: a Set costs more than looking (this runs once for every node of a plan).
  const out: string[] = []
  for (const item of items) if (!out.includes(item)) out.push(item)
  return out
}
