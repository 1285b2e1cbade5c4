/**
 * Reads the files that agents use today: beside copies of their configurations, or where the agents
 * run on this machine.
 *
 * @module
 */

import { resolve } from 'node:path'
import { latin1Of } from '../bytes.js'
import { followFlags, nodeFiles, type Files } from '../files/files.js'
import { readWhole } from '../files/read.js'
import type { FilesInUse, Inventory } from '../inventory/inventory.js'
import { readableCertificates } from '../nomad/readable.js'
import { filesToLookAt, type FilesToLookAt } from '../plan/files-in-use.js'
import type { DesiredConfig } from '../cluster/desired.js'
import type { Certificate } from '../x509/certificate.js'

/** How to read them. */
export interface ReadFilesInUseOptions {
  /** Default: the real system calls. */
  readonly files?: Files | undefined
}

/**
 * Adds to an inventory the files that agents use before their stanza is written.
 *
 * @param inventory With the configurations.
 * @param configs Whose.
 * @param base What relative paths begin at: the folder of the spec.
 * @returns The inventory with `inUse`. What cannot be read is left out.
 */
export function readFilesInUse(
  inventory: Inventory,
  configs: readonly DesiredConfig[],
  base: string,
  options: ReadFilesInUseOptions = {},
): Inventory {
  const read = filesInUseReader(base, options)
  const inUse = new Map<string, FilesInUse>()
  for (const { address, ...places } of filesToLookAt(configs, inventory)) {
    const path = places.ca.at(-1)
    // Named and not readable here: which authority it is, is not known.
    if (path !== undefined) inUse.set(address, read(places) ?? { path, roots: [], chain: [] })
  }
  return { ...inventory, inUse }
}

/**
 * A reader of the files of several agents, which reads each file once.
 *
 * @param base What relative paths begin at.
 * @returns A function that gives back the files of one agent, or `undefined` where neither `ca_file`
 *   nor `cert_file` can be read.
 */
export function filesInUseReader(
  base: string,
  { files = nodeFiles }: ReadFilesInUseOptions = {},
): (places: Omit<FilesToLookAt, 'address'>) => FilesInUse | undefined {
  const known = new Map<string, readonly Certificate[]>()
  const read = (path: string): readonly Certificate[] => {
    const location = resolve(base, path)
    let certificates = known.get(location)
    if (certificates === undefined) {
      certificates = readCertificateFile(location, files)
      known.set(location, certificates)
    }
    return certificates
  }
  return ({ ca, cert }) => {
    const path = ca.find((one) => read(one).length > 0)
    const chain = cert.find((one) => read(one).length > 0)
    if (path === undefined && chain === undefined) return undefined
    return {
      path: path ?? ca.at(-1) ?? 'ca_file',
      roots: path === undefined ? [] : read(path),
      chain: chain === undefined ? [] : read(chain),
    }
  }
}

/** Empty where the file is missing, cannot be read or holds no certificate. */
function readCertificateFile(path: string, files: Files): readonly Certificate[] {
  const reading = readWhole(files, path, { flags: followFlags })
  if (reading.state !== 'read') return []
  return readableCertificates(latin1Of(reading.bytes))
}
