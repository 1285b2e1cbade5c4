/**
 * A node's request for a certificate: its key is made here and stays here. Until the certificate comes, the
 * key waits in the directory of the agent's files:
 *
 * ```text
 * request   TLS/requested-key.pem                 0600, of the user who runs request
 * install   TLS/3-9f2c41ab/{key,cert,ca}.pem      a copy of it, beside its certificate; then `current` turns
 *           TLS/requested-key.pem                 removed, once `current` leads to the pair
 * ```
 *
 * @module
 */

import { getuid } from 'node:process'
import { parseAddress } from '../address.js'
import { latin1Of } from '../bytes.js'
import { addressUri } from '../checks/request.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import { openToOthers } from '../files/open-way.js'
import { placeFile } from '../files/place.js'
import { readWhole } from '../files/read.js'
import type { KeyAlgorithm, PrivateKey } from '../keys/algorithms.js'
import { keyFingerprint } from '../keys/fingerprint.js'
import { generateKey } from '../keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../keys/private-key.js'
import { samePublicKey } from '../keys/public-key.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { shellQuote } from '../shell-quote.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { signBeside } from '../x509/detached-signature.js'
import { encodeName } from '../x509/name.js'
import { storeAround } from '../store/around.js'
import { encodeRequestFile, makeRequest } from '../x509/request.js'
import { pendingKeyFile, readCurrent, type NodeGeneration } from './node.js'

/** What a node asks for, and how. */
export interface NodeRequestOptions {
  /** Absolute path of the directory with the link `current`; it need not be there. */
  readonly tls: string
  /** `identity/server/global/s1` */
  readonly address: string
  /** Of a new key. Default: that of the key in use, else ecdsa-p256. */
  readonly algorithm?: KeyAlgorithm | undefined
  /** Ask for the key in use, and make none. Default: no. */
  readonly keepKey?: boolean | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

/** A request, before anything is written. */
export interface NodeRequest {
  /** PEM: the request, and behind it the signature of the key in use. */
  readonly text: string
  /** Of the public key. */
  readonly fingerprint: string
  readonly algorithm: KeyAlgorithm
  /** `new`: made just now. `pending`: an earlier call made it. `loaded`: the one in use. */
  readonly key: 'new' | 'pending' | 'loaded'
  /** Where the private key is, or will be. */
  readonly keyFile: string
  /** The generation whose key signed it too; `undefined`: none did. */
  readonly signedBy: string | undefined
  /** Sentences. */
  readonly notes: readonly string[]
  /**
   * Writes a new key, 0600 from its first byte; nothing else is written.
   *
   * @throws {NomadPkiError} `ERR_FILE_UNWRITABLE`, `ERR_FILE_EXISTS`
   */
  write(): Promise<void>
}

/**
 * Makes a request, and a key where none waits. Nothing is written before {@link NodeRequest.write}.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`, `ERR_INSTALL_REFUSED` where the node is another one or the
 * place is not safe; `ERR_KEY_MALFORMED`, `ERR_KEY_MISMATCH`
 */
export async function prepareNodeRequest(options: NodeRequestOptions): Promise<NodeRequest> {
  const { tls, address, keepKey = false, now } = options
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
  const notes: string[] = []
  const pending = keepKey ? undefined : readPending(keyFile)
  // Its certificate is in place, and whoever put it there was stopped before this was removed.
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
  const request = makeRequest({ ...contentFor(address), key })
  const signature = signatureBeside(request, loaded, now, notes)
  const kind = keepKey ? 'loaded' : waits === undefined ? 'new' : 'pending'
  return {
    text: encodeRequestFile(request, signature),
    fingerprint: keyFingerprint(key.publicKey),
    algorithm: key.algorithm,
    key: kind,
    keyFile: keepKey ? `${tls}/${loaded!.generation.directory}/key.pem` : keyFile,
    signedBy: signature === undefined ? undefined : loaded!.generation.directory,
    notes,
    async write() {
      if (kind !== 'new') return
      if (nodeFiles.stat(tls) === undefined) await nodeFiles.makeTree(tls, 0o755)
      if (spent) nodeFiles.unlink(keyFile)
      await placeFile(nodeFiles, keyFile, Buffer.from(encodePrivateKey(key), 'latin1'), 0o600)
    },
  }
}

/** The subject and names that the spec will most likely grant, and whose request it is. */
function contentFor(address: string): Pick<Parameters<typeof makeRequest>[0], 'subject' | 'names'> {
  const { commonName, names } = requestNames(address)
  return { subject: encodeName({ commonName }), names }
}

/**
 * The names in a request: those that the spec will most likely grant, and a URI that says whose it is.
 *
 * @throws {NomadPkiError} `ERR_ADDRESS_INVALID`
 */
export function requestNames(address: string): {
  readonly commonName: string
  readonly names: readonly { readonly type: 'dns' | 'uri'; readonly value: string }[]
} {
  const parsed = parseAddress(address)
  if (parsed.kind !== 'identity' || !isAgent(parsed.role)) {
    throw new NomadPkiError('ERR_ADDRESS_INVALID', `${address} is not the identity of an agent`)
  }
  const { role, region } = parsed
  const profile = profileOf(role)
  return {
    commonName: profile.commonName(region),
    names: [
      ...profile.roleNames(region).map((value) => ({ type: 'dns', value }) as const),
      { type: 'uri', value: addressUri(address) },
    ],
  }
}

interface LoadedPair {
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

/** A request is proven to come from this node by the key that is in use here. */
function signatureBeside(
  request: Uint8Array,
  loaded: LoadedPair | undefined,
  now: number,
  notes: string[],
): Uint8Array | undefined {
  if (loaded === undefined) return undefined
  const { leaf, key, unread, generation } = loaded
  if (key === undefined) {
    notes.push(`the key of ${generation.directory} does not sign the request: ${unread!}`)
    return undefined
  }
  if (leaf.notAfter <= now) {
    notes.push(`the certificate in place has expired, so its key does not sign the request`)
    return undefined
  }
  return signBeside(request, leaf, key)
}
