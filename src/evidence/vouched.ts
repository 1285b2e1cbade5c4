/**
 * Whether a request comes from the node that it names: because the certificate that was made for it signs the
 * request too. A person compares the fingerprint where this does not show it.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { revocationOf, revocationsIn } from '../inventory/revoked.js'
import { fingerprintOf } from '../x509/certificate.js'
import { isSignedBeside } from '../x509/detached-signature.js'
import type { RequestFile } from '../x509/request.js'
import { generationsIn } from './generations.js'
import { proofsIn } from './proven.js'

/** What the signature beside a request shows. */
export type Vouching =
  /** The certificate of this generation signs it. */
  | { readonly state: 'vouched'; readonly generation: number }
  /** Nothing shows whose it is, and nothing is wrong with it: a person decides. */
  | { readonly state: 'open'; readonly why: string }
  /** Somebody made it up. */
  | { readonly state: 'false'; readonly why: string }

/**
 * Judges the signature beside a request.
 *
 * @param file The request, and perhaps a signature.
 * @param address Whose request it is said to be.
 * @param inventory Its ledger: which certificates were made for whom.
 * @param options `now`: epoch milliseconds.
 */
export function vouching(
  { request, signature }: RequestFile,
  address: string,
  inventory: Inventory,
  options: { readonly now: number },
): Vouching {
  if (signature === undefined) return { state: 'open', why: 'no certificate in use signs it' }
  if (!isSignedBeside(signature, request.der)) {
    return { state: 'false', why: 'the signature beside the request is not valid' }
  }
  const { signer } = signature
  const fingerprint = fingerprintOf(signer)
  const revoked = revocationOf(signer, revocationsIn(inventory.ledger))
  if (revoked !== undefined) {
    const why = `the certificate that signs it was revoked on ${formatInstant(revoked.at)}`
    return { state: 'open', why }
  }
  const made = generationsIn(inventory)
  const own = made.get(address)?.findLast((one) => one.fingerprint === fingerprint)
  if (own === undefined) {
    const [other] =
      [...made].find(([, all]) => all.some((one) => one.fingerprint === fingerprint)) ?? []
    return other === undefined
      ? { state: 'open', why: 'the ledger does not know the certificate that signs it' }
      : { state: 'false', why: `the certificate that signs it is that of ${other}` }
  }
  if (signer.notAfter <= options.now) {
    return {
      state: 'open',
      why: `generation ${own.number}, which signs it, expired at ${formatInstant(signer.notAfter)}`,
    }
  }
  const proof = proofsIn(inventory, options).get(address)
  const proven = proof?.proven?.number
  if (proven !== undefined && proven > own.number) {
    return {
      state: 'open',
      why: `generation ${own.number} signs it, and the agent is proven to have ${proven}`,
    }
  }
  return { state: 'vouched', generation: own.number }
}

/** The address of the identity whose certificate signs a request, as the ledger knows it. */
export function signerOf({ signature }: RequestFile, inventory: Inventory): string | undefined {
  if (signature === undefined) return undefined
  const fingerprint = fingerprintOf(signature.signer)
  const found = [...generationsIn(inventory)].find(([, all]) =>
    all.some((one) => one.fingerprint === fingerprint),
  )
  return found?.[0]
}
