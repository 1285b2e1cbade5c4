/**
 * What a request and an answer say to a person, who reads it before a root signs, and before its
 * signatures are taken.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { subjectFor } from '../authority/subject.js'
import { defaultBackdate } from '../authority/validity.js'
import { bufferOf } from '../bytes.js'
import { formatDuration, formatInstant } from '../duration.js'
import type { PublicKey } from '../keys/algorithms.js'
import { sha256 } from '../sha256.js'
import { fingerprintText, type Certificate } from '../x509/certificate.js'
import { formatName, parseName, encodeName, type SubjectAttributes } from '../x509/name.js'
import { listContent, type AskedList } from './offline-list.js'
import {
  requestDigest,
  signersOf,
  type AskedCertificate,
  type OfflineRequest,
} from './offline-request.js'

/** What a person reads of a request. */
export function requestWords(request: OfflineRequest): string {
  const { cluster, store, madeAt, items, lists } = request
  const lines = [
    requestTitle,
    '',
    `The cluster ${cluster} asks for ${counted(request)}. The key of ${signersText(request)} signs ${items.length + lists.length === 1 ? 'it' : 'them'}.`,
    '',
    ...rows([
      ['made', formatInstant(madeAt)],
      ['by the store', store],
      ['request', requestDigest(request)],
    ]),
  ]
  items.forEach((item, at) => {
    lines.push('', `${at + 1}. ${titleOf(item)}`, ...rows(askedRows(item, request)))
  })
  lists.forEach((asked, at) => {
    const place = items.length + at + 1
    lines.push('', `${place}. ${listTitle(asked)}`, ...rows(listRows(asked, request)))
    lines.push(...entryLines(asked))
  })
  lines.push(
    '',
    'To sign, on the machine that has the key:',
    '  nomad-pki authority accept THIS-FILE --out ANSWER',
  )
  return `${lines.join('\n')}\n`
}

/** The first line of a request: it tells the file from others. */
export const requestTitle = 'nomad-pki authority request'
/** The first line of an answer. */
export const answerTitle = 'nomad-pki authority answer'

/** What a person reads of an answer. */
export function answerWords({ request, certificates, lists, signedAt }: Answered): string {
  const { cluster, items } = request
  const lines = [
    answerTitle,
    '',
    `The key of ${signersText(request)} signed ${counted(request)} for the cluster ${cluster}.`,
    '',
    ...rows([
      ['signed', formatInstant(signedAt)],
      ['request', `${requestDigest(request)}, made ${formatInstant(request.madeAt)}`],
    ]),
  ]
  items.forEach((item, at) => {
    const certificate = certificates[at]!
    lines.push(
      '',
      `${at + 1}. ${titleOf(item)}`,
      ...rows([
        ['subject', formatName(certificate.subject)],
        ['fingerprint', fingerprintText(certificate)],
        ['valid', spanText(certificate.notBefore, certificate.notAfter)],
      ]),
    )
  })
  request.lists.forEach((asked, at) => {
    lines.push(
      '',
      `${items.length + at + 1}. ${listTitle(asked)}`,
      ...rows([
        ['number', String(asked.number)],
        ['fingerprint', `SHA256:${sha256(lists[at]!)}`],
        validRow(asked, request),
        ['revokes', revokesText(asked)],
      ]),
    )
  })
  lines.push(
    '',
    'To take it, on the machine of the store:',
    '  nomad-pki authority accept THIS-FILE',
  )
  return `${lines.join('\n')}\n`
}

/** What an answer has, as its words say it. */
interface Answered {
  readonly request: OfflineRequest
  readonly certificates: readonly Certificate[]
  /** DER. */
  readonly lists: readonly Uint8Array[]
  /** Epoch milliseconds. */
  readonly signedAt: number
}

/** The names of the authorities whose keys sign: `agent`. */
function signersText(request: OfflineRequest): string {
  return [...new Set(signersOf(request).map(authorityNameOf))].join(' and ')
}

/** The fingerprint of a public key: SHA-256 of its SubjectPublicKeyInfo. */
function keyText({ name, spki }: PublicKey): string {
  return `${name}, SHA256:${sha256(spki)}`
}

function titleOf(item: AskedCertificate): string {
  switch (item.kind) {
    case 'root':
      return `${item.address}: a new root`
    case 'intermediate':
      return `${item.address}: an intermediate under ${item.issuer}`
    case 'cross':
      return `${item.address}: a cross-certificate by ${item.issuer}`
  }
}

type Row = readonly [name: string, text: string]

function askedRows(item: AskedCertificate, request: OfflineRequest): readonly Row[] {
  const life = lifeOf(item, request)
  const valid: Row = ['valid', spanText(life.notBefore, life.notAfter)]
  const serial: Row = ['serial', item.serial]
  switch (item.kind) {
    case 'root':
      return [
        ['subject', subjectText(item.subject)],
        ['key', `${item.key}, made on the machine that signs, or there already`],
        valid,
        serial,
        ['may sign', 'certificates of every role and region, and other authorities'],
      ]
    case 'intermediate': {
      const { regions, domains, networks } = item
      return [
        ['subject', subjectText(subjectFor(item.subject, item.publicKey))],
        ['key', keyText(item.publicKey)],
        valid,
        serial,
        ['signed by', knownText(item.issuer, request)],
        [
          'may sign',
          `certificates of the region${regions.length === 1 ? '' : 's'} ${regions.join(', ')}; no other authority`,
        ],
        ['names', ['localhost', ...domains].join(', ')],
        ['addresses', networks.length === 0 ? 'all' : `${networks.join(', ')}, and the loopback's`],
      ]
    }
    case 'cross':
      return [
        ['certifies', knownText(item.address, request)],
        valid,
        serial,
        ['signed by', knownText(item.issuer, request)],
        ['may sign', `whatever ${item.address} may sign, for agents that trust ${item.issuer}`],
      ]
  }
}

/** When a certificate will begin and end, as far as the request says it. */
function lifeOf(item: AskedCertificate, request: OfflineRequest): Life {
  const { madeAt, known, items } = request
  const began = madeAt - defaultBackdate
  if (item.kind === 'root') return { notBefore: began, notAfter: madeAt + item.lifetime }
  const of = (address: string): Life => {
    const there = known.find((one) => one.address === address)
    const asked = items.find((one) => one.kind === 'root' && one.address === address)
    return there?.certificate ?? lifeOf(asked!, request)
  }
  const issuer = of(item.issuer)
  const wanted = item.kind === 'cross' ? of(item.address).notAfter : madeAt + item.lifetime
  const clamps = item.kind === 'cross' || item.beyondIssuer === 'clamp'
  return {
    notBefore: Math.max(began, issuer.notBefore),
    notAfter: clamps ? Math.min(wanted, issuer.notAfter) : wanted,
  }
}

interface Life {
  readonly notBefore: number
  readonly notAfter: number
}

function knownText(address: string, { known }: OfflineRequest): string {
  const found = known.find((one) => one.address === address)
  if (found === undefined) return `${address} of this request`
  const { certificate } = found
  return `${address}, ${formatName(certificate.subject)}, ${fingerprintText(certificate)}`
}

/** In the order in which it is encoded, as the certificate will say it. */
function subjectText(subject: SubjectAttributes): string {
  return formatName(parseName(bufferOf(encodeName(subject)), 'the subject'))
}

function spanText(from: number, until: number): string {
  return `${formatInstant(from)} until ${formatInstant(until)} (${formatDuration(until - from)})`
}

function counted({ items, lists }: OfflineRequest): string {
  const parts = [
    [items.length, 'certificate'],
    [lists.length, 'revocation list'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => (count === 1 ? `one ${what}` : `${count} ${what}s`))
    .join(' and ')
}

function listTitle({ address }: AskedList): string {
  return `${address}: its revocation list`
}

function listRows(asked: AskedList, request: OfflineRequest): readonly Row[] {
  return [
    ['number', `${asked.number}; higher than that of each list before`],
    validRow(asked, request),
    ['signed by', knownText(asked.address, request)],
    ['revokes', revokesText(asked)],
    ['effect', 'software that reads lists refuses these certificates; Nomad reads none'],
    ['may sign', 'nothing: a list gives no right'],
  ]
}

function validRow(asked: AskedList, request: OfflineRequest): Row {
  const { thisUpdate, nextUpdate } = listContent(asked, request)
  return ['valid', spanText(thisUpdate, nextUpdate)]
}

function revokesText({ entries }: AskedList): string {
  if (entries.length === 0) return 'nothing'
  return entries.length === 1 ? 'one certificate' : `${entries.length} certificates`
}

/** Each certificate that a list revokes. */
function entryLines({ entries }: AskedList): readonly string[] {
  return entries.map(
    ({ serial, at, reason }) => `     serial ${serial}, since ${formatInstant(at)} (${reason})`,
  )
}

function rows(all: readonly Row[]): readonly string[] {
  return all.map(([name, text]) => `   ${name.padEnd(12)} ${text}`)
}
