/**
 * What we issue, over real TLS: Node's OpenSSL is a second judge of chains, constraints, usages and
 * names.
 */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { Role } from '../../src/address.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { issue, type Issued } from '../../src/authority/issue.js'
import type { Issuer } from '../../src/authority/issuer.js'
import { prepare, prepareIntermediate } from '../../src/authority/prepare.js'
import { trustBundle } from '../../src/authority/trust-bundle.js'
import { heldIssuer } from '../../src/issuers/held.js'
import type { KeyAlgorithm } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { certify, dns } from '../x509/chains.js'

const day = 86_400_000
const now = Date.now()

/** What an agent loads. */
interface Files {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

interface Authorities {
  readonly root: Issuer
  readonly west: Issuer
}

async function authorities(algorithm: KeyAlgorithm): Promise<Authorities> {
  const rootKey = generateKeySync(algorithm)
  const { certificate } = await createRoot(
    { subject: { commonName: `root ${algorithm}` }, lifetime: 3650 * day, key: rootKey },
    { now },
  )
  const root = heldIssuer({ certificate, key: rootKey })
  const westKey = generateKeySync('ecdsa-p256')
  const west = await issue(
    prepareIntermediate(
      {
        subject: { commonName: 'us_west' },
        publicKey: westKey.publicKey,
        lifetime: 365 * day,
        regions: ['us_west'],
        networks: ['10.0.0.0/8'],
      },
      root,
      { now },
    ),
  )
  return {
    root,
    west: heldIssuer({ certificate: west.certificate, above: [certificate], key: westKey }),
  }
}

async function identity(
  issuer: Issuer,
  root: Issuer,
  role: Role,
  algorithm: KeyAlgorithm = 'ecdsa-p256',
): Promise<Files> {
  const key = generateKeySync(algorithm)
  const issued: Issued = await issue(
    prepare({ role, region: 'us_west', publicKey: key.publicKey, lifetime: 90 * day }, issuer, {
      now,
    }),
  )
  return {
    ca: trustBundle([root.certificate]),
    cert: issued.chain.map(encodeCertificate).join(''),
    key: encodePrivateKey(key),
  }
}

/** Both ends' verdicts of one connection: `ok`, or the code. */
async function shake(
  listener: Files,
  dialer: Files | undefined,
  servername: string,
): Promise<string> {
  const server = createServer({ ...listener, requestCert: true, rejectUnauthorized: true })
  server.on('tlsClientError', () => undefined)
  server.on('secureConnection', (socket: TLSSocket) => socket.end('accepted'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    return await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, servername, ca: listener.ca, ...dialer })
      let said = ''
      socket.on('data', (bytes: Buffer) => (said += bytes.toString()))
      socket.on('end', () => {
        resolve(said === 'accepted' ? 'ok' : 'closed')
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code ?? error.message)
      })
    })
  } finally {
    server.close()
  }
}

describe('agents talk to each other', () => {
  test.each([
    'ecdsa-p256',
    'ecdsa-p384',
    'ecdsa-p521',
    'rsa-2048',
    'ed25519',
  ] satisfies KeyAlgorithm[])(
    'under a root of %s, directly and through an intermediate with an underscore in its region',
    async (algorithm) => {
      const { root, west } = await authorities(algorithm)
      for (const issuer of [root, west]) {
        const server = await identity(issuer, root, 'server')
        const client = await identity(issuer, root, 'client', 'ecdsa-p384')
        expect(await shake(server, client, 'server.us_west.nomad')).toBe('ok')
        expect(await shake(server, server, 'localhost')).toBe('ok')
        expect(await shake(client, server, 'client.us_west.nomad')).toBe('ok')
      }
    },
  )

  test('with RSA leaves, and a person with theirs', async () => {
    const { root, west } = await authorities('ecdsa-p256')
    const combined = await identity(west, root, 'combined', 'rsa-2048')
    const operator = await identity(west, root, 'operator')
    expect(await shake(combined, operator, 'client.us_west.nomad')).toBe('ok')
    expect(await shake(combined, operator, 'server.us_west.nomad')).toBe('ok')
  })
})

describe('and to nobody else', async () => {
  const { root, west } = await authorities('ecdsa-p256')
  const server = await identity(west, root, 'server')
  const client = await identity(west, root, 'client')
  const operator = await identity(west, root, 'operator')

  test.each([
    [
      'another name than the server’s',
      server,
      client,
      'server.us_east.nomad',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    [
      'no certificate',
      server,
      undefined,
      'server.us_west.nomad',
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    ],
    ['a person as a server', operator, client, 'cli.us_west.nomad', 'INVALID_PURPOSE'],
    [
      'a chain without its intermediate',
      {
        ...server,
        cert: server.cert.slice(0, server.cert.indexOf('-----END')) + '-----END CERTIFICATE-----\n',
      },
      client,
      'server.us_west.nomad',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
  ])('%s', async (_, listener, dialer, name, code) => {
    expect(await shake(listener, dialer, name)).toBe(code)
  })

  test('an intermediate that was stolen cannot name another region', async () => {
    // Made past `prepare`, as a thief would: our own issuing refuses it before.
    const key = generateKeySync('ecdsa-p256')
    const bound = certify('us_west', {
      ca: true,
      permitted: [dns('us_west.nomad')],
      notBefore: now - day,
      notAfter: now + day,
      key,
    })
    for (const [region, verdict] of [
      ['us_west', 'ok'],
      // OpenSSL's X509_V_ERR_PERMITTED_VIOLATION has no name in Node.
      ['us_east', 'UNSPECIFIED'],
    ] as const) {
      const name = `server.${region}.nomad`
      const leaf = certify(name, {
        issuer: bound,
        names: [dns(name)],
        purposes: ['serverAuth', 'clientAuth'],
        notBefore: now - day,
        notAfter: now + day,
      })
      const files: Files = {
        ca: encodeCertificate(bound.certificate),
        cert: encodeCertificate(leaf.certificate),
        key: encodePrivateKey(leaf.key),
      }
      expect(await shake(files, files, name)).toBe(verdict)
    }
  })
})
