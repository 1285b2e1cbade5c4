/**
 * What a parsed certificate no longer tells: how its times are encoded, and whether there are unique
 * identifiers behind the key.
 *
 * @module
 */

import { DerReader } from '../der/read.js'
import type { Certificate } from '../x509/certificate.js'

/** The tags of notBefore and notAfter. */
export function timeTags(certificate: Certificate): readonly [before: number, after: number] {
  const fields = behindIssuer(certificate)
  const validity = fields.enter(0x30, 'validity')
  const before = validity.peek()
  validity.whole('notBefore')
  return [before, validity.peek()]
}

/** Whether something stands between the public key and the extensions. */
export function hasUniqueIdentifiers({ tbs, publicKey }: Certificate): boolean {
  const behind = endOf(publicKey.spki, tbs)
  const tag = behind === -1 ? undefined : tbs[behind]
  return tag === 0x81 || tag === 0x82
}

function behindIssuer({ tbs, issuer }: Certificate): DerReader {
  const behind = endOf(issuer.der, tbs)
  if (behind !== -1) return new DerReader(tbs, behind)
  const fields = new DerReader(tbs).enter(0x30, 'what is signed')
  if (fields.peek() === 0xa0) fields.whole('version')
  fields.whole('serial number')
  fields.whole('algorithm')
  fields.whole('issuer')
  return fields
}

/** Where a part ends in the whole, if it is a view of it; else -1. */
function endOf(part: Uint8Array, whole: Uint8Array): number {
  if (part.buffer !== whole.buffer) return -1
  const end = part.byteOffset - whole.byteOffset + part.length
  return end > part.length && end <= whole.length ? end : -1
}
