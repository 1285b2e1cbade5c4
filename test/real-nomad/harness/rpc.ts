/**
 * Asks a real Nomad server on its RPC port as an agent would: one byte for TLS, the handshake, one byte
 * for the protocol, one question. Only an answer from within the protocol counts as accepted: with
 * TLS 1.3 a dialer's handshake is done before the listener has looked at its certificate.
 *
 * @module
 */
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Credentials } from './api.js'
import { decode, encode, type Value, type ValueMap } from './msgpack.js'

export type RpcProtocol = 'rpc' | 'raft' | 'server-only-rpc' | 'client-only-rpc'

export type RpcVerdict =
  | { readonly accepted: true; readonly reply: string }
  | { readonly accepted: false; readonly reason: string }

// nomad/helper/pool/conn.go:9-17
const byteOfNomad = 0x01
const byteOfRaft = 0x02
const byteOfTls = 0x04

function call(method: string, args: ValueMap): Buffer {
  const request = encode({ ServiceMethod: method, Seq: 1 })
  return Buffer.concat([Buffer.of(byteOfNomad), request, encode(args)])
}

function question(protocol: RpcProtocol, region: string): Buffer {
  switch (protocol) {
    case 'rpc':
      return call('Status.Ping', { Region: region })
    case 'server-only-rpc':
      // keyring_endpoint.go: only a server's certificate gets past the first line; then it misses the
      // key's id (or a leader), which is an answer as well.
      return call('Keyring.Get', { Region: region })
    case 'client-only-rpc':
      // To be asked of a leader: a follower would forward it in its own name.
      // node_endpoint.go Node.Register: a certificate with authority gets to hear that the node misses.
      return call('Node.Register', { Region: region })
    case 'raft': {
      // A vote for term 0, which every server declines: hashicorp/raft commands.go, request type 1.
      const empty = new Uint8Array()
      const vote = {
        ProtocolVersion: 3,
        ID: empty,
        Addr: empty,
        Term: 0,
        Candidate: empty,
        LastLogIndex: 0,
        LastLogTerm: 0,
        LeadershipTransfer: false,
      }
      return Buffer.concat([Buffer.of(byteOfRaft, 1), encode(vote)])
    }
  }
}

/** What an answer means; `undefined` while it is not complete. */
function read(protocol: RpcProtocol, bytes: Buffer): RpcVerdict | undefined {
  const first = decode(bytes)
  if (first === undefined) return undefined
  if (protocol === 'raft') {
    const second = decode(bytes, first.end)
    if (second === undefined) return undefined
    return { accepted: true, reply: JSON.stringify([first.value, second.value]) }
  }
  const error = field(first.value, 'Error')
  if (typeof error !== 'string') throw new Error(`not an answer: ${JSON.stringify(first.value)}`)
  // nomad/structs/errors.go ErrPermissionDenied
  if (error.includes('Permission denied')) return { accepted: false, reason: error }
  return { accepted: true, reply: error }
}

const field = (value: Value, name: string): Value | undefined =>
  value !== null && typeof value === 'object' ? (value as ValueMap)[name] : undefined

/**
 * The verdict of the server on `port` about `credentials`. Its own certificate is not looked at.
 * Rejects when there is no verdict within ten seconds.
 */
export function askServer(
  port: number,
  credentials: Credentials,
  protocol: RpcProtocol,
  region: string,
): Promise<RpcVerdict> {
  return new Promise((resolve, reject) => {
    const tcp = connectTcp({ port, host: '127.0.0.1' })
    let answer = Buffer.alloc(0)
    const settle = (verdict: RpcVerdict): void => {
      clearTimeout(timer)
      tcp.destroy()
      resolve(verdict)
    }
    const timer = setTimeout(() => {
      tcp.destroy()
      reject(new Error(`no verdict on ${protocol} from 127.0.0.1:${port} in 10 s`))
    }, 10_000)
    const refused = (reason: string): void => {
      settle({ accepted: false, reason })
    }
    tcp.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED') {
        refused(error.message)
        return
      }
      clearTimeout(timer)
      reject(error)
    })
    tcp.once('connect', () => {
      tcp.write(Buffer.of(byteOfTls))
      const tls = connectTls({
        socket: tcp,
        ca: credentials.ca,
        ...(credentials.cert === undefined ? {} : { cert: credentials.cert }),
        ...(credentials.key === undefined ? {} : { key: credentials.key }),
        rejectUnauthorized: false,
      })
      tls.once('error', (error: Error) => {
        refused(error.message)
      })
      tls.once('close', () => {
        refused('the connection was closed without an answer')
      })
      tls.once('secureConnect', () => tls.write(question(protocol, region)))
      tls.on('data', (chunk: Buffer) => {
        answer = Buffer.concat([answer, chunk])
        try {
          const verdict = read(protocol, answer)
          if (verdict !== undefined) settle(verdict)
        } catch (error) {
          clearTimeout(timer)
          tcp.destroy()
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
    })
  })
}
