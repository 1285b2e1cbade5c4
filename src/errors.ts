/**
 * What went wrong while doing something: one thrown error with a stable code for machines, a
 * sentence for people and a hint for the next step. What a user *wrote* wrongly is never thrown one
 * at a time; that is a list of {@link Diagnostic}s (see `diagnostics.ts`).
 *
 * @module
 */

import type { Diagnostic } from './diagnostics.js'

/** Every error code, with the sentence that documents it. A code never changes its meaning. */
export const errorCodes = {
  ERR_SPEC_INVALID: 'the spec has errors; `diagnostics` lists them all with line and column',
  ERR_SPEC_UNREADABLE: 'the spec cannot be read',
  ERR_LOCAL_INVALID:
    'nomad-pki.local.yaml has errors, which `diagnostics` lists, or other users can read or change it, or git tracks it',
  ERR_NODE_INVALID:
    'the file of a node that renews itself, or a file that it names, has errors, or other users can read or change it',
  ERR_CONFIG_INVALID: 'an agent configuration cannot be read or edited; `diagnostics` says where',
  ERR_CONFIG_CHANGED: 'an agent configuration changed on disk after it was read',
  ERR_ADDRESS_INVALID: 'the text is not an address',
  ERR_ADDRESS_UNKNOWN: 'the address is unknown',
  ERR_ADDRESS_AMBIGUOUS: 'the address is ambiguous',
  ERR_KEY_ALGORITHM: 'the key algorithm is unknown, or not usable for this purpose',
  ERR_KEY_MALFORMED: 'the private key cannot be parsed',
  ERR_KEY_ENCRYPTED: 'the private key is encrypted and no passphrase is at hand',
  ERR_KEY_MISMATCH: 'the private key does not belong to the certificate',
  ERR_CERTIFICATE_MALFORMED: 'the certificate cannot be parsed',
  ERR_PEM_MALFORMED: 'the PEM text is malformed',
  ERR_DER_MALFORMED: 'the bytes are not valid DER',
  ERR_NAME_INVALID: 'a name, address or subject attribute cannot be certified',
  ERR_LINT: 'what was to be certified breaks a lint rule',
  ERR_BEYOND_ISSUER: 'the certificate would outlive its issuer',
  ERR_NOT_YET_VALID: 'the issuer is not valid yet at the given time (is the clock right?)',
  ERR_PREPARED_SPENT: 'a Prepared was used twice',
  ERR_CORRESPONDENCE: 'what the issuer returned is not what was prepared',
  ERR_ISSUER_REFUSED: 'the issuer refused to sign',
  ERR_ISSUER_UNKNOWN: 'the issuer did not answer, a certificate may exist',
  ERR_STORE_MISSING: 'the store does not exist',
  ERR_STORE_NOT_BEGUN:
    'the store is lost or was never begun, and making one would make a new authority',
  ERR_STORE_UNWRITABLE: 'the store cannot be written',
  ERR_STORE_UNREADABLE: 'a file of the store cannot be read',
  ERR_STORE_TRACKED: 'git would track the store',
  ERR_STORE_LOCKED: 'another process holds the store',
  ERR_LEDGER_BROKEN: 'the chain of the ledger is broken',
  ERR_REQUEST_REFUSED: 'the request of a node is not signed; nothing was made',
  ERR_PLAN_STALE: 'the saved plan no longer fits',
  ERR_PLAN_INVALID: 'the file is not a plan',
  ERR_INVENTORY_INVALID: 'the file is not an inventory',
  ERR_PLAN_BLOCKED: 'the plan has findings that no step of it cures',
  ERR_PACK_UNFIT: 'the files of this node in the store cannot be packed as they are',
  ERR_ARCHIVE_INVALID: 'the archive is torn, tampered with, or not one that a node installs from',
  ERR_INSTALL_REFUSED: 'this node refuses the archive; nothing was changed',
  ERR_INSTALL_FAILED: 'the installation or its proof failed',
  ERR_EVIDENCE_INVALID: 'the evidence cannot be taken; `diagnostics` says where and why',
  ERR_REFUSED: 'a question needs an answer, and there is no terminal to ask on',
  ERR_INTERRUPTED: 'interrupted; what is done is done, and the same command goes on',
  ERR_UNREACHABLE: 'the address cannot be reached',
  ERR_FILE_UNREADABLE: 'the file cannot be read',
  ERR_FILE_EXISTS: 'the file exists already',
  ERR_FILE_UNWRITABLE: 'the file cannot be written',
  ERR_USAGE: 'the command was called wrongly',
  ERR_INTERNAL: 'a defect of nomad-pki itself',
} as const

/** A stable error code. */
export type ErrorCode = keyof typeof errorCodes

/** What else an error can carry. */
export interface ErrorDetails {
  /** The next step for the reader: lower case, no full stop. */
  readonly hint?: string | undefined
  /** The address of the thing that the error is about. */
  readonly address?: string | undefined
  /** Where in which texts: for errors about something written. */
  readonly diagnostics?: readonly Diagnostic[] | undefined
  /** The error below. */
  readonly cause?: unknown
}

/** The one error that this library throws on purpose. {@link NomadPkiError.code} says which one it is. */
export class NomadPkiError extends Error {
  /** The stable code: docs/errors.md lists all. */
  readonly code: ErrorCode
  /** The next step, lower case, no full stop; `undefined` where there is none to give. */
  readonly hint: string | undefined
  /** The address of the thing that the error is about. */
  readonly address: string | undefined
  /** What is wrong in which text, with line and column; empty for other errors. */
  readonly diagnostics: readonly Diagnostic[]

  /**
   * @param code The stable code.
   * @param message One sentence: lower case, no full stop.
   * @param details What else is known.
   */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'NomadPkiError'
    this.code = code
    this.hint = details.hint
    this.address = details.address
    this.diagnostics = details.diagnostics ?? []
  }
}

/**
 * Tells whether a caught value is a {@link NomadPkiError}, and of the given code.
 *
 * @param error Anything that was thrown.
 * @param code If given, only this code counts.
 * @returns Whether it is; the compiler then knows its fields.
 * @example
 *
 * ```ts
 * import { isNomadPkiError, parseAddress } from 'nomad-pki'
 *
 * try {
 *   parseAddress('server/s1')
 * } catch (error) {
 *   if (!isNomadPkiError(error, 'ERR_ADDRESS_INVALID')) throw error
 *   console.error(error.message, error.hint ?? '')
 * }
 * ```
 */
export function isNomadPkiError(error: unknown, code?: ErrorCode): error is NomadPkiError {
  return error instanceof NomadPkiError && (code === undefined || error.code === code)
}
