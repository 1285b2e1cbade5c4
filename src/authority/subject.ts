/**
 * The subject of an authority: a common name may carry a part of its key's identifier, which nobody
 * knows before the key is made.
 *
 * Agents report the names of the roots that they trust, not the keys (RFC 8446 §4.2.4, RFC 5246 §7.4.4).
 * With the key in the name, two roots of one store and its copy do not have the same name.
 *
 * @module
 */

import type { PublicKey } from '../keys/algorithms.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import type { SubjectAttributes } from '../x509/name.js'

/** Stands in a common name until the key is there. */
export const keyMark = '{key}'

/** How many characters replace {@link keyMark}: four bytes of the identifier, in hex. */
export const keyMarkLength = 8

/**
 * The subject for a key.
 *
 * @param subject Its common name may hold {@link keyMark}.
 * @param publicKey The authority's key.
 * @returns The same subject, with the first bytes of the key's identifier (RFC 5280 §4.2.1.2) in its place.
 */
export function subjectFor(subject: SubjectAttributes, publicKey: PublicKey): SubjectAttributes {
  const { commonName } = subject
  if (!commonName.includes(keyMark)) return subject
  const part = keyIdentifierOf(publicKey).slice(0, keyMarkLength)
  return { ...subject, commonName: commonName.replaceAll(keyMark, part) }
}
