/**
 * Reads an archive, and refuses whatever {@link packArchive} does not write: names that are not
 * expected, files that are missing, checksums that differ, manifests that contradict each other.
 *
 * @module
 */

import { parseAddress, parseIdentity } from '../address.js'
import { tlsKeys, type TlsValues } from '../agent/index.js'
import { NomadPkiError } from '../errors.js'
import { generationName, generationNamePattern } from '../inventory/generation-name.js'
import { readManifest, type Manifest } from '../inventory/manifest.js'
import { isAgent } from '../nomad/roles.js'
import { archiveFolder, type ArchiveManifest } from './archive.js'
import { sha256 } from '../sha256.js'
import { invalid, quoted, readTar, type TarEntry } from './tar.js'

/** An archive whose checksums are complete and whose manifests agree. */
export interface Archive {
  /** SHA-256 of the whole, hex. */
  readonly fingerprint: string
  readonly manifest: ArchiveManifest
  readonly generation: Manifest
  /** The generation's files; a missing key or leaf is taken from what the node has. */
  readonly files: {
    readonly ca: Uint8Array
    readonly cert: Uint8Array | undefined
    readonly key: Uint8Array | undefined
  }
  /** All files, paths inside `nomad-pki/`. */
  readonly entries: readonly TarEntry[]
}

/**
 * Reads an archive of `pack`, and checks every sum in it.
 *
 * @param bytes The gzip'd tar.
 * @throws {NomadPkiError} `ERR_ARCHIVE_INVALID`
 */
export function readArchive(bytes: Uint8Array): Archive {
  const prefix = `${archiveFolder}/`
  const entries = readTar(bytes).map((entry) => {
    if (!entry.path.startsWith(prefix)) throw foreign(entry.path)
    return { ...entry, path: entry.path.slice(prefix.length) }
  })
  const at = (path: string): Uint8Array | undefined =>
    entries.find((entry) => entry.path === path)?.bytes
  const need = (path: string): Uint8Array => {
    const found = at(path)
    if (found === undefined) throw invalid(`${path} is missing`)
    return found
  }
  const manifest = parseArchiveManifest(textOf(need('manifest.json')))
  const folder = manifest.layout === 'flat' ? 'current' : manifest.directory
  const stanza = hasStanza(manifest.address) ? ['tls.hcl'] : []
  const expected = new Set([
    'manifest.json',
    'SHA256SUMS',
    ...stanza,
    ...(manifest.layout === 'flat' ? [] : ['install.sh']),
    ...['ca.pem', 'cert.pem', 'key.pem', 'manifest.json'].map((file) => `${folder}/${file}`),
  ])
  for (const { path } of entries) if (!expected.has(path)) throw foreign(path)
  const sums = entries
    .filter(({ path }) => path !== 'SHA256SUMS')
    .map((entry) => `${sha256(entry.bytes)}  ${entry.path}\n`)
  if (textOf(need('SHA256SUMS')) !== sums.join('')) {
    throw invalid('its files are not what SHA256SUMS says')
  }
  const listed = entries.filter(({ path }) => path !== 'SHA256SUMS' && path !== 'manifest.json')
  const names = Object.keys(manifest.files)
  if (
    names.length !== listed.length ||
    listed.some(({ path, bytes: content }) => manifest.files[path] !== sha256(content))
  ) {
    throw invalid('its files are not what its manifest says')
  }
  for (const file of stanza) need(file)
  if (manifest.layout !== 'flat') need('install.sh')
  const generation = readManifest(textOf(need(`${folder}/manifest.json`)))
  if (typeof generation === 'string') throw invalid(`the manifest of its generation: ${generation}`)
  agree(manifest, generation)
  const files = {
    ca: need(`${folder}/ca.pem`),
    cert: at(`${folder}/cert.pem`),
    key: at(`${folder}/key.pem`),
  }
  if (manifest.key !== (files.key !== undefined))
    throw invalid('its manifest and its files disagree on whether it holds a key')
  for (const part of ['ca', 'cert', 'key'] as const) {
    const file = files[part]
    if (file !== undefined && generation.files[`${part}.pem`] !== sha256(file)) {
      throw invalid(`${part}.pem is not what the manifest of its generation says`)
    }
  }
  return { fingerprint: sha256(bytes), manifest, generation, files, entries }
}

function agree(manifest: ArchiveManifest, generation: Manifest): void {
  const { address, directory, made } = manifest
  const leaf: unknown = generation.leaf
  const fits =
    isTable(generation.files) &&
    generation.address === address &&
    generation.generation === manifest.generation &&
    generation.made === made &&
    isTable(leaf) &&
    typeof leaf.fingerprint === 'string' &&
    /^[0-9a-f]{64}$/.test(leaf.fingerprint) &&
    directory === generationName(generation.generation, leaf.fingerprint)
  if (!fits) throw invalid('its two manifests contradict each other')
}

const texts = ['cluster', 'address', 'directory', 'made', 'tls', 'owner'] as const
// As the installer checks them: what it prints and writes into a receipt can't be anything else.
const grammars = {
  cluster: /^[A-Za-z0-9._-]+$/,
  address: /^[A-Za-z0-9._/-]+$/,
  directory: generationNamePattern,
  made: /^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z$/,
  // eslint-disable-next-line no-control-regex
  tls: /^\/[^\u0000-\u001f\u007f]*$/,
  // eslint-disable-next-line no-control-regex
  owner: /^[^\u0000-\u001f\u007f]*$/,
} as const satisfies Readonly<Record<(typeof texts)[number], RegExp>>

function parseArchiveManifest(text: string): ArchiveManifest {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw invalid('its manifest is not JSON', cause)
  }
  const value: Partial<Record<keyof ArchiveManifest, unknown>> = isTable(parsed) ? parsed : {}
  if (value.format !== 'nomad-pki/archive') {
    throw invalid('its manifest is not that of an archive')
  }
  if (value.version !== 1) {
    throw invalid('its version is not 1, the only one that this program reads')
  }
  const { generation, address, layout, key, stanza, files } = value
  const sound =
    texts.every((name) => {
      const found = value[name]
      return typeof found === 'string' && grammars[name].test(found)
    }) &&
    typeof generation === 'number' &&
    isIdentity(address) &&
    (layout === 'links' || layout === 'flat') &&
    typeof key === 'boolean' &&
    isStanza(stanza) &&
    isTable(files)
  if (!sound) throw invalid('its manifest lacks a field, or a field is not valid')
  return value as ArchiveManifest
}

function isIdentity(address: unknown): boolean {
  try {
    return typeof address === 'string' && parseAddress(address).kind === 'identity'
  } catch {
    return false
  }
}

/** Whether whose it is has an agent's configuration. */
export function hasStanza(identity: string): boolean {
  return isAgent(parseIdentity(identity).role)
}

/** Why an option does not go with the archive: a machine has no agent's configuration, and nothing that listens. */
export function forAgentsAlone(
  { manifest: { address } }: Archive,
  { config, probe }: { readonly config?: unknown; readonly probe?: unknown },
): NomadPkiError | undefined {
  const option = config === undefined ? (probe === undefined ? undefined : 'probe') : 'config'
  if (option === undefined || hasStanza(address)) return undefined
  return new NomadPkiError(
    'ERR_USAGE',
    `--${option} is for agents, and this archive is for ${address}`,
    {
      address,
      hint: `leave --${option} out`,
    },
  )
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStanza(value: unknown): value is TlsValues {
  return (
    isTable(value) &&
    Object.entries(value).every(([name, setting]) =>
      tlsKeys.some(({ key, type }) => key === name && typeof setting === type),
    )
  )
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}

function foreign(path: string): ReturnType<typeof invalid> {
  return invalid(`unexpected entry ${quoted(path)}`)
}
