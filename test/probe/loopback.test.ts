import { describe, expect, test } from 'vitest'
import { aCluster, withoutExtension, type Cluster } from '../builders.js'
import { handshake, type HandshakeFiles, type HandshakeOutcome } from '../../src/probe/loopback.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { extendedKeyUsage, subjectAltName } from '../../src/x509/extensions.js'
import { extensionOids } from '../../src/x509/oids.js'

const s1 = 'identity/server/global/s1'
const c1 = 'identity/client/global/c1'
const alice = 'identity/operator/global/alice'

async function shake(
  listener: HandshakeFiles,
  dialer: HandshakeFiles,
  options: {
    servername?: string | undefined
    requestClientCert?: boolean
    version?: 'TLSv1.2' | 'TLSv1.3'
  } = {},
): Promise<HandshakeOutcome> {
  const { servername = 'server.global.nomad', requestClientCert = true, version } = options
  return handshake(
    {
      listener: { ...listener, requestClientCert },
      dialer: { ...dialer, servername: 'servername' in options ? options.servername : servername },
    },
    { version },
  )
}

async function small(): Promise<Cluster> {
  return aCluster()
    .withServer('s1', { ips: ['10.0.0.11'] })
    .withClient('c1')
    .withOperator('alice')
    .build()
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  test('what the library issues shakes hands, in that version', async () => {
    const cluster = await small()
    expect(await shake(cluster.files(s1), cluster.files(c1), { version })).toMatchObject({
      ok: true,
      protocol: version,
    })
  })

  test.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['::1', true],
    ['10.0.0.11', true],
    ['SERVER.global.nomad', true],
    ['10.0.0.12', false],
    ['client.global.nomad', false],
    ['server.eu.nomad', false],
  ])('the name %s among the SANs: %s', async (servername, ok) => {
    const cluster = await small()
    const outcome = await shake(cluster.files(s1), cluster.files(c1), { servername, version })
    expect(outcome.ok).toBe(ok)
    if (!outcome.ok) expect(outcome).toMatchObject({ side: 'listener', stage: 'name' })
  })

  test('without SAN the common name counts for nothing, as in Go', async () => {
    const cluster = await small()
    cluster.reissue(s1, ({ extensions }) => ({
      extensions: withoutExtension(extensions, extensionOids.subjectAltName),
    }))
    expect(await shake(cluster.files(s1), cluster.files(c1), { version })).toMatchObject({
      ok: false,
      side: 'listener',
      stage: 'name',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  })

  test('a dialer that looks at no name takes any listener of the chain', async () => {
    const cluster = await small()
    const outcome = await shake(cluster.files(c1), cluster.files(c1), {
      servername: undefined,
      version,
    })
    expect(outcome.ok).toBe(true)
  })

  test('a dialer of another root is refused by the listener, and a listener by the dialer', async () => {
    const [ours, theirs] = [await small(), await small()]
    const stranger = { ...theirs.files(c1), ca: ours.files(c1).ca }
    expect(await shake(ours.files(s1), stranger, { version })).toMatchObject({
      ok: false,
      side: 'dialer',
      stage: 'chain',
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    expect(await shake(ours.files(s1), theirs.files(c1), { version })).toMatchObject({
      ok: false,
      side: 'listener',
      stage: 'chain',
    })
    const open = await shake(ours.files(s1), stranger, { requestClientCert: false, version })
    expect(open.ok).toBe(true)
  })

  test('an operator dials, and is refused as a listener for want of serverAuth', async () => {
    const cluster = await small()
    expect((await shake(cluster.files(s1), cluster.files(alice), { version })).ok).toBe(true)
    const outcome = await shake(cluster.files(alice), cluster.files(c1), {
      servername: undefined,
      version,
    })
    expect(outcome).toMatchObject({
      ok: false,
      side: 'listener',
      stage: 'chain',
      code: 'INVALID_PURPOSE',
    })
  })

  test('serverAuth alone does not dial', async () => {
    const cluster = await small()
    cluster.reissue(c1, ({ extensions }) => ({
      extensions: [
        ...withoutExtension(extensions, extensionOids.extendedKeyUsage),
        extendedKeyUsage(['serverAuth']),
      ],
    }))
    expect(await shake(cluster.files(s1), cluster.files(c1), { version })).toMatchObject({
      ok: false,
      side: 'dialer',
      stage: 'chain',
      code: 'INVALID_PURPOSE',
    })
  })

  test('expired and not yet valid are told apart', async () => {
    const cluster = await small()
    const { now } = cluster
    cluster.reissue(c1, () => ({ notBefore: now - 7_200_000, notAfter: now - 3_600_000 }))
    expect(await shake(cluster.files(s1), cluster.files(c1), { version })).toMatchObject({
      side: 'dialer',
      code: 'CERT_HAS_EXPIRED',
    })
    cluster.reissue(c1, () => ({ notBefore: now + 3_600_000, notAfter: now + 7_200_000 }))
    expect(await shake(cluster.files(s1), cluster.files(c1), { version })).toMatchObject({
      side: 'dialer',
      code: 'CERT_NOT_YET_VALID',
    })
  })

  test('name constraints of an intermediate hold, and its chain is needed', async () => {
    const cluster = await aCluster()
      .withIntermediate('west', { regions: ['us-west'] })
      .withServer('w1', { region: 'us-west', authority: 'west' })
      .withClient('c9', { region: 'us-west', authority: 'west' })
      .build()
    const w1 = 'identity/server/us-west/w1'
    const c9 = 'identity/client/us-west/c9'
    const servername = 'server.us-west.nomad'
    expect((await shake(cluster.files(w1), cluster.files(c9), { servername, version })).ok).toBe(
      true,
    )
    const whole = cluster.holder(w1).chain
    cluster.present(w1, whole.slice(0, 1))
    expect(
      await shake(cluster.files(w1), cluster.files(c9), { servername, version }),
    ).toMatchObject({
      side: 'listener',
      stage: 'chain',
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    cluster.reissue(w1, ({ extensions }) => ({
      extensions: [
        ...withoutExtension(extensions, extensionOids.subjectAltName),
        subjectAltName([{ type: 'dns', value: 'server.global.nomad' }]),
      ],
    }))
    expect(await shake(cluster.files(w1), cluster.files(c9), { version })).toMatchObject({
      side: 'listener',
      stage: 'chain',
    })
  })
})

describe('files that do not load', () => {
  test('a key of another certificate', async () => {
    const cluster = await small()
    const key = encodePrivateKey(generateKeySync('ecdsa-p256'))
    const outcome = await shake(cluster.files(s1), { ...cluster.files(c1), key })
    expect(outcome).toMatchObject({
      side: 'dialer',
      stage: 'load',
      code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
    })
    expect(JSON.stringify(outcome)).not.toContain('PRIVATE')
  })

  test('a trust bundle without a certificate never falls back to the roots of the system', async () => {
    const cluster = await small()
    for (const ca of ['', 'nothing\n']) {
      expect(await shake({ ...cluster.files(s1), ca }, cluster.files(c1))).toMatchObject({
        side: 'listener',
        stage: 'load',
        code: 'NO_TRUST',
      })
    }
  })

  test.each(['cert', 'key'] as const)('an empty %s', async (file) => {
    const cluster = await small()
    const outcome = await shake({ ...cluster.files(s1), [file]: '' }, cluster.files(c1))
    expect(outcome).toMatchObject({ ok: false, side: 'listener' })
  })
})

test('RSA, P-384, P-521 and an Ed25519 root shake hands', async () => {
  for (const [root, leaf] of [
    ['ed25519', 'ecdsa-p256'],
    ['ecdsa-p384', 'ecdsa-p384'],
    ['ecdsa-p521', 'ecdsa-p521'],
    ['ecdsa-p256', 'rsa-2048'],
  ] as const) {
    const cluster = await aCluster()
      .withRoot({ key: root })
      .withServer('s1', { key: leaf })
      .withClient('c1', { key: leaf })
      .build()
    const outcome = await shake(cluster.files(s1), cluster.files(c1))
    expect({ root, leaf, ...outcome }).toMatchObject({ ok: true })
  }
})
