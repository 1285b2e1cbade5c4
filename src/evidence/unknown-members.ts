/**
 * Whom Nomad names and the spec does not.
 *
 * @module
 */

import { isAgent } from '../nomad/roles.js'
import type { Desired } from '../cluster/desired.js'
import type { Members } from './evidence.js'

/** One that only Nomad knows. */
export interface UnknownMember {
  /** `member/global/s9` */
  readonly address: string
  readonly region: string
  /** Without the region that gossip puts behind it. */
  readonly name: string
  readonly kind: 'server' | 'client'
}

/** The name without the region that gossip puts behind it: `s1.global` (nomad/server.go setupSerf). */
export function bareName(name: string, region: string): string {
  const suffix = `.${region}`
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name
}

/**
 * Adds to `known` those that presented the leaf of an agent of the spec.
 *
 * @param members What Nomad said of one region.
 * @param recognised Who presented such a leaf, as it was asked: `member/global/s9`.
 * @returns The same object if there is nothing to add.
 */
export function withRecognised(members: Members, recognised: ReadonlySet<string>): Members {
  const { region, servers, clients, known = [] } = members
  const more = [...servers, ...clients].filter(
    (name) => recognised.has(`member/${region}/${bareName(name, region)}`) && !known.includes(name),
  )
  return more.length === 0 ? members : { ...members, known: [...known, ...more] }
}

/**
 * Finds members that the spec lacks: by name, and where a region shares one identity, by role. A member that
 * presented the leaf of an agent of the spec is known, under any name.
 */
export function unknownMembers(
  desired: Desired,
  members: readonly Members[],
): readonly UnknownMember[] {
  const known = new Set<string>()
  const shared = new Set<string>()
  for (const { name, profile } of desired.identities) {
    const { region, role } = profile
    if (!isAgent(role)) continue
    known.add(`${region}/${name}`)
    if (!profile.shared) continue
    for (const kind of role === 'combined' ? ['server', 'client'] : [role]) {
      shared.add(`${region}/${kind}`)
    }
  }
  return members.flatMap(({ region, servers, clients, known: recognised }) => {
    const seen = new Set(recognised)
    const unknown = (kind: UnknownMember['kind'], names: readonly string[]): UnknownMember[] =>
      names.flatMap((full) => {
        const name = bareName(full, region)
        return known.has(`${region}/${name}`) || shared.has(`${region}/${kind}`) || seen.has(full)
          ? []
          : [{ address: `member/${region}/${name}`, region, name, kind }]
      })
    return [...unknown('server', servers), ...unknown('client', clients)]
  })
}
