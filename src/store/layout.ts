/**
 * Where everything lies in a store, under which name and mode: the one table that reading,
 * writing and mending share.
 *
 * ```text
 * authority/agent/1/{ca.pem, ca-key.pem, crossed-by-2.pem, crl.pem}
 * bundle/agent/ca.pem
 * probe/agent/1.pem
 * identity/server/global/s1/current → 3-9f2c41ab
 * identity/server/global/s1/3-9f2c41ab/{ca.pem, cert.pem, key.pem, manifest.json}
 * ledger.jsonl
 * .lock
 * ```
 *
 * Names that begin with a dot are work that is under way, and what a killed run left of it:
 *
 * ```text
 * .next-3-9f2c41ab-DIGEST   a generation being written; DIGEST is that of all its files
 * .turn-current             a link that will be renamed to `current`
 * .new-ca.pem               a file that will be renamed to `ca.pem`
 * .gone-2-77a1b2c3          a directory being removed
 * ```
 *
 * @module
 */

import { isName, isRegionName, roles, type IdentityName } from '../address.js'
import { latin1Of } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import { sha256 } from '../sha256.js'

/** Permission bits of everything in a store. */
export const modes = {
  directory: 0o700,
  /** An authority's key is never written again. */
  authorityKey: 0o400,
  key: 0o600,
  ledger: 0o600,
  lock: 0o600,
  public: 0o644,
} as const

/** The directories of a store's root. */
export const places: ReadonlySet<string> = new Set(['authority', 'bundle', 'identity', 'probe'])

/** Names of files. */
export const names = {
  authorityKey: 'ca-key.pem',
  bundle: 'ca.pem',
  certificate: 'cert.pem',
  current: 'current',
  key: 'key.pem',
  ledger: 'ledger.jsonl',
  list: 'crl.pem',
  lock: '.lock',
  manifest: 'manifest.json',
} as const

/** The files of an identity's generation in the order in which they are written: the key first. */
export const generationFiles: readonly (readonly [
  part: 'key' | 'ca' | 'manifest' | 'cert',
  file: string,
  mode: number,
])[] = [
  ['key', names.key, modes.key],
  ['ca', names.bundle, modes.public],
  ['manifest', names.manifest, modes.public],
  ['cert', names.certificate, modes.public],
]

const publicFiles: ReadonlySet<string> = new Set([
  names.bundle,
  names.certificate,
  names.list,
  names.manifest,
])

/**
 * The mode that a file should have. What isn't known to be public is treated as a key.
 *
 * @param file Its name.
 * @param authority Whether it lies with an authority.
 */
export function modeOfFile(file: string, authority: boolean): number {
  if (publicFiles.has(file) || crossedBy(file) !== undefined) return modes.public
  return authority ? modes.authorityKey : modes.key
}

/** The path of an identity in the store. */
export function identityPath(identity: IdentityName): string {
  return `identity/${identity.role}/${identity.region}/${identity.name}`
}

/** @throws {NomadPkiError} `ERR_INTERNAL`: names come from a parsed spec or address. */
export function checkIdentity({ role, region, name }: IdentityName): void {
  if (!(roles as readonly string[]).includes(role) || !isRegionName(region) || !isName(name)) {
    throw new NomadPkiError(
      'ERR_INTERNAL',
      `not an identity: ${JSON.stringify(`${role}/${region}/${name}`)}`,
    )
  }
}

/** The generations among the names in an identity's directory, ascending. */
export function generationsAmong(entries: readonly string[]): string[] {
  const found: { readonly directory: string; readonly number: number }[] = []
  for (const directory of entries) {
    const parsed = parseGenerationName(directory)
    if (parsed !== undefined) found.push({ directory, number: parsed.number })
  }
  if (found.length > 1) {
    found.sort((a, b) => a.number - b.number || (a.directory < b.directory ? -1 : 1))
  }
  return found.map(({ directory }) => directory)
}

/** The generation that signed a cross-certificate, from its file's name `crossed-by-1.pem`. */
export function crossedBy(file: string): number | undefined {
  const found = /^crossed-by-([1-9][0-9]{0,8})\.pem$/.exec(file)
  return found === null ? undefined : Number(found[1])
}

/** The path of the probe leaf under a generation of an authority: its key, then its chain, in one file. */
export function probePath(name: string, generation: number): string {
  return `probe/${name}/${generation}.pem`
}

/** The generation whose probe leaf a file holds, from its name `1.pem`. */
export function probedGeneration(file: string): number | undefined {
  const found = /^([1-9][0-9]{0,8})\.pem$/.exec(file)
  return found === null ? undefined : Number(found[1])
}

/** The name of a cross-certificate's file. */
export function crossedName(by: number): string {
  return `crossed-by-${by}.pem`
}

/** Whether it is the name of an authority's generation. */
export function isGenerationNumber(text: string): boolean {
  return /^[1-9][0-9]{0,8}$/.test(text)
}

/**
 * The name of a directory that is being written. It carries the digest of what the directory will
 * hold, so that a whole one can be told from a torn one without knowing what the files mean.
 *
 * @param final The name that it will have.
 * @param files Names and contents.
 */
export function stagingName(final: string, files: Iterable<readonly [string, Uint8Array]>): string {
  return `.next-${final}-${digestOf(files)}`
}

/** A staging directory's name, taken apart. */
export function parseStaging(
  name: string,
): { readonly final: string; readonly digest: string } | undefined {
  const found = /^\.next-(.+)-([0-9a-f]{16})$/.exec(name)
  return found === null ? undefined : { final: found[1]!, digest: found[2]! }
}

/** The digest of a directory's files, in the order of their names. */
export function digestOf(files: Iterable<readonly [string, Uint8Array]>): string {
  let text = ''
  for (const [name, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    text += `${name} ${bytes.length}\n${latin1Of(bytes)}`
  }
  return sha256(Buffer.from(text, 'latin1')).slice(0, 16)
}

/** Whether a name is one of those that stand for work under way. */
export function isTemporary(name: string): boolean {
  return /^\.(next|turn|new|gone)-/.test(name)
}
