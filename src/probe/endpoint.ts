/**
 * Asks a running agent what it presents and whom it trusts: one handshake without a certificate, on
 * the HTTPS port, or on the RPC port behind its first byte. It judges nothing.
 *
 * @module
 */

import { count } from '../count.js'
import { isIP } from 'node:net'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { shellQuote } from '../shell-quote.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { parseName, type Name } from '../x509/name.js'
import { dial, type DescribeOptions } from './dial.js'

/** What an endpoint shows to a client without a certificate. */
export interface EndpointDescription {
  readonly host: string
  readonly port: number
  readonly rpc: boolean
  readonly protocol: 'TLSv1.2' | 'TLSv1.3'
  /** As presented: leaf first, in the order in which they were sent. */
  readonly chain: readonly Certificate[]
  /**
   * Whether it showed that it has the leaf's key, by a signature over this very handshake that Node's TLS
   * verified. Any listener can present a copy of a chain.
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

export type { Connect, DescribeOptions } from './dial.js'

/**
 * Reads `host:port`, `[::1]:4646`, `::1` in brackets without a port (4646), or an `https://` URL of these.
 *
 * @returns `undefined` for a text that is none of them.
 */
export function parseEndpoint(text: string): { host: string; port: number } | undefined {
  const bare = text.replace(/^https:\/\//i, '').replace(/\/$/, '')
  const match =
    /^(?:\[([0-9a-fA-F:.]+(?:%[A-Za-z0-9_.-]+)?)\]|([A-Za-z0-9._][A-Za-z0-9._-]*))(?::([0-9]{1,5}))?$/.exec(
      bare,
    )
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
 * Says what is wrong with a text that is meant for an endpoint and is not one that {@link parseEndpoint} reads.
 *
 * @returns What is wrong, and the right form; `undefined` for a text that is not meant for one.
 */
export function endpointFault(
  text: string,
): { readonly message: string; readonly hint: string } | undefined {
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^]*)$/i.exec(text) ?? []
  const [, user, place = '', tail = ''] = /^(?:([^/?#]*)@)?([^/?#]*)([^]*)$/.exec(rest) ?? []
  const own = scheme?.toLowerCase()
  const ready = inspectText(place)
  if (own !== undefined && own !== 'https') {
    return {
      message: own === 'http' ? 'http:// speaks no TLS' : `${own}:// is not a scheme of agents`,
      hint: ready === undefined ? rightForm : `to ask what listens there: ${ready}`,
    }
  }
  // Without a scheme a path is as likely a file, but for one behind a port.
  if (own === undefined && tail !== '' && !/:[0-9]+$/.test(place)) return undefined
  if (user !== undefined && (own !== undefined || ready !== undefined)) {
    return { message: 'an endpoint has no user', hint: ready ?? rightForm }
  }
  if (tail.replace(/^\//, '') !== '') {
    return { message: 'an endpoint has no path', hint: ready ?? rightForm }
  }
  if (isIP(place) !== 0) return addressFault(place, ready)
  const [, before = '', digits] = /^(.*):([^:]*)$/.exec(place) ?? []
  if (digits === undefined) {
    return own === undefined ? undefined : { message: 'it does not name a host', hint: rightForm }
  }
  if (isIP(before) === 6 || before.includes(':')) {
    return {
      message: 'an IPv6 address with a port stands in brackets',
      hint: (isIP(before) === 6 ? inspectText(`[${before}]:${digits}`) : undefined) ?? rightForm,
    }
  }
  if (before === '') {
    const here = inspectText(`127.0.0.1:${digits}`)
    if (here === undefined) return undefined
    return { message: 'an endpoint needs a host', hint: `for the agent of this host: ${here}` }
  }
  const wrongPort = /^[0-9]+$/.test(digits) && (Number(digits) < 1 || Number(digits) > 65_535)
  if (!wrongPort && own === undefined && digits !== '') return undefined
  if (!wrongPort && /^[0-9]+$/.test(digits)) {
    return { message: 'it does not name a host', hint: rightForm }
  }
  const usual = inspectText(before)
  return {
    message: digits === '' ? 'the port is missing' : `${digits} is not a port`,
    hint: `a port is a number from 1 to 65535${usual === undefined ? '' : `; for the usual one: ${usual}`}`,
  }
}

const rightForm = 'for a running agent: nomad-pki inspect HOST:PORT, such as [2001:db8::1]:4646'

/** The command that asks an endpoint, ready to be run; `undefined` where the text names none. */
export function inspectText(place: string): string | undefined {
  const found = parseEndpoint(`https://${place}`)
  if (found === undefined) return undefined
  const host = found.host.includes(':') ? `[${found.host}]` : found.host
  return `nomad-pki inspect ${shellQuote(`${host}:${found.port}`)}`
}

/** An address without a port: of IPv6, what looks like a port may be its last group. */
function addressFault(
  address: string,
  ready: string | undefined,
): { readonly message: string; readonly hint: string } {
  const whole = isIP(address) === 6 ? inspectText(`[${address}]`)! : ready!
  const [, before = '', port] = /^(.*):(46[0-9]{2})$/.exec(address) ?? []
  const split = isIP(before) === 6 ? inspectText(`[${before}]:${port}`) : undefined
  const other = split === undefined ? '' : `; if ${port} is the port: ${split}`
  return { message: 'an address without a port', hint: `for a running agent: ${whole}${other}` }
}

/**
 * As {@link describeEndpoint}, for a port of which nobody says what it is: one that hangs up on HTTPS is asked as an
 * RPC port. Nomad ends a connection whose first byte it does not know (nomad/rpc.go:410 at v1.11.3).
 *
 * @throws {NomadPkiError} what the first handshake came to, where neither came to an end
 */
export async function describeListener(host: string, port: number): Promise<EndpointDescription> {
  try {
    return await describeEndpoint(host, port)
  } catch (error) {
    if (!isHangUp(error) || port === 4647) throw error
    try {
      return await describeEndpoint(host, port, { rpc: true })
    } catch (other) {
      throw isNomadPkiError(other) ? error : other
    }
  }
}

function isHangUp(error: unknown): boolean {
  const cause = isNomadPkiError(error, 'ERR_UNREACHABLE') ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNRESET'
}

/** Whether a fault of {@link describeEndpoint} says that no connection was made: who is there said nothing. */
export function isUnreached({ cause }: NomadPkiError): boolean {
  if (isNomadPkiError(cause)) return true
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return code in faults && code !== 'ECONNRESET'
}

/**
 * Makes the handshake and tells what was presented. The certificate is not verified: seeing a wrong
 * one is the point.
 *
 * @param host A name or an address, IPv6 without brackets.
 * @param port 4646 and 4647 unless the agent says otherwise.
 * @throws {NomadPkiError} `ERR_UNREACHABLE` if there is no answer, or none in TLS; `ERR_CERTIFICATE_MALFORMED`
 *   if what is presented can't be parsed.
 */
export async function describeEndpoint(
  host: string,
  port: number,
  options: DescribeOptions = {},
): Promise<EndpointDescription> {
  const rpc = options.rpc ?? port === 4647
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const { flight, bytes, fault, signed } = await dial({ host, port, rpc }, options)
  const { version, certificates, authorities } = flight
  if (version === undefined || certificates.length === 0) {
    const strange = flight.fault === undefined ? undefined : new Error(unreadable(flight.fault))
    throw unreachable(where, rpc, bytes, strange ?? fault)
  }
  const holdsKey = signed !== undefined
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
          `${where} presents ${count(certificates.length, 'certificate')}, and number ${at + 1} cannot be parsed`,
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

function unreadable(fault: string): string {
  return `its handshake breaks the order of TLS (${fault})`
}

function unreachable(
  where: string,
  rpc: boolean,
  bytes: Uint8Array,
  fault: unknown,
): NomadPkiError {
  // The way to it has words of its own.
  if (isNomadPkiError(fault) && bytes.length === 0) {
    const message = `${where} cannot be asked: ${fault.message}`
    return new NomadPkiError('ERR_UNREACHABLE', message, { cause: fault, hint: fault.hint })
  }
  const code = fault instanceof Error && 'code' in fault ? String(fault.code) : ''
  const known = faults[code]
  const said = Buffer.from(bytes.subarray(0, 5)).toString('latin1')
  if (said === 'HTTP/') {
    return new NomadPkiError('ERR_UNREACHABLE', `${where} answers in plain HTTP, not TLS`, {
      hint: 'its configuration has no `tls { http = true }`, or this is another service',
    })
  }
  const reason =
    alertIn(bytes) ??
    known ??
    (isNotTls(bytes) ? `it answers, and not in TLS${saidIn(bytes)}` : undefined) ??
    (fault instanceof Error ? fault.message.split('\n')[0]! : 'it did not answer')
  return new NomadPkiError('ERR_UNREACHABLE', `${where} cannot be asked: ${reason}`, {
    cause: fault,
    hint: isNotTls(bytes)
      ? 'another service has that port; agents have 4646 (HTTPS) and 4647 (RPC)'
      : bytes.length === 0 && (known === undefined || code === 'ECONNRESET')
        ? rpc
          ? 'is it the RPC port of an agent with `tls { rpc = true }`? HTTPS is 4646'
          : 'is it the HTTPS port of an agent? RPC (4647) begins with a byte of its own'
        : undefined,
  })
}

/** Names of alerts (RFC 8446 §6) that a listener can begin with. */
const alerts: Readonly<Record<number, string>> = {
  40: 'handshake failure',
  42: 'bad certificate',
  47: 'illegal parameter',
  70: 'protocol version',
  71: 'insufficient security',
  80: 'internal error',
  109: 'missing extension',
  112: 'unrecognized name',
  116: 'certificate required',
  120: 'no application protocol',
}

/** Whether what came first is not a record of TLS (RFC 8446 §5.1): a type from 20 to 23, and version 3.x. */
function isNotTls(bytes: Uint8Array): boolean {
  const [type, major] = bytes
  if (type === undefined) return false
  return type < 20 || type > 23 || (major !== undefined && major !== 3)
}

/** The first line of what a listener says in plain text; empty for anything else. */
function saidIn(bytes: Uint8Array): string {
  const [line = ''] = Buffer.from(bytes.subarray(0, 60))
    .toString('latin1')
    .split(/[\r\n]/)
  return /^[ -~]{3,}$/.test(line) ? `: ${JSON.stringify(line)}` : ''
}

/** What a listener says that refuses the handshake: the first record is an alert. */
function alertIn(bytes: Uint8Array): string | undefined {
  if (bytes[0] !== 0x15 || bytes.length < 7) return undefined
  const number = bytes[6]!
  const name = alerts[number]
  return `it refuses the handshake (TLS alert ${number}${name === undefined ? '' : `, ${name}`})`
}

const faults: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host has no address',
  EAI_AGAIN: "the host's address cannot be looked up now",
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it closed the connection before it answered',
}
