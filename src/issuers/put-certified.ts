/**
 * Puts the certificates of an answered request into a store: on both machines, all of them in one batch.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import type { AuthorityKey } from '../authority/issuers.js'
import type { FoundAuthority } from '../inventory/inventory.js'
import type { StoreBatch } from '../inventory/store.js'
import { fingerprintOf, sameCertificate, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { formatName } from '../x509/name.js'
import type { AskedCertificate } from './offline-request.js'

/** The certificate that a store has for what was asked. */
export function foundFor(
  item: AskedCertificate,
  authorities: ReadonlyMap<string, FoundAuthority>,
): Certificate | undefined {
  const found = authorities.get(item.address)
  return item.kind === 'cross' ? found?.crossed.get(generationOf(item.issuer)) : found?.certificate
}

/**
 * Puts what the store lacks.
 *
 * @param certified In the order of the items.
 * @param ports `keys`: those of new roots, where they are made here; `at`: epoch milliseconds.
 * @returns How many are new.
 */
export function putCertified(
  items: readonly AskedCertificate[],
  certified: readonly Certificate[],
  batch: StoreBatch,
  ports: {
    readonly authorities: ReadonlyMap<string, FoundAuthority>
    readonly keys: ReadonlyMap<string, AuthorityKey>
    readonly at: number
  },
): number {
  let count = 0
  items.forEach((item, index) => {
    const certificate = certified[index]!
    const found = foundFor(item, ports.authorities)
    if (found !== undefined && sameCertificate(found, certificate)) return
    count += 1
    const { address, serial: attempt } = item
    const [name, generation] = [authorityNameOf(address), generationOf(address)]
    const pem = encodeCertificate(certificate)
    const { serial, notAfter } = certificate
    const fingerprint = fingerprintOf(certificate)
    const common = { address, at: ports.at, serial, fingerprint, notAfter, attempt }
    if (item.kind === 'cross') {
      batch.putCross(name, generation, generationOf(item.issuer), pem)
      batch.record({ event: 'crossed', ...common, by: item.issuer })
      return
    }
    const key = ports.keys.get(address)
    if (key === undefined) batch.putAuthority(name, generation, { certificate: pem })
    else key.keep(batch, pem)
    batch.record({
      event: 'authority',
      ...common,
      subject: formatName(certificate.subject),
      issuer: item.kind === 'root' ? null : item.issuer,
    })
  })
  return count
}
