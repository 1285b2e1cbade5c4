/**
 * The record layer of TLS: records in a stream, messages in records, and how TLS 1.3 encrypts them.
 *
 * @module
 */

import { createDecipheriv, createHmac } from 'node:crypto'

/** Content types. RFC 8446 §5.1 */
export const record: {
  readonly changeCipherSpec: 20
  readonly alert: 21
  readonly handshake: 22
  readonly applicationData: 23
} = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 }

/** The AEADs of TLS 1.3 (RFC 8446 §B.4). */
const suites = {
  0x1301: { cipher: 'aes-128-gcm', keyLength: 16, hash: 'sha256' },
  0x1302: { cipher: 'aes-256-gcm', keyLength: 32, hash: 'sha384' },
  0x1303: { cipher: 'chacha20-poly1305', keyLength: 32, hash: 'sha256' },
} as const

/**
 * Counts the records in a stream while it comes in, so that a listener that cuts it into the smallest
 * ones is stopped before they are read.
 */
export class RecordCounter {
  #header: number[] = []
  #left = 0
  /** Records that began. */
  count = 0

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at)
        this.#left -= skipped
        at += skipped
        continue
      }
      this.#header.push(chunk[at]!)
      at += 1
      if (this.#header.length < 5) continue
      this.#left = this.#header[3]! * 256 + this.#header[4]!
      this.#header = []
      this.count += 1
    }
  }
}

/** Bytes that come in pieces, and the messages in them. Each byte is copied a fixed number of times. */
export class MessageQueue {
  #bytes = Buffer.alloc(4096)
  #from = 0
  #to = 0

  push(piece: Uint8Array): void {
    if (this.#to + piece.length > this.#bytes.length) {
      const held = this.#bytes.subarray(this.#from, this.#to)
      const grown = Buffer.alloc(2 * (held.length + piece.length) + 4096)
      grown.set(held)
      this.#bytes = grown
      this.#from = 0
      this.#to = held.length
    }
    this.#bytes.set(piece, this.#to)
    this.#to += piece.length
  }

  /** Whether every byte was taken. */
  get empty(): boolean {
    return this.#from === this.#to
  }

  /** The next message, where all of it is there. */
  next(): { readonly kind: number; readonly content: Uint8Array } | undefined {
    const held = this.#bytes.subarray(this.#from, this.#to)
    if (held.length < 4) return undefined
    const end = 4 + uint(held, 1, 3)
    if (held.length < end) return undefined
    this.#from += end
    return { kind: held[0]!, content: held.subarray(4, end) }
  }
}

/** What a record holds. */
export interface Opened {
  readonly type: number
  readonly body: Uint8Array
}

/** The whole records at the beginning of a stream. */
export function* recordsOf(
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

/** Decrypts records under a traffic secret, in order. RFC 8446 §5.2, §5.3, §7.3 */
export function opener(
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

/** A number, most significant octet first. */
export function uint(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let i = 0; i < length; i += 1) value = value * 256 + bytes[at + i]!
  return value
}
