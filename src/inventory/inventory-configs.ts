/**
 * The agents' configurations in an inventory that travels: without secrets, and without what Nomad does not read.
 *
 * @module
 */

import { configFilesOf, maskSecrets } from '../agent/index.js'
import type { ConfigContents } from './configs.js'

/** A configuration whose files are texts. */
export type ConfigDocument = Omit<ConfigContents, 'files'> & {
  readonly files: readonly {
    readonly path: string
    readonly name: string
    readonly real?: string
    readonly text: string
  }[]
}

/** A configuration as it travels; one whose secrets cannot be found travels as a fault, without its files. */
export function configDocument({ files, ...rest }: ConfigContents): ConfigDocument {
  const read = new Set(rest.kind === 'directory' ? configFilesOf(files) : files)
  const unread: string[] = []
  const kept = files.map((found) => {
    const { bytes, ...file } = found
    // What Nomad does not read may be anything, a key too: its name is enough.
    if (!read.has(found)) return { ...file, text: '' }
    const masked = maskSecrets(Buffer.from(bytes).toString('utf8'))
    if (masked === undefined) unread.push(file.name)
    return { ...file, text: masked ?? '' }
  })
  if (unread.length === 0) return { ...rest, files: kept }
  return {
    ...rest,
    files: [],
    fault: {
      message: `${rest.path}: ${unread.join(', ')} cannot be parsed, so that its secrets cannot be hidden, and it is not in the inventory`,
      remedy: 'nomad-pki config check says where it is wrong',
    },
  }
}

/** The other direction. */
export function contentsOf({ files, ...rest }: ConfigDocument): ConfigContents {
  return {
    ...rest,
    files: files.map(({ text, ...file }) => ({ ...file, bytes: Buffer.from(text) })),
  }
}
