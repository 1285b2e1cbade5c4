/**
 * Free ports on loopback, each handed out once per process.
 *
 * @module
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

// Below Linux's ephemeral range (32768 up), so that no outgoing connection of an agent takes a port
// between our look and the agent's bind. Files that run at once have ranges of their own: a port whose agent
// restarts is free for a moment.
const count = 4_500
const first = 14_000 + ((Number(process.env.VITEST_POOL_ID ?? 1) - 1) % 4) * count

const given = new Set<number>()

function freeTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => {
      resolve(false)
    })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}

function freeUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => {
      resolve(false)
    })
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.close(() => {
        resolve(true)
      })
    })
  })
}

/** A port that is free for TCP and UDP on 127.0.0.1. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = first + Math.floor(Math.random() * count)
    if (given.has(port)) continue
    given.add(port)
    if ((await freeTcp(port)) && (await freeUdp(port))) return port
  }
  throw new Error('no free port found on 127.0.0.1')
}

export interface AgentPorts {
  readonly http: number
  readonly rpc: number
  readonly serf: number
}

export async function agentPorts(): Promise<AgentPorts> {
  return { http: await freePort(), rpc: await freePort(), serf: await freePort() }
}
