/**
 * A listener that refuses a certificate as Go does: with an alert under the encryption of TLS 1.3. Node's
 * own listeners only hang up. It is Node's TLS behind a relay that writes the alert in its place.
 */

import { createCipheriv, createHmac } from 'node:crypto'
import { connect, createServer as createPlainServer, type AddressInfo, type Server } from 'node:net'
import { createServer, type Server as TlsServer, type TlsOptions, type TLSSocket } from 'node:tls'
import { recordOf } from './hostile.js'

/** Alerts by name (RFC 8446 §6.2). */
export const alerts = { bad_certificate: 42, certificate_expired: 45, unknown_ca: 48 } as const
export type Alert = (typeof alerts)[keyof typeof alerts]

/** The one suite in which the alert is written here. */
export const alertingContext = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
} as const

/** What it does with a certificate that it was shown. */
export interface AlertingOptions extends TlsOptions {
  /** Default: `unknown_ca` for what its roots did not sign. */
  readonly judge?: (socket: TLSSocket) => Alert | undefined
  /** Called with a connection whose certificate was taken. */
  readonly serve: (socket: TLSSocket) => void
}

/** @returns Both, not yet listening: the relay is what agents are asked at. */
export function alertingServers({ serve, judge = byRoots, ...options }: AlertingOptions): {
  readonly inner: TlsServer
  /** @param hello Bytes that came before the relay. */
  readonly relay: (port: number) => Server
} {
  const secrets = new Map<number, Buffer>()
  const verdicts = new Map<number, (alert: Alert | undefined) => void>()
  const inner = createServer({
    ...options,
    ...{ requestCert: true, rejectUnauthorized: false },
    ...alertingContext,
  })
  inner.on('tlsClientError', () => undefined)
  inner.on('keylog', (line: Buffer, socket: TLSSocket) => {
    const [label, , value] = line.toString('latin1').trim().split(' ')
    if (label === 'SERVER_TRAFFIC_SECRET_0') {
      secrets.set(socket.remotePort!, Buffer.from(value!, 'hex'))
    }
  })
  inner.on('secureConnection', (socket) => {
    socket.on('error', () => undefined)
    const alert = judge(socket)
    verdicts.get(socket.remotePort!)?.(alert)
    if (alert === undefined) serve(socket)
  })
  const relay = (port: number): Server =>
    createPlainServer((outside) => {
      const inside = connect(port, '127.0.0.1')
      for (const one of [outside, inside]) one.on('error', () => undefined)
      outside.on('close', () => inside.destroy())
      inside.on('connect', () => {
        const key = inside.localPort!
        const held: Buffer[] = []
        // Two flights of the dialer: its hello, and what ends in its Finished.
        let flights = 0
        let decided = false
        outside.on('data', (chunk: Buffer) => {
          flights += 1
          inside.write(chunk)
        })
        inside.on('data', (chunk: Buffer) => {
          if (decided || flights < 2) outside.write(chunk)
          else held.push(chunk)
        })
        inside.on('close', () => outside.end())
        verdicts.set(key, (alert) => {
          decided = true
          if (alert === undefined) {
            outside.write(Buffer.concat(held))
            return
          }
          outside.end(encryptedAlert(secrets.get(key)!, alert))
          inside.destroy()
        })
      })
    })
  return { inner, relay }
}

const byRoots = (socket: TLSSocket): Alert | undefined =>
  socket.authorized ? undefined : alerts.unknown_ca

/** The first record under a traffic secret of TLS_AES_128_GCM_SHA256. RFC 8446 §5.2, §7.1 */
function encryptedAlert(secret: Buffer, alert: Alert): Buffer {
  const expand = (label: string, length: number): Buffer => {
    const name = Buffer.from(`tls13 ${label}`)
    const info = Buffer.concat([Buffer.of(0, length, name.length), name, Buffer.of(0, 1)])
    return createHmac('sha256', secret).update(info).digest().subarray(0, length)
  }
  const inner = Buffer.of(2, alert, 21)
  const header = recordOf(Buffer.alloc(inner.length + 16), 23).subarray(0, 5)
  const cipher = createCipheriv('aes-128-gcm', expand('key', 16), expand('iv', 12))
  cipher.setAAD(header)
  const sealed = Buffer.concat([cipher.update(inner), cipher.final(), cipher.getAuthTag()])
  return Buffer.concat([header, sealed])
}

/** Listens on loopback. */
export async function listenOn(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
