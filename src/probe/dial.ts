/**
 * One connection to a listener: the handshake by Node's TLS, and beside it the bytes that came in, read
 * as what they are. It judges nothing.
 *
 * @module
 */

import { count } from '../count.js'
import { connect as connectSocket, isIP } from 'node:net'
import { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import type { AgentEndpoint } from './endpoints.js'
import { RecordCounter } from './records.js'
import { flightLimits, readServerFlight, type ServerFlight } from './transcript.js'

/** How to ask. */
export interface DescribeOptions {
  /** Nomad's RPC port, where TLS begins after a byte 0x04. Default: whether the port is 4647. */
  readonly rpc?: boolean | undefined
  /** The name to ask for (SNI). Default: the host, where it is a name. */
  readonly servername?: string | undefined
  /** Milliseconds for all of it. Default: 5,000, as long as Nomad itself waits. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Where the connection begins. Default: here, by TCP. */
  readonly connect?: Connect | undefined
}

/**
 * Makes a connection to a listener that is reached by another way: through a host, for example.
 *
 * @param endpoint Whom to reach.
 * @returns A stream of bytes; `undefined`: by TCP, from here. It is destroyed when it is no longer used.
 * @throws Where there is no way. The message says why.
 */
export type Connect = (endpoint: AgentEndpoint) => Promise<Duplex | undefined>

/** A certificate and its key, PEM. */
export interface OfferedLeaf {
  /** Leaf, then intermediates. */
  readonly cert: string
  /** The private key of the leaf. */
  readonly key: string
}

/** What to do beyond a handshake without a certificate. */
export interface DialMore extends DescribeOptions {
  /** Presented where the listener asks. */
  readonly offer?: OfferedLeaf | undefined
  /** Called when the handshake has ended; `end` closes the connection. */
  readonly onConnected?: ((tls: TLSSocket, end: (fault?: unknown) => void) => void) | undefined
}

/** What came of a connection. */
export interface Conversation {
  readonly flight: ServerFlight
  readonly bytes: Uint8Array
  /** Why it did not come to its end; `undefined` where it did. */
  readonly fault: unknown
  /**
   * DER of the leaf by whose key the listener signed, as Node's TLS verified it; it is the first of
   * `flight.certificates` then. `undefined`: no key was shown.
   */
  readonly signed: Uint8Array | undefined
}

/** Nomad's first byte of a TLS connection on the RPC port (helper/pool/conn.go:9-17). */
const rpcTls = 0x04

/**
 * Suites whose key exchange the listener signs: (EC)DHE alone. With RSA key exchange the listener does not sign, and the
 * key is shown only by a Finished that a listener may hold back.
 */
const signedSuites = [
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
  'ECDHE:DHE:!aNULL:!eNULL:!PSK:!SRP:!kRSA',
].join(':')

/**
 * Connects, and closes again.
 *
 * @returns Whatever was heard; a listener that is not there or hangs up is a `fault`.
 * @throws {NomadPkiError} `ERR_INTERRUPTED` by the signal.
 */
export async function dial(
  { host, port, rpc }: AgentEndpoint,
  { timeout = 5000, signal, servername, offer, onConnected, connect: way }: DialMore,
): Promise<Conversation> {
  const heard: Uint8Array[] = []
  const records = new RecordCounter()
  let weight = 0
  let secret: Buffer | undefined
  let leaf: Uint8Array | undefined
  let tls: TLSSocket | undefined
  // The way has its own time: the listener's begins when it is asked.
  let other: Duplex | undefined
  try {
    other = await way?.({ host, port, rpc })
  } catch (error) {
    const nothing = new Uint8Array()
    return { flight: readServerFlight(nothing), bytes: nothing, fault: error, signed: undefined }
  }
  const socket: Duplex = other ?? connectSocket({ host, port })
  const fault = await new Promise<unknown>((resolve) => {
    const timer = setTimeout(() => {
      resolve(new Error(`no answer within ${count(timeout / 1000, 'second')}`))
    }, timeout)
    const end = (reason?: unknown): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
      resolve(reason)
    }
    const aborted = (): void => {
      end(signal?.reason)
    }
    signal?.addEventListener('abort', aborted)
    if (signal?.aborted === true) aborted()
    socket.on('error', end)
    socket.on('close', () => {
      // What TLS has to say about the last bytes comes first.
      setImmediate(() => {
        end(new Error('the connection was closed'))
      })
    })
    const begin = (): void => {
      if (rpc) socket.write(Uint8Array.of(rpcTls))
      const peer = connect({
        socket: tapped(socket, (chunk) => {
          weight += chunk.length
          records.push(chunk)
          if (weight <= flightLimits.bytes && records.count <= flightLimits.records) {
            heard.push(chunk)
            return true
          }
          end(new Error('it sent more than a handshake'))
          return false
        }),
        servername: servername ?? (isIP(host) === 0 ? host : ''),
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        ciphers: signedSuites,
        ...offer,
      })
      tls = peer
      const seeSigner = (): void => {
        leaf ??= peer.getPeerX509Certificate()?.raw
      }
      peer.on('keylog', (line) => {
        // `LABEL client_random secret`, in hex: the NSS key log format.
        const [label, , value] = line.toString('latin1').trim().split(' ')
        if (label === 'SERVER_HANDSHAKE_TRAFFIC_SECRET') secret = Buffer.from(value ?? '', 'hex')
        // In TLS 1.2 the master secret is made after the signature of the ServerKeyExchange was verified
        // (RFC 5246 §8.1); a listener that insists on a certificate hangs up after that.
        if (label === 'CLIENT_RANDOM') seeSigner()
      })
      peer.on('secureConnect', () => {
        seeSigner()
        if (onConnected === undefined) end()
        else onConnected(peer, end)
      })
      // In TLS 1.2 a listener that insists on a certificate hangs up here; its flight was heard before.
      peer.on('error', end)
    }
    if (other === undefined) socket.on('connect', begin)
    else begin()
  })
  for (const stream of [tls, socket]) {
    stream?.on('error', () => undefined)
    stream?.destroy()
  }
  if (signal?.aborted === true) {
    throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted while asking an agent')
  }
  const bytes = Buffer.concat(heard)
  const flight = readServerFlight(bytes, secret)
  // Two readers of one stream: what ours read counts where Node's TLS verified the same leaf.
  const [first] = flight.certificates
  const agree = flight.whole && leaf !== undefined && first !== undefined
  return {
    ...{ flight, bytes, fault },
    signed: agree && sameBytes(leaf!, first) ? first : undefined,
  }
}

/** The same stream; every chunk that comes in is shown to a listener first, which may stop it. */
function tapped(socket: Duplex, hear: (chunk: Uint8Array) => boolean): Duplex {
  const tap = new Duplex({
    read() {
      socket.resume()
    },
    write(chunk: Uint8Array, _encoding, callback) {
      socket.write(chunk, callback)
    },
    final(callback) {
      socket.end(callback)
    },
    destroy(error, callback) {
      socket.destroy()
      callback(error)
    },
  })
  socket.on('data', (chunk: Buffer) => {
    if (!hear(chunk)) socket.destroy()
    else if (!tap.push(chunk)) socket.pause()
  })
  socket.on('end', () => tap.push(null))
  return tap
}
