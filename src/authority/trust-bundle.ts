/**
 * Trust bundles: what agents load as `ca_file`.
 *
 * @module
 */

import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'

/**
 * Writes the trust bundle for agents (`ca_file`): PEM of the roots, the soonest-expiring first, each once.
 * The text does not depend on the order of the argument.
 *
 * @param roots Roots only: an agent would trust an intermediate in `ca_file` by itself.
 * @returns The text of `ca.pem`; empty without roots.
 */
export function trustBundle(roots: readonly Certificate[]): string {
  return [...new Map(roots.map((root) => [fingerprintOf(root), root]))]
    .sort(([aPrint, a], [bPrint, b]) => a.notAfter - b.notAfter || (aPrint < bPrint ? -1 : 1))
    .map(([, root]) => encodeCertificate(root))
    .join('')
}
