/**
 * Whether `manifest.json` and the directory's name describe the files beside it.
 *
 * @module
 */

import type { FoundGeneration } from '../inventory/inventory.js'
import { readManifest, sha256 } from '../inventory/manifest.js'
import { fingerprintOf } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'

/**
 * Compares a generation with its manifest.
 *
 * @param address The identity.
 * @param generation The generation; the key's own checksum is left to `install`, who has the bytes.
 * @returns One sentence, or `undefined` where they agree.
 */
export function manifestFault(address: string, generation: FoundGeneration): string | undefined {
  const { chain, bundle, directory, number } = generation
  const leaf = chain[0]
  if (generation.manifest === null) return undefined
  if (generation.manifest === undefined) return 'manifest.json is missing'
  const manifest = readManifest(generation.manifest)
  if (typeof manifest === 'string') return `manifest.json cannot be read: ${manifest}`
  if (manifest.address !== address) return `manifest.json is that of ${manifest.address}`
  if (manifest.generation !== number) {
    return `manifest.json says generation ${manifest.generation}, the directory is ${directory}`
  }
  if (leaf === undefined) return undefined
  const fingerprint = fingerprintOf(leaf)
  if (manifest.leaf.fingerprint !== fingerprint) {
    return 'manifest.json describes another certificate than cert.pem holds'
  }
  if (!directory.endsWith(`-${fingerprint.slice(0, 8)}`)) {
    return `the directory is called ${directory}, and cert.pem begins with ${fingerprint.slice(0, 8)}`
  }
  const files = manifest.files
  if (files['ca.pem'] !== sha256(bundle))
    return 'ca.pem is not the one that manifest.json describes'
  if (files['cert.pem'] !== sha256(chain.map(encodeCertificate).join(''))) {
    return 'cert.pem is not the one that manifest.json describes'
  }
  return undefined
}
