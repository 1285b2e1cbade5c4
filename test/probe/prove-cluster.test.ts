import { describe, expect, test } from 'vitest'
import {
  aCluster,
  day,
  remint,
  subjectOf,
  withExtension,
  withoutExtension,
  type Cluster,
} from '../builders.js'
import { tags } from '../../src/der/write.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { judgeConnection, type AgentFacts } from '../../src/nomad/judge.js'
import { handshake } from '../../src/probe/loopback.js'
import { proveCluster } from '../../src/probe/prove-cluster.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  nameConstraints,
  subjectAltName,
} from '../../src/x509/extensions.js'
import { extensionOids } from '../../src/x509/oids.js'

async function twoRegions(): Promise<Cluster> {
  return aCluster()
    .withIntermediate('west', { regions: ['us-west'] })
    .withServer('s1')
    .withServer('s2')
    .withClient('c1')
    .withClient('c2')
    .withServer('w1', { region: 'us-west', authority: 'west' })
    .withClient('c9', { region: 'us-west', authority: 'west' })
    .withCombined('e1', { region: 'us-west', authority: 'west' })
    .withOperator('alice')
    .build()
}

describe('a cluster that the library made', () => {
  test('every pair of classes shakes hands in both versions, and the judge agrees', async () => {
    const cluster = await twoRegions()
    const steps: number[] = []
    const proof = await proveCluster(cluster.desired, await cluster.inventory(), cluster.store, {
      now: cluster.now,
      onProgress: (done) => steps.push(done),
    })
    expect(proof.findings).toEqual([])
    expect(proof.refused).toBe(0)
    // Servers, clients of global; servers, clients, combined of us-west; the operator.
    expect(proof.classes).toBe(6)
    expect(proof.handshakes).toBe(2 * proof.pairs)
    expect(steps).toHaveLength(proof.handshakes)
    expect(proof.pairs).toBeGreaterThan(15)
  })

  test('a broken member is refused as the judge says: nothing is told twice', async () => {
    const cluster = await twoRegions()
    cluster.present(
      'identity/server/us-west/w1',
      cluster.holder('identity/server/us-west/w1').chain.slice(0, 1),
    )
    const proof = await proveCluster(cluster.desired, await cluster.inventory(), cluster.store, {
      now: cluster.now,
    })
    expect(proof.findings).toEqual([])
    expect(proof.refused).toBeGreaterThan(4)
  })

  test("what the judge can't know, the handshake finds: a key that only says it is the leaf's", async () => {
    const cluster = await aCluster().withServer('s1').withClient('c1').build()
    const s1 = 'identity/server/global/s1'
    // A PKCS#8 whose public part is the leaf's and whose private part is another's.
    const { key } = cluster.holder(s1)
    const other = generateKeySync('ecdsa-p256')
    const pkcs8 = Buffer.from(key.pkcs8)
    Buffer.from(other.pkcs8).copy(pkcs8, 36, 36, 68)
    cluster.edit(
      s1,
      'key',
      () => `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    )
    const proof = await proveCluster(cluster.desired, await cluster.inventory(), cluster.store, {
      now: cluster.now,
    })
    expect(proof.findings.length).toBeGreaterThan(0)
    expect(proof.findings[0]).toMatchObject({
      severity: 'error',
      address: s1,
      reason: 'handshake-differs',
    })
  })

  test('of very many pairs enough are tried to decide all of them', async () => {
    let builder = aCluster()
    const regions = Array.from({ length: 24 }, (_, at) => `r${at}`)
    for (const region of regions) builder = builder.withServer(`s-${region}`, { region })
    const cluster = await builder.build()
    const proof = await proveCluster(cluster.desired, await cluster.inventory(), cluster.store, {
      now: cluster.now,
    })
    expect(proof.findings).toEqual([])
    expect(proof.classes).toBe(24)
    // Each looks at each: 576 pairs in two versions. Each is looked at once, and looks once, in each.
    expect(proof.handshakes).toBeLessThan(4 * 24 + 4)
    expect(proof.handshakes).toBeGreaterThanOrEqual(2 * 24)
    // The last of them has a key that only says that it is its leaf's.
    const last = 'identity/server/r23/s-r23'
    const pkcs8 = Buffer.from(cluster.holder(last).key.pkcs8)
    Buffer.from(generateKeySync('ecdsa-p256').pkcs8).copy(pkcs8, 36, 36, 68)
    cluster.edit(
      last,
      'key',
      () => `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    )
    const broken = await proveCluster(cluster.desired, await cluster.inventory(), cluster.store, {
      now: cluster.now,
    })
    expect(broken.findings[0]).toMatchObject({ address: last, reason: 'handshake-differs' })
  })

  test('the signal stops it', async () => {
    const cluster = await twoRegions()
    const proof = proveCluster(cluster.desired, await cluster.inventory(), cluster.store, {
      now: cluster.now,
      signal: AbortSignal.abort(),
    })
    await expect(proof).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
  })
})

/** One end for the comparison: facts for the judge, the same files for OpenSSL. */
interface End {
  readonly name: string
  readonly facts: AgentFacts
  readonly files: { readonly cert: string; readonly key: string; readonly ca: string }
}

/** Certificates good and bad, in the ways that a handshake can see. */
async function zoo(): Promise<readonly End[]> {
  const kinds: readonly (readonly [
    name: string,
    role: 'server' | 'client',
    damage: (cluster: Cluster, address: string) => void,
  ])[] = [
    ['sound', 'server', () => undefined],
    ['sound', 'client', () => undefined],
    [
      'expired',
      'server',
      (c, a) => c.reissue(a, () => ({ notBefore: c.now - 3 * day, notAfter: c.now - day })),
    ],
    ['not yet valid', 'server', (c, a) => c.reissue(a, () => ({ notBefore: c.now + day }))],
    [
      'serverAuth only',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(extensions, extendedKeyUsage(['serverAuth'])),
        })),
    ],
    [
      'clientAuth only',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(extensions, extendedKeyUsage(['clientAuth'])),
        })),
    ],
    [
      'no usage named',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withoutExtension(extensions, extensionOids.extendedKeyUsage),
        })),
    ],
    [
      'wildcard',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(
            extensions,
            subjectAltName([{ type: 'dns', value: '*.us-west.nomad' }]),
          ),
        })),
    ],
    [
      'other zone',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(
            extensions,
            subjectAltName([{ type: 'dns', value: 'server.us-west.example' }]),
          ),
        })),
    ],
    [
      'capitals',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(
            extensions,
            subjectAltName([{ type: 'dns', value: 'SERVER.US-WEST.Nomad' }]),
          ),
        })),
    ],
    [
      'escalated common name',
      'client',
      (c, a) =>
        c.reissue(a, () => ({
          subject: subjectOf(
            [tags.utf8String, 'client.us-west.nomad'],
            [tags.utf8String, 'server.us-west.nomad'],
          ),
        })),
    ],
    [
      'outside the constraints',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(
            extensions,
            subjectAltName([{ type: 'dns', value: 'server.global.nomad' }]),
          ),
        })),
    ],
    ['from the root itself', 'server', (c, a) => c.reissue(a, () => ({}), { by: 'agent' })],
    [
      'key identifier of another issuer',
      'server',
      (c, a) =>
        c.reissue(a, ({ extensions }) => ({
          extensions: withExtension(extensions, authorityKeyIdentifier('ab'.repeat(20))),
        })),
    ],
    ['no intermediate', 'server', (c, a) => c.present(a, c.holder(a).chain.slice(0, 1))],
    ['the root behind', 'server', (c, a) => c.present(a, [...c.holder(a).chain, c.root()])],
    [
      'intermediate twice',
      'server',
      (c, a) => c.present(a, [...c.holder(a).chain, ...c.holder(a).chain.slice(1)]),
    ],
    [
      'forged',
      'server',
      (c, a) => {
        const west = c.authorities.get('west')!
        const forged = remint(
          c.leaf(a),
          { ...west, key: generateKeySync('ecdsa-p256') },
          () => ({}),
        )
        c.present(a, [forged, ...c.holder(a).chain.slice(1)])
      },
    ],
    [
      'intermediate that is none',
      'server',
      (c) =>
        c.recertify('west', ({ extensions }) => ({
          extensions: withExtension(extensions, basicConstraints({ ca: false })),
        })),
    ],
    [
      'intermediate expired',
      'server',
      (c) => c.recertify('west', () => ({ notAfter: c.now - day })),
    ],
    [
      'intermediate for servers only',
      'server',
      (c) =>
        c.recertify('west', ({ extensions }) => ({
          extensions: withExtension(extensions, extendedKeyUsage(['serverAuth'])),
        })),
    ],
    [
      'intermediate for clients only',
      'server',
      (c) =>
        c.recertify('west', ({ extensions }) => ({
          extensions: withExtension(extensions, extendedKeyUsage(['clientAuth'])),
        })),
    ],
    [
      'constraints on addresses',
      'server',
      (c) =>
        c.recertify('west', ({ extensions }) => ({
          extensions: withExtension(
            extensions,
            nameConstraints({
              permitted: [
                { type: 'dns', value: 'us-west.nomad' },
                { type: 'dns', value: 'localhost' },
                { type: 'ip', value: '10.0.0.0/8' },
              ],
              excluded: [],
            }),
          ),
        })),
    ],
    [
      'excluded names',
      'server',
      (c) =>
        c.recertify('west', ({ extensions }) => ({
          extensions: withExtension(
            extensions,
            nameConstraints({ permitted: [], excluded: [{ type: 'dns', value: 'localhost' }] }),
          ),
        })),
    ],
    [
      'a corrupt second root',
      'server',
      (c, a) =>
        c.trust(a, `${c.bundle}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`),
    ],
  ]
  const ends: End[] = []
  const home = await aCluster()
    .withIntermediate('west', { regions: ['us-west'] })
    .withServer('x', { region: 'us-west', authority: 'west' })
    .withClient('x', { region: 'us-west', authority: 'west' })
    .build()
  const originals = {
    west: home.authorities.get('west')!,
    bundle: home.bundle,
    server: structuredClone(home.holder('identity/server/us-west/x').files),
    client: structuredClone(home.holder('identity/client/us-west/x').files),
  }
  for (const [name, role, damage] of kinds) {
    const address = `identity/${role}/us-west/x`
    const holder = home.holder(address)
    // One root for all, so that only the damage decides.
    home.authorities.set('west', originals.west)
    home.bundle = originals.bundle
    holder.files = structuredClone(originals[role])
    holder.chain = parseCertificates(holder.files.cert)
    damage(home, address)
    const files = structuredClone(holder.files)
    ends.push({
      name: `${role}: ${name}`,
      files,
      facts: {
        chain: parseCertificates(files.cert),
        trust: parseCertificates(originals.bundle),
        region: 'us-west',
        role,
        verifyServerHostname: true,
      },
    })
  }
  const strangers = await aCluster().withServer('x', { region: 'us-west' }).build()
  const files = strangers.files('identity/server/us-west/x')
  ends.push({
    name: 'server: of another root',
    files: { ...files },
    facts: {
      chain: parseCertificates(files.cert),
      trust: parseCertificates(files.ca),
      region: 'us-west',
      role: 'server',
      verifyServerHostname: true,
    },
  })
  return ends
}

/**
 * Where OpenSSL is stricter than Go, and so than agents: it wants the key identifiers to agree
 * (RFC 5280 §4.2.1.1), where Go only orders its search by them.
 */
const stricter: ReadonlySet<string> = new Set(['server: key identifier of another issuer'])

test('OpenSSL and the judge agree on every dialer × listener', async () => {
  const ends = await zoo()
  const now = Date.now()
  const disagreements: string[] = []
  const counts = { accepted: 0, refused: 0 }
  for (const [row, dialer] of ends.entries()) {
    for (const [column, listener] of ends.entries()) {
      // Each with a sound one in both directions, and a fifth of all others.
      if (row > 1 && column > 1 && (row * 7 + column) % 5 !== 0) continue
      const verdict = judgeConnection(dialer.facts, listener.facts, { protocol: 'rpc', now })
      const expected = verdict.ok || verdict.check === 2
      const outcome = await handshake(
        {
          dialer: { ...dialer.files, servername: 'server.us-west.nomad' },
          listener: { ...listener.files, requestClientCert: true },
        },
        { version: (row + column) % 2 === 0 ? 'TLSv1.2' : 'TLSv1.3' },
      )
      counts[outcome.ok ? 'accepted' : 'refused'] += 1
      const pair = `${dialer.name} → ${listener.name}`
      const known = !outcome.ok && (stricter.has(dialer.name) || stricter.has(listener.name))
      if (outcome.ok !== expected && !known) {
        disagreements.push(
          `${pair}: judge ${JSON.stringify(verdict)}, OpenSSL ${JSON.stringify(outcome)}`,
        )
      }
    }
  }
  expect(disagreements).toEqual([])
  expect(counts.accepted).toBeGreaterThan(20)
  expect(counts.refused).toBeGreaterThan(100)
})
