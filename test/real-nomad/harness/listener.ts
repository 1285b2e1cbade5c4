/**
 * A listener of ours that stands where a Nomad server's RPC port would, to see what a real agent makes
 * of a certificate chain.
 *
 * @module
 */
import { createServer as createTcpServer, type Server } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Credentials } from './api.js'
import { freePort } from './ports.js'

export interface Listener {
  readonly port: number
  /** Handshakes a dialer finished: it has accepted the chain by then, in TLS 1.3 as in 1.2. */
  handshakes(): number
  /** Handshakes that failed, and why. */
  failures(): readonly string[]
  close(): void
}

/** Takes any client certificate: what is observed is the dialer's verdict alone. */
export async function listen(shown: Required<Credentials>): Promise<Listener> {
  let handshakes = 0
  const failures: string[] = []
  const tls = createTlsServer({
    cert: shown.cert,
    key: shown.key,
    ca: shown.ca,
    requestCert: true,
    rejectUnauthorized: false,
  })
  tls.on('tlsClientError', (error) => failures.push(error.message))
  tls.on('secureConnection', (socket) => {
    handshakes += 1
    socket.on('error', () => undefined)
    socket.destroy()
  })
  // Nomad's byte for TLS comes first (nomad/rpc.go handleConn): take it, then let TLS have the rest.
  const front: Server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('readable', () => {
      socket.read(1)
      tls.emit('connection', socket)
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => front.listen(port, '127.0.0.1', resolve))
  return {
    port,
    handshakes: () => handshakes,
    failures: () => failures,
    close: () => {
      front.close()
    },
  }
}
