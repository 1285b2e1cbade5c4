/**
 * The two files that go between a store and the machine that has an authority's key: words for a
 * person, then the same as data. The words are made of the data again, and must be the same: nobody
 * signs, or takes, other than what is read.
 *
 * @module
 */

import { bufferOf, latin1Of } from '../bytes.js'
import type { Certificate } from '../x509/certificate.js'
import { readRequest, valueOf, type OfflineRequest } from './offline-request.js'
import {
  bytesOf,
  document,
  list,
  malformed,
  readCertificate,
  wholeSeconds,
} from './offline-values.js'
import { answerTitle, answerWords, requestTitle, requestWords } from './offline-words.js'

/** What was signed. */
export interface OfflineAnswer {
  readonly request: OfflineRequest
  /** Epoch milliseconds, whole seconds. */
  readonly signedAt: number
  /** One for each that was asked for, in their order. */
  readonly certificates: readonly Certificate[]
  /** The revocation lists that were asked for, DER, in their order. */
  readonly lists: readonly Uint8Array[]
}

/** 1,024 certificates of RSA keys have 5 MB, with words and data. */
const mostOctets = 8 * 1024 * 1024
const labels = {
  request: 'NOMAD-PKI AUTHORITY REQUEST',
  answer: 'NOMAD-PKI AUTHORITY ANSWER',
} as const

/** Writes the file of a request. */
export function requestFile(request: OfflineRequest): string {
  return fileOf(requestWords(request), 'request', valueOf(request))
}

/** Writes the file of an answer. */
export function answerFile(answer: OfflineAnswer): string {
  const { request, signedAt, certificates, lists } = answer
  return fileOf(answerWords(answer), 'answer', {
    format: 'nomad-pki/authority-answer',
    version: 1,
    request: valueOf(request),
    signedAt,
    certificates: certificates.map(({ der }) => bufferOf(der).toString('base64')),
    ...(lists.length > 0 && { lists: lists.map((der) => bufferOf(der).toString('base64')) }),
  })
}

/** Whether bytes begin as the file of a request does. */
function isRequestFile(bytes: Uint8Array): boolean {
  return titleOf(bytes) === requestTitle
}

/** Whether bytes begin as the file of an answer does. */
export function isAnswerFile(bytes: Uint8Array): boolean {
  return titleOf(bytes) === answerTitle
}

/**
 * Reads the file of a request.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`: what is wrong, and what to do.
 */
export function parseRequestFile(bytes: Uint8Array): OfflineRequest {
  const { text, value } = read(bytes, 'request')
  const request = readRequest(value)
  requireSame(text, requestFile(request))
  return request
}

/**
 * Reads the file of an answer. Its signatures are not checked here.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`: what is wrong, and what to do.
 */
export function parseAnswerFile(bytes: Uint8Array): OfflineAnswer {
  const { text, value } = read(bytes, 'answer')
  const top = document(value, 'answer')
  const request = readRequest(top.request)
  const given = list(top.certificates, 'certificates', request.items.length)
  const lists = list(top.lists ?? [], 'lists', request.lists.length)
  const wanted = request.items.length + request.lists.length
  if (given.length + lists.length < wanted) {
    malformed(
      `it answers ${given.length + lists.length} of ${wanted} that were asked for`,
      'sign the whole request again: nomad-pki authority accept REQUEST --out ANSWER',
    )
  }
  const answer = {
    request,
    signedAt: wholeSeconds(top.signedAt, 'signedAt'),
    certificates: given.map((one, at) => readCertificate(one, `certificate ${at + 1}`)),
    lists: lists.map((one, at) => bytesOf(one, `list ${at + 1}`, mostOctets)),
  }
  requireSame(text, answerFile(answer))
  return answer
}

function fileOf(words: string, kind: keyof typeof labels, value: unknown): string {
  const base64 = Buffer.from(JSON.stringify(value)).toString('base64')
  const body = base64.replace(/.{64}/g, '$&\n').replace(/\n$/, '')
  const label = labels[kind]
  return `${words}\nThe same as data. A changed word or byte is refused.\n-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}

function titleOf(bytes: Uint8Array): string {
  return latin1Of(bytes.subarray(0, 64))
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .split(/\r?\n/, 1)[0]!
    .trimEnd()
}

function read(
  bytes: Uint8Array,
  kind: keyof typeof labels,
): { readonly text: string; readonly value: unknown } {
  if (bytes.length > mostOctets)
    malformed(`the file has ${bytes.length} octets, more than ${mostOctets}`)
  const own = kind === 'request' ? isRequestFile(bytes) : isAnswerFile(bytes)
  if (!own) {
    const other = kind === 'request' ? isAnswerFile(bytes) : isRequestFile(bytes)
    if (!other) malformed(`the file is not an authority ${kind}: it does not begin with that line`)
    malformed(
      kind === 'request'
        ? 'the file is an answer, not a request'
        : 'the file is a request, not an answer',
      kind === 'request'
        ? 'on the machine of the store: nomad-pki authority accept FILE'
        : 'first sign it, on the machine that has the key: nomad-pki authority accept FILE --out ANSWER',
    )
  }
  const text = decoded(bytes)
  const [first, last] = [`-----BEGIN ${labels[kind]}-----\n`, `\n-----END ${labels[kind]}-----\n`]
  const [start, end] = [text.indexOf(first), text.lastIndexOf(last)]
  if (start === -1 || end < start + first.length)
    malformed('the file is cut off: its data is missing')
  const base64 = text.slice(start + first.length, end).replaceAll('\n', '')
  const json = Buffer.from(base64, 'base64')
  if (json.toString('base64') !== base64) malformed('its data is not base64')
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
    return { text, value }
  } catch {
    return malformed('its data is not JSON')
  }
}

/** A mark at the beginning, line ends of Windows and blanks at the end come with mail and editors. */
function decoded(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return `${text.replaceAll('\r\n', '\n').trimEnd()}\n`
  } catch {
    return malformed('it is not UTF-8 text')
  }
}

function requireSame(text: string, made: string): void {
  if (text === made) return
  const [has, wants] = [text.split('\n'), made.split('\n')]
  const at = has.findIndex((line, index) => line !== wants[index])
  malformed(
    `its words do not say what its data says, first in line ${(at === -1 ? has.length : at) + 1}`,
    'the file was changed, or another version of nomad-pki wrote it: bring it over again, and use one version',
  )
}
