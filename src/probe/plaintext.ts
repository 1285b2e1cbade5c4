/**
 * Whether a server answers RPC in plaintext: one `Status.Ping` without TLS. A server with `tls { rpc = true }`
 * answers it only while it runs with `rpc_upgrade_mode` (nomad/rpc.go:303-309 of 1.11.3), and takes that from its
 * configuration when it starts: so the answer says with which setting it was started, whatever its files say now.
 *
 * @module
 */

import { count } from '../count.js'
import { connect } from 'node:net'
import type { AgentEndpoint } from './endpoints.js'
import { isRpcAnswer, ping } from './offer.js'

/** What came of a plain ping. */
export type PlainOutcome =
  | { readonly state: 'answered' }
  /** It took the connection, and ended it without a word: it wants TLS. */
  | { readonly state: 'refused' }
  /** Nothing was learned. */
  | { readonly state: 'silent'; readonly message: string }

/**
 * Pings one server.
 *
 * @param endpoint Its RPC port.
 * @param options `timeout`: milliseconds. Default: 5,000.
 */
export function askPlaintext(
  { host, port }: Pick<AgentEndpoint, 'host' | 'port'>,
  { timeout = 5000, signal }: { readonly timeout?: number; readonly signal?: AbortSignal } = {},
): Promise<PlainOutcome> {
  return new Promise((resolve) => {
    let connected = false
    const socket = connect({ host, port, ...(signal !== undefined && { signal }) })
    const end = (outcome: PlainOutcome): void => {
      socket.destroy()
      resolve(outcome)
    }
    const ended = (): void => {
      end(
        connected
          ? { state: 'refused' }
          : { state: 'silent', message: 'the connection was closed before it began' },
      )
    }
    socket.setTimeout(timeout, () => {
      end({ state: 'silent', message: `no answer within ${count(timeout / 1000, 'second')}` })
    })
    socket.once('connect', () => {
      connected = true
      socket.write(ping)
    })
    socket.once('data', (chunk) => {
      end(
        isRpcAnswer(chunk)
          ? { state: 'answered' }
          : { state: 'silent', message: 'its answer is not RPC of Nomad' },
      )
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // A reset after the connection stood is how a listener with unread bytes ends it.
      if (connected && error.code === 'ECONNRESET') ended()
      else end({ state: 'silent', message: error.message })
    })
    socket.once('close', ended)
  })
}
