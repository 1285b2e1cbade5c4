/**
 * The authorities whose keys are files of a store, under a passphrase.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { sameBytes } from '../bytes.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { Store } from '../inventory/store.js'
import type { PrivateKey, PublicKey } from '../keys/algorithms.js'
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

/** A key of the store in its other form. */
export type OtherForm =
  | { readonly state: 'absent' }
  /** It has that form already. */
  | { readonly state: 'same' }
  | {
      readonly state: 'made'
      /** PEM. A secret, where it is not encrypted. */
      readonly key: string
      /** The file as it was read. */
      readonly expected: Uint8Array
      readonly publicKey: PublicKey
    }

/**
 * Gives an authority's key of the store in its other form, encrypted or not. What was encrypted is opened once more
 * and compared before anybody writes it over the key.
 *
 * @param store Where the key is.
 * @param authority Whose key it is.
 * @param form What is wanted.
 * @param passphrases Where passphrases come from.
 * @param next Where another passphrase comes from, for a key that is encrypted already. Default: none is set.
 * @throws {NomadPkiError} `ERR_KEY_MALFORMED`, `ERR_KEY_ALGORITHM`, `ERR_STORE_UNREADABLE`, and as {@link Passphrases}
 */
export async function otherForm(
  store: Pick<Store, 'readAuthorityKey'>,
  { name, generation }: { readonly name: string; readonly generation: number },
  form: 'encrypted' | 'plain',
  passphrases: Passphrases,
  next?: Pick<Passphrases, 'forNew'>,
): Promise<OtherForm> {
  const address = authorityAddress(name, generation)
  const expected = await store.readAuthorityKey(name, generation)
  if (expected === undefined) return { state: 'absent' }
  if (next === undefined && isEncryptedKey(expected) === (form === 'encrypted')) {
    return { state: 'same' }
  }
  const key = await openKey(expected, name, address, passphrases)
  const { publicKey } = key
  if (form === 'plain') return { state: 'made', key: encodePrivateKey(key), expected, publicKey }
  const passphrase = await (next ?? passphrases).forNew(name, address)
  const pem = lockKey(key, passphrase)
  if (!sameBytes(parsePrivateKey(unlockKey(pem, passphrase)).pkcs8, key.pkcs8)) {
    throw new NomadPkiError('ERR_INTERNAL', `the encrypted key of ${address} is not the same key`)
  }
  return { state: 'made', key: pem, expected, publicKey }
}

/**
 * Tells whether the passphrases at hand open an authority's key of the store.
 *
 * @param store Where the key is.
 * @param authority Whose key it is.
 * @param passphrases Where passphrases come from.
 * @throws {NomadPkiError} as {@link otherForm}, but for a wrong passphrase.
 */
export async function opensKey(
  store: Pick<Store, 'readAuthorityKey'>,
  { name, generation }: { readonly name: string; readonly generation: number },
  passphrases: Passphrases,
): Promise<boolean> {
  const bytes = await store.readAuthorityKey(name, generation)
  if (bytes === undefined) return false
  try {
    await openKey(bytes, name, authorityAddress(name, generation), passphrases)
    return true
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) return false
    throw error
  }
}
