/**
 * A revocation list that is asked of a key on another machine: what it will say, as values, and its
 * signature. Both sides make the same bytes of it.
 *
 * @module
 */

import type { Issuer } from '../authority/issuer.js'
import {
  listObstacle,
  prepareList,
  signList,
  type ListContent,
} from '../authority/revocation-list.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { isRevocationReason } from '../revocation-reasons.js'
import type { CrlEntry } from '../x509/make-crl.js'
import type { Certificate } from '../x509/certificate.js'
import { nameOf } from './held.js'
import type { OfflineRequest } from './offline-request.js'
import {
  authority,
  lifetime,
  list,
  malformed,
  matching,
  record,
  text,
  wholeSeconds,
} from './offline-values.js'

/** A revocation list that is asked for. */
export interface AskedList {
  /** The authority that signs it. */
  readonly address: string
  /** Higher than that of every list before it. */
  readonly number: number
  /** For so long readers take it, milliseconds; not beyond the end of the authority. */
  readonly lifetime: number
  readonly entries: readonly CrlEntry[]
}

/** The words and the data of so many have 3 MB, of the 8 MB that a file may have. */
const mostEntries = 10_000

/** A list as it stands in JSON. */
export function listValue(asked: AskedList): unknown {
  const { address, number, lifetime: span } = asked
  return {
    ...{ address, number, lifetime: span },
    entries: asked.entries.map(({ serial, at, reason }) => ({ serial, at, reason })),
  }
}

/**
 * Reads a list that is asked for.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`
 */
export function readList(value: unknown, what: string): AskedList {
  const given = record(value, what)
  const { number } = given
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1) {
    return malformed(`${what}: number is not a number from 1 on`)
  }
  const entries = list(given.entries, `${what}: entries`, mostEntries).map((one, at) =>
    readEntry(one, `${what}: entry ${at + 1}`),
  )
  const serials = new Set(entries.map(({ serial }) => serial))
  if (serials.size !== entries.length) malformed(`${what} has a serial number twice`)
  return {
    address: authority(given.address, what),
    number,
    lifetime: lifetime(given.lifetime, what),
    entries,
  }
}

function readEntry(value: unknown, what: string): CrlEntry {
  const entry = record(value, what)
  const reason = text(entry.reason, `${what}: reason`)
  if (!isRevocationReason(reason))
    malformed(`${what}: reason is unknown: ${JSON.stringify(reason)}`)
  return {
    // Serial numbers of other tools: RFC 5280 §4.1.2.2 allows 20 octets, and some have a few more.
    serial: matching(entry.serial, `${what}: serial`, /^([0-9a-f]{2}){1,32}$/),
    at: wholeSeconds(entry.at, `${what}: at`),
    reason,
  }
}

/** The certificate of the authority that signs a list; a request has that of each. */
function signerOfList(
  { address }: AskedList,
  { known }: Pick<OfflineRequest, 'known'>,
): Certificate {
  return known.find((one) => one.address === address)!.certificate
}

/** What a list says, with its dates. */
export function listContent(
  asked: AskedList,
  request: Pick<OfflineRequest, 'madeAt' | 'known'>,
): ListContent {
  const { number, lifetime: span, entries } = asked
  const { madeAt } = request
  const { notAfter } = signerOfList(asked, request)
  return { number, thisUpdate: madeAt, nextUpdate: Math.min(madeAt + span, notAfter), entries }
}

/** The bytes that a list consists of before its signature, DER. */
export function expectedList(
  asked: AskedList,
  request: Pick<OfflineRequest, 'madeAt' | 'known'>,
): Uint8Array {
  return prepareList(signerOfList(asked, request), listContent(asked, request))
}

/**
 * Has every list of a request signed.
 *
 * @param open Who signs in the name of an authority.
 * @returns DER, in the order of the lists.
 * @throws {NomadPkiError} `ERR_REFUSED` where an authority may sign none; and what `signList` throws.
 */
export async function signLists(
  request: OfflineRequest,
  open: (asked: AskedList, certificate: Certificate) => Promise<Issuer>,
): Promise<readonly Uint8Array[]> {
  const signed: Uint8Array[] = []
  for (const asked of request.lists) {
    const { address } = asked
    const certificate = signerOfList(asked, request)
    const obstacle =
      certificate.notAfter <= request.madeAt
        ? 'its certificate has ended'
        : listObstacle(certificate)
    if (obstacle !== undefined) {
      throw new NomadPkiError('ERR_REFUSED', `no revocation list of ${address}: ${obstacle}`, {
        address,
      })
    }
    try {
      const content = listContent(asked, request)
      signed.push(await signList(await open(asked, certificate), content))
    } catch (error) {
      if (!isNomadPkiError(error) || error.address !== undefined) throw error
      throw new NomadPkiError(error.code, `${address}: ${error.message}`, {
        address,
        hint: error.hint,
        cause: error,
      })
    }
  }
  return signed
}

/** An authority that gives the list that came with an answer. */
export function givesList(certificate: Certificate, der: Uint8Array): Issuer {
  return {
    name: nameOf(certificate),
    certificate,
    above: [],
    chain: [],
    signatures: 'foreign',
    issue: async () => ({ outcome: 'issued', certificate: der }),
  }
}
