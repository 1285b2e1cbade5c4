/**
 * Reads what a TLS server says in its first flight, from the bytes as they came over the wire:
 * certificates in the order they were presented, and the names of the authorities that it would take
 * a client's certificate from. Node's TLS tells neither (it reorders the chain and hides the request).
 *
 * TLS 1.2 sends both in the clear (RFC 5246 §7.4). TLS 1.3 encrypts them under the server's
 * handshake traffic secret (RFC 8446 §7.3), which the dialer's own key log gives us.
 *
 * It is not a TLS implementation: nothing here decides whether anything is trusted or signed. It is a
 * second reader of one stream, so it is strict: it takes each message once, in the one order that there
 * is, and what it read counts only where Node's TLS saw the same leaf (`describeEndpoint`).
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { MessageQueue, opener, record, recordsOf, uint, type Opened } from './records.js'

/** What a server's first flight held. */
export interface ServerFlight {
  /** `TLSv1.2` or `TLSv1.3`; `undefined` without a ServerHello. */
  readonly version: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** DER of each certificate as presented, leaf first; empty if none was seen. */
  readonly certificates: readonly Uint8Array[]
  /**
   * DER of each distinguished name in the CertificateRequest; `undefined` if the server asked for no
   * certificate. An empty list: it asked and named no authority.
   */
  readonly authorities: readonly Uint8Array[] | undefined
  /** The alert that ended it, by its number (RFC 8446 §6). */
  readonly alert: number | undefined
  /**
   * Whether all of it was read, each message once and in its order, up to ServerHelloDone (TLS 1.2) or
   * Finished (TLS 1.3). Nothing that comes later is read.
   */
  readonly whole: boolean
  /** Why reading stopped, in a few words; `undefined` where the bytes only ended early. */
  readonly fault: string | undefined
}

/** Types of handshake messages. RFC 8446 §4 */
const message = {
  serverHello: 2,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  finished: 20,
  certificateStatus: 22,
} as const

/**
 * What follows the ServerHello, in order. In TLS 1.2 a ServerKeyExchange must be there: it carries the
 * signature, and a key exchange without it shows no key. RFC 5246 §7.3, RFC 8446 §2
 */
const grammars = {
  'TLSv1.2': [
    { kind: message.certificate },
    { kind: message.certificateStatus, optional: true },
    { kind: message.serverKeyExchange },
    { kind: message.certificateRequest, optional: true },
    { kind: message.serverHelloDone },
  ],
  'TLSv1.3': [
    { kind: message.encryptedExtensions },
    { kind: message.certificateRequest, optional: true },
    { kind: message.certificate },
    { kind: message.certificateVerify },
    { kind: message.finished },
  ],
} as const satisfies Record<string, readonly { kind: number; optional?: true }[]>

/**
 * How much a flight may be. Real ones have a few kB in fewer than ten records, and a chain of three; a
 * hostile one ends here, so that it costs the others no time.
 */
export const flightLimits: {
  readonly bytes: number
  readonly records: number
  readonly certificates: number
} = { bytes: 1 << 20, records: 4096, certificates: 64 }

/**
 * Reads what a TLS server sent in its handshake.
 *
 * @param bytes Everything that the server sent, from its first record.
 * @param secret `SERVER_HANDSHAKE_TRAFFIC_SECRET` of the key log, for TLS 1.3; without it only TLS 1.2 can be read.
 * @returns What could be read. Bytes that are not TLS, or end early, are not an error: the rest is absent.
 *   The work grows with the bytes alone, however they are cut into records.
 */
export function readServerFlight(bytes: Uint8Array, secret?: Uint8Array): ServerFlight {
  const flight: { -readonly [Key in keyof ServerFlight]: ServerFlight[Key] } = {
    version: undefined,
    certificates: [],
    authorities: undefined,
    alert: undefined,
    whole: false,
    fault: undefined,
  }
  let open: ((header: Uint8Array, body: Uint8Array) => Opened | undefined) | undefined
  let retried = false
  let step = 0
  let records = 0
  const messages = new MessageQueue()

  for (const { type, header, body } of recordsOf(bytes.subarray(0, flightLimits.bytes))) {
    if ((records += 1) > flightLimits.records) {
      flight.fault = `more than ${flightLimits.records} records`
      return flight
    }
    // It protects nothing in TLS 1.3, and comes after the flight in TLS 1.2. RFC 8446 §5
    if (type === record.changeCipherSpec) continue
    const sealed = flight.version === 'TLSv1.3'
    if (sealed && type !== record.applicationData) {
      if (type === record.alert && body.length === 2) flight.alert ??= body[1]
      else flight.fault = 'a record in the clear among encrypted ones'
      return flight
    }
    const plain = sealed ? open?.(header, body) : { type, body }
    if (plain === undefined) return flight
    if (plain.type === record.alert) {
      if (plain.body.length === 2) flight.alert ??= plain.body[1]
      continue
    }
    if (plain.type !== record.handshake) {
      flight.fault = `a record of type ${plain.type} within the handshake`
      return flight
    }
    messages.push(plain.body)
    // Messages may be split over records and records may hold several. RFC 8446 §5.1
    for (let next = messages.next(); next !== undefined; next = messages.next()) {
      try {
        flight.fault = take(next.kind, next.content)
      } catch (error) {
        // A list that claims more than there is: what was read before stays.
        if (!(error instanceof RangeError)) throw error
        flight.fault = error.message
      }
      if (flight.fault !== undefined || flight.whole) return flight
      // What follows is encrypted, and begins a record of its own. RFC 8446 §5.1
      if (!sealed && flight.version === 'TLSv1.3' && !messages.empty) {
        flight.fault = 'a message in the clear behind the ServerHello'
        return flight
      }
    }
  }
  return flight

  /** Takes the one message that may come now; says what is wrong with another. */
  function take(kind: number, content: Uint8Array): string | undefined {
    if (flight.version === undefined) {
      if (kind !== message.serverHello) return `message ${kind} before a ServerHello`
      const hello = readServerHello(content)
      if (hello === undefined) {
        if (retried) return 'a second HelloRetryRequest'
        retried = true
        return undefined
      }
      if (hello.version === undefined) return 'a version other than TLS 1.2 and 1.3'
      // A HelloRetryRequest is one of TLS 1.3 alone. RFC 8446 §4.1.4
      if (retried && hello.version !== 'TLSv1.3') return 'TLS 1.2 after a HelloRetryRequest'
      flight.version = hello.version
      if (hello.version === 'TLSv1.3' && secret !== undefined) open = opener(hello.suite, secret)
      return undefined
    }
    const grammar: readonly { kind: number; optional?: true }[] = grammars[flight.version]
    while (grammar[step]!.kind !== kind) {
      if (grammar[step]!.optional !== true) {
        return `message ${kind} where ${grammar[step]!.kind} was due`
      }
      step += 1
    }
    step += 1
    flight.whole = step === grammar.length
    if (kind === message.certificate) {
      flight.certificates = readCertificates(content, flight.version)
      if (flight.certificates.length > flightLimits.certificates) {
        flight.certificates = []
        return `more than ${flightLimits.certificates} certificates`
      }
    } else if (kind === message.certificateRequest) {
      flight.authorities = readRequest(content, flight.version)
    }
    return undefined
  }
}

/** SHA-256 of "HelloRetryRequest": such a ServerHello is a question, not an answer. RFC 8446 §4.1.3 */
const retry = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')

function readServerHello(
  content: Uint8Array,
): { version: 'TLSv1.2' | 'TLSv1.3' | undefined; suite: number } | undefined {
  const reader = new Reader(content)
  const legacy = reader.uint(2)
  if (sameBytes(reader.bytes(32), retry)) return undefined
  reader.vector(1)
  const suite = reader.uint(2)
  reader.uint(1)
  let version = legacy
  if (!reader.done) {
    const extensions = new Reader(reader.vector(2))
    while (!extensions.done) {
      const type = extensions.uint(2)
      const value = extensions.vector(2)
      // supported_versions. RFC 8446 §4.2.1
      if (type === 43) version = new Reader(value).uint(2)
    }
  }
  return {
    version: version === 0x0304 ? 'TLSv1.3' : version === 0x0303 ? 'TLSv1.2' : undefined,
    suite,
  }
}

function readCertificates(content: Uint8Array, version: ServerFlight['version']): Uint8Array[] {
  const reader = new Reader(content)
  if (version === 'TLSv1.3') reader.vector(1)
  const list = new Reader(reader.vector(3))
  const certificates: Uint8Array[] = []
  while (!list.done) {
    certificates.push(Uint8Array.from(list.vector(3)))
    if (version === 'TLSv1.3') list.vector(2)
  }
  return certificates
}

function readRequest(content: Uint8Array, version: ServerFlight['version']): Uint8Array[] {
  const reader = new Reader(content)
  // certificate_request_context in 1.3, certificate_types in 1.2: one octet of length both.
  reader.vector(1)
  if (version !== 'TLSv1.3') {
    reader.vector(2)
    return readNames(reader.vector(2))
  }
  const extensions = new Reader(reader.vector(2))
  while (!extensions.done) {
    const type = extensions.uint(2)
    const value = extensions.vector(2)
    // certificate_authorities. RFC 8446 §4.2.4
    if (type === 47) return readNames(new Reader(value).vector(2))
  }
  return []
}

function readNames(bytes: Uint8Array): Uint8Array[] {
  const list = new Reader(bytes)
  const names: Uint8Array[] = []
  while (!list.done) names.push(Uint8Array.from(list.vector(2)))
  return names
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new RangeError('a TLS message ends early')
    const taken = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return taken
  }

  uint(length: number): number {
    return uint(this.bytes(length), 0, length)
  }

  vector(lengthOctets: number): Uint8Array {
    return this.bytes(this.uint(lengthOctets))
  }
}
