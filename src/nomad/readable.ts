/**
 * The certificates of a file as an agent sees it: what cannot be parsed is passed over.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { scanPem } from './pem-scan.js'

/**
 * Reads every certificate of a text that can be read, in order.
 *
 * @param pem The whole text.
 * @returns Never throws for anything in the text.
 */
export function readableCertificates(pem: string): readonly Certificate[] {
  return scanPem(pem).blocks.flatMap(({ label, der }) => {
    if (label !== 'CERTIFICATE') return []
    try {
      return [parseCertificate(der)]
    } catch (error) {
      if (isNomadPkiError(error)) return []
      throw error
    }
  })
}
