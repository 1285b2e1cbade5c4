/**
 * The key of a node's next certificate: made on the node, 0600 from its first byte, and kept beside the agent's files
 * until the certificate comes.
 *
 * @module
 */

import { getuid } from 'node:process'
import { latin1Of } from '../bytes.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import { openToOthers } from '../files/open-way.js'
import { placeFile } from '../files/place.js'
import { readWhole } from '../files/read.js'
import type { KeyAlgorithm, PrivateKey } from '../keys/algorithms.js'
import { generateKey } from '../keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../keys/private-key.js'
import { samePublicKey } from '../keys/public-key.js'
import { shellQuote } from '../shell-quote.js'
import { storeAround } from '../store/around.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { pendingKeyFile, readCurrent, type NodeGeneration } from './node.js'

/** Whose key, and where. */
export interface NodeKeyOptions {
  /** Absolute path of the directory with the link `current`; it need not be there. */
  readonly tls: string
  /** `identity/server/global/s1` */
  readonly address: string
  /** Of a new key. Default: that of the key in use, else ecdsa-p256. */
  readonly algorithm?: KeyAlgorithm | undefined
  /** The key in use, and none is made. Default: no. */
  readonly keepKey?: boolean | undefined
}

/** A key, before anything is written. */
export interface NodeKey {
  readonly key: PrivateKey
  /** `new`: made just now. `pending`: an earlier call made it. `loaded`: the one in use. */
  readonly kind: 'new' | 'pending' | 'loaded'
  /** Where it is, or will be. */
  readonly keyFile: string
  /** The pair in use; `undefined`: there is none. */
  readonly loaded: LoadedPair | undefined
  /**
   * Writes a new key, 0600 from its first byte; nothing else is written.
   *
   * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`, `ERR_FILE_EXISTS`
   */
  write(): Promise<void>
}

/**
 * Finds the key that waits for a certificate, or makes one. Nothing is written before {@link NodeKey.write}.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`, `ERR_INSTALL_REFUSED` where the node is another one or the
 * place is not safe; `ERR_KEY_MALFORMED`, `ERR_FILE_EXISTS`
 */
export async function nodeKey(options: NodeKeyOptions): Promise<NodeKey> {
  const { tls, address, keepKey = false } = options
  const keyFile = pendingKeyFile(tls)
  const store = storeAround(tls)
  if (store !== undefined) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `${tls} lies in the store ${store}: the key of a node is not made there`,
      {
        address,
        hint: 'run request on the node; --tls names the directory where its agent has its files',
      },
    )
  }
  // The directory of the key counts too, and where it is not there, the one that it is made in.
  const open = openToOthers(nodeFiles, `${tls}/new/key`)
  if (open !== undefined) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `${open.who} can change ${open.path}, and root puts no key where another user can put a link: chown root '${open.path}' && chmod go-w '${open.path}', or --tls /etc/nomad-tls`,
    )
  }
  const loaded = loadedPair(readCurrent(tls), tls)
  requireSameNode(loaded?.generation, address)
  const pending = keepKey ? undefined : readPending(keyFile)
  // Its certificate is in place: the run that put it there was stopped before it removed this key.
  const spent =
    pending !== undefined &&
    loaded !== undefined &&
    samePublicKey(pending.publicKey, loaded.leaf.publicKey)
  const waits = spent ? undefined : pending
  if (keepKey && loaded?.key === undefined) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      loaded === undefined
        ? `--keep-key: no certificate is in place in ${tls}`
        : `--keep-key: the key of ${loaded.generation.directory} cannot be read: ${loaded.unread!}`,
    )
  }
  const algorithm =
    options.algorithm ?? waits?.algorithm ?? loaded?.leaf.publicKey.algorithm ?? 'ecdsa-p256'
  if (waits !== undefined && waits.algorithm !== algorithm) {
    throw new NomadPkiError(
      'ERR_FILE_EXISTS',
      `${keyFile} is a key of ${waits.algorithm} that waits for its certificate, and ${algorithm} is asked for`,
      { hint: `if no certificate is on its way for it: rm ${shellQuote(keyFile)}` },
    )
  }
  const key = (keepKey ? loaded?.key : waits) ?? (await generateKey(algorithm))
  const kind = keepKey ? 'loaded' : waits === undefined ? 'new' : 'pending'
  return {
    key,
    kind,
    keyFile: keepKey ? `${tls}/${loaded!.generation.directory}/key.pem` : keyFile,
    loaded,
    async write() {
      if (kind !== 'new') return
      if (nodeFiles.stat(tls) === undefined) await nodeFiles.makeTree(tls, 0o755)
      if (spent) nodeFiles.unlink(keyFile)
      try {
        await placeFile(nodeFiles, keyFile, Buffer.from(encodePrivateKey(key), 'latin1'), 0o600)
      } catch (error) {
        if (!isNomadPkiError(error, 'ERR_FILE_EXISTS')) throw error
        throw new NomadPkiError('ERR_FILE_EXISTS', `${keyFile} was made just now by another run`, {
          hint: 'its certificate is on its way: leave the key, and run this again when the other run has ended',
          cause: error,
        })
      }
    },
  }
}

/** The pair that is in use on a node. */
export interface LoadedPair {
  readonly generation: NodeGeneration
  readonly leaf: Certificate
  /** Absent where it cannot be read. */
  readonly key: PrivateKey | undefined
  /** Why not. */
  readonly unread: string | undefined
}

function loadedPair(generation: NodeGeneration | undefined, tls: string): LoadedPair | undefined {
  if (generation?.cert === undefined) return undefined
  const [leaf] = parseCertificates(latin1Of(generation.cert))
  if (leaf === undefined) return undefined
  const pair = { generation, leaf }
  try {
    const reading = readWhole(nodeFiles, `${tls}/${generation.directory}/key.pem`)
    if (reading.state !== 'read') {
      return {
        ...pair,
        key: undefined,
        unread: 'message' in reading ? reading.message : 'it is not there',
      }
    }
    const key = parsePrivateKey(reading.bytes)
    if (samePublicKey(key.publicKey, leaf.publicKey)) return { ...pair, key, unread: undefined }
    return { ...pair, key: undefined, unread: 'it is not that of the certificate' }
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return { ...pair, key: undefined, unread: error.message }
  }
}

function requireSameNode(generation: NodeGeneration | undefined, address: string): void {
  const there = generation?.manifest?.address
  if (there === undefined || there === address) return
  throw new NomadPkiError(
    'ERR_INSTALL_REFUSED',
    `the request is for ${address}, and this node is ${there}`,
    { address, hint: 'where a node takes another name, move the directory away first' },
  )
}

/** A key that an earlier call made, and that nobody else put there or can read. */
function readPending(keyFile: string): PrivateKey | undefined {
  const reading = readWhole(nodeFiles, keyFile)
  if (reading.state === 'absent') return undefined
  if (reading.state === 'unreadable') {
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${keyFile}: ${reading.message}`, {
      hint: 'run it as the user who made the key: root, mostly',
    })
  }
  const remove = `rm ${shellQuote(keyFile)}; the next request makes a new key`
  if (reading.state === 'odd') {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `${keyFile}: ${reading.message}; request makes a plain file there, so someone else put it there`,
      { hint: `find out who, then remove it: ${remove}` },
    )
  }
  const user = getuid?.()
  if (user !== undefined && reading.uid !== user) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `${keyFile} belongs to user ${reading.uid}, and this runs as user ${user}`,
      { hint: `run it as user ${reading.uid}; or find out who made it, then: ${remove}` },
    )
  }
  if ((reading.mode & 0o077) !== 0) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `other users can read ${keyFile}: such a key is not certified`,
      { hint: remove },
    )
  }
  try {
    return parsePrivateKey(reading.bytes)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    throw new NomadPkiError(error.code, `${keyFile}: ${error.message}`, {
      hint: `if no certificate is on its way for it: ${remove}`,
      cause: error,
    })
  }
}
