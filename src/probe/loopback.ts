/**
 * A real TLS handshake in memory: two ends of Node's TLS (OpenSSL) over a pair of streams, no port,
 * with the very files that an agent would load. It is the second opinion beside the pure judge of
 * `nomad/`: another implementation, the same question.
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls'

/** The three files of one end, as PEM text. */
export interface HandshakeFiles {
  /** Leaf, then intermediates: `cert_file`. */
  readonly cert: string
  /** The private key: `key_file`. */
  readonly key: string
  /** The trust anchors: `ca_file`. */
  readonly ca: string
}

/** The end that accepts. */
export interface HandshakeListener extends HandshakeFiles {
  /**
   * Whether the dialer must show a certificate: `true` for RPC always, and for HTTPS under
   * `verify_https_client`.
   */
  readonly requestClientCert: boolean
}

/** The end that connects. */
export interface HandshakeDialer extends HandshakeFiles {
  /**
   * The name (or address) that the listener's certificate must hold among its SANs. `undefined`: any
   * certificate that the chain holds up, as without `verify_server_hostname`.
   */
  readonly servername: string | undefined
}

/** Where a handshake failed. */
export type HandshakeStage =
  /** The files of {@link HandshakeOutcome.side} do not load. */
  | 'load'
  /** The chain that {@link HandshakeOutcome.side} presents is not accepted by the other end. */
  | 'chain'
  /** The listener's certificate does not hold the name that the dialer asks for. */
  | 'name'
  /** The two ends found no common version, cipher or signature. */
  | 'protocol'

/** How a handshake ended. */
export type HandshakeOutcome =
  | { readonly ok: true; readonly protocol: string; readonly cipher: string }
  | {
      readonly ok: false
      /** Whose files are at fault. */
      readonly side: 'dialer' | 'listener'
      readonly stage: HandshakeStage
      /** OpenSSL's or Node's own word: `CERT_HAS_EXPIRED`, `UNABLE_TO_GET_ISSUER_CERT_LOCALLY`, … */
      readonly code: string
      /** One sentence: lower case, no full stop. */
      readonly message: string
    }

/** How a handshake is made. */
export interface HandshakeOptions {
  /** The one version to speak. Default: whatever both ends like best. */
  readonly version?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** Milliseconds until it counts as failed. Default: 20,000; a handshake takes about 10. */
  readonly timeout?: number | undefined
}

type Failure = Extract<HandshakeOutcome, { ok: false }>

/**
 * Makes one handshake, verified in both directions as Nomad does: the dialer checks the listener's
 * chain and its name among the SANs (never the common name, as Go), the listener the dialer's chain.
 * Certificates are judged at the present time of this machine: OpenSSL has no other clock.
 *
 * @param ends The two ends with their files.
 * @returns The outcome; it never throws for what the files hold.
 */
export async function handshake(
  ends: { readonly listener: HandshakeListener; readonly dialer: HandshakeDialer },
  options: HandshakeOptions = {},
): Promise<HandshakeOutcome> {
  // The listener's context is made once more by its server, which takes files, not contexts (0.5 ms).
  const listener = load(ends.listener, 'listener', options.version)
  if (!('context' in listener)) return listener
  const dialer = load(ends.dialer, 'dialer', options.version)
  if (!('context' in dialer)) return dialer
  return converse(dialer.context, ends, options)
}

/** A context that OpenSSL accepted. */
interface Loaded {
  readonly context: SecureContext
}

function load(
  files: HandshakeFiles,
  side: 'dialer' | 'listener',
  version: HandshakeOptions['version'],
): Loaded | Failure {
  // Without any certificate Node would fall back to the system's roots, which Nomad never does.
  if (!files.ca.includes('-----BEGIN CERTIFICATE-----')) {
    return failure(side, 'load', 'NO_TRUST', 'its trust bundle holds no certificate')
  }
  try {
    return { context: createSecureContext({ ...filesOf(files), ...versionsOf(version) }) }
  } catch (error) {
    return failure(side, 'load', codeOf(error), `its files do not load: ${messageOf(error)}`)
  }
}

function filesOf(files: HandshakeFiles): HandshakeFiles {
  return { cert: files.cert, key: files.key, ca: files.ca }
}

function versionsOf(version: HandshakeOptions['version']): {
  minVersion: SecureVersion
  maxVersion: SecureVersion
} {
  return { minVersion: version ?? 'TLSv1.2', maxVersion: version ?? 'TLSv1.3' }
}

async function converse(
  context: SecureContext,
  ends: { readonly listener: HandshakeListener; readonly dialer: HandshakeDialer },
  options: HandshakeOptions,
): Promise<HandshakeOutcome> {
  const [near, far] = duplexPair()
  const opened: Duplex[] = [near, far]
  let timer: NodeJS.Timeout | undefined
  const accepting = new Promise<TLSSocket | Failure>((resolve) => {
    const server = createServer({
      ...filesOf(ends.listener),
      ...versionsOf(options.version),
      requestCert: ends.listener.requestClientCert,
      // Both ends only look and let it pass: an end that hangs up would hide from the other why.
      rejectUnauthorized: false,
    })
    server.on('secureConnection', (socket) => {
      // It may be hung up on at once, by a dialer that has seen enough.
      socket.on('error', () => undefined)
      resolve(socket)
    })
    server.on('tlsClientError', (error) => {
      resolve(failure('dialer', 'protocol', codeOf(error), messageOf(error)))
    })
    // Never listened on: the pair is handed over as though it had come from a port.
    server.emit('connection', far)
  })
  const connecting = new Promise<TLSSocket | Failure>((resolve) => {
    const socket = connect({
      socket: near,
      secureContext: context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      // RFC 6066 §3: an address is not a server name.
      servername: serverNameIndication(ends.dialer.servername),
    })
    opened.push(socket)
    socket.on('secureConnect', () => {
      resolve(socket)
    })
    socket.on('error', (error) => {
      resolve(failure('listener', 'protocol', codeOf(error), messageOf(error)))
    })
  })
  const deadline = new Promise<Failure>((resolve) => {
    timer = setTimeout(() => {
      resolve(failure('listener', 'protocol', 'TIMEOUT', 'the handshake did not end in time'))
    }, options.timeout ?? 20_000)
  })
  try {
    const client = await Promise.race([connecting, deadline])
    if (!isSocket(client)) return await explained(client, accepting)
    const refused = judgeListener(client, ends.dialer.servername)
    if (refused !== undefined) return refused
    const server = await Promise.race([accepting, deadline])
    if (!isSocket(server)) return server
    opened.push(server)
    return (
      (ends.listener.requestClientCert ? judgeDialer(server) : undefined) ?? {
        ok: true,
        protocol: client.getProtocol() ?? 'unknown',
        cipher: client.getCipher().name,
      }
    )
  } finally {
    clearTimeout(timer)
    for (const stream of opened) {
      stream.on('error', () => undefined)
      stream.destroy()
    }
  }
}

/** The dialer often sees no more than an alert; the listener that sent it knows the reason. */
async function explained(
  failed: Failure,
  accepting: Promise<TLSSocket | Failure>,
): Promise<Failure> {
  const other = await Promise.race([
    accepting,
    new Promise<undefined>((resolve) => {
      setImmediate(() => {
        resolve(undefined)
      })
    }),
  ])
  return other === undefined || isSocket(other) ? failed : { ...other, side: failed.side }
}

function serverNameIndication(name: string | undefined): string {
  return name === undefined || isIP(name) !== 0 ? '' : name
}

function judgeListener(client: TLSSocket, servername: string | undefined): Failure | undefined {
  const refused = authorizationFault(client)
  if (refused !== undefined) {
    return failure(
      'listener',
      'chain',
      refused,
      `the dialer does not accept its chain: ${wordsFor(refused)}`,
    )
  }
  if (servername === undefined) return undefined
  const leaf = client.getPeerX509Certificate()
  if (leaf === undefined || !holdsName(leaf, servername)) {
    return failure(
      'listener',
      'name',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      `its certificate does not hold the name ${servername}`,
    )
  }
  return undefined
}

function judgeDialer(server: TLSSocket): Failure | undefined {
  if (server.getPeerX509Certificate() === undefined) {
    return failure('dialer', 'chain', 'NO_CERTIFICATE', 'it presents no certificate')
  }
  const refused = authorizationFault(server)
  if (refused === undefined) return undefined
  return failure(
    'dialer',
    'chain',
    refused,
    `the listener does not accept its chain: ${wordsFor(refused)}`,
  )
}

/** By the SANs alone: Go has not looked at the common name since 1.15, and `*` covers one label. */
function holdsName(leaf: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return leaf.checkIP(name) !== undefined
  return leaf.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined
}

function authorizationFault(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined
  // Typed as Error; in truth OpenSSL's word as a string, or an Error.
  const fault: unknown = socket.authorizationError
  if (fault instanceof Error) return codeOf(fault)
  return typeof fault === 'string' ? fault : 'UNAUTHORIZED'
}

/** OpenSSL's words (crypto/x509/x509_txt.c) in the words of this project; the code stays beside them. */
const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'a certificate in it has expired',
  CERT_NOT_YET_VALID: 'a certificate in it is not valid yet',
  CERT_SIGNATURE_FAILURE: 'a signature in it is wrong',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it signed itself',
  INVALID_CA: 'a signing certificate is not an authority',
  INVALID_PURPOSE: 'its usages do not allow it',
  PATH_LENGTH_EXCEEDED: 'it is longer than an authority allows',
  SELF_SIGNED_CERT_IN_CHAIN: 'its root is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'no path leads to a trusted root',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'no path leads to a trusted root',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no path leads to a trusted root',
  // What Node has no name for: X509_V_ERR_PERMITTED_VIOLATION and its neighbours.
  UNSPECIFIED: 'OpenSSL gives no reason, which usually means name constraints',
}

function wordsFor(code: string): string {
  return words[code] ?? code
}

function isSocket(value: TLSSocket | Failure): value is TLSSocket {
  return 'authorized' in value
}

function failure(
  side: 'dialer' | 'listener',
  stage: HandshakeStage,
  code: string,
  message: string,
): Failure {
  return { ok: false, side, stage, code, message }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'UNKNOWN'
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // OpenSSL's own line is `error:0A000412:SSL routines::reason`; the last part is the sentence.
  const reason: unknown = 'reason' in error ? error.reason : undefined
  return typeof reason === 'string' ? reason : error.message.split('\n')[0]!
}
