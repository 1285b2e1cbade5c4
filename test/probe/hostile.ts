/**
 * Listeners that hold public certificates of a victim and not its key, and try to be taken for it. They
 * write TLS records by hand, or put records of their own into an honest stream.
 */

import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What the victim shows to everybody. */
export interface Victim {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  /** DER of the names in its CertificateRequest. */
  readonly names: readonly Uint8Array[]
}

/** A certificate of the listener itself, with its key. */
export interface Own {
  readonly certificate: Uint8Array
  readonly key: KeyObject
}

/** How it goes about it, all in TLS 1.2. */
export const hostileModes = [
  /** Its own flight under its own key; after the dialer's answer a second Certificate, the victim's. */
  'twice',
  /** Its own Certificate and the victim's behind it, before the signature by its own key. */
  'twice-before',
  /** The victim's Certificate; the signature is by its own key. */
  'swapped',
  /** The victim's Certificate, and rubbish in place of a signature. */
  'copy',
  /** RSA key exchange, which needs no signature. */
  'rsakx',
  /** A suite with a signature, and a flight that leaves the ServerKeyExchange out. */
  'unsigned',
  /** A HelloRetryRequest of TLS 1.3, so that the dialer speaks twice; then a copied flight of TLS 1.2. */
  'hrr',
] as const
export type HostileMode = (typeof hostileModes)[number]

const sized = (octets: number, body: Uint8Array): Buffer => {
  const length = Buffer.alloc(octets)
  length.writeUIntBE(body.length, 0, octets)
  return Buffer.concat([length, body])
}
const u8 = (value: number): Buffer => Buffer.from([value])
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

export const handshakeMessage = (type: number, body: Uint8Array): Buffer =>
  Buffer.concat([u8(type), sized(3, body)])

export const recordOf = (body: Uint8Array, type = 22): Buffer =>
  Buffer.concat([u8(type), u16(0x0303), sized(2, body)])

export const certificateMessage = (chain: readonly Uint8Array[]): Buffer =>
  handshakeMessage(11, sized(3, Buffer.concat(chain.map((one) => sized(3, one)))))

export const requestMessage = (names: readonly Uint8Array[]): Buffer =>
  handshakeMessage(
    13,
    Buffer.concat([
      sized(1, Buffer.from([1, 64])),
      sized(2, Buffer.from('04030804', 'hex')),
      sized(2, Buffer.concat(names.map((one) => sized(2, one)))),
    ]),
  )

const done = handshakeMessage(14, Buffer.alloc(0))
const suites = { ecdsa: 0xc02b, rsa: 0x009c, tls13: 0x1301 } as const
/** What marks a ServerHello as a HelloRetryRequest (RFC 8446 §4.1.3). */
const retry = createHash('sha256').update('HelloRetryRequest').digest()

export function serverHello(
  random: Uint8Array,
  session: Uint8Array,
  suite: number,
  extensions: Buffer = Buffer.from('ff01000100' + '00170000', 'hex'),
): Buffer {
  const body = [u16(0x0303), random, sized(1, session), u16(suite), u8(0), sized(2, extensions)]
  return handshakeMessage(2, Buffer.concat(body))
}

/** @param rpc Whether a byte comes before TLS. */
export function hostileListener(mode: HostileMode, victim: Victim, own: Own, rpc = false): Server {
  return createServer((socket) => {
    socket.on('error', () => undefined)
    void speak(mode, socket, victim, own, rpc).catch(() => undefined)
  })
}

async function speak(
  mode: HostileMode,
  socket: Socket,
  { chain, names }: Victim,
  own: Own,
  rpc: boolean,
): Promise<void> {
  const records = recordsOf(socket, rpc)
  const hello = await handshakeRecord(records)
  const clientRandom = hello.subarray(6, 38)
  const session = hello.subarray(39, 39 + hello[38]!)
  const random = Buffer.concat([randomBytes(24), Buffer.alloc(8)])
  const say = (...messages: readonly Buffer[]): void => {
    socket.write(Buffer.concat(messages.map((one) => recordOf(one))))
  }
  const ephemeral = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey
  const point = ephemeral.export({ format: 'der', type: 'spki' }).subarray(-65)
  const parameters = Buffer.concat([u8(3), u16(23), sized(1, point)])
  const signature = (by: KeyObject): Buffer =>
    handshakeMessage(
      12,
      Buffer.concat([
        ...[parameters, u16(0x0403)],
        sized(2, sign('sha256', Buffer.concat([clientRandom, random, parameters]), by)),
      ]),
    )
  const ours = [own.certificate]
  const request = requestMessage(names)
  const opening = serverHello(random, Buffer.alloc(0), suites.ecdsa)
  switch (mode) {
    case 'twice':
      say(opening, certificateMessage(ours), signature(own.key), request, done)
      await handshakeRecord(records)
      say(certificateMessage(chain), request)
      break
    case 'twice-before':
      say(opening, certificateMessage(ours), certificateMessage(chain))
      say(signature(own.key), request, done)
      break
    case 'swapped':
      say(opening, certificateMessage(chain), signature(own.key), request, done)
      break
    case 'copy': {
      const rubbish = Buffer.concat([parameters, u16(0x0403), sized(2, randomBytes(70))])
      say(opening, certificateMessage(chain), handshakeMessage(12, rubbish), request, done)
      break
    }
    case 'rsakx':
      say(serverHello(random, Buffer.alloc(0), suites.rsa), certificateMessage(chain))
      say(request, done)
      await handshakeRecord(records)
      break
    case 'unsigned':
      say(opening, certificateMessage(chain), request, done)
      await handshakeRecord(records)
      break
    case 'hrr': {
      // supported_versions: TLS 1.3; key_share: secp256r1.
      const extensions = Buffer.from('002b00020304' + '003300020017', 'hex')
      say(serverHello(retry, session, suites.tls13, extensions))
      await handshakeRecord(records)
      say(serverHello(random, session, suites.ecdsa), certificateMessage(chain), request, done)
      break
    }
  }
  socket.end()
}

/**
 * An honest listener's stream with a record of one's own put into it.
 *
 * @param port Where the honest one listens.
 * @param record What is put in.
 * @param place Before which of its records; beyond the last: never.
 */
export function injector(port: number, record: Uint8Array, place: number): Server {
  return createServer((socket) => {
    const inner = connect(port, '127.0.0.1')
    for (const one of [socket, inner]) one.on('error', () => undefined)
    socket.pipe(inner)
    socket.on('close', () => inner.destroy())
    void (async () => {
      let index = 0
      for await (const one of recordsOf(inner, false)) {
        if (index === place) socket.write(record)
        socket.write(recordOf(one.body, one.type))
        index += 1
      }
      socket.end()
    })().catch(() => undefined)
  })
}

/** An honest listener's stream cut into records that hold one byte each: TLS 1.2 in the clear alone. */
export function slicer(port: number): Server {
  return createServer((socket) => {
    const inner = connect(port, '127.0.0.1')
    for (const one of [socket, inner]) one.on('error', () => undefined)
    socket.pipe(inner)
    socket.on('close', () => inner.destroy())
    void (async () => {
      let clear = true
      for await (const { type, body } of recordsOf(inner, false)) {
        // What comes behind a ChangeCipherSpec is encrypted as one.
        if (type === 20) clear = false
        const pieces =
          clear && type === 22 ? Array.from(body, (byte) => Uint8Array.of(byte)) : [body]
        socket.write(Buffer.concat(pieces.map((piece) => recordOf(piece, type))))
      }
      socket.end()
    })().catch(() => undefined)
  })
}

interface Heard {
  readonly type: number
  readonly body: Buffer
}

async function* recordsOf(socket: Socket, rpc: boolean): AsyncGenerator<Heard> {
  let held = Buffer.alloc(0)
  let skip = rpc ? 1 : 0
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk])
    if (skip > 0 && held.length > 0) {
      held = held.subarray(1)
      skip = 0
    }
    while (held.length >= 5 && held.length >= 5 + held.readUInt16BE(3)) {
      const end = 5 + held.readUInt16BE(3)
      yield { type: held[0]!, body: held.subarray(5, end) }
      held = held.subarray(end)
    }
  }
}

async function handshakeRecord(records: AsyncGenerator<Heard>): Promise<Buffer> {
  for (;;) {
    const next = await records.next()
    if (next.done === true) throw new Error('it hung up')
    if (next.value.type === 22) return next.value.body
  }
}
