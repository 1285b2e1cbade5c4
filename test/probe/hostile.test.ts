/** A listener without the key is never taken for the agent whose public certificates it shows. */

import { createPrivateKey, randomBytes } from 'node:crypto'
import { createServer as createPlainServer, type Server } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { aCluster } from '../builders.js'
import { isNomadPkiError } from '../../src/errors.js'
import { describeEndpoint, type EndpointDescription } from '../../src/probe/endpoint.js'
import { flightLimits } from '../../src/probe/transcript.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import {
  certificateMessage,
  handshakeMessage,
  hostileListener,
  hostileModes,
  injector,
  recordOf,
  requestMessage,
  serverHello,
  slicer,
  type Own,
  type Victim,
} from './hostile.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function listenTls(options: TlsOptions): Promise<number> {
  const server = createServer(options)
  server.on('tlsClientError', () => undefined)
  server.on('secureConnection', (socket) => socket.on('error', () => undefined))
  return listen(server)
}

interface Cast {
  readonly victim: Victim
  readonly fingerprint: string
  readonly own: Own
  /** An honest listener's options, with the attacker's own certificate. */
  readonly ownFiles: { readonly cert: string; readonly key: string; readonly ca: string }
  readonly victimFiles: { readonly cert: string; readonly key: string; readonly ca: string }
}

async function cast(keys: 'ecdsa' | 'rsa' = 'ecdsa'): Promise<Cast> {
  const options = keys === 'rsa' ? { key: 'rsa-2048' as const } : {}
  const built = await aCluster().withServer('s1', options).build()
  const mallory = await aCluster().withServer('s1').build()
  const address = 'identity/server/global/s1'
  const { chain, files } = built.holder(address)
  const theirs = mallory.holder(address)
  return {
    victim: { chain: chain.map(({ der }) => der), names: [built.root().subject.der] },
    fingerprint: fingerprintOf(chain[0]!),
    own: {
      certificate: theirs.chain[0]!.der,
      key: createPrivateKey(theirs.files.key),
    },
    ownFiles: theirs.files,
    victimFiles: files,
  }
}

/** What a description proves: the leaf whose key was shown. */
async function provenLeaf(port: number, rpc = false): Promise<string | undefined> {
  try {
    const seen = await describeEndpoint('127.0.0.1', port, { rpc, timeout: 3000 })
    return proves(seen)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_UNREACHABLE')) throw error
    return undefined
  }
}

const proves = ({ holdsKey, authorities, chain }: EndpointDescription): string | undefined => {
  // What nobody signed is not told as though it were trust.
  if (!holdsKey) expect(authorities).toBeUndefined()
  return holdsKey ? fingerprintOf(chain[0]!) : undefined
}

describe.each(['ecdsa', 'rsa'] as const)('the victim has a key of kind %s', (keys) => {
  test.each(
    hostileModes.flatMap((mode) => [
      [mode, false],
      [mode, true],
    ]) as [(typeof hostileModes)[number], boolean][],
  )('%s, rpc %s', async (mode, rpc) => {
    const { victim, fingerprint, own } = await cast(keys)
    const port = await listen(hostileListener(mode, victim, own, rpc))
    const leaf = await provenLeaf(port, rpc)
    expect(leaf).not.toBe(fingerprint)
    // The one that signed is told as what it is; nothing else is told at all.
    const signer = fingerprintOf(parseCertificates(pem(own.certificate))[0]!)
    expect(leaf).toBe(mode === 'twice' ? signer : undefined)
  })
})

function pem(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
  test.each([true, false])(
    "a record with the victim's chain anywhere in the stream of another key (insists: %s)",
    async (rejectUnauthorized) => {
      const { victim, fingerprint, ownFiles } = await cast()
      const honest = await listenTls({
        ...ownFiles,
        ...{ requestCert: true, rejectUnauthorized, maxVersion },
      })
      const pieces = [
        recordOf(certificateMessage(victim.chain)),
        recordOf(Buffer.concat([certificateMessage(victim.chain), requestMessage(victim.names)])),
        recordOf(handshakeMessage(14, Buffer.alloc(0))),
        // As application data: nobody can encrypt it.
        recordOf(certificateMessage(victim.chain), 23),
      ]
      for (const piece of pieces) {
        for (let place = 0; place < 10; place += 1) {
          const port = await listen(injector(honest, piece, place))
          expect(await provenLeaf(port)).not.toBe(fingerprint)
        }
      }
    },
  )

  test('RSA key exchange is refused, also from a listener that has the key', async () => {
    const { victimFiles } = await cast('rsa')
    const port = await listenTls({
      ...victimFiles,
      maxVersion: 'TLSv1.2',
      ciphers: 'AES128-GCM-SHA256',
    })
    expect(await provenLeaf(port)).toBeUndefined()
    const signed = await listenTls({ ...victimFiles, maxVersion })
    expect(await provenLeaf(signed)).toBeDefined()
  })
})

describe('the work that a listener can cause', () => {
  test('an honest flight in records of one byte is read', async () => {
    const { fingerprint, victimFiles } = await cast()
    const options = { ...victimFiles, requestCert: true, maxVersion: 'TLSv1.2' } as const
    for (const rejectUnauthorized of [true, false]) {
      const honest = await listenTls({ ...options, rejectUnauthorized })
      const port = await listen(slicer(honest))
      expect(await provenLeaf(port)).toBe(fingerprint)
    }
  })

  test('sixty-four listeners that send the smallest records cost an honest agent no time', async () => {
    const { fingerprint, victim, victimFiles } = await cast()
    const honest = await listenTls({ ...victimFiles, requestCert: true, rejectUnauthorized: false })
    // A chain as long as OpenSSL takes one, 100 kB, and every byte of it a record.
    const many = certificateMessage(Array.from({ length: 120 }, () => victim.chain[0]!))
    const flood = Buffer.concat([
      recordOf(serverHello(randomBytes(32), Buffer.alloc(0), 0xc02b)),
      ...Array.from(many, (byte) => recordOf(Uint8Array.of(byte))),
    ])
    expect(flood.length / 6).toBeGreaterThan(10 * flightLimits.records)
    const hostile = createPlainServer((socket) => {
      socket.on('error', () => undefined)
      socket.write(flood)
    })
    const port = await listen(hostile)
    const began = performance.now()
    const asked = Array.from({ length: 64 }, () => provenLeaf(port))
    const other = await describeEndpoint('127.0.0.1', honest, { timeout: 3000 })
    expect(proves(other)).toBe(fingerprint)
    expect(new Set(await Promise.all(asked))).toEqual(new Set([undefined]))
    expect(performance.now() - began).toBeLessThan(3000)
  })
})
