/**
 * What a node has: the generation in use, as the installer finds it. Nothing is changed.
 *
 * @module
 */

import { isNomadPkiError } from '../errors.js'
import { nodeFiles, type Files } from '../files/files.js'
import { errnoOf } from '../files/fault.js'
import { readWhole } from '../files/read.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import type { PublicKey } from '../keys/algorithms.js'
import { keyFingerprint } from '../keys/fingerprint.js'
import { publicHalfOf } from '../keys/private-key.js'
import { samePublicKey } from '../keys/public-key.js'
import { readManifest, type Manifest } from '../inventory/manifest.js'

/** A generation on a node. */
export interface NodeGeneration {
  /** `3-9f2c41ab` */
  readonly directory: string
  /** `undefined` where it is missing or unreadable. */
  readonly manifest: Manifest | undefined
  readonly ca: Uint8Array | undefined
  readonly cert: Uint8Array | undefined
  readonly key: Uint8Array | undefined
}

/**
 * Reads the generation that `current` leads to.
 *
 * @param tls Absolute path of the directory with the link.
 * @returns `undefined` where there is none.
 */
export function readCurrent(tls: string, files: Files = nodeFiles): NodeGeneration | undefined {
  let link: string
  try {
    link = files.readlink(`${tls}/current`)
  } catch (error) {
    // EINVAL: it is not a link. The installer says so, in its own words.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
  return parseGenerationName(link) && readGeneration(tls, link, files)
}

/**
 * Reads the files of one generation on a node.
 *
 * @param tls Absolute path.
 * @param directory `3-9f2c41ab`
 */
export function readGeneration(
  tls: string,
  directory: string,
  files: Files = nodeFiles,
): NodeGeneration {
  const read = (file: string): Uint8Array | undefined => {
    const reading = readWhole(files, `${tls}/${directory}/${file}`)
    return reading.state === 'read' ? reading.bytes : undefined
  }
  const text = read('manifest.json')
  const manifest = text && readManifest(Buffer.from(text).toString('utf8'))
  return {
    directory,
    manifest: typeof manifest === 'string' ? undefined : manifest,
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('key.pem'),
  }
}

/** Whether a switch was made that nothing has proven yet: the installer's note of it is there. */
export function isUnproven(tls: string, files: Files = nodeFiles): boolean {
  return files.lstat(`${tls}/.pending`) !== undefined
}

/** The place of a key that waits for its certificate: `request` makes it. */
export function pendingKeyFile(tls: string): string {
  return `${tls}/requested-key.pem`
}

/**
 * Finds the key of a certificate among those that a node holds: the one that waits for it, the one that an
 * earlier run put beside it, and the one in use.
 *
 * @param tls Absolute path of the directory with the link.
 * @param directory The generation that is to be put in place.
 * @param key The public key in the certificate.
 * @returns `found`: its file and its bytes. `others`: clauses about the places that were looked at and have a
 *   different key, or none.
 */
export function heldKey(
  tls: string,
  directory: string,
  key: PublicKey,
  files: Files = nodeFiles,
): {
  readonly found: { readonly file: string; readonly bytes: Uint8Array } | undefined
  readonly others: readonly string[]
} {
  const present = readCurrent(tls, files)?.directory
  const own = new Set([directory, ...(present === undefined ? [] : [present])])
  const places = [pendingKeyFile(tls), ...[...own].map((at) => `${tls}/${at}/key.pem`)]
  const others: string[] = []
  for (const file of places) {
    const reading = readWhole(files, file)
    if (reading.state === 'read') {
      const why = whyNot(reading.bytes, key)
      if (why === undefined) return { found: { file, bytes: reading.bytes }, others }
      others.push(`${file} ${why}`)
    } else if (reading.state !== 'absent') others.push(`${file}: ${reading.message}`)
    else if (file === places[0]) others.push(`${file} is not there`)
  }
  return { found: undefined, others }
}

/** Why a file is not the private half of a key; `undefined` where it is. */
function whyNot(bytes: Uint8Array, key: PublicKey): string | undefined {
  try {
    const half = publicHalfOf(bytes)
    return samePublicKey(half, key) ? undefined : `is a different key (${keyFingerprint(half)})`
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return `cannot be used: ${error.message}`
  }
}

/** What a node had last. */
export interface LastGeneration {
  /** The generation in use, or what is left of one; `undefined` where nothing is. */
  readonly present: NodeGeneration | undefined
  readonly receipt: NodeReceipt | undefined
  /** The generation that the receipt names, where its files are lost and the receipt alone tells of it. */
  readonly lost: string | undefined
}

/** What the receipt of the last installation says. */
export interface NodeReceipt {
  /** `3-9f2c41ab` */
  readonly directory: string | undefined
  /** SHA-256 of the leaf, hex. */
  readonly fingerprint: string | undefined
  /** `switched`: nothing says that the agent was told. `reloaded`, `proven`. */
  readonly state: string | undefined
  /** SHA-256 of each certificate in `ca.pem`, hex. None in a receipt of an earlier version. */
  readonly roots: readonly string[]
}

/**
 * Reads what a node had last: the generation in use, or, where the link was removed, the one that
 * the receipt names, or the newest that lies there.
 *
 * @param tls Absolute path of the directory with the link.
 */
export function readLast(tls: string, files: Files = nodeFiles): LastGeneration {
  const receipt = readReceipt(tls, files)
  const current = readCurrent(tls, files)
  if (current !== undefined) return { present: current, receipt, lost: undefined }
  const names = generationsIn(tls, files)
  const directory = receipt?.directory
  const noted = directory !== undefined && parseGenerationName(directory) ? directory : undefined
  if (noted !== undefined && names.includes(noted)) {
    return { present: readGeneration(tls, noted, files), receipt, lost: undefined }
  }
  const [present] = names
    .map((name) => readGeneration(tls, name, files))
    .sort((a, b) => madeAt(b) - madeAt(a))
  // The receipt of an earlier version names no roots: then what is left of an earlier generation counts.
  const tells = present === undefined || receipt?.roots.length !== 0
  return { present, receipt, lost: tells ? noted : undefined }
}

/** The names of all generations on a node, whole or not. */
export function generationsIn(tls: string, files: Files = nodeFiles): readonly string[] {
  try {
    return files
      .list(tls)
      .filter((entry) => entry.isDirectory() && parseGenerationName(entry.name) !== undefined)
      .map(({ name }) => name)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

/** One without a manifest comes last. */
function madeAt({ manifest }: NodeGeneration): number {
  const made = Date.parse(manifest?.made ?? '')
  return Number.isNaN(made) ? 0 : made
}

/**
 * Reads what the last receipt says of the node.
 *
 * @param tls Absolute path of the directory with the link.
 * @returns `undefined` where there is none that can be read.
 */
function readReceipt(tls: string, files: Files): NodeReceipt | undefined {
  const reading = readWhole(files, `${tls}/receipt.json`)
  if (reading.state !== 'read') return undefined
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(reading.bytes).toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Readonly<Record<string, unknown>>
  if (fields.format !== 'nomad-pki/receipt') return undefined
  const text = (name: string): string | undefined => {
    const found = fields[name]
    return typeof found === 'string' ? found : undefined
  }
  const roots: readonly unknown[] = Array.isArray(fields.roots) ? fields.roots : []
  return {
    directory: text('directory'),
    fingerprint: text('fingerprint'),
    state: text('state'),
    roots: roots.flatMap((one) =>
      typeof one === 'string' ? (/^SHA256:([0-9a-f]{64})$/.exec(one)?.[1] ?? []) : [],
    ),
  }
}
