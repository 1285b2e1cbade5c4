/**
 * Calls of a set-up, which throw; and the key of an authority, made inside its engine.
 *
 * @module
 */

import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { algorithmOf, type KeyAlgorithm, type PublicKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'
import { parseRequest } from '../x509/request.js'
import { isMissing } from './look.js'
import type { EngineSession } from './session.js'
import type { EngineVerdict } from './verdict.js'

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
    hint: 'what is done stays: run this again when the cause is gone',
    cause: verdict,
  })
}

/** Whether an error of {@link asks} says that the engine does not have what was asked. */
export function isMissingError(error: unknown): boolean {
  return isNomadPkiError(error, 'ERR_ISSUER_REFUSED') && isMissing(error.cause as EngineVerdict)
}

/** The public key of a key of this name in the mount: the one that is there, else a new one. */
export async function keyInside(
  ask: Ask,
  {
    mount,
    keyName,
    algorithm,
    tell,
    stored,
  }: {
    readonly mount: string
    readonly keyName: string
    readonly algorithm: KeyAlgorithm
    readonly tell: (line: string) => void
    readonly stored: Certificate | undefined
  },
): Promise<PublicKey> {
  const there = await keyFound(ask, { mount, keyName })
  if (there === undefined && stored !== undefined) {
    throw new NomadPkiError(
      'ERR_KEY_MISMATCH',
      `the store has a certificate for ${keyName}, and ${mount} has no key of that name`,
      { hint: 'its key is elsewhere, or was deleted: raise `signing`, and set up that generation' },
    )
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
    return keyIn(
      await ask('POST', `${mount}/intermediate/generate/internal`, {
        ...requested(keyName),
        ...kindOf(algorithm),
        key_name: keyName,
      }),
    )
  }
}

/** The public key of a key of this name in the mount; `undefined` where it has none. */
export async function keyFound(
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
