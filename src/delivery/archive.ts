/**
 * What a node receives: one generation of its identity, the stanza that names it, the installer, and
 * checksums of all of it, as one file.
 *
 * ```text
 * nomad-pki/manifest.json                                  this module's
 * nomad-pki/install.sh                                     templates/install.sh
 * nomad-pki/SHA256SUMS                                     of every other file
 * nomad-pki/tls.hcl                                        the stanza; a machine has none
 * nomad-pki/3-9f2c41ab/{ca.pem, cert.pem, key.pem, manifest.json}
 * ```
 *
 * The `flat` layout is for what copies files itself (Ansible, images): the same without the
 * installer, and the generation is a plain directory that is called `current`, as the link would be,
 * so that one stanza serves both.
 *
 * @module
 */

import { parseIdentity, sharedName } from '../address.js'
import { newTlsFile, type TlsValues } from '../agent/index.js'
import { NomadPkiError } from '../errors.js'
import type { Manifest } from '../inventory/manifest.js'
import { isAgent } from '../nomad/roles.js'
import { sha256 } from '../sha256.js'
import { writeTar, type TarEntry } from './tar.js'

/** How the generation lies in the archive. */
export type Layout = 'links' | 'flat'

/** What an archive says of itself. */
export interface ArchiveManifest {
  readonly format: 'nomad-pki/archive'
  readonly version: 1
  readonly cluster: string
  /** `identity/server/global/s1` */
  readonly address: string
  readonly generation: number
  /** `3-9f2c41ab`; in the flat layout too. */
  readonly directory: string
  /** When the generation was made, `2027-03-01T09:30:00Z`. */
  readonly made: string
  readonly layout: Layout
  /** Where its files go on the node: `/etc/nomad.d/tls`. */
  readonly tls: string
  /** The user that the agent runs as. */
  readonly owner: string
  /** Whether the private key is in it. */
  readonly key: boolean
  /** What the agent's `tls` stanza has to say; empty for a machine. */
  readonly stanza: TlsValues
  /** SHA-256, hex, by path inside `nomad-pki/`; all files but this one and `SHA256SUMS`. */
  readonly files: Readonly<Record<string, string>>
}

/** The files that an archive is made of. */
export interface ArchiveParts {
  readonly cluster: string
  /** `3-9f2c41ab` */
  readonly directory: string
  readonly layout: Layout
  readonly tls: string
  readonly owner: string
  /** `undefined` for a machine, which has no agent's configuration. */
  readonly stanza: TlsValues | undefined
  readonly manifest: Manifest
  /** The files of the generation; a missing key or leaf is taken from what the node has. */
  readonly files: {
    readonly ca: Uint8Array
    readonly cert?: Uint8Array | undefined
    readonly key?: Uint8Array | undefined
    readonly manifest: Uint8Array
  }
  /** `templates/install.sh` */
  readonly installer: Uint8Array
}

/** The folder that an archive unpacks to. */
export const archiveFolder = 'nomad-pki'

/**
 * Packs an archive: the same parts give the same bytes.
 *
 * @returns The gzip'd tar; it holds the private key.
 * @throws {NomadPkiError} `ERR_INTERNAL` if the stanza can't be written.
 */
export function packArchive(parts: ArchiveParts): Uint8Array {
  const { layout, directory, files, manifest } = parts
  const stanza = parts.stanza && newTlsFile(parts.stanza, 'hcl')
  if (stanza !== undefined && stanza.diagnostics.length > 0) {
    throw new NomadPkiError('ERR_INTERNAL', 'the stanza cannot be written', {
      diagnostics: stanza.diagnostics,
    })
  }
  const folder = layout === 'flat' ? 'current' : directory
  const of = (path: string, bytes: Uint8Array, mode = 0o644): TarEntry => ({ path, bytes, mode })
  const installer = layout === 'flat' ? [] : [of('install.sh', parts.installer, 0o755)]
  const rest = [
    ...(stanza === undefined ? [] : [of('tls.hcl', Buffer.from(stanza.text))]),
    of(`${folder}/ca.pem`, files.ca),
    ...(files.cert === undefined ? [] : [of(`${folder}/cert.pem`, files.cert)]),
    ...(files.key === undefined ? [] : [of(`${folder}/key.pem`, files.key, 0o600)]),
    of(`${folder}/manifest.json`, files.manifest),
  ]
  const own: ArchiveManifest = {
    format: 'nomad-pki/archive',
    version: 1,
    cluster: parts.cluster,
    address: manifest.address,
    generation: manifest.generation,
    directory,
    made: manifest.made,
    layout,
    tls: parts.tls,
    owner: parts.owner,
    key: files.key !== undefined,
    stanza: parts.stanza ?? {},
    files: Object.fromEntries(
      [...installer, ...rest].map(({ path, bytes }) => [path, sha256(bytes)]),
    ),
  }
  // One key a line: the installer reads it with sed.
  const first = of('manifest.json', Buffer.from(`${JSON.stringify(own, null, 2)}\n`))
  return packFiles([first, ...installer], manifest.made, rest)
}

/**
 * Packs files, with their checksums: the same files give the same bytes.
 *
 * @param head Those before the checksums.
 * @param made When they were made, `2027-03-01T09:30:00Z`.
 * @param rest Those after them.
 */
export function packFiles(
  head: readonly TarEntry[],
  made: string,
  rest: readonly TarEntry[] = [],
): Uint8Array {
  const sums = [...head, ...rest].map(({ path, bytes }) => `${sha256(bytes)}  ${path}\n`).join('')
  const listed = { path: 'SHA256SUMS', bytes: Buffer.from(sums), mode: 0o644 }
  return writeTar(
    [...head, listed, ...rest].map((entry) => ({
      ...entry,
      path: `${archiveFolder}/${entry.path}`,
    })),
    Date.parse(made),
  )
}

/**
 * The name of an archive in a folder with those of other nodes. The generation is in it: one that is there
 * is the same.
 *
 * @param address `identity/server/global/s1`
 * @param generation Its number.
 */
export function archiveName(address: string, generation: number): string {
  const { role, region, name } = parseIdentity(address)
  // Names are one node's in a region; `shared` is each role's, and a person may be called as a node.
  const of = name === sharedName || !isAgent(role) ? `${role}-${name}` : name
  return `${region}-${of}-${generation}.tar.gz`
}
