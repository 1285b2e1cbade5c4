/**
 * Reads what a TLS server says in its first flight, from the bytes as they came over the wire:
 * certificates in the order they were presented, and the names of the authorities that it would take
 * a client's certificate from. Node's TLS tells neither (it reorders the chain and hides the request).
 *
 * TLS 1.2 sends both in the clear (RFC 5246 §7.4). TLS 1.3 encrypts them under the server's
 * handshake traffic secret (RFC 8446 §7.3), which the dialer's own key log gives us.
 *
 * It is not a TLS implementation: nothing here decides whether anything is trusted.
 *
 * @module
 */

import { createDecipheriv, createHmac } from 'node:crypto'

/** What a server's first flight held. */
export interface ServerFlight {
  /** `TLSv1.2` or `TLSv1.3`; `undefined` without a ServerHello. */
  readonly version: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** DER of each certificate as presented, leaf first; empty if none was seen. */
  readonly certificates: readonly Uint8Array[]
  /**
   * DER of each distinguished name in the CertificateRequest; `undefined` if the server asked for no
   * certificate. An empty list: it asked and named nobody.
   */
  readonly authorities: readonly Uint8Array[] | undefined
  /** The alert that ended it, by its number (RFC 8446 §6). */
  readonly alert: number | undefined
}

/** Content types of records and types of handshake messages. RFC 8446 §5.1, §4 */
const record = { alert: 21, handshake: 22, applicationData: 23 } as const
const message = { serverHello: 2, certificate: 11, certificateRequest: 13, finished: 20 } as const

/** The AEADs of TLS 1.3 (RFC 8446 §B.4). */
const suites = {
  0x1301: { cipher: 'aes-128-gcm', keyLength: 16, hash: 'sha256' },
  0x1302: { cipher: 'aes-256-gcm', keyLength: 32, hash: 'sha384' },
  0x1303: { cipher: 'chacha20-poly1305', keyLength: 32, hash: 'sha256' },
} as const

/** How much a flight may weigh: real chains have a few kB, a hostile one ends here. */
const limit = 1 << 20

/**
 * Reads a flight.
 *
 * @param bytes Everything that the server sent, from its first record.
 * @param secret `SERVER_HANDSHAKE_TRAFFIC_SECRET` of the key log, for TLS 1.3; without it only TLS 1.2 can be read.
 * @returns What could be read. Bytes that are no TLS, or end early, are no error: the rest is absent.
 */
export function readServerFlight(bytes: Uint8Array, secret?: Uint8Array): ServerFlight {
  const flight: {
    version: ServerFlight['version']
    certificates: Uint8Array[]
    authorities: Uint8Array[] | undefined
    alert: number | undefined
  } = { version: undefined, certificates: [], authorities: undefined, alert: undefined }
  let open: ((header: Uint8Array, body: Uint8Array) => Opened | undefined) | undefined
  let pending: Uint8Array = new Uint8Array()

  for (const { type, header, body } of recordsOf(bytes.subarray(0, limit))) {
    const plain =
      type === record.applicationData && open !== undefined ? open(header, body) : { type, body }
    if (plain === undefined) break
    if (plain.type === record.alert && plain.body.length === 2) {
      flight.alert ??= plain.body[1]
      continue
    }
    if (plain.type !== record.handshake) continue
    pending = Buffer.concat([pending, plain.body])
    // Messages may be split over records and records may hold several. RFC 8446 §5.1
    while (pending.length >= 4) {
      const length = uint(pending, 1, 3)
      if (pending.length < 4 + length) break
      const kind = pending[0]!
      const content = pending.subarray(4, 4 + length)
      pending = pending.subarray(4 + length)
      if (kind === message.finished) return flight
      take(kind, content)
    }
  }
  return flight

  function take(kind: number, content: Uint8Array): void {
    try {
      if (kind === message.serverHello) {
        const hello = readServerHello(content)
        if (hello === undefined) return
        flight.version = hello.version
        if (hello.version === 'TLSv1.3' && secret !== undefined) open = opener(hello.suite, secret)
      } else if (kind === message.certificate) {
        flight.certificates = readCertificates(content, flight.version)
      } else if (kind === message.certificateRequest) {
        flight.authorities = readRequest(content, flight.version)
      }
    } catch (error) {
      // A list that claims more than there is: what was read before stays.
      if (!(error instanceof RangeError)) throw error
    }
  }
}

interface Opened {
  readonly type: number
  readonly body: Uint8Array
}

function* recordsOf(
  bytes: Uint8Array,
): Generator<{ type: number; header: Uint8Array; body: Uint8Array }> {
  for (let at = 0; at + 5 <= bytes.length;) {
    const type = bytes[at]!
    const length = uint(bytes, at + 3, 2)
    if (type < 20 || type > 24 || bytes[at + 1] !== 3 || at + 5 + length > bytes.length) return
    yield {
      type,
      header: bytes.subarray(at, at + 5),
      body: bytes.subarray(at + 5, at + 5 + length),
    }
    at += 5 + length
  }
}

/** SHA-256 of "HelloRetryRequest": such a ServerHello is a question, not an answer. RFC 8446 §4.1.3 */
const retry = Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex')

function readServerHello(
  content: Uint8Array,
): { version: 'TLSv1.2' | 'TLSv1.3' | undefined; suite: number } | undefined {
  const reader = new Reader(content)
  const legacy = reader.uint(2)
  if (Buffer.compare(reader.bytes(32), retry) === 0) return undefined
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

/** Decrypts records under a traffic secret, in order. RFC 8446 §5.2, §5.3, §7.3 */
function opener(
  suiteNumber: number,
  secret: Uint8Array,
): ((header: Uint8Array, body: Uint8Array) => Opened | undefined) | undefined {
  const suite = suites[suiteNumber as keyof typeof suites] as
    (typeof suites)[keyof typeof suites] | undefined
  if (suite === undefined) return undefined
  const key = expandLabel(suite.hash, secret, 'key', suite.keyLength)
  const iv = expandLabel(suite.hash, secret, 'iv', 12)
  let sequence = 0
  return (header, body) => {
    const nonce = Buffer.from(iv)
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
    sequence += 1
    if (body.length < 17) return undefined
    const options = { authTagLength: 16 }
    // The overloads want a literal cipher; the three take the same calls.
    const decipher = createDecipheriv(suite.cipher as 'aes-128-gcm', key, nonce, options)
    decipher.setAAD(header)
    decipher.setAuthTag(body.subarray(-16))
    try {
      const inner = Buffer.concat([decipher.update(body.subarray(0, -16)), decipher.final()])
      let end = inner.length
      while (end > 0 && inner[end - 1] === 0) end -= 1
      return end === 0 ? undefined : { type: inner[end - 1]!, body: inner.subarray(0, end - 1) }
    } catch {
      return undefined
    }
  }
}

/** HKDF-Expand-Label with an empty context; one block of the hash is enough here. RFC 8446 §7.1 */
function expandLabel(hash: string, secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([
    Uint8Array.of(length >> 8, length & 255, name.length),
    name,
    Uint8Array.of(0, 1),
  ])
  return createHmac(hash, secret).update(info).digest().subarray(0, length)
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

function uint(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let i = 0; i < length; i += 1) value = value * 256 + bytes[at + i]!
  return value
}
