/**
 * Certificates in PEM: chains and bundles.
 *
 * @module
 */

import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { pemBlocks, pemEncode } from '../keys/pem.js'
import { parseCertificate, type Certificate } from './certificate.js'

/**
 * Reads every certificate of a PEM text, in order. Other blocks (keys) are passed over.
 *
 * @param pem The whole text; between blocks anything may stand.
 * @returns The certificates; empty where the text has none.
 * @throws {NomadPkiError} `ERR_PEM_MALFORMED` with the line; `ERR_CERTIFICATE_MALFORMED` naming which of them.
 * @see RFC 7468 §5, RFC 5280 §4.1
 */
export function parseCertificates(pem: string): readonly Certificate[] {
  const blocks = pemBlocks(pem).filter(({ label }) => label === 'CERTIFICATE')
  return blocks.map(({ der }, index) => {
    try {
      return parseCertificate(der)
    } catch (error) {
      if (blocks.length === 1 || !isNomadPkiError(error, 'ERR_CERTIFICATE_MALFORMED')) throw error
      const which = `certificate ${index + 1} of ${blocks.length}`
      throw new NomadPkiError('ERR_CERTIFICATE_MALFORMED', `${which}: ${error.message}`)
    }
  })
}

/**
 * Writes one certificate as a PEM block.
 *
 * @param certificate A parsed one, or its DER.
 * @returns The PEM, with a final newline.
 * @see RFC 7468 §5
 */
export function encodeCertificate(certificate: Certificate | Uint8Array): string {
  return pemEncode('CERTIFICATE', 'der' in certificate ? certificate.der : certificate)
}
