/**
 * What `consul` and `vault` blocks have to do with `tls`: files of their own or the same ones, which
 * are read once, at the start; and keys of Nomad that others fetch without a certificate.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import {
  asString,
  type Document,
  foldKey,
  type Item,
  objectIn,
  positionsIn,
  sameKey,
} from '../hcl/index.js'
import { foreignBlocks } from './check-foreign.js'
import { type AgentCode, diagnostic } from './codes.js'
import type { AgentConfig, Origin } from './read-agent-config.js'

/** A file that a `consul` or `vault` block names. */
export interface ForeignFile {
  readonly block: string
  /** `cert_file` */
  readonly key: string
  readonly path: string
  readonly origin: Origin
}

/** Every file that such blocks name. */
export function foreignFilesOf({ files }: AgentConfig): readonly ForeignFile[] {
  return files.flatMap(({ file, document }) => {
    if (document === undefined) return []
    const position = positionsIn(document.text)
    return [...foreignItems(document)].flatMap(({ block, item }) => {
      const { value, keys } = item
      const key = foldKey(keys[0]!.name)
      if (value.type !== 'literal' || !key.endsWith('_file')) return []
      const path = asString(document, value)
      return path === '' ? [] : [{ block, key, path, origin: { file, ...position(item.start) } }]
    })
  })
}

/** What lies at the path of a {@link ForeignFile}. */
export interface FoundForeign {
  /** `invalid`: it should hold certificates, and holds none. */
  readonly state: 'missing' | 'invalid' | 'present'
  /** Of a file of certificates: when the first of them ends, or, of trusted ones, the last, epoch milliseconds. */
  readonly notAfter?: number | undefined
}

/** Something about such a file, without its place. */
export interface ForeignFault {
  readonly code: AgentCode
  readonly message: string
  readonly hint: string
}

/**
 * Says what is wrong with a file that a `consul` or `vault` block names.
 *
 * @param file What names it.
 * @param found What lies there.
 * @param now Epoch milliseconds.
 * @returns `undefined` where nothing is.
 */
export function foreignFault(
  { block, key, path }: Pick<ForeignFile, 'block' | 'key' | 'path'>,
  { state, notAfter }: FoundForeign,
  now: number,
): ForeignFault | undefined {
  if (state === 'missing') {
    return {
      code: 'agent/file-missing',
      message: `"${block}" names ${path} as "${key}", and it is not there`,
      hint: 'deliver it, or correct the path; then restart the agent',
    }
  }
  if (state === 'invalid') {
    return {
      code: 'agent/file-content',
      message: `"${block}" names ${path} as "${key}", and it holds no certificate`,
      hint: 'deliver it again from where it is made; then restart the agent',
    }
  }
  if (notAfter === undefined || notAfter > now) return undefined
  return {
    code: 'agent/file-ended',
    message: `"${block}" names ${path} as "${key}", and ${key === 'ca_file' ? 'every certificate in it' : 'its certificate'} has ended, on ${formatInstant(notAfter)}`,
    hint: 'renew it where it is made, and restart the agent',
  }
}

/**
 * Files of `consul` and `vault` blocks that are missing, hold no certificate, or whose certificates have ended.
 *
 * @param config Where the blocks stand.
 * @param found What lies at each path; one that is not in it is not judged.
 * @param now Epoch milliseconds.
 */
export function checkForeignFiles(
  config: AgentConfig,
  found: ReadonlyMap<string, FoundForeign>,
  now: number,
): Diagnostic[] {
  return foreignFilesOf(config).flatMap((file) => {
    const there = found.get(file.path)
    const fault = there && foreignFault(file, there, now)
    if (fault === undefined) return []
    return [tell('warning', fault.code, file.origin, fault.message, fault.hint)]
  })
}

function* foreignItems({ root }: Document): Generator<{ block: string; item: Item }> {
  for (const outer of root.items) {
    const block = foreignBlocks.find((name) => sameKey(name, outer.keys[0]!.name))
    if (block === undefined) continue
    for (const item of objectIn(outer)?.items ?? []) yield { block, item }
  }
}

/** The files that `tls` itself names. */
export function tlsFilesOf({ tls }: Pick<AgentConfig, 'tls'>): ReadonlySet<boolean | string> {
  return new Set(
    [tls.ca_file, tls.cert_file, tls.key_file].flatMap((effective) =>
      effective === undefined || effective.value === '' ? [] : [effective.value],
    ),
  )
}

function tell(
  severity: Diagnostic['severity'],
  code: AgentCode,
  { file, ...place }: Origin,
  message: string,
  hint: string,
): Diagnostic {
  return diagnostic(severity, code, place, message, { file, hint })
}

/**
 * Blocks that name the agent's own files: they are read once, at the start.
 *
 * @param config Where the blocks stand.
 * @param after As it will be after an edit of `tls`; default: as it is.
 */
export function checkSameFiles(config: AgentConfig, after: AgentConfig = config): Diagnostic[] {
  const own = tlsFilesOf(after)
  return foreignFilesOf(config).flatMap(({ block, path, origin }) =>
    own.has(path)
      ? [
          tell(
            'warning',
            'agent/not-reloaded',
            origin,
            `"${block}" names a file of "tls" too, and does not reload it`,
            'restart the agent after each renewal',
          ),
        ]
      : [],
  )
}

/**
 * Blocks that an edit of `tls` leaves on files that `tls` no longer names.
 *
 * @param before The configuration as it is.
 * @param after As it will be.
 */
export function checkLeftBehind(before: AgentConfig, after: AgentConfig): Diagnostic[] {
  const [old, fresh] = [tlsFilesOf(before), tlsFilesOf(after)]
  // An edit of `tls` leaves them as they are, and may move them.
  return foreignFilesOf(before).flatMap(({ block, path, origin }) =>
    old.has(path) && !fresh.has(path)
      ? [
          tell(
            'warning',
            'agent/left-behind',
            origin,
            `"${block}" names ${path}, as "tls" did: it stays with the old certificate, which nothing renews any more`,
            `name the file of "tls" in "${block}" as well, and restart the agent after each renewal; or give "${block}" a certificate of its own`,
          ),
        ]
      : [],
  )
}

/**
 * Blocks with a certificate that `tls` does not name: something else renews it, or nothing does.
 *
 * @param config Where the blocks stand.
 * @param after As it will be after an edit of `tls`; default: as it is.
 */
export function checkOwnFiles(config: AgentConfig, after: AgentConfig = config): Diagnostic[] {
  const own = tlsFilesOf(after)
  const behind = new Set([...tlsFilesOf(config)].filter((path) => !own.has(path)))
  if (own.size === 0) return []
  return foreignFilesOf(config).flatMap(({ block, key, path, origin }) =>
    // What an edit leaves behind is told as that.
    key === 'cert_file' && !own.has(path) && !behind.has(path)
      ? [
          tell(
            'note',
            'agent/own-files',
            origin,
            `"${block}" has a certificate of its own (${path}), which nomad-pki does not renew`,
            'make sure that something renews it',
          ),
        ]
      : [],
  )
}

const identities = /^(?:service_identity|task_identity|default_identity)$/

/**
 * Blocks that use workload identity where the HTTP API asks for a certificate: Consul and Vault fetch
 * Nomad's keys without one.
 *
 * @param config Where the blocks stand.
 * @param after As it will be after an edit of `tls`; default: as it is.
 */
export function checkKeysFetched(config: AgentConfig, after: AgentConfig = config): Diagnostic[] {
  const { http, verify_https_client: asks } = after.tls
  if (http?.value !== true || asks?.value !== true) return []
  const seen = new Set<string>()
  return config.files.flatMap(({ file, document }) => {
    if (document === undefined) return []
    const position = positionsIn(document.text)
    return [...foreignItems(document)].flatMap(({ block, item }) => {
      if (!identities.test(foldKey(item.keys[0]!.name)) || seen.has(block)) return []
      seen.add(block)
      const who = block === 'vault' ? 'Vault' : 'Consul'
      return [
        tell(
          'warning',
          'agent/keys-refused',
          { file, ...position(item.start) },
          `"${block}" uses workload identity, and verify_https_client refuses ${who}: it fetches /.well-known/jwks.json without a certificate`,
          `let ${who} fetch the keys through a proxy that has a certificate, or configure them there by hand; or set verify_https_client = false, with ACLs on`,
        ),
      ]
    })
  })
}
