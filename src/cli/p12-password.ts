/**
 * The password of a PKCS#12 file: read from a file, or made. It is never an argument, and never in the
 * environment: other users of the machine see both.
 *
 * @module
 */

import { randomInt } from 'node:crypto'
import { unlinkQuietly } from '../files/aside.js'
import { nodeFiles } from '../files/files.js'
import { placeFile } from '../files/place.js'
import { requirePassword } from '../x509/make-pkcs12.js'
import type { Options } from './surface.js'
import type { Context } from './context.js'
import { usage } from './usage.js'

/** A password, and how its owner learns it. */
export interface P12Password {
  readonly text: string
  /** Places the file that holds it; before the PKCS#12 file exists, so that there is none without a password. */
  place(): Promise<void>
  /** Takes that file away again: the PKCS#12 file could not be written. */
  drop(): void
  /** Shows it on the terminal, once; after the PKCS#12 file exists. */
  show(): void
}

/**
 * The password that the options ask for.
 *
 * @throws {NomadPkiError} `ERR_USAGE` where nobody would learn the password, or it is not fit.
 */
export async function p12Password(
  options: Pick<Options<'pack'>, 'passwordFile' | 'newPasswordFile'>,
  context: Context,
): Promise<P12Password> {
  const { passwordFile, newPasswordFile } = options
  const nothing = async (): Promise<void> => undefined
  const silent = (): void => undefined
  if (passwordFile !== undefined) {
    const text = await readPassword(context, passwordFile)
    requirePassword(text)
    return { text, place: nothing, drop: silent, show: silent }
  }
  const text = newPassword()
  if (newPasswordFile !== undefined) {
    const file = context.resolve(newPasswordFile)
    return {
      text,
      async place() {
        await placeFile(nodeFiles, file, Buffer.from(`${text}\n`), 0o600)
      },
      drop() {
        unlinkQuietly(nodeFiles, file)
      },
      show: silent,
    }
  }
  if (!context.stderr.isTTY) {
    throw usage(
      'there is no terminal to show the new password on',
      '--new-password-file FILE writes it into a file, --password-file FILE takes yours',
    )
  }
  return {
    text,
    place: nothing,
    drop: silent,
    show() {
      context.stderr.write(`password, shown this once: ${text}\n`)
    },
  }
}

/**
 * Reads a password from a file: its content without the line break at its end.
 *
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`
 */
export async function readPassword(context: Context, file: string): Promise<string> {
  return textOfPassword(await context.readFile(file))
}

/** The password in what was read: without the line break at its end. */
export function textOfPassword(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

/** 25 letters and digits of 32 that nobody mistakes for others: 125 bits. */
function newPassword(): string {
  const group = (): string =>
    Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]!).join('')
  return Array.from({ length: 5 }, group).join('-')
}

const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789'
