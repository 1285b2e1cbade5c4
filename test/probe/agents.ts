/**
 * Listeners on loopback that show what an agent shows: HTTPS, and RPC behind its first byte. What they
 * load can change while they run, as in a reload.
 */

import { connect, createServer as createPlainServer, type AddressInfo, type Server } from 'node:net'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { alertingContext, alertingServers, alerts, type Alert } from './alerting.js'

/** What an agent loads. */
export interface Trio {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** The trio in a generation's directory. */
export function trioIn(directory: string): Trio {
  const read = (name: string): string => readFileSync(join(directory, name), 'latin1')
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}

/**
 * As Nomad's RPC port: TLS begins behind the byte 0x04, and it hangs up on anything else (nomad/rpc.go
 * handleConn).
 *
 * @param tlsPort Where TLS is spoken, on loopback.
 * @param onAsked Called for every connection that said something.
 */
export function rpcFront(tlsPort: number, onAsked?: () => void): Server {
  return createPlainServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (first: Buffer) => {
      onAsked?.()
      if (first[0] !== 4) {
        socket.destroy()
        return
      }
      const tls = connect(tlsPort, '127.0.0.1')
      tls.on('error', () => undefined)
      tls.write(first.subarray(1))
      socket.pipe(tls).pipe(socket)
    })
  })
}

/** How an agent is set up. */
export interface AgentSettings {
  /** Default: true. */
  readonly verifyHttpsClient?: boolean
  /** Whether it listens for RPC. Default: true. */
  readonly rpc?: boolean
  /** Refuse with an alert and look at names on the RPC port, as Nomad does. TLS 1.3 alone. Default: false. */
  readonly alerts?: boolean
}

type Relay = (port: number) => Server

/** As Nomad's RPC port: the chain, and then the name (nomad/server.go:630). */
function byNames(socket: TLSSocket): Alert | undefined {
  if (!socket.authorized) return alerts.unknown_ca
  const name = [socket.getPeerCertificate().subject.CN].flat()[0] ?? ''
  return /^(server|client)\./.test(name) ? undefined : alerts.bad_certificate
}

/** An agent that runs. */
export class FakeAgent {
  readonly #servers: Server[] = []
  readonly #https: HttpsServer | TlsServer
  readonly #rpc: TlsServer
  readonly #relays: { readonly http: Relay; readonly rpc: Relay } | undefined
  #rpcPort = 0
  #httpPort = 0
  /** Answers 403 with this text to what {@link FakeAgent.api} does not hold. */
  denies: string | undefined
  /** What its `Date` header says; default: the present. */
  date: Date | undefined
  /** What its HTTP API answers, by path; 404 to anything else. */
  api: Readonly<Record<string, unknown>> = {}
  /** What it was asked over HTTP. */
  readonly requests: string[] = []
  /** How many handshakes came to each. */
  readonly asked: { http: number; rpc: number } = { http: 0, rpc: 0 }

  private constructor(trio: Trio, { verifyHttpsClient = true, alerts: speaks }: AgentSettings) {
    const answer: RequestListener = (request, response) => {
      this.requests.push(`${request.url} ${String(request.headers['x-nomad-token'] ?? '')}`.trim())
      const path = request.url!.split('?')[0]!
      const health = path === '/v1/agent/health' ? {} : undefined
      const said = path in this.api ? this.api[path] : health
      response.statusCode = said !== undefined ? 200 : this.denies === undefined ? 404 : 403
      if (this.date !== undefined) response.setHeader('Date', this.date.toUTCString())
      response.end(said === undefined ? this.denies : JSON.stringify(said))
    }
    if (speaks === true) {
      const api = createHttpServer(answer)
      const http = alertingServers({ ...trio, serve: (socket) => api.emit('connection', socket) })
      const rpc = alertingServers({ ...trio, judge: byNames, serve: (socket) => socket.end() })
      this.#https = http.inner
      this.#rpc = rpc.inner
      this.#relays = { http: http.relay, rpc: rpc.relay }
      return
    }
    this.#relays = undefined
    const options = { ...trio, rejectUnauthorized: true }
    this.#https = createHttpsServer({ ...options, requestCert: verifyHttpsClient }, answer)
    this.#rpc = createServer({ ...options, requestCert: true })
    this.#https.on('tlsClientError', () => undefined)
    this.#rpc.on('tlsClientError', () => undefined)
    this.#rpc.on('secureConnection', (socket) => {
      socket.on('error', () => undefined)
      socket.end()
    })
  }

  static async start(trio: Trio, settings: AgentSettings = {}): Promise<FakeAgent> {
    const agent = new FakeAgent(trio, settings)
    agent.#https.on('connection', () => (agent.asked.http += 1))
    const relayed = async (server: Server, relay: Relay | undefined): Promise<number> => {
      const port = await agent.#listen(server)
      return relay === undefined ? port : agent.#listen(relay(port))
    }
    agent.#httpPort = await relayed(agent.#https, agent.#relays?.http)
    if (settings.rpc === false) return agent
    const inner = await relayed(agent.#rpc, agent.#relays?.rpc)
    agent.#rpcPort = await agent.#listen(rpcFront(inner, () => (agent.asked.rpc += 1)))
    return agent
  }

  get http(): string {
    return `127.0.0.1:${this.#httpPort}`
  }

  get rpc(): string {
    return `127.0.0.1:${this.#rpcPort}`
  }

  /** New files, on one port or both. */
  reload(trio: Trio, ports: { readonly http?: boolean; readonly rpc?: boolean } = {}): void {
    const settings = this.#relays === undefined ? {} : alertingContext
    if (ports.http !== false) this.#https.setSecureContext({ ...trio, ...settings })
    if (ports.rpc !== false) this.#rpc.setSecureContext({ ...trio, ...settings })
  }

  async stop(): Promise<void> {
    if ('closeAllConnections' in this.#https) this.#https.closeAllConnections()
    await Promise.all(
      this.#servers.map((server) => new Promise((resolve) => void server.close(resolve))),
    )
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }
}
