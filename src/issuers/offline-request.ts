/**
 * What a store asks of an authority whose key is on another machine: roots, intermediates,
 * cross-certificates and revocation lists, as values. Both sides make the same bytes of them (`certify.ts`), so a person who
 * reads the values knows what is signed.
 *
 * @module
 */

import { generationOf } from '../address.js'
import { bufferOf } from '../bytes.js'
import { isNomadPkiError } from '../errors.js'
import { isKeyAlgorithm, type KeyAlgorithm, type PublicKey } from '../keys/algorithms.js'
import { parsePublicKey } from '../keys/public-key.js'
import { sha256 } from '../sha256.js'
import type { Certificate } from '../x509/certificate.js'
import { subjectFault } from '../lint/subject.js'
import { subjectKeys, type SubjectAttributes } from '../x509/name.js'
import { listValue, readList, type AskedList } from './offline-list.js'
import {
  authority,
  bytesOf,
  document,
  lifetime,
  list,
  malformed,
  matching,
  readCertificate,
  record,
  text,
  texts,
  wholeSeconds,
} from './offline-values.js'

/** An authority that exists, and is to sign or to be certified. */
export interface KnownAuthority {
  /** `authority/agent/1` */
  readonly address: string
  readonly certificate: Certificate
}

interface Asked {
  /** What it becomes: `authority/agent/1`. */
  readonly address: string
  /** Hex; chosen by the store, so that both sides make the same bytes. */
  readonly serial: string
}

/** A root: its key is made where it is signed. */
export interface AskedRoot extends Asked {
  readonly kind: 'root'
  readonly key: KeyAlgorithm
  /** The common name may hold `{key}`. */
  readonly subject: SubjectAttributes
  /** Milliseconds. */
  readonly lifetime: number
}

/** An intermediate: its key is in the store that asks. */
export interface AskedIntermediate extends Asked {
  readonly kind: 'intermediate'
  /** The root that signs it: its address. */
  readonly issuer: string
  readonly subject: SubjectAttributes
  readonly publicKey: PublicKey
  /** Milliseconds. */
  readonly lifetime: number
  readonly beyondIssuer: 'refuse' | 'clamp'
  readonly regions: readonly string[]
  readonly domains: readonly string[]
  readonly networks: readonly string[]
}

/** A cross-certificate: a root certified by an older one. */
export interface AskedCross extends Asked {
  readonly kind: 'cross'
  /** The older root that signs it: its address. */
  readonly issuer: string
  /** How many authorities stand below the certified root at most. */
  readonly intermediates: number
}

/** One certificate that is asked for. */
export type AskedCertificate = AskedRoot | AskedIntermediate | AskedCross

/** All that is asked for at once. */
export interface OfflineRequest {
  readonly cluster: string
  /** The random name of the store that asks, hex. */
  readonly store: string
  /** Epoch milliseconds, whole seconds: the lives of all certificates count from here. */
  readonly madeAt: number
  /** Roots that exist. */
  readonly known: readonly KnownAuthority[]
  /** In the order in which they are signed. */
  readonly items: readonly AskedCertificate[]
  /** Revocation lists of roots that exist; one for each at most. */
  readonly lists: readonly AskedList[]
}

/** A cluster of 500 regions with an intermediate each, all replaced at once, is far within it. */
const most = { items: 1_024, known: 64 } as const

/** The addresses of the authorities whose keys sign, each once. */
export function signersOf({
  items,
  lists,
}: Pick<OfflineRequest, 'items' | 'lists'>): readonly string[] {
  return [...new Set([...items.map(signerOfItem), ...lists.map(({ address }) => address)])]
}

/** The address of the authority whose key signs: a root's is its own. */
export function signerOfItem(item: AskedCertificate): string {
  return item.kind === 'root' ? item.address : item.issuer
}

/** Writes a request: one line of JSON, always the same for the same values. */
export function encodeRequest(request: OfflineRequest): string {
  return JSON.stringify(valueOf(request))
}

/** The digest that both sides, and people, call a request by: `SHA256:` and hex. */
export function requestDigest(request: OfflineRequest): string {
  return `SHA256:${sha256(encodeRequest(request))}`
}

/** A request as it stands in JSON. */
export function valueOf(request: OfflineRequest): unknown {
  const { cluster, store, madeAt, known, items, lists } = request
  return {
    format: 'nomad-pki/authority-request',
    version: 1,
    cluster,
    store,
    madeAt,
    known: known.map(({ address, certificate }) => ({
      address,
      certificate: bufferOf(certificate.der).toString('base64'),
    })),
    items: items.map((item): unknown => {
      const { kind, address, serial } = item
      const head = { kind, address, serial }
      switch (item.kind) {
        case 'root':
          return {
            ...head,
            key: item.key,
            subject: subjectValue(item.subject),
            lifetime: item.lifetime,
          }
        case 'cross':
          return { ...head, issuer: item.issuer, intermediates: item.intermediates }
        case 'intermediate':
          return {
            ...head,
            issuer: item.issuer,
            subject: subjectValue(item.subject),
            publicKey: bufferOf(item.publicKey.spki).toString('base64'),
            lifetime: item.lifetime,
            beyondIssuer: item.beyondIssuer,
            regions: item.regions,
            domains: item.domains,
            networks: item.networks,
          }
      }
    }),
    // Without lists it has the bytes, and so the digest, of a request that knew of none.
    ...(lists.length > 0 && { lists: lists.map(listValue) }),
  }
}

/** The name that a person looks for stands first. */
const shownKeys = ['commonName', ...subjectKeys.filter((key) => key !== 'commonName')] as const

function subjectValue(subject: SubjectAttributes): Readonly<Record<string, string>> {
  return Object.fromEntries(
    shownKeys.flatMap((key) => {
      const value = subject[key]
      return value === undefined ? [] : [[key, value]]
    }),
  )
}

/**
 * Reads a request.
 *
 * @param value What JSON gave.
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`: what is wrong with it.
 */
export function readRequest(value: unknown): OfflineRequest {
  const top = document(value, 'request')
  const known = list(top.known, 'known', most.known).map((one, at) => readKnown(one, at))
  const request: OfflineRequest = {
    cluster: text(top.cluster, 'cluster'),
    store: matching(top.store, 'store', /^[0-9a-f]{8,64}$/),
    madeAt: wholeSeconds(top.madeAt, 'madeAt'),
    known,
    items: list(top.items, 'items', most.items).map((one, at) => readItem(one, `item ${at + 1}`)),
    lists:
      top.lists === undefined
        ? []
        : list(top.lists, 'lists', most.known).map((one, at) => readList(one, `list ${at + 1}`)),
  }
  if (request.items.length + request.lists.length === 0) malformed('it asks for nothing')
  requireOrder(request)
  // What was left unread would be asked for without a word.
  if (JSON.stringify(value) !== encodeRequest(request))
    malformed('it holds more than a request does')
  return request
}

/** What signs must be known, or be asked for before. */
function requireOrder({ known, items, lists }: OfflineRequest): void {
  const there = new Set(known.map(({ address }) => address))
  if (there.size !== known.length) malformed('it names an authority twice')
  for (const { address } of lists) {
    if (!there.has(address)) malformed(`${address} is to sign a list, and it is not in the request`)
  }
  if (new Set(lists.map(({ address }) => address)).size !== lists.length) {
    malformed('it asks for two lists of one authority')
  }
  const made = new Set<string>()
  const serials = new Set<string>()
  for (const item of items) {
    const { kind, address, serial } = item
    const name = kind === 'cross' ? `${address} by ${item.issuer}` : address
    if (made.has(name) || (kind !== 'cross' && there.has(address))) {
      malformed(`it asks for ${name} twice`)
    }
    if (serials.has(serial)) malformed(`two certificates have the serial number ${serial}`)
    made.add(name)
    serials.add(serial)
    if (kind !== 'root' && !there.has(item.issuer)) {
      malformed(`${item.issuer} is to sign ${address}, and it is not in the request`)
    }
    if (kind === 'cross' && !there.has(address)) {
      malformed(`${address} is to be certified, and it is not in the request`)
    }
    if (kind === 'cross' && generationOf(address) === generationOf(item.issuer)) {
      malformed(`${address} is to certify itself`)
    }
    if (kind === 'root') there.add(address)
  }
}

function readKnown(value: unknown, at: number): KnownAuthority {
  const what = `known ${at + 1}`
  const { address, certificate } = record(value, what)
  return {
    address: authority(address, what),
    certificate: readCertificate(certificate, what),
  }
}

function readItem(value: unknown, what: string): AskedCertificate {
  const item = record(value, what)
  const head = {
    address: authority(item.address, what),
    serial: matching(
      item.serial,
      `${what}: serial`,
      /^(?!(00)+$)[0-7][0-9a-f]([0-9a-f]{2}){7,19}$/,
    ),
  }
  switch (item.kind) {
    case 'root': {
      const key = text(item.key, `${what}: key`)
      if (!isKeyAlgorithm(key)) malformed(`${what}: key is unknown: ${JSON.stringify(key)}`)
      return {
        kind: 'root',
        ...head,
        key,
        subject: readSubject(item.subject, what),
        lifetime: lifetime(item.lifetime, what),
      }
    }
    case 'intermediate': {
      const beyondIssuer = item.beyondIssuer
      if (beyondIssuer !== 'refuse' && beyondIssuer !== 'clamp') {
        malformed(`${what}: beyondIssuer is neither refuse nor clamp`)
      }
      return {
        kind: 'intermediate',
        ...head,
        issuer: authority(item.issuer, what),
        subject: readSubject(item.subject, what),
        publicKey: readKey(item.publicKey, what),
        lifetime: lifetime(item.lifetime, what),
        beyondIssuer,
        regions: texts(item.regions, `${what}: regions`),
        domains: texts(item.domains, `${what}: domains`),
        networks: texts(item.networks, `${what}: networks`),
      }
    }
    case 'cross': {
      const { intermediates } = item
      if (intermediates !== 0 && intermediates !== 1)
        malformed(`${what}: intermediates is not 0 or 1`)
      return { kind: 'cross', ...head, issuer: authority(item.issuer, what), intermediates }
    }
    default:
      return malformed(`${what} is neither a root, an intermediate nor a cross-certificate`)
  }
}

function readSubject(value: unknown, what: string): SubjectAttributes {
  const given = record(value, `${what}: subject`)
  const subject: Record<string, string> = {}
  for (const key of shownKeys) {
    if (given[key] !== undefined) subject[key] = text(given[key], `${what}: ${key}`)
  }
  const full = { commonName: '', ...subject }
  const fault = subjectFault(full)
  if (fault !== undefined) malformed(`${what}: the subject: ${fault}`)
  return full
}

function readKey(value: unknown, what: string): PublicKey {
  const bytes = bytesOf(value, `${what}: publicKey`)
  try {
    const key = parsePublicKey(bytes)
    if (key.algorithm === undefined)
      malformed(`${what}: an authority cannot have a key of ${key.name}`)
    return key
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_DER_MALFORMED')) throw error
    return malformed(`${what}: publicKey: ${error.message}`)
  }
}
