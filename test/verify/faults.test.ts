/** Every fault that `verify` must find, each really produced, each with a message of its own. */

import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  aCluster,
  bmpString,
  day,
  remint,
  subjectOf,
  withExtension,
  withoutExtension,
  type Cluster,
} from '../builders.js'
import { tags } from '../../src/der/write.js'
import type { Finding } from '../../src/diagnostics.js'
import { ledgerWith, told } from '../ledger.js'
import { pemEncode } from '../../src/keys/pem.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { verifyCluster, type VerifyOptions } from '../../src/verify/verify-cluster.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { extendedKeyUsage, nameConstraints, subjectAltName } from '../../src/x509/extensions.js'
import { extensionOids } from '../../src/x509/oids.js'

const s1 = 'identity/server/global/s1'
const c1 = 'identity/client/global/c1'
const w1 = 'identity/server/us-west/w1'
const c9 = 'identity/client/us-west/c9'
const alice = 'identity/operator/global/alice'

/** Two regions, one of them behind an intermediate; sound until a test damages it. */
async function sound(): Promise<Cluster> {
  return aCluster()
    .withIntermediate('west', { regions: ['us-west'], domains: ['west.acme.internal'] })
    .withServer('s1', { ips: ['10.0.0.11'], names: ['nomad.acme.internal'] })
    .withServer('s2')
    .withClient('c1')
    .withClient('c2')
    .withServer('w1', { region: 'us-west', authority: 'west' })
    .withClient('c9', { region: 'us-west', authority: 'west', names: ['c9.west.acme.internal'] })
    .withCombined('e1', { region: 'us-west', authority: 'west' })
    .withOperator('alice')
    .build()
}

async function findingsOf(
  cluster: Cluster,
  options: Partial<VerifyOptions> = {},
): Promise<readonly Finding[]> {
  return verifyCluster(cluster.desired, await cluster.inventory(), { now: cluster.now, ...options })
}

test('a sound cluster: nothing is found', async () => {
  expect(await findingsOf(await sound())).toEqual([])
})

interface Expected {
  readonly address: string
  readonly reason: string | RegExp
  readonly message: RegExp
  readonly severity?: Finding['severity']
}

const faults: readonly (readonly [
  fault: string,
  damage: (cluster: Cluster) => void,
  expected: Expected,
])[] = [
  [
    'a pair that does not match',
    (c) => c.edit(s1, 'key', () => encodePrivateKey(generateKeySync('ecdsa-p256'))),
    { address: s1, reason: 'key-mismatch', message: /key\.pem does not belong to the certificate/ },
  ],
  [
    'a missing intermediate',
    (c) => c.present(w1, c.holder(w1).chain.slice(0, 1)),
    { address: w1, reason: 'chain-broken', message: /holds 0 of its 1 intermediate$/ },
  ],
  [
    'wrong order: the intermediate before the leaf',
    (c) => c.present(w1, [...c.holder(w1).chain].reverse()),
    { address: w1, reason: 'chain-broken', message: /wrong order: the leaf is certificate 2 of 2/ },
  ],
  [
    'the root behind the intermediate, where it is of no use',
    (c) => c.present(w1, [...c.holder(w1).chain, c.root()]),
    {
      address: w1,
      reason: 'chain-broken',
      severity: 'warning',
      message: /1 certificate too many/,
    },
  ],
  [
    'the intermediate of another authority',
    (c) => c.present(w1, [c.leaf(w1), c.leaf(s1)]),
    { address: w1, reason: 'chain-broken', message: /are not those of its issuer/ },
  ],
  [
    'wrong role name: a client with the name of a server of its region in the SAN',
    (c) =>
      c.reissue(c1, ({ extensions }) => ({
        extensions: withExtension(
          extensions,
          subjectAltName([{ type: 'dns', value: 'server.global.nomad' }]),
        ),
      })),
    {
      address: c1,
      reason: 'nomad/foreign-role',
      message: /is the name of a server: a client may not carry it/,
    },
  ],
  [
    'a leaf without SAN',
    (c) =>
      c.reissue(s1, ({ extensions }) => ({
        extensions: withoutExtension(extensions, extensionOids.subjectAltName),
      })),
    { address: s1, reason: /./, message: /no subjectAltName/ },
  ],
  [
    'a wildcard',
    withWildcard,
    { address: s1, reason: /^nomad\/wildcard/, message: /wildcard/i, severity: 'note' },
  ],
  [
    'a foreign region',
    (c) =>
      c.reissue(c1, ({ extensions }) => ({
        subject: subjectOf([tags.utf8String, 'client.us-west.nomad']),
        extensions: withExtension(
          extensions,
          subjectAltName([{ type: 'dns', value: 'client.us-west.nomad' }]),
        ),
      })),
    { address: c1, reason: 'nomad/foreign-role', message: /of a client of region "us-west"/ },
  ],
  [
    'an Ed25519 agent key',
    (c) => c.reissue(s1, () => ({}), { key: generateKeySync('ed25519') }),
    { address: s1, reason: 'key-unusable', message: /ed25519/ },
  ],
  [
    'a P-224 agent key',
    (c) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', {
        namedCurve: 'secp224r1',
        publicKeyEncoding: { type: 'spki', format: 'der' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      })
      c.reissue(s1, () => ({ spki: publicKey }))
      c.edit(s1, 'key', () => privateKey)
    },
    { address: s1, reason: 'key-unusable', message: /p224|secp224r1/ },
  ],
  [
    'an encrypted agent key',
    (c) =>
      c.edit(
        s1,
        'key',
        () =>
          generateKeyPairSync('ec', {
            namedCurve: 'prime256v1',
            publicKeyEncoding: { type: 'spki', format: 'der' },
            privateKeyEncoding: {
              type: 'pkcs8',
              format: 'pem',
              cipher: 'aes-256-cbc',
              passphrase: 'secret',
            },
          }).privateKey,
      ),
    { address: s1, reason: 'key-unusable', message: /encrypted/ },
  ],
  [
    'EKU missing on a leaf: a client that cannot dial',
    (c) =>
      c.reissue(c1, ({ extensions }) => ({
        extensions: withExtension(extensions, extendedKeyUsage(['serverAuth'])),
      })),
    { address: c1, reason: 'role-differs', message: /extended key usage is serverAuth instead of/ },
  ],
  [
    'EKU missing on an intermediate: nothing below it can dial',
    (c) =>
      c.recertify('west', ({ extensions }) => ({
        extensions: withExtension(extensions, extendedKeyUsage(['serverAuth'])),
      })),
    { address: w1, reason: 'refused', message: /clientAuth|extended key usage|purpose/i },
  ],
  [
    'an expired leaf',
    (c) => c.reissue(s1, () => ({ notBefore: c.now - 9 * day, notAfter: c.now - 2 * day })),
    { address: s1, reason: 'expired', message: /expired 2d ago/ },
  ],
  [
    'a leaf that is not yet valid',
    (c) => c.reissue(s1, () => ({ notBefore: c.now + 3 * day })),
    { address: s1, reason: 'not-yet-valid', message: /begins in 3d/ },
  ],
  [
    'an expired intermediate',
    (c) => c.recertify('west', () => ({ notAfter: c.now - day })),
    { address: 'authority/west/1', reason: 'expired', message: /expired 1d ago/ },
  ],
  [
    'a leaf beyond its issuer',
    (c) => c.recertify('west', () => ({ notAfter: c.now + 10 * day })),
    { address: w1, reason: 'beyond-issuer', message: /ends 80d after its issuer/ },
  ],
  [
    'a key shared between hosts',
    (c) => c.reissue('identity/client/global/c2', () => ({}), { key: c.holder(c1).key }),
    { address: c1, reason: 'key-shared', message: /also that of identity\/client\/global\/c2/ },
  ],
  [
    "an agent with its authority's key",
    (c) => c.reissue(c1, () => ({}), { key: c.authorities.get('agent')!.key }),
    { address: c1, reason: 'key-shared', message: /also that of authority\/agent\/1/ },
  ],
  [
    "a node's trust without the issuer of its own certificate",
    (c) => c.trust(s1, encodeCertificate(selfSigned(c))),
    { address: s1, reason: 'trust-changed', message: /does not hold .*test agent 1, the root/ },
  ],
  [
    'the trust bundle without the root',
    (c) => {
      c.bundle = encodeCertificate(selfSigned(c))
    },
    { address: 'bundle/agent', reason: 'bundle-stale', message: /lacks authority\/agent\/1/ },
  ],
  [
    'an intermediate in the trust bundle',
    (c) => {
      c.bundle += encodeCertificate(c.authorities.get('west')!.issuer.certificate)
    },
    {
      address: 'bundle/agent',
      reason: 'bundle-stale',
      message: /an intermediate: Nomad takes it for a root/,
    },
  ],
  [
    'a leaf in the trust bundle',
    (c) => {
      c.bundle += encodeCertificate(c.leaf(s1))
    },
    {
      address: 'bundle/agent',
      reason: 'bundle-stale',
      message: /not an authority: Nomad trusts it nevertheless/,
    },
  ],
  [
    'a corrupt second certificate in the bundle',
    (c) => {
      c.bundle += pemEncode('CERTIFICATE', c.root().der.subarray(0, 200))
    },
    { address: 'bundle/agent', reason: 'incomplete', message: /ca\.pem cannot be parsed: .*2/ },
  ],
  [
    "a corrupt second certificate in a node's ca.pem",
    (c) => c.trust(s1, c.bundle + pemEncode('CERTIFICATE', c.root().der.subarray(0, 200))),
    {
      address: s1,
      reason: 'incomplete',
      message: /ca\.pem: .*drop such a certificate without a message/,
    },
  ],
  [
    "a stranger's root in a node's ca.pem",
    (c) => c.trust(s1, c.bundle + encodeCertificate(selfSigned(c))),
    {
      address: s1,
      reason: 'trust-changed',
      message: /somebody else, which is not a root of the spec/,
    },
  ],
  [
    "a leaf in a node's ca.pem",
    (c) => c.trust(s1, c.bundle + encodeCertificate(c.leaf(c1))),
    { address: s1, reason: 'trust-changed', message: /which is not an authority: agents trust it/ },
  ],
  [
    'constraints that refuse a SAN',
    (c) =>
      c.reissue(c9, ({ extensions }) => ({
        extensions: withExtension(
          extensions,
          subjectAltName([
            { type: 'dns', value: 'client.us-west.nomad' },
            { type: 'dns', value: 'c9.east.acme.internal' },
          ]),
        ),
      })),
    { address: c9, reason: 'chain-broken', message: /c9\.east\.acme\.internal/ },
  ],
  [
    'constraints that refuse an address',
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
    { address: w1, reason: 'chain-broken', message: /127\.0\.0\.1|::1/ },
  ],
  [
    'a signature that is not of the issuer',
    (c) => {
      const holder = c.holder(s1)
      const stranger = { ...c.authorities.get('agent')!, key: generateKeySync('ecdsa-p256') }
      c.present(s1, [remint(holder.chain[0]!, stranger, () => ({}))])
    },
    { address: s1, reason: 'chain-broken', message: /signature/ },
  ],
  [
    'a damaged root',
    (c) => {
      const agent = c.authorities.get('agent')!
      const stranger = { ...agent, key: generateKeySync('ecdsa-p256') }
      const certificate = remint(agent.issuer.certificate, stranger, () => ({}))
      c.authorities.set('agent', { ...agent, issuer: { ...agent.issuer, certificate } })
    },
    {
      address: 'authority/agent/1',
      reason: 'chain-broken',
      message: /signature is not by its own key/,
    },
  ],
  [
    'a cross-certificate for another key',
    (c) => c.crossed.set('agent', new Map([[1, selfSigned(c)]])),
    {
      address: 'authority/agent/1',
      reason: 'chain-broken',
      message: /crossed-by-1\.pem is for another key/,
    },
  ],
  [
    'a cross-certificate that nobody there has signed',
    (c) => c.crossed.set('agent', new Map([[7, c.root()]])),
    {
      address: 'authority/agent/1',
      reason: 'chain-broken',
      message: /was not signed by generation 7/,
    },
  ],
  [
    'a truncated certificate',
    (c) => c.edit(s1, 'cert', (text) => text.slice(0, 300)),
    { address: s1, reason: 'incomplete', message: /cert\.pem cannot be parsed/ },
  ],
  [
    'no key at all',
    (c) => c.edit(s1, 'key', () => 'nothing\n'),
    { address: s1, reason: 'incomplete', message: /key\.pem cannot be parsed/ },
  ],
  [
    "the manifest of another host's files",
    (c) => c.edit(s1, 'manifest', () => c.holder('identity/server/global/s2').files.manifest),
    {
      address: s1,
      reason: 'manifest-differs',
      severity: 'warning',
      message: /that of identity\/server\/global\/s2/,
    },
  ],
  [
    'a manifest that is no JSON',
    (c) => c.edit(s1, 'manifest', () => '{'),
    { address: s1, reason: 'manifest-differs', severity: 'warning', message: /not JSON/ },
  ],
  [
    'a ledger edited by hand',
    (c) => {
      c.ledger = c.ledger.replace('"issued"', '"lssued"')
    },
    { address: 'ledger', reason: 'ledger-broken', message: /line \d+ of ledger\.jsonl/ },
  ],
]

test.each(faults)('%s', async (_fault, damage, expected) => {
  const cluster = await sound()
  damage(cluster)
  const findings = await findingsOf(cluster)
  const matching = findings.filter(
    ({ address, reason, message }) =>
      address === expected.address &&
      (typeof expected.reason === 'string'
        ? reason === expected.reason
        : expected.reason.test(reason)) &&
      expected.message.test(message),
  )
  expect(
    matching.map(({ severity }) => severity),
    JSON.stringify(findings, null, 2),
  ).toContain(expected.severity ?? 'error')
  expect(matching.every(({ remedy }) => remedy !== undefined)).toBe(true)
  // What the ledger vouches for hides none of them.
  expect(await findingsOf(cluster, { signatures: 'unrecorded' })).toEqual(findings)
})

describe('escalation by the common name: Nomad reads the last one, in any string type', () => {
  test.each([
    ['UTF8String', tags.utf8String],
    ['PrintableString', tags.printableString],
    ['IA5String', 22],
    ['T61String', 20],
    ['BMPString', bmpString],
  ] as const)('%s', async (_type, tag) => {
    for (const address of [c1, alice]) {
      const cluster = await sound()
      const own = address === c1 ? 'client.global.nomad' : 'cli.global.nomad'
      cluster.reissue(address, () => ({
        subject: subjectOf([tags.utf8String, own], [tag, 'server.global.nomad']),
      }))
      const findings = await findingsOf(cluster)
      expect(findings).toContainEqual(
        expect.objectContaining({
          severity: 'error',
          address,
          reason: 'role-differs',
          message: expect.stringContaining('server.global.nomad') as string,
        }),
      )
    }
  })
})

describe('what-if: the same checks at another moment', () => {
  test('nothing is wrong today, and everything in a hundred days', async () => {
    const cluster = await sound()
    const findings = await findingsOf(cluster, { at: cluster.now + 100 * day })
    const expired = findings.filter(({ reason }) => reason === 'expired')
    expect(expired.filter(({ severity }) => severity === 'error')).toHaveLength(7)
    expect(
      expired.filter(({ severity }) => severity === 'note').map(({ address }) => address),
    ).toEqual([alice])
  })
})

describe('the ledger', () => {
  test('a head noted elsewhere is in it, also after lines were added', async () => {
    const cluster = await sound()
    const { head } = (await cluster.inventory()).ledger
    cluster.record('issued', s1, cluster.leaf(s1))
    expect(await findingsOf(cluster, { ledgerHead: head })).toEqual([])
  })

  test('lines cut off the end leave the chain whole, and the head tells', async () => {
    const cluster = await sound()
    const { head } = (await cluster.inventory()).ledger
    cluster.ledger = cluster.ledger.split('\n').slice(0, -2).join('\n') + '\n'
    expect(await findingsOf(cluster)).toEqual([])
    expect(await findingsOf(cluster, { ledgerHead: head })).toMatchObject([
      { severity: 'error', address: 'ledger', reason: 'ledger-cut' },
    ])
  })
})

test.each([
  ['made here', 'issued', 'error'],
  ['only seen at a port', 'observed', 'note'],
  ['only named by a receipt', 'received', 'note'],
] as const)('lint is strict with what was made here alone: %s', async (_, event, severity) => {
  const cluster = await sound()
  withWildcard(cluster)
  const inventory = await cluster.inventory()
  const fingerprint = fingerprintOf(cluster.holder(s1).chain[0]!)
  const ledger = ledgerWith([told(event, s1, cluster.now, { fingerprint })])
  const findings = verifyCluster(cluster.desired, { ...inventory, ledger }, { now: cluster.now })
  expect(findings.filter(({ reason }) => reason.startsWith('nomad/wildcard'))).toEqual([
    expect.objectContaining({ address: s1, severity }),
  ])
})

/** Nomad takes it; nothing that is made here has one. */
function withWildcard(cluster: Cluster): void {
  cluster.reissue(s1, ({ extensions }) => ({
    extensions: withExtension(
      extensions,
      subjectAltName([
        { type: 'dns', value: 'server.global.nomad' },
        { type: 'dns', value: '*.global.nomad' },
      ]),
    ),
  }))
}

/** A root of the same name as ours, by another key. */
function selfSigned(cluster: Cluster): ReturnType<Cluster['root']> {
  const agent = cluster.authorities.get('agent')!
  const key = generateKeySync('ecdsa-p256')
  return remint(cluster.root(), { ...agent, key }, () => ({
    spki: key.publicKey.spki,
    subject: subjectOf([tags.utf8String, 'somebody else']),
    issuer: subjectOf([tags.utf8String, 'somebody else']),
  }))
}
