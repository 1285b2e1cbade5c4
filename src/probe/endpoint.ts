/**
 * Asks a running agent what it presents and whom it trusts: one handshake without a certificate, on
 * the HTTPS port, or on the RPC port behind its first byte. It judges nothing.
 *
 * @module
 */

import { isIP } from 'node:net'
import { connect as connectSocket, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { NomadPkiError } from '../errors.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { parseName, type Name } from '../x509/name.js'
import { RecordCounter } from './records.js'
import { flightLimits, readServerFlight, type ServerFlight } from './transcript.js'

/** What an endpoint shows to somebody without a certificate. */
export interface EndpointDescription {
  readonly host: string
  readonly port: number
  readonly rpc: boolean
  readonly protocol: 'TLSv1.2' | 'TLSv1.3'
  /** As presented: leaf first, in the order in which they were sent. */
  readonly chain: readonly Certificate[]
  /**
   * Whether it showed that it has the leaf's key, by a signature over this very handshake that Node's TLS
   * verified. A copy of somebody's chain can be presented by anybody.
   */
  readonly holdsKey: boolean
  /** Whether it asks for a certificate (RPC always, HTTPS under `verify_https_client`). */
  readonly asksForCertificate: boolean
  /**
   * The subjects of the authorities it names while asking: those in its `ca_file`. `undefined` where it
   * asks for nothing: its trust can't be seen from outside then. Also `undefined` where nothing
   * authenticates the names: the listener does not hold the key, or it ended a handshake of TLS 1.2,
   * where the signature covers the key exchange alone (RFC 5246 §7.4.3). Nomad speaks TLS 1.3.
   */
  readonly authorities: readonly Name[] | undefined
}

/** How to ask. */
export interface DescribeOptions {
  /** Nomad's RPC port, where TLS begins after a byte 0x04. Default: whether the port is 4647. */
  readonly rpc?: boolean | undefined
  /** The name to ask for (SNI). Default: the host, where it is a name. */
  readonly servername?: string | undefined
  /** Milliseconds for all of it. Default: 5,000, as long as Nomad itself waits. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Nomad's first byte of a TLS connection on the RPC port (helper/pool/conn.go:9-17). */
const rpcTls = 0x04

/**
 * Reads `host:port`, `[::1]:4646`, `::1` in brackets without a port (4646), or an `https://` URL of these.
 *
 * @returns `undefined` for a text that is none of them.
 */
export function parseEndpoint(text: string): { host: string; port: number } | undefined {
  const bare = text.replace(/^https:\/\//, '').replace(/\/$/, '')
  const match =
    /^(?:\[([0-9a-fA-F:.]+(?:%[A-Za-z0-9_.-]+)?)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?$/.exec(bare)
  if (match === null) return undefined
  const [, six, name, digits] = match
  if (six !== undefined && isIP(six) !== 6) return undefined
  // A name without a port is as likely a file: only an URL or brackets say that it is an endpoint.
  if (digits === undefined && six === undefined && bare === text) return undefined
  const port = digits === undefined ? 4646 : Number(digits)
  if (port < 1 || port > 65_535) return undefined
  return { host: (six ?? name)!, port }
}

/**
 * Makes the handshake and tells what was presented. The certificate is not verified: seeing a wrong
 * one is the point.
 *
 * @param host A name or an address, IPv6 without brackets.
 * @param port 4646 and 4647 unless the agent says otherwise.
 * @throws {NomadPkiError} `ERR_UNREACHABLE` if nobody answers, or not in TLS; `ERR_CERTIFICATE_MALFORMED`
 *   if what is presented can't be parsed.
 */
export async function describeEndpoint(
  host: string,
  port: number,
  options: DescribeOptions = {},
): Promise<EndpointDescription> {
  const rpc = options.rpc ?? port === 4647
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const { flight, bytes, fault, signed } = await converse(host, port, rpc, options)
  const { version, certificates, authorities } = flight
  if (version === undefined || certificates.length === 0) {
    const strange = flight.fault === undefined ? undefined : new Error(unreadable(flight.fault))
    throw unreachable(where, rpc, bytes, strange ?? fault)
  }
  const holdsKey =
    flight.whole && signed !== undefined && Buffer.compare(signed, certificates[0]!) === 0
  const authentic = holdsKey && (version === 'TLSv1.3' || fault === undefined)
  return {
    host,
    port,
    rpc,
    protocol: version,
    chain: certificates.map((der, at) => {
      try {
        return parseCertificate(der)
      } catch (error) {
        throw new NomadPkiError(
          'ERR_CERTIFICATE_MALFORMED',
          `${where} presents ${certificates.length} certificates, and number ${at + 1} cannot be parsed`,
          { cause: error, hint: "look into the agent's cert_file: peers refuse the whole chain" },
        )
      }
    }),
    holdsKey,
    asksForCertificate: authorities !== undefined,
    authorities: authentic
      ? authorities?.map((der) => parseName(der, 'certificate_authorities'))
      : undefined,
  }
}

interface Conversation {
  readonly flight: ServerFlight
  readonly bytes: Uint8Array
  /** Why the handshake did not end; `undefined` where it did. */
  readonly fault: unknown
  /** DER of the leaf by whose key the listener signed, as Node's TLS verified it; `undefined`: not seen. */
  readonly signed: Uint8Array | undefined
}

/**
 * Suites whose key exchange the listener signs: (EC)DHE alone. With RSA key exchange nobody signs, and the
 * key is shown only by a Finished that a listener may hold back.
 */
const signedSuites = [
  'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
  'ECDHE:DHE:!aNULL:!eNULL:!PSK:!SRP:!kRSA',
].join(':')

async function converse(
  host: string,
  port: number,
  rpc: boolean,
  options: DescribeOptions,
): Promise<Conversation> {
  const heard: Uint8Array[] = []
  const records = new RecordCounter()
  let weight = 0
  let secret: Buffer | undefined
  let signed: Uint8Array | undefined
  let tls: TLSSocket | undefined
  const socket = connectSocket({ host, port })
  const fault = await new Promise<unknown>((resolve) => {
    const timer = setTimeout(() => {
      resolve(new Error(`no answer within ${(options.timeout ?? 5000) / 1000} seconds`))
    }, options.timeout ?? 5000)
    const end = (reason: unknown): void => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', aborted)
      resolve(reason)
    }
    const aborted = (): void => {
      end(options.signal?.reason)
    }
    options.signal?.addEventListener('abort', aborted)
    if (options.signal?.aborted === true) aborted()
    socket.on('error', end)
    socket.on('close', () => {
      end(new Error('the connection was closed'))
    })
    socket.on('connect', () => {
      if (rpc) socket.write(Uint8Array.of(rpcTls))
      const servername = options.servername ?? (isIP(host) === 0 ? host : '')
      tls = connect({
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
        servername,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        ciphers: signedSuites,
      })
      const peer = tls
      const seeSigner = (): void => {
        signed ??= peer.getPeerX509Certificate()?.raw
      }
      tls.on('keylog', (line) => {
        // `LABEL client_random secret`, in hex: the NSS key log format.
        const [label, , value] = line.toString('latin1').trim().split(' ')
        if (label === 'SERVER_HANDSHAKE_TRAFFIC_SECRET') secret = Buffer.from(value ?? '', 'hex')
        // In TLS 1.2 the master secret is made after the signature of the ServerKeyExchange was verified
        // (RFC 5246 §8.1); a listener that insists on a certificate hangs up after that.
        if (label === 'CLIENT_RANDOM') seeSigner()
      })
      tls.on('secureConnect', () => {
        seeSigner()
        end(undefined)
      })
      // In TLS 1.2 a listener that insists on a certificate hangs up here; its flight was heard before.
      tls.on('error', end)
    })
  })
  for (const stream of [tls, socket]) {
    stream?.on('error', () => undefined)
    stream?.destroy()
  }
  if (options.signal?.aborted === true) {
    throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted while asking an agent')
  }
  const bytes = Buffer.concat(heard)
  return { flight: readServerFlight(bytes, secret), bytes, fault, signed }
}

/** The same stream; every chunk that comes in is shown to a listener first, who may stop it. */
function tapped(socket: Socket, hear: (chunk: Uint8Array) => boolean): Duplex {
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

function unreadable(fault: string): string {
  return `its handshake breaks the order of TLS (${fault})`
}

function unreachable(
  where: string,
  rpc: boolean,
  bytes: Uint8Array,
  fault: unknown,
): NomadPkiError {
  const code = fault instanceof Error && 'code' in fault ? String(fault.code) : ''
  const known = faults[code]
  const said = Buffer.from(bytes.subarray(0, 5)).toString('latin1')
  if (said === 'HTTP/') {
    return new NomadPkiError('ERR_UNREACHABLE', `${where} answers in plain HTTP, not TLS`, {
      hint: 'its configuration has no `tls { http = true }`, or this is another service',
    })
  }
  const reason =
    known ?? (fault instanceof Error ? fault.message.split('\n')[0]! : 'it did not answer')
  return new NomadPkiError('ERR_UNREACHABLE', `${where} cannot be asked: ${reason}`, {
    cause: fault,
    hint:
      bytes.length === 0 && (known === undefined || code === 'ECONNRESET')
        ? rpc
          ? 'is it the RPC port of an agent with `tls { rpc = true }`? HTTPS is 4646'
          : 'is it the HTTPS port of an agent? RPC (4647) begins with a byte of its own'
        : undefined,
  })
}

const faults: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host has no address',
  EAI_AGAIN: "the host's address cannot be looked up now",
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it hung up before it said anything',
}
