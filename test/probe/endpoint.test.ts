import { createServer as createPlainServer, connect, type Server } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { aCluster, type Cluster } from '../builders.js'
import { rpcFront } from './agents.js'
import { isNomadPkiError } from '../../src/errors.js'
import { describeEndpoint, parseEndpoint } from '../../src/probe/endpoint.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { fingerprintOf } from '../../src/x509/certificate.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function listenTls(options: TlsOptions, host?: string): Promise<number> {
  const server = createServer({ rejectUnauthorized: true, ...options })
  server.on('tlsClientError', () => undefined)
  return listen(server, host)
}

async function cluster(): Promise<Cluster> {
  return aCluster()
    .withIntermediate('west', { regions: ['us-west'] })
    .withServer('w1', { region: 'us-west', authority: 'west' })
    .build()
}
const w1 = 'identity/server/us-west/w1'

const suites = [
  'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
  'TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384',
  'TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-CHACHA20-POLY1305',
]

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
  test.each(suites)('%s: the chain as presented, and whom it asks for', async (ciphers) => {
    const built = await cluster()
    const other = await cluster()
    const { chain, files } = built.holder(w1)
    // The root last, which no path needs: what is presented is told, not what was used of it.
    const cert = files.cert + encodeCertificate(built.root())
    const port = await listenTls({
      cert,
      key: files.key,
      ca: files.ca + encodeCertificate(other.root()),
      requestCert: true,
      maxVersion,
      ciphers,
    })
    const seen = await describeEndpoint('127.0.0.1', port)
    expect(seen.protocol).toBe(maxVersion)
    expect(seen.chain.map(fingerprintOf)).toEqual([...chain, built.root()].map(fingerprintOf))
    expect([seen.asksForCertificate, seen.holdsKey]).toEqual([true, true])
    const names = [built.root(), other.root()]
      .map(({ subject }) => Buffer.from(subject.der).toString('hex'))
      .sort()
    const hex = ({ authorities }: typeof seen): string[] | undefined =>
      authorities?.map(({ der }) => Buffer.from(der).toString('hex')).sort()
    // Its end of the handshake is what authenticates the names in TLS 1.2, and it hangs up before.
    expect(hex(seen)).toEqual(maxVersion === 'TLSv1.3' ? names : undefined)
    const lenient = await listenTls({
      ...{ cert, key: files.key, ca: files.ca + encodeCertificate(other.root()) },
      ...{ requestCert: true, rejectUnauthorized: false, maxVersion, ciphers },
    })
    expect(hex(await describeEndpoint('127.0.0.1', lenient))).toEqual(names)
  })

  test('a listener that asks for nothing does not show its trust', async () => {
    const { files } = (await cluster()).holder(w1)
    const port = await listenTls({ cert: files.cert, key: files.key, maxVersion })
    const seen = await describeEndpoint('localhost', port)
    expect(seen).toMatchObject({ asksForCertificate: false, protocol: maxVersion, holdsKey: true })
    expect(seen.authorities).toBeUndefined()
  })

  test("a replay of somebody's flight, whole or cut anywhere, shows no key", async () => {
    const { files } = (await cluster()).holder(w1)
    const honest = await listenTls({ ...files, requestCert: true, maxVersion })
    const flight = await new Promise<Buffer>((resolve) => {
      const heard: Buffer[] = []
      const relay = createPlainServer((socket) => {
        const inner = connect(honest, '127.0.0.1')
        for (const one of [socket, inner]) one.on('error', () => undefined)
        inner.on('data', (chunk: Buffer) => heard.push(chunk))
        socket.on('close', () => {
          inner.destroy()
          resolve(Buffer.concat(heard))
        })
        socket.pipe(inner).pipe(socket)
      })
      void listen(relay).then((port) => describeEndpoint('127.0.0.1', port))
    })
    let length = flight.length
    const impostor = await listen(
      createPlainServer((socket) => {
        socket.on('error', () => undefined)
        socket.once('data', () => socket.end(flight.subarray(0, length)))
      }),
    )
    for (; length > 0; length -= Math.ceil(flight.length / 12)) {
      const shown = await describeEndpoint('127.0.0.1', impostor).then(
        ({ holdsKey }) => holdsKey,
        (error: unknown) => (isNomadPkiError(error, 'ERR_UNREACHABLE') ? false : error),
      )
      expect(shown).toBe(false)
    }
  })

  test('the RPC port, over IPv6, behind its first byte', async () => {
    const built = await cluster()
    const { files, chain } = built.holder(w1)
    const tls = await listenTls({ ...files, requestCert: true, maxVersion })
    const port = await listen(rpcFront(tls), '::1')
    const seen = await describeEndpoint('::1', port, { rpc: true })
    expect(seen.chain.map(fingerprintOf)).toEqual(chain.map(fingerprintOf))
    expect([seen.holdsKey, seen.asksForCertificate]).toEqual([true, true])
    await expect(describeEndpoint('::1', port)).rejects.toMatchObject({
      code: 'ERR_UNREACHABLE',
      message: `[::1]:${port} cannot be asked: it closed the connection before it answered`,
      hint: expect.stringContaining('RPC (4647) begins with a byte of its own') as string,
    })
  })
})

describe('nobody, or somebody else, answers', () => {
  test('nothing listens', async () => {
    await expect(describeEndpoint('127.0.0.1', 1)).rejects.toMatchObject({
      code: 'ERR_UNREACHABLE',
      message: '127.0.0.1:1 cannot be asked: nothing listens there',
    })
  })

  test('plain HTTP, as an agent without `http = true` answers', async () => {
    const port = await listen(
      createPlainServer((socket) => {
        socket.on('error', () => undefined)
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      }),
    )
    await expect(describeEndpoint('127.0.0.1', port)).rejects.toMatchObject({
      code: 'ERR_UNREACHABLE',
      message: `127.0.0.1:${port} answers in plain HTTP, not TLS`,
    })
  })

  test('somebody who accepts and never speaks: the time runs out', async () => {
    const port = await listen(createPlainServer((socket) => socket.on('error', () => undefined)))
    await expect(describeEndpoint('127.0.0.1', port, { timeout: 50 })).rejects.toMatchObject({
      code: 'ERR_UNREACHABLE',
      message: expect.stringContaining('no answer within 0.05 seconds') as string,
    })
  })

  test('somebody who sends rubbish without end', async () => {
    const port = await listen(
      createPlainServer((socket) => {
        socket.on('error', () => undefined)
        // Whole TLS records of a type that no handshake waits for.
        const junk = Buffer.alloc(16_389, 0x20)
        Buffer.from([22, 3, 3, 0x40, 0]).copy(junk)
        const flood = (): void => {
          while (!socket.destroyed && socket.write(junk));
          socket.once('drain', flood)
        }
        flood()
      }),
    )
    await expect(describeEndpoint('127.0.0.1', port)).rejects.toMatchObject({
      code: 'ERR_UNREACHABLE',
    })
  })

  test('an abort ends it', async () => {
    const port = await listen(createPlainServer((socket) => socket.on('error', () => undefined)))
    const abort = new AbortController()
    const asked = describeEndpoint('127.0.0.1', port, { signal: abort.signal })
    abort.abort()
    await expect(asked).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
  })
})

test.each([
  ['10.0.0.11:4646', { host: '10.0.0.11', port: 4646 }],
  ['nomad.acme.internal:4647', { host: 'nomad.acme.internal', port: 4647 }],
  ['[::1]:4646', { host: '::1', port: 4646 }],
  ['[::1]', { host: '::1', port: 4646 }],
  ['[fe80::1%eth0]:4646', { host: 'fe80::1%eth0', port: 4646 }],
  ['https://10.0.0.11:4646', { host: '10.0.0.11', port: 4646 }],
  ['https://nomad.acme.internal/', { host: 'nomad.acme.internal', port: 4646 }],
  ['::1', undefined],
  ['server.pem', undefined],
  ['a/b:80', undefined],
  ['host:0', undefined],
  ['host:65536', undefined],
  ['[10.0.0.1]:80', undefined],
  ['[zz]:80', undefined],
  ['', undefined],
  [':4646', undefined],
])('%j is %j', (text, expected) => {
  expect(parseEndpoint(text)).toEqual(expected)
})
