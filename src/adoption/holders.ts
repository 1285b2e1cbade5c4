/**
 * Certificates of people and machines, and older ones of the same holder: what is said of them.
 *
 * @module
 */

import type { Leaf } from './leaves.js'
import type { LeftOut } from './materials.js'

/** What an adopted certificate of a person or a machine leaves open. */
export function holderNotes({
  certificate,
  named: { role, holder, region },
  places,
}: Leaf): readonly string[] {
  const from = `of ${places[0]!}`
  if (role === 'machine') {
    return [
      `${from}; where its host has the files stands in no certificate: tls, owner and reload say it`,
    ]
  }
  if (holder !== undefined) return [from]
  // The role's name says that people use it: `cli.global.nomad`.
  const open = region === undefined && certificate.notAfter - certificate.notBefore > personal
  return [
    `${from}; the name is a guess`,
    ...(open
      ? [
          'does a person use it, or a program such as Prometheus? For a program add kind: machine, so that apply renews it in time',
        ]
      : []),
  ]
}

/** A certificate that its holder asks for each week or so is a person's, milliseconds. */
const personal = 8 * 86_400_000

/** An older generation, or an older certificate of the same holder. */
export function olderOf(leaf: Leaf, newer: Leaf): LeftOut {
  return {
    kind: 'left-out',
    place: leaf.places[0]!,
    code: 'adoption/replaced',
    message: `${newer.places[0]!} is of the same holder, and begins later`,
  }
}
