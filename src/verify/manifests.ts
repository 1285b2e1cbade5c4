/**
 * Whether `manifest.json` and the directory's name describe the files beside it.
 *
 * @module
 */

import type { FoundGeneration } from '../inventory/inventory.js'
import { readManifest } from '../inventory/manifest.js'
import { fingerprintOf } from '../x509/certificate.js'

/**
 * Compares a generation with its manifest.
 *
 * @param address The identity.
 * @param generation The generation, read with its manifest.
 * @returns One sentence, or `undefined` where they agree.
 */
export function manifestFault(address: string, generation: FoundGeneration): string | undefined {
  const { chain, directory, number } = generation
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
  for (const file of ['ca.pem', 'cert.pem', 'key.pem'] as const) {
    const sum = generation.sums[file]
    if (sum !== undefined && file === 'key.pem' && manifest.held !== undefined) {
      return 'manifest.json says that the key is not in the store, and key.pem is here'
    }
    if (sum !== undefined && sum !== manifest.files[file]) {
      return `${file} is not the one that manifest.json describes`
    }
  }
  return undefined
}
