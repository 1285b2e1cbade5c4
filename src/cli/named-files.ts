/**
 * The files that an agent's `tls` names, looked at on this machine.
 *
 * @module
 */

import { dirname } from 'node:path'
import type { AgentConfig, NamedFile, Permissions, SuiteKey } from '../agent/index.js'
import { nodeFiles, followFlags, type Files, type FileStatus } from '../files/files.js'
import { lookAt } from '../files/look.js'
import { readWhole } from '../files/read.js'
import { loadFaults, type LoadFault } from '../nomad/load-fault.js'
import { scanPem } from '../nomad/pem-scan.js'
import { isNomadPkiError } from '../errors.js'
import { parseCertificate } from '../x509/certificate.js'

/** The keys that name files, and what they are called elsewhere. */
const keys = { ca_file: 'ca', cert_file: 'cert', key_file: 'key' } as const

type FileKey = keyof typeof keys

/** What was found. */
export interface NamedFiles {
  readonly found: ReadonlyMap<FileKey, NamedFile>
  /** Whether anything says that this is the agent's machine: a file, or a folder for one. */
  readonly here: boolean
}

/**
 * Looks at the files.
 *
 * @param config As read.
 * @param folders Where the configuration itself lies, absolute.
 * @param files The calls to use.
 */
export function namedFiles(
  { tls }: AgentConfig,
  folders: readonly string[],
  files: Files = nodeFiles,
): NamedFiles {
  const found = new Map<FileKey, NamedFile>()
  const texts = new Map<FileKey, string>()
  let here = false
  for (const key of Object.keys(keys) as FileKey[]) {
    const value = tls[key]?.value
    if (typeof value !== 'string' || value === '') continue
    // The unit of the packages has no WorkingDirectory: the agent runs in /.
    const path = value.startsWith('/') ? value : `/${value}`
    const { file, text } = lookAtOne(path, files)
    found.set(key, file)
    if (text !== undefined) texts.set(key, text)
    here ||=
      file.state !== 'missing' ||
      (dirname(path) !== '/' && lookAt(files, dirname(path)).state !== 'missing') ||
      folders.some((folder) => path.startsWith(`${folder}/`))
  }
  const faults = faultsOf(texts)
  for (const [key, file] of found) {
    if (!texts.has(key)) continue
    const own = faults.filter((fault) => fault.file === keys[key])
    found.set(key, { ...file, faults: own, key: suiteKeyOf(texts.get('cert_file')) })
  }
  return { found, here }
}

/** What there is to be said without those that are not there. */
function faultsOf(texts: ReadonlyMap<FileKey, string>): readonly LoadFault[] {
  const text = (key: FileKey): string => texts.get(key) ?? ''
  const all = loadFaults({ ca: text('ca_file'), cert: text('cert_file'), key: text('key_file') })
  return all.filter(({ file }) => texts.has(`${file}_file`))
}

function lookAtOne(path: string, files: Files): { file: NamedFile; text?: string } {
  const look = lookAt(files, path)
  const way = look.way.map(({ path: at, status }) => permissionsOf(at, status))
  if (look.state !== 'found' || look.status === undefined) {
    const state = look.state === 'hidden' ? 'unseen' : 'missing'
    return { file: { state, at: look.path, way } }
  }
  const permissions = permissionsOf(look.path, look.status)
  if (look.status.isDirectory()) return { file: { state: 'directory', way, permissions } }
  if (!look.status.isFile()) return { file: { state: 'special', way, permissions } }
  const file: NamedFile = { state: 'present', way, permissions }
  const reading = readWhole(files, path, { flags: followFlags })
  if (reading.state !== 'read') return { file }
  return { file, text: Buffer.from(reading.bytes).toString('latin1') }
}

function permissionsOf(path: string, { mode, uid, gid }: FileStatus): Permissions {
  return { path, mode: mode & 0o7777, uid, gid }
}

/** What tls_cipher_suites must have a suite for. */
function suiteKeyOf(cert: string | undefined): SuiteKey | undefined {
  const block = scanPem(cert ?? '').blocks.find(({ label }) => label === 'CERTIFICATE')
  if (block === undefined) return undefined
  try {
    const { name } = parseCertificate(block.der).publicKey
    return name.startsWith('rsa') ? 'RSA' : name.startsWith('ecdsa') ? 'ECDSA' : undefined
  } catch (error) {
    if (isNomadPkiError(error)) return undefined
    throw error
  }
}
