/**
 * Proof of trust by key: offers a certificate to an agent, and sees whether it is taken. The names in a
 * certificate request are a hint, because two roots can have one name; whether a chain verifies is not.
 *
 * It costs one handshake. Decided is only what TLS 1.3 says under its encryption: the alert
 * `unknown_ca`, or an answer to a question that is asked after the handshake. Everything else is
 * undecided: another alert may be about the leaf, and a closed connection about anything.
 *
 * Nomad's RPC port verifies the chain first and then the names, and takes no other than those of
 * servers and clients (nomad/server.go:618 of 1.11.3): it answers a leaf that has neither with
 * `bad_certificate`. That is an acceptance of the key where the same port answers a leaf of the same form
 * under an unknown key, the control, with `unknown_ca`: another handshake.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import { isNomadPkiError } from '../errors.js'
import { parseCertificate, fingerprintOf } from '../x509/certificate.js'
import { dial, type DescribeOptions, type OfferedLeaf } from './dial.js'
import { formatEndpoint, type AgentEndpoint } from './endpoints.js'

export type { OfferedLeaf } from './dial.js'

/** What an agent made of it. */
export interface OfferOutcome {
  readonly state: 'accepted' | 'refused' | 'undecided'
  /** SHA-256 of the leaf that the agent itself showed a key for, hex; `undefined`: it showed none. */
  readonly fingerprint: string | undefined
  /** Why, where it is undecided. One sentence: lower case, no full stop. */
  readonly message: string
  /** How many handshakes it took: two where the control was offered as well. */
  readonly handshakes: number
}

/** The listener verified the certificate, or could wait no longer to say so; milliseconds. */
const patience = 500

/** How to ask. */
export interface OfferOptions extends Omit<DescribeOptions, 'rpc'> {
  /** A leaf of the same form that no agent trusts; without it the RPC port decides less. */
  readonly control?: OfferedLeaf | undefined
}

/**
 * Offers a certificate on one port.
 *
 * @param endpoint HTTPS, or RPC behind its first byte.
 * @param leaf What is offered: the listener learns it, the key stays here. It must be valid now.
 * @returns `accepted`: the agent verified the chain, so it trusts the key that signed it. `refused`: it
 *   knows no such authority. Both only of a listener that showed its own key.
 * @throws {NomadPkiError} `ERR_INTERRUPTED`
 */
export async function offerCertificate(
  endpoint: AgentEndpoint,
  leaf: OfferedLeaf,
  { control, ...options }: OfferOptions = {},
): Promise<OfferOutcome> {
  const first = await offerOnce(endpoint, leaf, options)
  const { alert, ...outcome } = first
  if (!endpoint.rpc || alert !== 'BAD_CERTIFICATE' || control === undefined) return outcome
  const second = await offerOnce(endpoint, control, options)
  const isSame = second.fingerprint === outcome.fingerprint
  const handshakes = 2
  return isSame && second.state === 'refused'
    ? { ...outcome, state: 'accepted', message: '', handshakes }
    : { ...outcome, handshakes }
}

async function offerOnce(
  endpoint: AgentEndpoint,
  leaf: OfferedLeaf,
  options: Omit<DescribeOptions, 'rpc'>,
): Promise<OfferOutcome & { readonly alert?: string }> {
  let answer = Buffer.alloc(0)
  let accepted = false as boolean
  const { flight, fault, signed } = await dial(endpoint, {
    ...options,
    offer: leaf,
    onConnected: (tls, end) => {
      ask(tls, endpoint)
      tls.on('data', (chunk: Buffer) => {
        answer = Buffer.concat([answer, chunk.subarray(0, mostOfAnswer)])
        accepted = isAnswer(answer, endpoint.rpc)
        if (accepted || answer.length >= mostOfAnswer) end()
      })
    },
  })
  const fingerprint = signed && fingerprintOf(parseCertificate(signed))
  const say = (state: OfferOutcome['state'], message = ''): OfferOutcome => ({
    ...{ state, fingerprint, message, handshakes: 1 },
  })
  const where = formatEndpoint(endpoint)
  if (fingerprint === undefined) return say('undecided', `${where} does not show that it has a key`)
  if (flight.authorities === undefined) {
    return say('undecided', `${where} asks for no certificate`)
  }
  if (accepted) return say('accepted')
  // An alert of TLS 1.2 may be anybody's: it comes in the clear.
  const alert = flight.version === 'TLSv1.3' ? alertOf(fault) : undefined
  if (alert === 'UNKNOWN_CA') return say('refused')
  if (alert === undefined) {
    const why = `did not show whether it accepts the certificate: ${reasonOf(fault)}`
    return say('undecided', `${where} ${why}`)
  }
  const why = `refuses the certificate for another reason (${alert.toLowerCase()})`
  return { ...say('undecided', `${where} ${why}`), alert }
}

/** More than any answer's first line. */
const mostOfAnswer = 64

/**
 * Asks a question of no consequence, once the listener has sent a session ticket: Go sends it when it
 * has verified the certificate (crypto/tls handshake_server_tls13.go, readClientCertificate). A
 * question that is sent before can bring a reset of the connection, and that can swallow the alert.
 */
function ask(tls: TLSSocket, endpoint: AgentEndpoint): void {
  let asked = false
  const send = (): void => {
    clearTimeout(timer)
    if (!asked && !tls.destroyed) tls.write(endpoint.rpc ? ping : healthOf(endpoint))
    asked = true
  }
  const timer = setTimeout(send, patience)
  // Within the event itself Node's TLS is still reading, and would not send.
  tls.once('session', () => setImmediate(send))
  tls.on('close', () => {
    clearTimeout(timer)
  })
}

/** `/v1/agent/health` wants no token and is answered by each agent itself (command/agent/agent_endpoint.go). */
const healthOf = (endpoint: AgentEndpoint): string =>
  `GET /v1/agent/health HTTP/1.1\r\nHost: ${formatEndpoint(endpoint)}\r\nConnection: close\r\n\r\n`

/**
 * `Status.Ping` of Nomad's RPC (nomad/status_endpoint.go:28), which answers everybody: a byte 0x01, then
 * MessagePack of the header `{ServiceMethod, Seq}` and of no arguments.
 */
export const ping: Uint8Array = Buffer.concat([
  Buffer.of(0x01, 0x82),
  ...['ServiceMethod', 'Status.Ping', 'Seq'].map((text) =>
    Buffer.concat([Buffer.of(0xa0 | text.length), Buffer.from(text)]),
  ),
  Buffer.of(1, 0x80),
])

/** Whether it begins with a map of MessagePack: the header of a response. */
export function isRpcAnswer(answer: Uint8Array): boolean {
  return (answer[0]! & 0xf0) === 0x80 || answer[0] === 0xde
}

function isAnswer(answer: Buffer, rpc: boolean): boolean {
  if (rpc) return isRpcAnswer(answer)
  const [, status] = /^HTTP\/1\.[01] ([0-9]{3}) /.exec(answer.toString('latin1')) ?? []
  // Healthy or not, or a token is wanted. A proxy says with 400 and its neighbours that it refused a certificate.
  return status !== undefined && ['200', '403', '429', '500'].includes(status)
}

/** `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA` → `UNKNOWN_CA`; the OpenSSL of Node 22 and later says `SSL/TLS` where older ones say `SSLV3`. */
function alertOf(fault: unknown): string | undefined {
  const code = fault instanceof Error && 'code' in fault ? String(fault.code) : ''
  return /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_ALERT_([A-Z_]+)$/.exec(code)?.[1]
}

function reasonOf(fault: unknown): string {
  if (isNomadPkiError(fault)) return fault.message
  return fault instanceof Error ? fault.message.split('\n')[0]! : 'it gave an unexpected answer'
}
