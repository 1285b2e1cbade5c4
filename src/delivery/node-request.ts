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

import { parseAddress } from '../address.js'
import { addressUri } from '../checks/request.js'
import { NomadPkiError } from '../errors.js'
import type { KeyAlgorithm } from '../keys/algorithms.js'
import { keyFingerprint } from '../keys/fingerprint.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { signBeside } from '../x509/detached-signature.js'
import { encodeName } from '../x509/name.js'
import { encodeRequestFile, makeRequest } from '../x509/request.js'
import { nodeKey, type LoadedPair } from './node-key.js'

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
  const { address, now } = options
  const node = await nodeKey(options)
  const { key, kind, keyFile, loaded } = node
  const notes: string[] = []
  const request = makeRequest({ ...contentFor(address), key })
  const signature = signatureBeside(request, loaded, now, notes)
  return {
    text: encodeRequestFile(request, signature),
    fingerprint: keyFingerprint(key.publicKey),
    algorithm: key.algorithm,
    key: kind,
    keyFile,
    signedBy: signature === undefined ? undefined : loaded!.generation.directory,
    notes,
    write: () => node.write(),
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
    commonName: profile.commonName(region)!,
    names: [
      ...profile.roleNames(region).map((value) => ({ type: 'dns', value }) as const),
      { type: 'uri', value: addressUri(address) },
    ],
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
