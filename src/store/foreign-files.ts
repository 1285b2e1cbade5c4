/**
 * Looks at the files of Consul's and Vault's TLS that configurations name.
 *
 * @module
 */

import { resolve } from 'node:path'
import type { FoundForeign } from '../agent/index.js'
import { latin1Of } from '../bytes.js'
import { followFlags, nodeFiles, type Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import { readableCertificates } from '../nomad/readable.js'

/**
 * A reader that looks at each path once. It reads certificates, and never a key.
 *
 * @param base What relative paths begin at.
 * @param files The calls to use.
 * @returns A function that gives back what lies at the first place where something is; `undefined` where nothing
 *   is, and where it cannot be looked at.
 */
export function foreignFileReader(
  base: string,
  files: Files = nodeFiles,
): (key: string, places: readonly string[]) => FoundForeign | undefined {
  const known = new Map<string, FoundForeign | undefined>()
  const look = (key: string, place: string): FoundForeign | undefined => {
    try {
      if (files.stat(place)?.isFile() !== true) return undefined
    } catch {
      return undefined
    }
    if (key === 'key_file') return { state: 'present' }
    const reading = readWhole(files, place, { flags: followFlags })
    if (reading.state !== 'read') return { state: 'present' }
    const ends = readableCertificates(latin1Of(reading.bytes)).map(({ notAfter }) => notAfter)
    if (ends.length === 0) return { state: 'invalid' }
    // One trusted certificate that lives is enough; a chain ends with its first.
    const notAfter = ends.reduce((a, b) => (key === 'ca_file' ? Math.max(a, b) : Math.min(a, b)))
    return { state: 'present', notAfter }
  }
  return (key, places) => {
    for (const place of places) {
      const path = resolve(base, place)
      const name = `${key} ${path}`
      if (!known.has(name)) known.set(name, look(key, path))
      const found = known.get(name)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** Whether a path can be looked at, and nothing is there. */
export function isAbsent(place: string, files: Files = nodeFiles): boolean {
  try {
    return files.stat(place) === undefined
  } catch {
    return false
  }
}
