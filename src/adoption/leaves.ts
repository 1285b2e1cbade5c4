/**
 * The certificates of agents and operators that live, with their keys and who signed them.
 *
 * @module
 */

import type { FoundKey } from '../keys/found-key.js'
import { formatInstant } from '../duration.js'
import { handshakeKeyFault } from '../nomad/load-fault.js'
import type { Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import { isKnownSignature } from '../x509/signature.js'
import type { Collection } from './collect.js'
import type { LeftOut } from './materials.js'
import { nameLeaf, type Named } from './roles.js'
import { isAuthority, isSelfSigned, type Tree, type Trees } from './trees.js'

/** A leaf that can be adopted. */
export interface Leaf {
  readonly certificate: Certificate
  readonly places: readonly string[]
  readonly files: readonly string[]
  readonly key: FoundKey
  readonly named: Named
  readonly signer: Tree
}

/** The leaves that can be adopted, and why the others are not. */
export function leavesIn(
  collection: Collection,
  trees: Trees,
  now: number,
): { readonly leaves: readonly Leaf[]; readonly leftOut: readonly LeftOut[] } {
  const leaves: Leaf[] = []
  const leftOut: LeftOut[] = []
  for (const { certificate, places, files } of collection.certificates) {
    if (isAuthority(certificate)) continue
    const leave = (code: LeftOut['code'], message: string, hint?: string): void => {
      leftOut.push({
        kind: 'left-out',
        place: places[0]!,
        code,
        message,
        ...(hint !== undefined && { hint }),
      })
    }
    const { publicKey, notAfter } = certificate
    if (notAfter <= now) {
      leave('adoption/expired', `the certificate expired ${formatInstant(notAfter)}`)
      continue
    }
    const named = nameLeaf(certificate)
    if (typeof named === 'string') {
      leave('adoption/role-name', named)
      continue
    }
    const unusable = handshakeKeyFault(publicKey, named.role !== 'operator')
    if (unusable !== undefined) {
      leave('adoption/key', unusable)
      continue
    }
    const signer = trees.signerOf(certificate)
    if (signer === undefined) {
      leave('adoption/issuer', signerText(certificate))
      continue
    }
    const root = signer.issuer ?? signer
    if (!root.anchor) {
      leave(
        'adoption/levels',
        `two intermediates stand between it and ${formatName(root.issuer!.certificate.subject)}; a spec has one at most`,
      )
      continue
    }
    const key = collection.keyOf(publicKey)
    if (key === undefined) {
      leave(
        'adoption/key-missing',
        'its private key is not here, or cannot be read',
        'put the key beside it and adopt again; else the next apply makes a new pair for its node',
      )
      continue
    }
    leaves.push({ certificate, places, files, key, named, signer })
  }
  return { leaves, leftOut }
}

function signerText(certificate: Certificate): string {
  if (isSelfSigned(certificate)) return 'it signed itself, and is not an authority'
  if (!isKnownSignature(certificate.signatureAlgorithm)) {
    return 'its signature is of a kind that agents refuse (SHA-1, for instance)'
  }
  return `the authority that signed it is not here: ${formatName(certificate.issuer) || 'it has no name'}`
}
