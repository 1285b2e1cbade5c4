/**
 * Trust bundles: what agents load as `ca_file`.
 *
 * @module
 */

import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'

/**
 * The text of a trust bundle, the soonest-expiring root first, so that it does not depend on the
 * order in which a spec lists them.
 *
 * @param roots Roots only; an intermediate in `ca_file` would be trusted by itself.
 */
export function trustBundle(roots: readonly Certificate[]): string {
  return [...new Map(roots.map((root) => [fingerprintOf(root), root]))]
    .sort(([aPrint, a], [bPrint, b]) => a.notAfter - b.notAfter || (aPrint < bPrint ? -1 : 1))
    .map(([, root]) => encodeCertificate(root))
    .join('')
}
