/**
 * A root that nothing of ours has made: by OpenSSL.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'

/** @returns Its certificate as PEM; its key is nowhere. */
export function mintRoot(commonName: string): string {
  return execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-new', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-keyout', '/dev/null', '-days', '30', '-subj', `/CN=${commonName}`],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
}
