/**
 * The files that an agent's `tls` names, looked at on this machine.
 *
 * @module
 */

import type { AgentConfig, NamedFile, Permissions, SuiteKey, TlsKey } from '../agent/index.js'
import { suiteKeyOf } from '../agent/cipher-suites.js'
import { latin1Of } from '../bytes.js'
import { nodeFiles, followFlags, type Files, type FileStatus } from '../files/files.js'
import { lookAt } from '../files/look.js'
import { readWhole } from '../files/read.js'
import { loadFaults, type LoadFault } from '../nomad/load-fault.js'
import { peerFaults, type PeerFault } from '../nomad/peer-faults.js'
import { readableCertificates, trustedCertificates } from '../nomad/readable.js'

/** The keys that name files, and what they are called elsewhere. */
const keys = { ca_file: 'ca', cert_file: 'cert', key_file: 'key' } as const

type FileKey = keyof typeof keys

/** What was found. */
export interface NamedFiles {
  readonly found: ReadonlyMap<FileKey, NamedFile>
  /** Whether this is the agent's machine: one of the files is there, or would lie below the configuration. */
  readonly here: boolean
}

/**
 * Looks at the files.
 *
 * @param config As read.
 * @param folders Where the configuration itself lies, absolute.
 * @param now Epoch milliseconds: certificates end.
 * @param files The calls to use.
 */
export function namedFiles(
  config: AgentConfig,
  folders: readonly string[],
  now: number,
  files: Files = nodeFiles,
): NamedFiles {
  const { tls } = config
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
    // A folder says nothing: /etc/ssl/certs is on every machine.
    here ||= file.state !== 'missing' || folders.some((folder) => path.startsWith(`${folder}/`))
  }
  const faults = faultsOf(texts)
  for (const [key, file] of found) {
    if (!texts.has(key)) continue
    const own = faults.filter((fault) => fault.file === keys[key])
    found.set(key, { ...file, faults: own, key: suiteKeyIn(texts.get('cert_file')) })
  }
  const cert = found.get('cert_file')
  // What does not load reaches no peer, and was already reported.
  if (cert !== undefined && faults.every(({ effect }) => effect === 'dropped')) {
    found.set('cert_file', { ...cert, peers: peersOf(config, texts, now) })
  }
  return { found, here }
}

/** Whether peers will take the certificate; nothing where one of the two files was not read. */
function peersOf(
  { tls, role, region }: AgentConfig,
  texts: ReadonlyMap<FileKey, string>,
  now: number,
): readonly PeerFault[] {
  const [ca, cert] = [texts.get('ca_file'), texts.get('cert_file')]
  if (ca === undefined || cert === undefined) return []
  const on = (key: TlsKey): boolean => tls[key]?.value === true
  return peerFaults(
    {
      chain: readableCertificates(cert),
      trust: trustedCertificates(ca),
      region: region.value,
      role,
      http: on('http'),
      rpc: on('rpc'),
      verifyServerHostname: on('verify_server_hostname'),
      rpcUpgradeMode: on('rpc_upgrade_mode'),
    },
    now,
  )
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
  return { file, text: latin1Of(reading.bytes) }
}

function permissionsOf(path: string, { mode, uid, gid }: FileStatus): Permissions {
  return { path, mode: mode & 0o7777, uid, gid }
}

/** What tls_cipher_suites must have a suite for. */
function suiteKeyIn(cert: string | undefined): SuiteKey | undefined {
  return suiteKeyOf(readableCertificates(cert ?? '')[0]?.publicKey.name ?? '')
}
