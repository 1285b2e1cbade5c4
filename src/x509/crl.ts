/**
 * Reads certificate revocation lists (RFC 5280 §5). Nomad reads none: a list says what others may refuse.
 *
 * @module
 */

import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import type { Extension } from './extension.js'
import { readExtensionList } from './extensions.js'
import { parseName, type Name } from './name.js'
import { listOids } from './oids.js'
import { readAs, readSigned, serialHex, signatureOid } from './signed.js'

/** An entry of a list. */
export interface RevokedEntry {
  /** Hex as in `Certificate.serial`. */
  readonly serial: string
  /** When it was revoked, epoch milliseconds. */
  readonly at: number
  /** A word of {@link reasonWords}; absent where the list does not say. */
  readonly reason?: string | undefined
}

/** Why a certificate is revoked, by its number in lists. RFC 5280 §5.3.1; 7 is not used. */
const reasonWords: ReadonlyMap<number, string> = new Map([
  [0, 'unspecified'],
  [1, 'key-compromise'],
  [2, 'ca-compromise'],
  [3, 'affiliation-changed'],
  [4, 'superseded'],
  [5, 'cessation-of-operation'],
  [6, 'certificate-hold'],
  [8, 'remove-from-crl'],
  [9, 'privilege-withdrawn'],
  [10, 'aa-compromise'],
])

/** A list. */
export interface RevocationList {
  readonly issuer: Name
  /** Epoch milliseconds. */
  readonly thisUpdate: number
  /** Epoch milliseconds; absent where the list does not say when the next one comes. */
  readonly nextUpdate?: number | undefined
  /** Serial numbers of what is revoked, hex as in `Certificate.serial`. */
  readonly revoked: ReadonlySet<string>
  /** The same with what is said of each, in the order of the list. */
  readonly entries: readonly RevokedEntry[]
  /** The list's number, hex; absent where it has none. */
  readonly number?: string | undefined
  /** Whether it has only a part of what is revoked: a critical extension says so (RFC 5280 §5.2.4, §5.2.5). */
  readonly isPartial: boolean
  /** What is signed, DER. */
  readonly tbs: Uint8Array
  readonly signature: Uint8Array
  /** OID of the signature algorithm. */
  readonly signatureAlgorithm: string
}

/**
 * Reads a list. Whose key signed it is not looked at.
 *
 * @param der The list.
 * @returns Its issuer, its dates and the serial numbers in it.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function parseCrl(der: Uint8Array): RevocationList {
  return readAs('a certificate revocation list', () => read(der))
}

function read(der: Uint8Array): RevocationList {
  const { tbs, algorithm, signature } = readSigned(der, 'the list')
  const list = new DerReader(tbs).enter(tags.sequence, 'what is signed')
  if (list.peek() === tags.integer) list.smallInteger('the version')
  list.content(tags.sequence, 'the signature algorithm')
  const issuer = parseName(list.whole('the issuer'), 'the issuer')
  const thisUpdate = list.time('thisUpdate')
  const nextUpdate = isTime(list.peek()) ? list.time('nextUpdate') : undefined
  const entries: RevokedEntry[] = []
  if (list.peek() === tags.sequence) {
    const all = list.enter(tags.sequence, 'the entries')
    while (!all.done()) entries.push(readEntry(all.enter(tags.sequence, 'an entry')))
  }
  const extensions = list.peek() === 0xa0 ? readExtensionList(list.enter(0xa0, 'extensions')) : []
  list.finish('what is signed')
  return {
    ...{ issuer, thisUpdate, nextUpdate, entries, tbs, signature },
    isPartial: extensions.some(({ critical }) => critical),
    revoked: new Set(entries.map(({ serial }) => serial)),
    number: valueOf(extensions, listOids.number, (value) => serialHex(value.integer('the number'))),
    signatureAlgorithm: signatureOid(algorithm),
  }
}

function readEntry(entry: DerReader): RevokedEntry {
  const serial = serialHex(entry.integer('a serial number'))
  const at = entry.time('a revocation date')
  const extensions = entry.done() ? [] : readExtensionList(entry)
  const reason = valueOf(extensions, listOids.entryReason, (value) => {
    const [code = -1] = value.content(tags.enumerated, 'a reason')
    return reasonWords.get(code) ?? `reason ${code}`
  })
  return { serial, at, ...(reason !== undefined && { reason }) }
}

function valueOf<Value>(
  extensions: readonly Extension[],
  oid: string,
  readValue: (value: DerReader) => Value,
): Value | undefined {
  const found = extensions.find((one) => one.oid === oid)
  return found && readValue(new DerReader(found.value))
}

function isTime(tag: number): boolean {
  return tag === tags.utcTime || tag === tags.generalizedTime
}
