import { createServer as createPlainServer, type Server } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { aCluster, type Cluster } from '../builders.js'
import { offerCertificate, type OfferOutcome } from '../../src/probe/offer.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { rpcFront } from './agents.js'
import { alertingServers, alerts, listenOn, type Alert } from './alerting.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  return listenOn(server)
}

const address = 'identity/server/global/s1'
const cluster = (): Promise<Cluster> => aCluster().withServer('s1').build()

const serves = {
  http: (socket: TLSSocket): void => {
    socket.on('data', () => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
  },
  rpc: (socket: TLSSocket): void => {
    socket.on('data', (chunk: Buffer) => {
      const isPing = chunk[0] === 1 && chunk.includes('Status.Ping')
      socket.end(isPing ? Buffer.from('83a3', 'hex') : '')
    })
  },
}

/** An agent as Go makes one, and an offer to it. */
async function offered(
  agent: Cluster,
  offer: Cluster,
  port: 'http' | 'rpc',
  judge?: (socket: TLSSocket) => Alert | undefined,
  control?: Cluster,
): Promise<OfferOutcome> {
  const { files } = agent.holder(address)
  const { inner, relay } = alertingServers({
    ...files,
    serve: serves[port],
    ...(judge !== undefined && { judge }),
  })
  const tls = await listen(relay(await listen(inner)))
  const outer = port === 'rpc' ? await listen(rpcFront(tls)) : tls
  const { cert, key } = offer.holder(address).files
  const where = { host: '127.0.0.1', port: outer, rpc: port === 'rpc' }
  return offerCertificate(where, { cert, key }, { control: control?.holder(address).files })
}

describe.each(['http', 'rpc'] as const)('%s', (port) => {
  test('a leaf under a root that the agent trusts is accepted', async () => {
    const ours = await cluster()
    expect(await offered(ours, ours, port)).toEqual({
      state: 'accepted',
      fingerprint: fingerprintOf(ours.holder(address).chain[0]!),
      handshakes: 1,
      message: '',
    })
  })

  test('a leaf under another root of the same name is refused', async () => {
    const [ours, theirs] = [await cluster(), await cluster()]
    expect(theirs.root().subject.der).toEqual(ours.root().subject.der)
    expect(await offered(ours, theirs, port)).toMatchObject({ state: 'refused', message: '' })
  })

  test.each([alerts.bad_certificate, alerts.certificate_expired])(
    'alert %i is about the leaf, and decides nothing',
    async (alert) => {
      const ours = await cluster()
      const outcome = await offered(ours, ours, port, () => alert)
      expect(outcome.state).toBe('undecided')
      expect(outcome.message).toContain('refuses the certificate for another reason')
    },
  )
})

describe("Nomad's RPC port, which verifies the chain and then the names", () => {
  const nomad = (socket: TLSSocket): Alert =>
    socket.authorized ? alerts.bad_certificate : alerts.unknown_ca

  test('takes the key of a leaf whose name it refuses, as the control shows', async () => {
    const [ours, theirs, control] = [await cluster(), await cluster(), await cluster()]
    expect((await offered(ours, ours, 'rpc', nomad, control)).state).toBe('accepted')
    expect((await offered(ours, theirs, 'rpc', nomad, control)).state).toBe('refused')
    // Without a control, or where the names are not looked at, that alert means what it says.
    expect((await offered(ours, ours, 'rpc', nomad)).state).toBe('undecided')
    expect((await offered(ours, ours, 'http', nomad, control)).state).toBe('undecided')
  })

  test('of an old Go, which says bad_certificate to all, nothing is learned', async () => {
    const [ours, control] = [await cluster(), await cluster()]
    const old = (): Alert => alerts.bad_certificate
    expect((await offered(ours, ours, 'rpc', old, control)).state).toBe('undecided')
  })
})

describe('what decides nothing', () => {
  const offerTo = async (server: Server, ours: Cluster): Promise<OfferOutcome> => {
    const port = await listen(server)
    const { cert, key } = ours.holder(address).files
    const where = { host: '127.0.0.1', port, rpc: false }
    return offerCertificate(where, { cert, key }, { timeout: 2000 })
  }

  test('an agent that asks for no certificate would take any', async () => {
    const ours = await cluster()
    const server = createServer(ours.holder(address).files, serves.http)
    expect(await offerTo(server, ours)).toMatchObject({
      state: 'undecided',
      message: expect.stringContaining('asks for no certificate') as string,
    })
  })

  test('a listener that hangs up without an alert, as Node does', async () => {
    const [ours, theirs] = [await cluster(), await cluster()]
    const server = createServer({ ...ours.holder(address).files, requestCert: true }, serves.http)
    expect(await offerTo(server, theirs)).toMatchObject({ state: 'undecided' })
  })

  test('a proxy that takes every certificate and answers 400', async () => {
    const [ours, theirs] = [await cluster(), await cluster()]
    const server = createServer(
      { ...ours.holder(address).files, requestCert: true, rejectUnauthorized: false },
      (socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    )
    expect(await offerTo(server, theirs)).toMatchObject({ state: 'undecided' })
  })

  test('an alert in the clear, which anybody can write', async () => {
    const ours = await cluster()
    const server = createPlainServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end(Buffer.from('15030300020230', 'hex')))
    })
    expect(await offerTo(server, ours)).toMatchObject({
      state: 'undecided',
      fingerprint: undefined,
    })
  })

  test('a port where nothing listens', async () => {
    const { cert, key } = (await cluster()).holder(address).files
    const outcome = await offerCertificate(
      { host: '127.0.0.1', port: 1, rpc: false },
      { cert, key },
    )
    expect(outcome).toMatchObject({ state: 'undecided', fingerprint: undefined })
  })
})
