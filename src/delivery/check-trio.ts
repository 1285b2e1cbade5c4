/**
 * Whether an agent that loads these three files will come up and be believed: what is loaded, the
 * chain under the trust beside it, and the time.
 *
 * @module
 */

import type { Role } from '../address.js'
import { formatInstant } from '../duration.js'
import { latin1Of } from '../bytes.js'
import { isNomadPkiError } from '../errors.js'
import { loadFaults } from '../nomad/load-fault.js'
import { profileOf } from '../nomad/roles.js'
import { parseCertificates } from '../x509/certificates.js'
import type { Certificate } from '../x509/certificate.js'
import { verifyChain } from '../x509/verify-chain.js'

/** The bytes of the three files. */
export interface TrioBytes {
  readonly ca: Uint8Array
  readonly cert: Uint8Array
  /** Where it is on the node only, the pair is not compared. */
  readonly key: Uint8Array | undefined
}

/** Whether certificate, key and trust belong together. */
export interface TrioCheck {
  /** Sentences: with any of them it must not be installed. */
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
  /** `cert.pem`, leaf first; empty if it can't be parsed. */
  readonly chain: readonly Certificate[]
  /** `ca.pem` */
  readonly trust: readonly Certificate[]
}

/**
 * Checks three files.
 *
 * @param trio Their bytes.
 * @param now Epoch milliseconds.
 * @param role Whose leaf it is: that says what it is presented for. Default: an agent's, which listens and dials
 *   (helper/tlsutil/config.go:278, nomad/server.go:610-634).
 */
export function checkTrio(trio: TrioBytes, now: number, role: Role = 'server'): TrioCheck {
  const load = loadFaults({
    ca: latin1Of(trio.ca),
    cert: latin1Of(trio.cert),
    key: trio.key === undefined ? '' : latin1Of(trio.key),
  }).filter(({ file }) => trio.key !== undefined || file !== 'key')
  const faults = load.filter(({ effect }) => effect !== 'dropped').map(({ message }) => message)
  const warnings = load.filter(({ effect }) => effect === 'dropped').map(({ message }) => message)
  const chain = read(latin1Of(trio.cert), 'cert.pem', faults)
  const trust = read(latin1Of(trio.ca), 'ca.pem', faults)
  const [leaf, ...others] = chain
  if (leaf !== undefined && trust.length > 0) {
    if (leaf.notAfter <= now) faults.push(`the leaf expired at ${formatInstant(leaf.notAfter)}`)
    else if (leaf.notBefore > now) {
      faults.push(
        `the leaf is valid from ${formatInstant(leaf.notBefore)}, and it is ${formatInstant(now)} here: is the clock right?`,
      )
    } else {
      for (const purpose of profileOf(role).extendedKeyUsage) {
        const verdict = verifyChain(leaf, others, trust, { now, purpose })
        if (verdict.ok) continue
        faults.push(`the leaf is not trusted by the ca.pem beside it: ${verdict.message}`)
        break
      }
    }
  }
  return { faults, warnings, chain, trust }
}

function read(pem: string, file: string, faults: string[]): readonly Certificate[] {
  try {
    return parseCertificates(pem)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    faults.push(`${file}: ${error.message}`)
    return []
  }
}
