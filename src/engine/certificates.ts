/**
 * What an engine has signed: the serial numbers that it lists, the certificates behind them, what is revoked, and its
 * issuers. Nothing of it is believed: a certificate counts by its signature, a list by that of its authority.
 *
 * @module
 */

import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { inParallel } from '../in-parallel.js'
import { serialOf } from '../inventory/known-certificates.js'
import { pemBlocks } from '../keys/pem.js'
import type { Certificate } from '../x509/certificate.js'
import { parseCrl, type RevocationList } from '../x509/crl.js'
import { isSignedBy } from '../x509/signature.js'
import { sameBytes } from '../bytes.js'
import { isMissing } from './look.js'
import { shown } from './roles.js'
import { callsInFlight, engineCommand, type EngineSession } from './session.js'
import { certificateIn, type EngineVerdict } from './verdict.js'

/** A quarter of a million serial numbers. */
const longestList = 16 * 1024 * 1024
/** A mount of one cluster has fewer issuers. */
const mostIssuers = 200

/** A certificate that an engine gave out. */
export interface EngineCertificate {
  /** `pki/nomad/cert/17:ab:…` */
  readonly place: string
  readonly certificate: Certificate
  /** Whether the engine says that it is revoked. */
  readonly revoked: boolean
}

/** An answer that is not a certificate, and why. */
export interface EngineFault {
  readonly place: string
  /** Lower case, no full stop. */
  readonly message: string
}

/** An issuer of a mount. */
export interface EngineIssuerFound {
  /** `pki/nomad/issuer/us-west-1` */
  readonly place: string
  /** Empty where it has none. */
  readonly name: string
  readonly certificate: Certificate
}

/**
 * Lists the serial numbers of a mount.
 *
 * @returns As the ledger has them: hex without colons, each once.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED` where the engine refuses, or answers what is not such a list.
 */
export async function serialsIn(session: EngineSession, mount: string): Promise<readonly string[]> {
  const path = `${mount}/certs`
  const verdict = await session.call({ method: 'LIST', path, mostBytes: longestList })
  if (isMissing(verdict)) return []
  if (verdict.is !== 'done')
    throw unread(
      path,
      verdict,
      'it lists certificates only for a token with the policy for plan and verify; a mount with more than 200,000 of them is tidied first: ' +
        engineCommand(session, 'write', `${mount}/tidy tidy_cert_store=true`),
    )
  const { keys } = verdict.data
  if (!Array.isArray(keys)) throw notAList(path, 'it has no list')
  const serials = new Set<string>()
  for (const [at, text] of (keys as readonly unknown[]).entries()) {
    const serial =
      typeof text === 'string' && /^[0-9a-f:-]+$/i.test(text)
        ? serialOf(text.replaceAll('-', ':'))
        : undefined
    if (serial === undefined) throw notAList(path, `entry ${at + 1} is ${shown(text)}`)
    serials.add(serial)
  }
  return [...serials]
}

/**
 * Reads certificates by their serial numbers, some at a time.
 *
 * @param serials As {@link serialsIn} gives them.
 * @param take Gets each answer as it comes, in any order.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED` where the engine can no longer be asked.
 */
export async function readCertificates(
  session: EngineSession,
  mount: string,
  serials: readonly string[],
  take: (one: EngineCertificate | EngineFault) => void,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const one = async (serial: string): Promise<EngineCertificate | EngineFault> => {
    const place = certificatePath(mount, serial)
    const verdict = await session.call({ method: 'GET', path: place, signal })
    // It was tidied away since it was listed.
    if (isMissing(verdict)) return { place, message: 'it is listed, and is not there' }
    if (verdict.is !== 'done') throw unread(place, verdict)
    const certificate = certificateIn(verdict.data.certificate)
    if (certificate === undefined) return { place, message: 'it is not one certificate' }
    if (certificate.serial !== serial) {
      return {
        place,
        message: `it is another certificate, with the serial number ${colons(certificate.serial)}`,
      }
    }
    const { revocation_time: at = 0 } = verdict.data
    if (typeof at !== 'number') return { place, message: `its revocation_time is ${shown(at)}` }
    return { place, certificate, revoked: at > 0 }
  }
  await inParallel(serials, callsInFlight, async (serial) => take(await one(serial)))
}

/**
 * Reads the issuers of a mount.
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`
 */
export async function issuersIn(
  session: EngineSession,
  mount: string,
): Promise<readonly (EngineIssuerFound | EngineFault)[]> {
  const path = `${mount}/issuers`
  const verdict = await session.call({ method: 'LIST', path })
  if (isMissing(verdict)) return []
  if (verdict.is !== 'done') throw unread(path, verdict)
  const { keys } = verdict.data
  if (!Array.isArray(keys) || keys.length > mostIssuers)
    throw notAList(path, 'it has no list, or a longer one')
  const found: (EngineIssuerFound | EngineFault)[] = []
  for (const id of keys as readonly unknown[]) {
    if (typeof id !== 'string' || !/^[\w-]{1,128}$/.test(id))
      throw notAList(path, `it names ${shown(id)}`)
    const place = `${path.slice(0, -1)}/${id}`
    const read = await session.call({ method: 'GET', path: place })
    if (read.is !== 'done') throw unread(place, read)
    const certificate = certificateIn(read.data.certificate)
    const name = read.data.issuer_name ?? ''
    if (certificate === undefined) found.push({ place, message: 'it is not one certificate' })
    else if (typeof name !== 'string' || !/^[\w.-]{0,128}$/.test(name))
      found.push({ place, message: `its name is ${shown(name)}` })
    else
      found.push({ place: name === '' ? place : `${path.slice(0, -1)}/${name}`, name, certificate })
  }
  return found
}

/**
 * Reads the revocation list that an engine made for an issuer.
 *
 * @param certificate The issuer's, of the store: its key must have signed the list.
 * @returns One sentence where there is none that counts.
 */
export async function listIn(
  session: EngineSession,
  issuerPath: string,
  certificate: Certificate,
): Promise<RevocationList | string> {
  const path = `${issuerPath}/crl`
  const verdict = await session.call({ method: 'GET', path, repeat: false, mostBytes: longestList })
  if (verdict.is !== 'done') return `${path}: ${verdict.reason}`
  try {
    const { crl } = verdict.data
    const block =
      typeof crl === 'string' ? pemBlocks(crl).find(({ label }) => label === 'X509 CRL') : undefined
    if (block === undefined) return `${path} is not a revocation list`
    const list = parseCrl(block.der)
    const own =
      sameBytes(list.issuer.der, certificate.subject.der) && isSignedBy(list, certificate.publicKey)
    return own ? list : `${path} was not signed by this issuer`
  } catch (error) {
    if (isNomadPkiError(error)) return `${path}: ${error.message}`
    throw error
  }
}

/** The path of a certificate: `pki/nomad/cert/17:ab:0c`. */
export function certificatePath(mount: string, serial: string): string {
  return `${mount}/cert/${colons(serial)}`
}

/** A serial number as engines write it: `17:ab:0c`. */
export function colons(serial: string): string {
  return serial.replace(/(..)(?=.)/g, '$1:')
}

function unread(
  path: string,
  verdict: Exclude<EngineVerdict, { readonly is: 'done' }>,
  hint = 'nothing was written: run this again when the cause is gone',
): NomadPkiError {
  return new NomadPkiError('ERR_ISSUER_REFUSED', `${path}: ${verdict.reason}`, {
    hint,
    cause: verdict,
  })
}

function notAList(path: string, why: string): NomadPkiError {
  return new NomadPkiError('ERR_ISSUER_REFUSED', `${path} is not a list of an engine: ${why}`, {
    hint: 'is the mount an engine of the type pki, and the address that of the engine? nothing was written',
  })
}
