/**
 * What a node has: the generation in use, as the installer finds it. Nothing is changed.
 *
 * @module
 */

import { nodeFiles, type Files } from '../files/files.js'
import { errnoOf } from '../files/fault.js'
import { readWhole } from '../files/read.js'
import { parseGenerationName } from '../inventory/generation-name.js'
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
    // EINVAL: it is no link. The installer says so, in its own words.
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
  return parseGenerationName(link) && readGeneration(tls, link, files)
}

/**
 * Reads one generation.
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

/**
 * Reads what a node had last: the generation in use, or, where somebody removed the link, the one that
 * the receipt names, or the newest that lies there.
 *
 * @param tls Absolute path of the directory with the link.
 * @returns `undefined` where nothing was ever installed.
 */
export function readLast(tls: string, files: Files = nodeFiles): NodeGeneration | undefined {
  const current = readCurrent(tls, files)
  if (current !== undefined) return current
  const { directory } = readReceipt(tls, files)
  if (directory !== undefined && parseGenerationName(directory) !== undefined) {
    const noted = readGeneration(tls, directory, files)
    if (noted.manifest !== undefined) return noted
  }
  let names: readonly string[]
  try {
    names = files.list(tls).map(({ name }) => name)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
  return names
    .filter((name) => parseGenerationName(name) !== undefined)
    .map((name) => readGeneration(tls, name, files))
    .filter(({ manifest }) => manifest !== undefined)
    .sort((a, b) => madeAt(b) - madeAt(a))[0]
}

function madeAt({ manifest }: NodeGeneration): number {
  return Date.parse(manifest?.made ?? '')
}

/**
 * Reads what the last receipt says of the node; nothing of it where there is none.
 *
 * @param tls Absolute path of the directory with the link.
 */
export function readReceipt(
  tls: string,
  files: Files = nodeFiles,
): { readonly cluster?: string | undefined; readonly directory?: string | undefined } {
  const reading = readWhole(files, `${tls}/receipt.json`)
  if (reading.state !== 'read') return {}
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(reading.bytes).toString('utf8'))
  } catch {
    return {}
  }
  if (typeof value !== 'object' || value === null) return {}
  const { cluster, directory } = value as Readonly<Record<string, unknown>>
  return {
    cluster: typeof cluster === 'string' ? cluster : undefined,
    directory: typeof directory === 'string' ? directory : undefined,
  }
}
