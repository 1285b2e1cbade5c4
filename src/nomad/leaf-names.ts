/**
 * Every name that a leaf of a role carries: what `prepare` puts into the subjectAltName and what the
 * checks expect to find there.
 *
 * @module
 */

import type { Role } from '../address.js'
import { memoByObject, memoByText } from '../memo.js'
import { loopback, profileOf, type RoleProfile } from './roles.js'

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
  const { names = [], ips = [], uris = [] } = wanted
  const base = baseNames(profileOf(wanted.role))(wanted.region)
  // Most clients have no names of their own, and a plan asks for ten thousand of them.
  if (names.length === 0 && ips.length === 0 && uris.length === 0) return base
  return {
    dns: distinct([...base.dns, ...names]),
    ips: distinct([...base.ips, ...ips]),
    uris: distinct(uris),
  }
}

/** Most agents of a plan have only the names of their role and region. */
const baseNames = memoByObject((profile: RoleProfile) =>
  memoByText((region): LeafNames => {
    const local = profile.localNames ? loopback : { names: [], ips: [] }
    return {
      dns: distinct([...profile.roleNames(region), ...local.names]),
      ips: local.ips,
      uris: [],
    }
  }),
)

function distinct(items: readonly string[]): readonly string[] {
  // A handful of names: a Set costs more than looking (this runs once for every node of a plan).
  const out: string[] = []
  for (const item of items) if (!out.includes(item)) out.push(item)
  return out
}
