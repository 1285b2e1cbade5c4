/**
 * From what waits in a plan to a request, and who signs it.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { randomSerial } from '../authority/serial.js'
import type { AuthorityKey, Issuers } from '../authority/issuers.js'
import type { DesiredAuthority } from '../cluster/desired.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { Certifier } from './certify.js'
import type { AskedCertificate } from './offline-request.js'

/** A certificate that waits for a key on another machine. */
export interface WaitingCertificate {
  readonly kind: 'root' | 'intermediate' | 'cross'
  readonly wanted: DesiredAuthority
  /** The address of the authority that signs. */
  readonly signer: string
}

/**
 * What is asked for one certificate.
 *
 * @param publicKey Of the intermediate.
 * @param below How many authorities stand below a root at most.
 * @param serial Default: random.
 */
export function askedFrom(
  { kind, wanted, signer }: WaitingCertificate,
  publicKey: PublicKey | undefined,
  below: number,
  serial: string = randomSerial(),
): AskedCertificate {
  const { address, subject, lifetime, constraints, beyondIssuer } = wanted
  switch (kind) {
    case 'root':
      return { kind, address, serial, key: wanted.key, subject, lifetime }
    case 'cross':
      return { kind, address, serial, issuer: signer, intermediates: below }
    case 'intermediate':
      return {
        kind,
        ...{ address, serial, issuer: signer, subject, lifetime, beyondIssuer },
        publicKey: publicKey!,
        regions: constraints?.regions ?? [],
        domains: constraints?.domains ?? [],
        networks: constraints?.networks ?? [],
      }
  }
}

/** Has authorities sign a request. */
export interface CertifierOfIssuers extends Certifier {
  /** The keys of roots that were begun, by address. */
  readonly keys: ReadonlyMap<string, AuthorityKey>
}

/** Lets the keys at hand sign. */
export function certifierOf(issuers: Issuers, made?: Certifier['made']): CertifierOfIssuers {
  const keys = new Map<string, AuthorityKey>()
  return {
    keys,
    async begin({ address, key: algorithm }) {
      const name = authorityNameOf(address)
      const key = await issuers.begin({ name, generation: generationOf(address), algorithm })
      keys.set(address, key)
      return key
    },
    async open({ address, name, generation, certificate }) {
      const key = keys.get(address)
      return key === undefined
        ? issuers.open({ name, generation, path: [certificate] })
        : key.open([certificate])
    },
    ...(made && { made }),
  }
}
