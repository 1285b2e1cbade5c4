/**
 * An issuer that is in an engine and not in the store: whether it is the one of the spec.
 *
 * @module
 */

import { checkAuthority } from '../checks/authority.js'
import { checkContext } from '../checks/context.js'
import { isIssuedBy } from '../checks/issued-by.js'
import type { FoundAuthority } from '../inventory/inventory.js'
import type { Certificate } from '../x509/certificate.js'
import { isSignedBy } from '../x509/signature.js'
import type { SetUp } from './set-up-engine.js'

/** Why an issuer that is in the engine, and not in the store, is not the one of the spec. */
export function takeFault(
  certificate: Certificate,
  { authority, desired, inventory }: SetUp,
  now: number,
): string | undefined {
  const root = authority.issuer!
  const above = inventory.authorities.get(root.address)?.certificate
  if (above === undefined)
    return `${root.address}, which should have signed it, is not in the store`
  if (!isIssuedBy(certificate, above) || !isSignedBy(certificate, above.publicKey)) {
    return `${root.address} did not sign it`
  }
  if (certificate.publicKey.algorithm !== authority.key) {
    return `its key is ${certificate.publicKey.name}, and the spec says ${authority.key}`
  }
  const found: FoundAuthority = {
    ...{ address: authority.address, name: authority.name, generation: authority.generation },
    certificate,
    key: { state: 'absent' },
    crossed: new Map(),
    findings: [],
  }
  const authorities = new Map([...inventory.authorities, [authority.address, found]])
  const context = checkContext(desired, { ...inventory, authorities }, { now })
  return checkAuthority(authority, found, context).find(({ severity }) => severity !== 'note')
    ?.message
}
