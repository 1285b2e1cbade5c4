/**
 * The things in many files, each once: certificates with all places where they lie, keys by their
 * public half.
 *
 * @module
 */

import type { FoundKey } from '../keys/found-key.js'
import { sha256 } from '../sha256.js'
import type { PublicKey } from '../keys/algorithms.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { FoundList } from './lists.js'
import { stillLocked, type LeftOut, type Material } from './materials.js'

/** A file with what is in it. */
export interface MaterialFile {
  /** Its name, for messages. */
  readonly file: string
  readonly materials: readonly Material[]
}

/** A certificate, and where it was found. */
export interface FoundCertificate {
  readonly certificate: Certificate
  readonly places: readonly string[]
  /** The files among {@link places}. */
  readonly files: readonly string[]
}

/** Everything that was found. */
export interface Collection {
  readonly certificates: readonly FoundCertificate[]
  /** The private key of a public one. */
  keyOf(publicKey: PublicKey): FoundKey | undefined
  /** Revocation lists. */
  readonly lists: readonly FoundList[]
  /** What is not adopted, whatever else is there. */
  readonly leftOut: readonly LeftOut[]
}

/** Collects. */
export function collect(files: readonly MaterialFile[]): Collection {
  const certificates = new Map<
    string,
    { certificate: Certificate; places: string[]; files: string[] }
  >()
  const keys = new Map<string, { key: FoundKey; place: string }>()
  const lists: FoundList[] = []
  const leftOut: LeftOut[] = []
  const requests: { place: string; publicKey: PublicKey }[] = []
  for (const { file, materials } of files) {
    for (const material of materials) {
      switch (material.kind) {
        case 'certificate': {
          const id = fingerprintOf(material.certificate)
          const known = certificates.get(id)
          if (known === undefined) {
            const { certificate, place } = material
            certificates.set(id, { certificate, places: [place], files: [file] })
          } else {
            known.places.push(material.place)
            if (!known.files.includes(file)) known.files.push(file)
          }
          break
        }
        case 'key': {
          const id = keyId(material.key.publicKey)
          if (!keys.has(id)) keys.set(id, material)
          break
        }
        case 'list':
          lists.push(material)
          break
        case 'request':
          requests.push(material)
          break
        case 'locked':
          leftOut.push(stillLocked(material))
          break
        case 'left-out':
          leftOut.push(material)
      }
    }
  }
  const certified = new Set(
    [...certificates.values()].map(({ certificate }) => keyId(certificate.publicKey)),
  )
  for (const { place, publicKey } of requests) {
    leftOut.push({
      kind: 'left-out',
      place,
      code: 'adoption/unused',
      message: certified.has(keyId(publicKey))
        ? 'it is the request of a certificate that is here'
        : 'it is a request, and no certificate for its key is here',
    })
  }
  for (const [id, { place }] of keys) {
    if (certified.has(id)) continue
    leftOut.push({
      kind: 'left-out',
      place,
      code: 'adoption/key-unmatched',
      message: 'this private key belongs to no certificate that is here',
    })
  }
  return {
    certificates: [...certificates.values()],
    keyOf: (publicKey) => keys.get(keyId(publicKey))?.key,
    lists,
    leftOut,
  }
}

function keyId({ spki }: PublicKey): string {
  return sha256(spki)
}
