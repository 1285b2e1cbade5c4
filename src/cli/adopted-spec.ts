/**
 * The spec of an earlier run of `adopt`, after another run: comments that are no longer true leave it, and
 * generations that the old tool made come into it.
 *
 * @module
 */

import type { Adoption } from '../adoption/adopt.js'
import type { AdoptedAuthority } from '../adoption/adopted.js'
import { keylessStart } from '../adoption/notes.js'
import { editAuthorities, type AuthorityEdit } from '../cluster/edit-authority.js'
import type { ClusterSpec } from '../cluster/spec.js'
import type { Inventory } from '../inventory/inventory.js'
import { fingerprintText } from '../x509/certificate.js'

/** The spec without the comments that say of a key which is here that it is not. */
export function withKeys(text: string, { authorities }: Adoption): string {
  const untrue = authorities.flatMap(({ address, key }) =>
    key ? [`# ${keylessStart(address)}`] : [],
  )
  return text
    .split('\n')
    .filter((line) => !untrue.some((start) => line.trim().startsWith(start)))
    .join('\n')
}

/** The spec, with the generations that the old tool made of authorities of the store: they sign, and agents trust those of a root. */
export function withGenerations(
  text: string,
  { authorities }: Adoption,
  inventory: Inventory | undefined,
  spec: ClusterSpec,
  file: string,
): string {
  const isHere = ({ address }: AdoptedAuthority): boolean =>
    inventory?.authorities.get(address)?.certificate !== undefined
  const edits = authorities
    .filter((one) => (one.issuer === undefined || one.key !== undefined) && !isHere(one))
    .filter(({ name }) => authorities.some((one) => one.name === name && isHere(one)))
    .map(({ name, generation, issuer, certificate }): AuthorityEdit => {
      const rides = { name, rollout: 'ride-along' as const }
      if (issuer !== undefined) return { ...rides, signing: generation }
      const { signing, trusted } = spec.authorities.find((one) => one.name === name)!
      const old = authorities.find((one) => one.name === name && one.generation === signing)
      // Leaves name the key by its identifier: under another one all of them would be renewed.
      const isSame =
        old?.certificate.subjectKeyIdentifier === certificate.subjectKeyIdentifier ||
        signing === generation
      return {
        ...rides,
        ...(isSame && { signing: generation }),
        trusted: [...new Set([...trusted, generation])].sort((a, b) => a - b),
        pins: { [generation]: fingerprintText(certificate) },
      }
    })
  return editAuthorities(text, edits, { file }).text
}
