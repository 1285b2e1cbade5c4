/**
 * Authorities of the store, where a folder has what belongs to them and not they themselves.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { samePublicKey } from '../keys/public-key.js'
import { sameCertificate, type Certificate } from '../x509/certificate.js'
import type { MaterialFile } from './collect.js'
import { isAuthority, isSelfSigned } from './trees.js'

/**
 * Finds the authorities of the store that the folder leaves out: it has another version of them, or what
 * they signed.
 *
 * @param files What was read.
 * @param present The authorities that the store has.
 * @returns Their certificates, under their addresses.
 */
export function fromStore(
  files: readonly MaterialFile[],
  present: readonly { readonly address: string; readonly certificate: Certificate }[],
): readonly MaterialFile[] {
  if (present.length === 0) return []
  const found = files.flatMap(({ materials }) =>
    materials.flatMap((one) => (one.kind === 'certificate' ? one.certificate : [])),
  )
  const hasRoot = found.some((one) => isAuthority(one) && isSelfSigned(one))
  return present.flatMap(({ address, certificate }): MaterialFile[] => {
    if (found.some((one) => sameCertificate(one, certificate))) return []
    const isRoot = isSelfSigned(certificate)
    const belongs = found.some((one) => {
      const isNamesake = sameBytes(one.subject.der, certificate.subject.der)
      // A new root of the same name is a different authority: whether it takes over is not for the files to say.
      if (isNamesake && (!isRoot || samePublicKey(one.publicKey, certificate.publicKey)))
        return true
      return (!isRoot || !hasRoot) && isIssuedBy(one, certificate)
    })
    if (!belongs) return []
    return [{ file: address, materials: [{ kind: 'certificate', place: address, certificate }] }]
  })
}
