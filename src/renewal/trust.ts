/**
 * Whom a node trusts and who signs for it: read from the files beside its own, and held against the pins. Nothing of
 * it comes from the engine.
 *
 * @module
 */

import { trustBundle } from '../authority/trust-bundle.js'
import { latin1Of } from '../bytes.js'
import type { AuthorityPath } from '../checks/context.js'
import type { NodeFile } from '../cluster/node-file.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { fingerprintText, type Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { verifyChain } from '../x509/verify-chain.js'

/** The authority that signs for a node, and the roots that its agent trusts. */
export interface NodeAuthority extends AuthorityPath {
  /** `ca.pem`, as it is written. */
  readonly bundle: string
}

/**
 * Reads the certificates beside a node's file.
 *
 * @param node The file.
 * @param files `roots` and `chain`: the bytes of the files that it names.
 * @throws {NomadPkiError} `ERR_NODE_INVALID`
 */
export function nodeAuthority(
  { trust, engine, address }: NodeFile,
  files: { readonly roots: Uint8Array; readonly chain: Uint8Array | undefined },
): NodeAuthority {
  const again = `where the spec is: nomad-pki pack ${address.replace(/^identity\//, '')} --renew; it makes these files anew`
  const fault = (message: string): NomadPkiError =>
    new NomadPkiError('ERR_NODE_INVALID', message, { address, hint: again })
  const read = (bytes: Uint8Array, file: string): readonly Certificate[] => {
    try {
      return parseCertificates(latin1Of(bytes))
    } catch (error) {
      if (!isNomadPkiError(error)) throw error
      throw fault(`${file}: ${error.message}`)
    }
  }
  const roots = read(files.roots, trust.roots)
  const has = roots.map(fingerprintText)
  const stranger = has.find((one) => !trust.pins.includes(one))
  if (stranger !== undefined)
    throw fault(`${trust.roots} has the root ${stranger}, which trust.pins does not name`)
  const lacking = trust.pins.find((one) => !has.includes(one))
  if (lacking !== undefined)
    throw fault(`${trust.roots} lacks the root ${lacking}, which trust.pins names`)
  const chain = files.chain === undefined ? [] : read(files.chain, trust.chain ?? 'the chain')
  const certificate = [...chain, ...roots].find((one) => fingerprintText(one) === trust.signer)
  if (certificate === undefined) {
    throw fault(
      `trust.signer is ${trust.signer}, and ${trust.chain === undefined ? trust.roots : `neither ${trust.chain} nor ${trust.roots}`} has it`,
    )
  }
  // Dates are judged where a certificate is prepared: with the moment, and its own message.
  const verdict = verifyChain(certificate, chain, roots, { now: undefined })
  if (!verdict.ok)
    throw fault(
      `${trust.chain ?? trust.roots}: the authority that signs is not under the roots: ${verdict.message}`,
    )
  const { path } = verdict
  return {
    address: `${engine.mount}/issuer/${engine.issuer}`,
    ...{ certificate, chain, path },
    crosses: [],
    retired: [],
    notAfter: Math.min(...path.map(({ notAfter }) => notAfter)),
    notBefore: Math.max(...path.map(({ notBefore }) => notBefore)),
    bundle: trustBundle(roots),
  }
}
