/**
 * `manifest.json` beside the three files of a generation: its identity, its number, when it was made,
 * and the files' checksums. "Older" means its time, not its number: backups get restored.
 *
 * @module
 */

import { formatInstant } from '../duration.js'
import { memoLast } from '../memo.js'
import { sha256 } from '../sha256.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'

/**
 * Where a private key is that the store does not have. `node`: the node made it and holds it. `elsewhere`: an engine
 * showed the certificate; another store or a node that asked for it has the key, or the key is lost.
 */
export type KeyElsewhere = 'node' | 'elsewhere'

/** The contents of `manifest.json`. */
export interface Manifest {
  /** What kind of file this is. */
  readonly format: 'nomad-pki/generation'
  /** The version of this format. */
  readonly version: 1
  /** `identity/server/global/s1` */
  readonly address: string
  /** The number in its directory's name. */
  readonly generation: number
  /** When it was made, `2027-03-01T09:30:00Z`. */
  readonly made: string
  /** The certificate; instants as in {@link made}. */
  readonly leaf: {
    /** Hex. */
    readonly serial: string
    /** SHA-256 of the leaf, hex. */
    readonly fingerprint: string
    /** The first instant at which it is valid. */
    readonly notBefore: string
    /** The last instant at which it is valid. */
    readonly notAfter: string
  }
  /** Where the private key is, if not beside this file. Absent: it is. */
  readonly held?: KeyElsewhere | undefined
  /** SHA-256 of each file, hex; of `key.pem` where it is here. */
  readonly files: {
    /** Of the trusted roots. */
    readonly 'ca.pem': string
    /** Of the leaf and its intermediates. */
    readonly 'cert.pem': string
    /** Of the private key; absent where it is not here. */
    readonly 'key.pem'?: string | undefined
  }
}

/** What manifests and the ledger say of a leaf. */
export interface LeafFacts {
  readonly serial: string
  /** SHA-256 of its DER, hex. */
  readonly fingerprint: string
  /** Epoch milliseconds, as {@link notAfter}. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Gives what manifests and the ledger say of a leaf. */
export function leafFacts(leaf: Certificate): LeafFacts {
  const { serial, notBefore, notAfter } = leaf
  return { serial, fingerprint: fingerprintOf(leaf), notBefore, notAfter }
}

/** What a manifest is made of. */
export interface ManifestFacts {
  readonly address: string
  readonly generation: number
  /** Epoch milliseconds. */
  readonly made: number
  readonly leaf: LeafFacts
  /** Where the key is, if `files` has none. Default: `node`. */
  readonly held?: KeyElsewhere | undefined
  readonly files: {
    readonly ca: string
    readonly cert: string
    readonly key?: string | undefined
  }
}

/** Writes a manifest, with a final newline. */
export function encodeManifest(facts: ManifestFacts): string {
  const { address, generation, made, leaf, files, held = 'node' } = facts
  const manifest: Manifest = {
    format: 'nomad-pki/generation',
    version: 1,
    address,
    generation,
    made: formatInstant(made),
    leaf: {
      serial: leaf.serial,
      fingerprint: leaf.fingerprint,
      notBefore: formatInstant(leaf.notBefore),
      notAfter: formatInstant(leaf.notAfter),
    },
    ...(files.key === undefined && { held }),
    files: {
      'ca.pem': digestOfBundle(files.ca),
      'cert.pem': sha256(files.cert),
      ...(files.key !== undefined && { 'key.pem': sha256(files.key) }),
    },
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/**
 * Reads `manifest.json` of a generation.
 *
 * @returns The manifest, or one sentence that says what is wrong with it.
 */
export function readManifest(text: string): Manifest | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'it is not JSON'
  }
  if (typeof value !== 'object' || value === null) return 'it is not an object'
  const { format, version, address, generation, made, leaf, held, files } =
    value as Partial<Manifest>
  if (format !== 'nomad-pki/generation') return 'it is not the manifest of a generation'
  if (version !== 1) return 'its version is not 1, the only one that this program reads'
  if (typeof address !== 'string' || typeof generation !== 'number' || typeof made !== 'string') {
    return 'address, generation or made is missing'
  }
  if (!holdsTexts(leaf, ['serial', 'fingerprint', 'notBefore', 'notAfter'])) {
    return 'leaf is missing, or a part of it'
  }
  if (held !== undefined && !['node', 'elsewhere'].includes(held)) {
    return 'held is neither "node" nor "elsewhere"'
  }
  const there = held === undefined ? (['key.pem'] as const) : []
  if (!holdsTexts(files, ['ca.pem', 'cert.pem', ...there])) {
    return 'files is missing, or a part of it'
  }
  if (held !== undefined && (files as Manifest['files'])['key.pem'] !== undefined) {
    return 'it says that the key is not here, and describes key.pem'
  }
  return value as Manifest
}

/**
 * Where a manifest says that the private key is, so that a generation without one is whole.
 *
 * @param text The text of `manifest.json`; `undefined` where there is none.
 * @returns `undefined` where it belongs beside the manifest.
 */
export function keyElsewhereIn(text: string | undefined): KeyElsewhere | undefined {
  if (text === undefined) return undefined
  const manifest = readManifest(text)
  return typeof manifest === 'string' ? undefined : manifest.held
}

function holdsTexts(value: unknown, keys: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    keys.every((key) => typeof (value as Partial<Record<string, unknown>>)[key] === 'string')
  )
}

/** Agents come in runs with one bundle. */
const digestOfBundle = memoLast((bundle: string) => sha256(bundle))
