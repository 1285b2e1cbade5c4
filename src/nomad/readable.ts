/**
 * The certificates of a file as an agent reads them: what cannot be parsed is passed over.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import { scanPem, type PemBlock } from '../keys/pem-scan.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { parseFault } from './parse-fault.js'

/**
 * Reads every certificate of a text that can be read, in order, also where Go's parser would refuse
 * it: for reports about `cert_file`.
 *
 * @param pem The whole text.
 * @returns Never throws for anything in the text.
 */
export function readableCertificates(pem: string): readonly Certificate[] {
  return certificatesAmong(
    scanPem(pem).blocks.map((block) =>
      block.label === 'CERTIFICATE' ? readable(block.der) : `it is of type ${block.label}`,
    ),
  )
}

/**
 * Reads what `ca_file` makes an agent trust (helper/tlsutil/config.go:176-195): each certificate that
 * AppendCertsFromPEM adds to the pool, in order.
 *
 * @param pem The whole text.
 * @returns Never throws for anything in the text.
 */
export function trustedCertificates(pem: string): readonly Certificate[] {
  return certificatesAmong(scanPem(pem).blocks.map(anchorOf))
}

/**
 * Reads a block of `ca_file` by the rule of AppendCertsFromPEM.
 *
 * @param block As {@link scanPem} found it.
 * @returns The certificate, or why the agent passes over the block.
 */
export function anchorOf(block: PemBlock): Certificate | string {
  return passedOver(block, true) ?? certificateOf(block)
}

/**
 * Tells why agents pass over a block, whatever is in it.
 *
 * @param block As {@link scanPem} found it.
 * @param anchor Whether it stands in `ca_file`; tls.X509KeyPair, which reads `cert_file`, takes headers.
 */
export function passedOver(
  { label, headers }: Pick<PemBlock, 'label' | 'headers'>,
  anchor: boolean,
): string | undefined {
  if (label !== 'CERTIFICATE') return `it is of type ${label}`
  return anchor && headers ? 'it has headers' : undefined
}

/**
 * Reads a certificate by the rules of Go's parser.
 *
 * @param block As {@link scanPem} found it.
 * @returns The certificate, or why Go refuses it.
 */
export function certificateOf({ der }: PemBlock): Certificate | string {
  const certificate = readable(der)
  return typeof certificate === 'string' ? certificate : (parseFault(certificate) ?? certificate)
}

function readable(der: Uint8Array): Certificate | string {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (isNomadPkiError(error)) return error.message
    throw error
  }
}

function certificatesAmong(read: readonly (Certificate | string)[]): readonly Certificate[] {
  return read.filter((one) => typeof one !== 'string')
}
