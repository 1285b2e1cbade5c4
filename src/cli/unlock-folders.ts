/**
 * What lies under a passphrase in the folders of another tool, opened: with no password, with the one
 * that the options name, with those that opened another file, and at last with what is asked for.
 *
 * @module
 */

import type { MaterialFile } from '../adoption/collect.js'
import {
  malformed,
  stillLocked,
  type LeftOut,
  type Locked,
  type Material,
} from '../adoption/materials.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { readFoundKey } from '../keys/found-key.js'
import { unlockKey } from '../keys/unlock-key.js'
import { readPkcs12 } from '../x509/pkcs12.js'
import type { Context } from './context.js'
import { askUntilOpen, givenPassphrase, type PassphraseOptions } from './passphrase.js'

/** A stranger's file says how long its opening takes: more than this is not spent on all, milliseconds. */
const mostTime = 60_000

/**
 * Opens what can be opened.
 *
 * @param files What was read.
 * @param options Where the passphrase is.
 * @returns The same files; what stays closed is left out, with the reason.
 * @throws {NomadPkiError} `ERR_KEY_ENCRYPTED` where a passphrase was given and opens nothing, and after three
 *   wrong ones on a terminal.
 */
export async function unlockFiles(
  files: readonly MaterialFile[],
  options: PassphraseOptions,
  context: Context,
): Promise<readonly MaterialFile[]> {
  const closed = files.flatMap(({ materials }) => materials.filter((one) => one.kind === 'locked'))
  if (closed.length === 0) return files
  const given = await givenPassphrase(options, context)
  const known = given === undefined ? [] : [given]
  const closedStill: string[] = []
  let spent = 0
  let fits = false as boolean

  const open = async (
    locked: Locked,
    passphrase: string,
  ): Promise<readonly Material[] | undefined> => {
    const began = context.now()
    try {
      return await opened(locked, passphrase)
    } finally {
      spent += context.now() - began
    }
  }

  const one = async (locked: Locked): Promise<readonly Material[]> => {
    if (spent > mostTime) {
      return [stillLocked(locked, 'and opening the ones before it took more than a minute')]
    }
    for (const passphrase of locked.form === 'pkcs12' ? ['', ...known] : known) {
      const materials = await open(locked, passphrase)
      if (materials === undefined) continue
      fits ||= passphrase === given
      return materials
    }
    if (given !== undefined) {
      closedStill.push(locked.place)
      return [stillLocked(locked, 'and the passphrase that was given does not open it')]
    }
    const answer = await askUntilOpen(context, locked.place, async (passphrase) => {
      const materials = await open(locked, passphrase)
      if (materials !== undefined) known.push(passphrase)
      return materials
    })
    if (answer === 'wrong') {
      throw new NomadPkiError(
        'ERR_KEY_ENCRYPTED',
        `three wrong passphrases for ${locked.place}: nothing was adopted`,
        { hint: 'an empty line leaves the file out' },
      )
    }
    return typeof answer === 'string' ? [stillLocked(locked)] : answer.opened
  }

  const out: MaterialFile[] = []
  for (const { file, materials } of files) {
    const own: Material[] = []
    for (const material of materials) {
      own.push(...(material.kind === 'locked' ? await one(material) : [material]))
    }
    out.push({ file, materials: own })
  }
  if (given !== undefined && !fits && closedStill.length > 0) {
    throw new NomadPkiError(
      'ERR_KEY_ENCRYPTED',
      `the passphrase opens none of ${closedStill.slice(0, 3).join(', ')}${closedStill.length > 3 ? `, and ${closedStill.length - 3} more` : ''}`,
      { hint: 'give the right one, or adopt without it' },
    )
  }
  return out
}

/** What a passphrase gives; `undefined` where it is a wrong one. */
async function opened(
  { form, input, place }: Locked,
  passphrase: string,
): Promise<readonly Material[] | undefined> {
  try {
    if (form === 'key') {
      return [{ kind: 'key', place, key: readFoundKey(unlockKey(input, passphrase)) }]
    }
    const { keys, certificates } = await readPkcs12(input as Uint8Array, passphrase)
    if (keys.length + certificates.length === 0) {
      return [malformed(place, 'a PKCS#12 file that holds nothing')]
    }
    return [
      ...certificates.map((certificate): Material => ({ kind: 'certificate', place, certificate })),
      ...keys.map(({ pkcs8 }): Material => ({ kind: 'key', place, key: readFoundKey(pkcs8) })),
    ]
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) return undefined
    if (!isNomadPkiError(error)) throw error
    const { message, hint } = error
    const told: LeftOut =
      error.code === 'ERR_KEY_ALGORITHM'
        ? { kind: 'left-out', place, code: 'adoption/key', message, hint }
        : malformed(place, message)
    return [told]
  }
}
