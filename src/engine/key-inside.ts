/**
 * Calls of a set-up, which throw; and the key of an authority, made inside its engine.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { Ledger } from '../inventory/ledger.js'
import { algorithmOf, type KeyAlgorithm, type PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { sha256 } from '../sha256.js'
import type { Certificate } from '../x509/certificate.js'
import { parseRequest } from '../x509/request.js'
import { isMissing, policyRemedy } from './look.js'
import { engineCommand, type EngineSession } from './session.js'
import { lacksRight, type EngineVerdict } from './verdict.js'

/** Calls an engine and gives its data. */
export type Ask = (
  method: 'GET' | 'LIST' | 'POST' | 'PATCH',
  path: string,
  body?: Readonly<Record<string, unknown>>,
) => Promise<Readonly<Record<string, unknown>>>

/**
 * Gives calls that throw where the engine refuses, or does not answer.
 *
 * @param address The authority, for errors.
 */
export function asks(session: EngineSession, address: string): Ask {
  return async (method, path, body) => {
    const verdict = await session.call({ method, path, body })
    if (verdict.is === 'done') return verdict.data
    throw refusal(address, path, verdict)
  }
}

/** The error for an answer that is not data. */
export function refusal(
  address: string,
  path: string,
  verdict: Exclude<EngineVerdict, { readonly is: 'done' }>,
): NomadPkiError {
  const code = verdict.is === 'unknown' ? 'ERR_ISSUER_UNKNOWN' : 'ERR_ISSUER_REFUSED'
  return new NomadPkiError(code, `${path}: ${verdict.reason}`, {
    address,
    hint: lacksRight(verdict)
      ? `${policyRemedy('set up', authorityNameOf(address))}; what is done stays: run this again`
      : 'what is done stays: run this again when the cause is gone',
    cause: verdict,
  })
}

/** Whether an error of {@link asks} says that the engine does not have what was asked. */
export function isMissingError(error: unknown): boolean {
  return isNomadPkiError(error, 'ERR_ISSUER_REFUSED') && isMissing(error.cause as EngineVerdict)
}

/** Where the key of an authority is, and what says that it is this store's. */
export interface KeyPlace {
  /** The generation whose key it is. */
  readonly address: string
  readonly mount: string
  readonly keyName: string
  /** For commands that are printed. */
  readonly session: Pick<EngineSession, 'namespace' | 'program'>
  readonly ledger: Pick<Ledger, 'events'>
  /** The certificate of the generation, where the store has it. */
  readonly stored: Certificate | undefined
}

/**
 * Gives the public key of an authority from its mount: the key that this store had made there, else a new one, whose
 * line is in the ledger before anything is certified.
 *
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH`; `ERR_CORRESPONDENCE` for a key that this store did not make; and what
 * `ask` and `note` throw.
 */
export async function keyInside(
  ask: Ask,
  place: KeyPlace,
  {
    algorithm,
    dryRun,
    note,
    tell,
  }: {
    readonly algorithm: KeyAlgorithm
    /** Makes nothing. */
    readonly dryRun: boolean
    /** Makes a line of the ledger durable: this key, SHA-256 of its SubjectPublicKeyInfo, was made. */
    readonly note: (key: string) => Promise<void>
    readonly tell: (line: string) => void
  },
): Promise<PublicKey | undefined> {
  const { mount, keyName, stored } = place
  const there = await ownKey(ask, place)
  if (there === undefined && stored !== undefined) {
    throw new NomadPkiError(
      'ERR_KEY_MISMATCH',
      `the store has a certificate for ${keyName}, and ${mount} has no key of that name`,
      { hint: 'its key is elsewhere, or was deleted: raise `signing`, and set up that generation' },
    )
  }
  if (there === undefined && dryRun) {
    tell(`would be done: make a key of ${algorithm} in ${mount}, named ${keyName}`)
    return undefined
  }
  const publicKey = there ?? (await made())
  tell(
    there === undefined
      ? `done: a key of ${algorithm} in ${mount}, named ${keyName}`
      : `is there: the key ${keyName} in ${mount}`,
  )
  if (publicKey.algorithm === algorithm) return publicKey
  throw new NomadPkiError(
    'ERR_KEY_MISMATCH',
    `the key ${keyName} in ${mount} is ${publicKey.name}, the spec says ${algorithm}`,
    { hint: 'correct `key` in the spec, or raise `signing`, and set up that generation' },
  )

  async function made(): Promise<PublicKey> {
    // Refused where a key of this name came meanwhile: what is answered was made by this call.
    const key = keyIn(
      await ask('POST', `${mount}/intermediate/generate/internal`, {
        ...requested(keyName),
        ...kindOf(algorithm),
        key_name: keyName,
      }),
    )
    await note(sha256(key.spki))
    return key
  }
}

/**
 * Gives the public key of an authority from its mount; `undefined` where there is none of that name. A person who may
 * write to a mount can bring a key there and know it: the name says nothing. It is this store's where the ledger has
 * the line that it was made, or the certificate of the store is for it.
 *
 * @throws {NomadPkiError} `ERR_KEY_MISMATCH` where the certificate of the store is for another key;
 * `ERR_CORRESPONDENCE` where nothing says that this store had it made; and what `ask` throws.
 */
export async function ownKey(ask: Ask, place: KeyPlace): Promise<PublicKey | undefined> {
  const { address, mount, keyName, session, ledger, stored } = place
  const there = await keyFound(ask, { mount, keyName })
  if (there === undefined) return undefined
  if (stored !== undefined) {
    if (samePublicKey(stored.publicKey, there)) return there
    throw new NomadPkiError(
      'ERR_KEY_MISMATCH',
      `the certificate of ${address} in the store is for another key than ${keyName} in ${mount}`,
      { address, hint: 'raise `signing` of it in the spec, and set up that generation' },
    )
  }
  const key = sha256(there.spki)
  const isOwn = ledger.events.some(
    (one) => one.event === 'generated' && one.address === address && one.key === key,
  )
  if (isOwn) return there
  throw new NomadPkiError(
    'ERR_CORRESPONDENCE',
    `the key ${keyName} in ${mount} is not taken as that of ${address}: no line of the ledger says that this store had it made. Another person or store made it and may know it, or a run of this store ended before it noted its key`,
    {
      address,
      hint: `an administrator of the engine deletes it (${engineCommand(session, 'delete', `${mount}/key/${keyName}`)}; the policies that are printed cannot), then run this again; or name another \`mount\` or \`issuer\` in \`engine\`, or raise \`signing\`. The key of a lost store, or of another administrator, is taken with its certificate: nomad-pki adopt FOLDER --engine`,
    },
  )
}

/** The public key of a key of this name in the mount; `undefined` where it has none. */
async function keyFound(
  ask: Ask,
  { mount, keyName }: { readonly mount: string; readonly keyName: string },
): Promise<PublicKey | undefined> {
  if (!(await keyNames(ask, mount)).includes(keyName)) return undefined
  const path = `${mount}/intermediate/generate/existing`
  return keyIn(await ask('POST', path, { ...requested(keyName), key_ref: keyName }))
}

/** A request is how an engine says a public key. */
function requested(keyName: string): Readonly<Record<string, string>> {
  return { common_name: keyName, format: 'pem' }
}

function keyIn({ csr }: Readonly<Record<string, unknown>>): PublicKey {
  return parseRequest(typeof csr === 'string' ? csr : '').publicKey
}

/** A list of nothing is answered with 404. */
async function keyNames(ask: Ask, mount: string): Promise<readonly string[]> {
  try {
    const { key_info: info } = await ask('LIST', `${mount}/keys`)
    const entries = typeof info === 'object' && info !== null ? Object.values(info) : []
    return entries.flatMap((one: { readonly key_name?: unknown }) =>
      typeof one.key_name === 'string' ? [one.key_name] : [],
    )
  } catch (error) {
    if (isMissingError(error)) return []
    throw error
  }
}

function kindOf(algorithm: KeyAlgorithm): { readonly key_type: string; readonly key_bits: number } {
  const { kind, modulusLength } = algorithmOf(algorithm)
  if (kind === 'rsa') return { key_type: 'rsa', key_bits: modulusLength! }
  if (kind === 'ed25519') return { key_type: 'ed25519', key_bits: 0 }
  return { key_type: 'ec', key_bits: Number(algorithm.slice('ecdsa-p'.length)) }
}
