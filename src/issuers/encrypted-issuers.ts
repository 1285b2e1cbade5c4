/**
 * The authorities whose keys are files of a store, under a passphrase.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { NomadPkiError } from '../errors.js'
import type { Store } from '../inventory/store.js'
import type { PrivateKey } from '../keys/algorithms.js'
import { generateKey } from '../keys/generate.js'
import { lockKey } from '../keys/lock-key.js'
import { encodePrivateKey, parsePrivateKey } from '../keys/private-key.js'
import { isEncryptedKey, unlockKey } from '../keys/unlock-key.js'
import { makeRequest } from '../x509/request.js'
import { heldIssuer, heldSigner } from './held.js'

/** Where passphrases come from. */
export interface Passphrases {
  /**
   * Opens something with a passphrase; a wrong one may be asked for again.
   *
   * @param name The authority.
   * @param address The generation whose key it is.
   * @param open Throws `ERR_KEY_ENCRYPTED` for a wrong passphrase.
   * @returns What `open` returns.
   * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED` where no passphrase opens it; `ERR_REFUSED` where none can be had.
   */
  open<Value>(name: string, address: string, open: (passphrase: string) => Value): Promise<Value>
  /**
   * The passphrase of a key that is put under one.
   *
   * @throws {NomadPkiError} `ERR_REFUSED`, `ERR_USAGE`
   */
  forNew(name: string, address: string): Promise<string>
}

/**
 * Gives the authorities whose keys are encrypted files of a store. A passphrase is asked for when its authority signs
 * first; the key then is in this process alone.
 *
 * @param store Where the keys are.
 * @param passphrases Where passphrases come from.
 * @returns The port that `applyPlan` takes. Its functions throw, and document it.
 */
export function encryptedIssuers(store: Store, passphrases: Passphrases): Issuers {
  return {
    async begin({ name, generation, algorithm }) {
      const address = authorityAddress(name, generation)
      const bytes = await store.readAuthorityKey(name, generation)
      let key: PrivateKey
      let pem: string
      if (bytes === undefined) {
        const passphrase = await passphrases.forNew(name, address)
        key = await generateKey(algorithm)
        pem = lockKey(key, passphrase)
      } else {
        key = await openKey(bytes, name, address, passphrases)
        pem = Buffer.from(bytes).toString('latin1')
        if (key.algorithm !== algorithm) {
          throw new NomadPkiError(
            'ERR_KEY_MISMATCH',
            `the key that was made for ${address} is ${key.algorithm}, the spec says ${algorithm}`,
            { address, hint: `set \`key: ${key.algorithm}\` for ${name} in the spec` },
          )
        }
      }
      return {
        ...heldSigner(name, key),
        request: (asked) => makeRequest({ ...asked, key }),
        keep(keeper, certificate) {
          keeper.putAuthority(name, generation, { key: pem, certificate })
        },
        async open([certificate, ...above]) {
          return heldIssuer({ name, certificate, above, key })
        },
      }
    },
    async open({ name, generation, path: [certificate, ...above] }) {
      const address = authorityAddress(name, generation)
      const bytes = await store.readAuthorityKey(name, generation)
      if (bytes === undefined) {
        throw new NomadPkiError(
          'ERR_STORE_UNREADABLE',
          `the key of ${address} is not in the store`,
          { address },
        )
      }
      const key = await openKey(bytes, name, address, passphrases)
      return heldIssuer({ name, certificate, above, key })
    },
  }
}

/** A key that is not encrypted signs too: the checks say that it should be. */
async function openKey(
  bytes: Uint8Array,
  name: string,
  address: string,
  passphrases: Passphrases,
): Promise<PrivateKey> {
  if (!isEncryptedKey(bytes)) return parsePrivateKey(bytes)
  return passphrases.open(name, address, (passphrase) =>
    parsePrivateKey(unlockKey(bytes, passphrase)),
  )
}

/** An authority's key in the store, as bytes. */
interface KeptKey {
  readonly name: string
  readonly address: string
  /** As the file has it. */
  readonly bytes: Uint8Array
}

/**
 * The same key under a passphrase.
 *
 * @returns PEM.
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`, `ERR_KEY_ALGORITHM`, and as {@link Passphrases.forNew}
 */
export async function encryptedForm(
  { name, address, bytes }: KeptKey,
  passphrases: Passphrases,
): Promise<string> {
  const key = parsePrivateKey(bytes)
  return lockKey(key, await passphrases.forNew(name, address))
}

/**
 * The same key without its passphrase.
 *
 * @returns PEM. It is a secret.
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`, `ERR_KEY_ALGORITHM`, and as {@link Passphrases.open}
 */
export async function plainForm(
  { name, address, bytes }: KeptKey,
  passphrases: Passphrases,
): Promise<string> {
  return encodePrivateKey(await openKey(bytes, name, address, passphrases))
}
