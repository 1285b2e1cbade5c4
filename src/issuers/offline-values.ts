/**
 * The values in the two files that go between a store and the machine of a key: each is checked before it
 * is shown to a person or signed.
 *
 * @module
 */

import { isName, parseAddress } from '../address.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'

/** The longest text. */
const longestText = 512

/** Reads a certificate from base64. */
export function readCertificate(value: unknown, what: string): Certificate {
  const bytes = bytesOf(value, `${what}: certificate`)
  try {
    return parseCertificate(bytes)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return malformed(`${what}: ${error.message}`)
  }
}

/** An object of JSON, with anything in it. */
export type JsonRecord = Readonly<Record<string, unknown>>

/** The data of one of the two files, whose form this version knows. */
export function document(value: unknown, what: 'request' | 'answer'): JsonRecord {
  const top = record(value, `the ${what}`)
  if (top.format !== `nomad-pki/authority-${what}`) malformed('its format is another')
  if (top.version !== 1) {
    malformed(
      `its version is ${JSON.stringify(top.version)}, and 1 is known here`,
      'use the same version of nomad-pki on both machines',
    )
  }
  return top
}

/** Refuses a value that is not an object. */
export function record(value: unknown, what: string): JsonRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonRecord
  }
  return malformed(`${what} is not an object`)
}

/** Refuses a value that is not a list, or too long a one. */
export function list(value: unknown, what: string, at: number): readonly unknown[] {
  if (!Array.isArray(value)) return malformed(`${what} is not a list`)
  if (value.length > at) malformed(`${what} has ${value.length} entries, more than ${at}`)
  return value
}

/** Refuses what is not a moment in whole seconds. */
export function wholeSeconds(value: unknown, what: string): number {
  // Up to 9999, as certificates can say it.
  if (typeof value === 'number' && value >= 0 && value < 253402300800000 && value % 1000 === 0) {
    return value
  }
  return malformed(`${what} is not a moment in whole seconds`)
}

/** Refuses what is not text that can be shown: control characters and marks that turn its direction. */
export function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') return malformed(`${what} is not text`)
  if (value.length > longestText)
    malformed(`${what} has ${value.length} characters, more than ${longestText}`)
  // A person reads this before a root signs it.
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(value)) {
    malformed(`${what} holds a character that cannot be seen`)
  }
  return value
}

/** Reads a list of such texts. */
export function texts(value: unknown, what: string): readonly string[] {
  return list(value, what, 4_096).map((one) => text(one, what))
}

/** Reads a text of one form. */
export function matching(value: unknown, what: string, pattern: RegExp): string {
  const found = text(value, what)
  return pattern.test(found) ? found : malformed(`${what} is ${JSON.stringify(found)}`)
}

/** Reads a span of time, milliseconds. */
export function lifetime(value: unknown, what: string): number {
  const milliseconds = wholeSeconds(value, `${what}: lifetime`)
  return milliseconds > 0 ? milliseconds : malformed(`${what}: lifetime is nothing`)
}

/** Reads the address of an authority. */
export function authority(value: unknown, what: string): string {
  const address = text(value, `${what}: address`)
  try {
    const parsed = parseAddress(address)
    if (parsed.kind === 'authority' && isName(parsed.name)) return address
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_ADDRESS_INVALID')) throw error
  }
  return malformed(`${what}: ${JSON.stringify(address)} is not the address of an authority`)
}

/**
 * Reads bytes from base64.
 *
 * @param most The longest text.
 */
export function bytesOf(value: unknown, what: string, most = 32_768): Uint8Array {
  if (typeof value !== 'string' || value.length > most) return malformed(`${what} is not base64`)
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? bytes : malformed(`${what} is not base64`)
}

/** Says that a file is not what it should be. */
export function malformed(message: string, hint?: string): never {
  throw new NomadPkiError('ERR_CERTIFICATE_MALFORMED', message, {
    hint: hint ?? 'the file was changed or damaged: bring it over again',
  })
}
