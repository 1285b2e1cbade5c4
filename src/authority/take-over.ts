/**
 * How a running cluster that has an authority already keeps it, in words.
 *
 * @module
 */

import { fingerprintText, type Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'

/** The page that says how a running cluster is taken over. */
export const takeOverPage = 'docs/take-over.md'

/** `CN=Nomad Agent CA, SHA256:…`: an authority as messages name it. */
export function authorityText(certificate: Certificate): string {
  return `${formatName(certificate.subject)}, ${fingerprintText(certificate)}`
}

/**
 * How agents keep the authority that they use: its files become a generation in the store.
 *
 * @param authority Its name in the spec.
 * @param generation The generation that it becomes.
 * @param location The store.
 */
export function takeOverAdvice(
  { name, generation }: { readonly name: string; readonly generation: number },
  location: string,
): string {
  if (generation === 1) {
    return `before apply: nomad-pki adopt FOLDER, with the folder that holds its certificate and key (${takeOverPage})`
  }
  const place = `${location}/authority/${name}/${generation}`
  return `before apply, put its certificate into ${place}/ca.pem (mode 0644) and its key into ${place}/ca-key.pem (mode 0400): ${takeOverPage}`
}
