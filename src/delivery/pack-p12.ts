/**
 * An operator's key, certificate and chain as one PKCS#12 file, which browsers and keychains import.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { NomadPkiError } from '../errors.js'
import type { Store } from '../inventory/store.js'
import { parsePrivateKey } from '../keys/private-key.js'
import { isAgent } from '../nomad/roles.js'
import { sha256 } from '../sha256.js'
import { fingerprintOf } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { makePkcs12, type Pkcs12Form } from '../x509/make-pkcs12.js'
import { readFit, type PackedIdentity } from './pack-identity.js'

/** How it is packed. */
export interface PackPkcs12Options {
  /** Epoch milliseconds. */
  readonly now: number
  readonly password: string
  /** Default: `modern`. */
  readonly form?: Pkcs12Form | undefined
}

/**
 * Packs the current generation of an operator as PKCS#12: the key, its certificate, what is between it and the
 * root, and the roots that the cluster trusts.
 *
 * @throws {NomadPkiError} `ERR_USAGE` for an agent, and for a password that is not fit; `ERR_STORE_MISSING`,
 *   `ERR_PACK_UNFIT` as for an archive; `ERR_KEY_ALGORITHM`
 */
export async function packPkcs12(
  spec: ClusterSpec,
  identity: DesiredIdentity,
  store: Store,
  { now, password, form }: PackPkcs12Options,
): Promise<PackedIdentity> {
  const { name, profile } = identity
  requireOperator(identity)
  const { generation, manifest, ca, cert, key, warnings } = await readFit(spec, identity, store, {
    now,
  })
  const chain = parseCertificates(latin1Of(cert))
  const seen = new Set(chain.map(fingerprintOf))
  const roots = parseCertificates(latin1Of(ca)).filter((root) => !seen.has(fingerprintOf(root)))
  const archive = makePkcs12({
    key: parsePrivateKey(latin1Of(key!)),
    certificates: [...chain, ...roots],
    friendlyName: `${name} (${spec.cluster} ${profile.region})`,
    password,
    form,
  })
  const { directory } = generation
  return { archive, fingerprint: sha256(archive), manifest, directory, warnings }
}

/**
 * Refuses an agent: it loads PEM and nothing else.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function requireOperator({ address, profile }: DesiredIdentity): void {
  if (!isAgent(profile.role)) return
  throw new NomadPkiError('ERR_USAGE', `${address} is an agent, and agents do not load PKCS#12`, {
    address,
    hint: '--layout p12 is for operators and their browsers',
  })
}
