import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { sequence } from '../../src/der/write.js'
import { pemBlocks } from '../../src/keys/pem.js'
import { parsePublicKey } from '../../src/keys/public-key.js'
import { fitTogether, type Thing, type Together } from '../../src/nomad/fit-together.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { parseCrl } from '../../src/x509/crl.js'
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../src/x509/extensions.js'
import { aCluster, day } from '../builders.js'
import {
  agent,
  build,
  commonName,
  ecKeyOf,
  ed25519,
  intermediate,
  oid,
  p256,
  raw,
  root,
  rsa,
  type Draft,
} from '../lint/draft.js'

type Built = Awaited<ReturnType<ReturnType<typeof aCluster>['build']>>
let cluster: Built
let other: Built

beforeAll(async () => {
  const make = (): Promise<Built> =>
    aCluster()
      .withIntermediate('west', { regions: ['global'] })
      .withServer('s1', { authority: 'west' })
      .withClient('c1')
      .withOperator('alice')
      .build()
  cluster = await make()
  other = await make()
})

const certificate = (where: string, held: Certificate): Thing => ({
  kind: 'certificate',
  where,
  certificate: held,
})
const server = (from: Built): ReturnType<Built['holder']> =>
  from.holder('identity/server/global/s1')
const client = (from: Built): ReturnType<Built['holder']> =>
  from.holder('identity/client/global/c1')
const key = (where: string, { key: { publicKey } }: ReturnType<Built['holder']>): Thing => ({
  kind: 'key',
  where,
  publicKey,
})
const at = (days: number): number => cluster.now + days * day
const judgedAt = (now: number, ...things: readonly Thing[]): Together => {
  const { fits, misfits, missing } = fitTogether(things, now)
  return { fits, misfits, missing }
}
const judged = (...things: readonly Thing[]): Together => judgedAt(at(1), ...things)

describe('what belongs together', () => {
  test('the three files of an agent, and until when its peers take it', () => {
    const [leaf, between] = server(cluster).chain
    const found = judged(
      key('key.pem', server(cluster)),
      certificate('cert.pem (1)', leaf!),
      certificate('cert.pem (2)', between!),
      certificate('ca.pem', cluster.root()),
    )
    expect(found).toEqual({
      fits: [
        'key.pem is the key of cert.pem (1)',
        'cert.pem (1) is signed by cert.pem (2)',
        'cert.pem (2) is signed by ca.pem',
        expect.stringMatching(
          /^agents that trust these authorities take cert\.pem \(1\) as server of global until \d{4}-/,
        ),
      ],
      misfits: [],
      missing: [],
    })
    const { notAfter } = leaf!
    expect(found.fits[3]).toContain(new Date(notAfter).toISOString().slice(0, 16))
  })

  test('the same certificate in two files is told once', () => {
    const held = cluster.root()
    expect(judged(certificate('a.pem', held), certificate('b.pem', held))).toEqual({
      fits: ['b.pem is the same certificate as a.pem'],
      misfits: [],
      missing: [],
    })
  })

  test('a request, the key that signed it, the certificate that was made for it', () => {
    const { publicKey } = client(cluster).key
    const request: Thing = { kind: 'request', where: 'c1.csr', publicKey }
    expect(judged(request, key('c1.key', client(cluster)))).toEqual({
      fits: ['c1.csr is signed by the key c1.key'],
      misfits: [],
      missing: [],
    })
    expect(judged(request, certificate('c1.pem', client(cluster).chain[0]!)).fits).toEqual([
      'c1.csr asks for the key that is in c1.pem',
    ])
  })

  test('one thing alone is matched to nothing', () => {
    expect(judged(certificate('a', server(cluster).chain[0]!))).toEqual({
      fits: [],
      misfits: [],
      missing: [],
    })
  })
})

describe('what does not fit', () => {
  test('a key of another certificate', () => {
    const found = judged(
      key('c1.key', client(cluster)),
      certificate('s1.pem', server(cluster).chain[0]!),
    )
    expect(found.misfits).toEqual(['c1.key is the key of nothing here'])
    expect(found.missing).toContain('the private key of s1.pem')
  })

  test('an authority with the same name and another key', () => {
    const found = judged(
      certificate('c1.pem', client(cluster).chain[0]!),
      certificate('ca.pem', renamed(other.root(), cluster.root())),
    )
    expect(found.misfits[0]).toBe(
      'c1.pem names the authority ca.pem, and a different key signed it: the names are the same, the authorities are not',
    )
    expect(found.fits).toEqual([])
  })

  test('a leaf that has ended, under the right authority', () => {
    const things = [
      certificate('c1.pem', client(cluster).chain[0]!),
      certificate('ca.pem', cluster.root()),
    ]
    const found = fitTogether(things, at(2000))
    expect(found.fits).toEqual(['c1.pem is signed by ca.pem'])
    expect(found.misfits).toEqual([
      expect.stringMatching(/^agents refuse c1\.pem: it ended at \d{4}-/),
    ])
  })

  test('a request for a key that is not here', () => {
    const { publicKey } = generateKeySync('ecdsa-p256')
    const found = judged(
      { kind: 'request', where: 'x.csr', publicKey },
      key('c1.key', client(cluster)),
    )
    expect(found.misfits).toEqual([
      'c1.key is the key of nothing here',
      'x.csr is for a key that is not here',
    ])
  })
})

const day2026 = Date.UTC(2026, 5, 1)
const leafKey: Thing = { kind: 'key', where: 'key.pem', publicKey: parsePublicKey(p256) }
const drawn = (draft: Draft): Certificate => parseCertificate(build(draft))
const critical = raw('1.2.3.4', Uint8Array.of(5, 0), true)
const leafDraft = (change: Parameters<typeof agent>[2]): Draft => agent('server', 'global', change)
const k1 = ecKeyOf(oid('1.3.132.0.10'), 4, 64)
const p224 = ecKeyOf(oid('1.3.132.0.33'), 4, 56)

describe('what agents refuse is never among what fits', () => {
  const sha1 = sequence(oid('1.2.840.10045.4.1'))
  const trusting = 'agents that trust these authorities refuse leaf.pem: '
  test.each<readonly [string, Draft, Draft, readonly string[]]>([
    [
      'a leaf on secp256k1',
      leafDraft({ spki: k1 }),
      root(),
      [
        'agents refuse leaf.pem: its elliptic curve is unknown to agents (P-224, P-256, P-384, P-521)',
      ],
    ],
    [
      'a leaf on P-224',
      leafDraft({ spki: p224 }),
      root(),
      ['agents refuse leaf.pem: its public key is not a point of its curve'],
    ],
    [
      'RSA of 512 bits',
      leafDraft({ spki: rsa(512) }),
      root(),
      ['agents refuse leaf.pem: its RSA key has 512 bits, fewer than 1024'],
    ],
    [
      'Ed25519',
      leafDraft({ spki: ed25519 }),
      root(),
      ['agents refuse leaf.pem: its key is Ed25519: agents take RSA and ECDSA only'],
    ],
    [
      'a server without a subjectAltName',
      leafDraft({ extensions: { subjectAltName: undefined } }),
      root(),
      [
        "agents refuse leaf.pem: it has no subjectAltName, so it is not valid for server.global.nomad: dialers don't look at the common name",
      ],
    ],
    [
      'a critical extension of a leaf',
      leafDraft({ extensions: { critical } }),
      root(),
      ["agents refuse leaf.pem: it has a critical extension that agents don't know (1.2.3.4)"],
    ],
    [
      'a critical extension of a root',
      leafDraft({}),
      root({ extensions: { critical } }),
      [
        "agents refuse ca.pem: it has a critical extension that agents don't know (1.2.3.4)",
        `${trusting}CN=lint root has a critical extension that agents don't know (1.2.3.4)`,
      ],
    ],
    [
      'a root that may not sign certificates',
      leafDraft({}),
      root({ extensions: { keyUsage: keyUsage(['cRLSign']) } }),
      [
        'agents refuse ca.pem: its key usage lacks keyCertSign, so agents refuse every certificate under it',
        `${trusting}CN=lint root may not sign certificates (keyUsage)`,
      ],
    ],
    [
      'a root for mail',
      leafDraft({}),
      root({ extensions: { extendedKeyUsage: extendedKeyUsage(['emailProtection']) } }),
      [
        'agents refuse ca.pem: its extended key usage lacks clientAuth, which every certificate under it needs',
        `${trusting}CN=lint root is not for serverAuth (extendedKeyUsage)`,
      ],
    ],
    [
      'a root that Go cannot parse',
      leafDraft({}),
      root({ serial: 'ff' }),
      ['agents refuse ca.pem: its serial number is negative', `${trusting}they do not take ca.pem`],
    ],
    [
      'SHA-1',
      leafDraft({ inner: sha1 }),
      root(),
      ["agents refuse leaf.pem: it is signed with an algorithm that agents don't take (SHA-1)"],
    ],
    [
      'an issuer that is not an authority',
      leafDraft({}),
      root({ extensions: { basicConstraints: basicConstraints({ ca: false }) } }),
      ['leaf.pem is signed by ca.pem, which is not an authority (no CA:TRUE): agents refuse it'],
    ],
  ])('%s', (_, leaf, ca, misfits) => {
    const things = [certificate('leaf.pem', drawn(leaf)), certificate('ca.pem', drawn(ca))]
    const found = fitTogether(things, day2026)
    expect(found.misfits).toEqual(misfits)
    expect(found.fits.filter((one) => !/^leaf\.pem is signed by ca\.pem$/.test(one))).toEqual([])
  })

  test('a block that agents pass over', () => {
    const form = 'it is of type X509 CERTIFICATE'
    const ca: Thing = { kind: 'certificate', where: 'ca.pem', certificate: drawn(root()), form }
    const leaf = certificate('leaf.pem', drawn(leafDraft({})))
    expect(judgedAt(day2026, leaf, ca, leafKey)).toEqual({
      fits: ['key.pem is the key of leaf.pem', 'leaf.pem is signed by ca.pem'],
      misfits: [
        'agents refuse ca.pem: it is of type X509 CERTIFICATE, and agents skip it',
        `${trusting}they do not take ca.pem`,
      ],
      missing: [],
    })
  })
})

test('an intermediate with a signature that agents do not take', () => {
  const name = commonName('between')
  const between = intermediate({
    inner: sequence(oid('1.2.840.10045.4.1')),
    subject: name,
    extensions: { nameConstraints: undefined },
  })
  const things = [
    certificate('leaf.pem', drawn(leafDraft({ issuer: name }))),
    certificate('between.pem', drawn(between)),
    certificate('ca.pem', drawn(root())),
  ]
  const found = fitTogether(things, day2026)
  expect(found.fits).toEqual(['leaf.pem is signed by between.pem'])
  expect(found.misfits).toEqual([
    "between.pem names the authority ca.pem, and is signed with an algorithm that agents don't take (SHA-1)",
    "agents that trust these authorities refuse leaf.pem: CN=between is signed with an algorithm that agents don't take (1.2.840.10045.4.1)",
  ])
})

test('why a certificate and its copy are refused for what stands beside them', () => {
  const refusedHere = (ca: Draft): unknown => {
    const leaf = drawn(leafDraft({}))
    const things = [certificate('leaf.pem', leaf), certificate('copy.pem', leaf)]
    const found = fitTogether([...things, certificate('ca.pem', drawn(ca))], day2026)
    return Object.fromEntries(found.refusedHere)
  }
  expect(refusedHere(root())).toEqual({})
  const mayNot =
    'agents that trust the authorities here refuse it: CN=lint root may not sign certificates (keyUsage)'
  expect(refusedHere(root({ extensions: { keyUsage: keyUsage(['cRLSign']) } }))).toEqual({
    'leaf.pem': mayNot,
    'copy.pem': mayNot,
  })
  const notOne = 'it is signed by ca.pem, which is not an authority (no CA:TRUE)'
  const noAuthority = { basicConstraints: basicConstraints({ ca: false }) }
  expect(refusedHere(root({ extensions: noAuthority }))).toEqual({
    'leaf.pem': notOne,
    'copy.pem': notOne,
  })
})

describe('a leaf that does not stand first in its file', () => {
  const inFile = (file: string, ...drafts: readonly Draft[]): Thing[] =>
    drafts.map((draft, before) => ({
      kind: 'certificate',
      where: `${file} (${before + 1} of ${drafts.length})`,
      certificate: drawn(draft),
      inFile: { file, before },
    }))
  const told =
    'both.pem is in the wrong order: the key belongs to its certificate 2, and agents take the first for the leaf: put the leaf first'

  test.each<readonly [string, Thing[]]>([
    ['with its key', [leafKey]],
    ['without its key', []],
  ])('%s', (_, keys) => {
    const found = fitTogether([...inFile('both.pem', root(), leafDraft({})), ...keys], day2026)
    expect(found.misfits).toEqual([told])
    expect(found.fits).toEqual(['both.pem (2 of 2) is signed by both.pem (1 of 2)'])
  })

  test('behind the leaf of a different key', () => {
    const things = inFile('both.pem', leafDraft({ spki: rsa(2048) }), leafDraft({ serial: '4007' }))
    expect(fitTogether([...things, leafKey], day2026).misfits).toEqual([told])
  })

  test('is told, and its copy in a file of its own is taken', () => {
    const things = [
      ...inFile('both.pem', root(), leafDraft({})),
      ...inFile('leaf.pem', leafDraft({})),
    ]
    const found = fitTogether([...things, leafKey], day2026)
    expect(found.misfits).toEqual([told])
    expect(found.fits).toEqual([
      'leaf.pem (1 of 1) is the same certificate as both.pem (2 of 2)',
      'key.pem is the key of leaf.pem (1 of 1)',
      'leaf.pem (1 of 1) is signed by both.pem (1 of 2)',
      expect.stringMatching(
        /^agents that trust these authorities take leaf\.pem \(1 of 1\) as server/,
      ),
    ])
  })

  test('a file with several leaves and their keys is a collection: nothing is told', () => {
    const first = leafDraft({})
    const second = leafDraft({ spki: rsa(2048), serial: '4007' })
    const secondKey: Thing = { kind: 'key', where: 'rsa.pem', publicKey: parsePublicKey(rsa(2048)) }
    for (const keys of [[], [leafKey], [leafKey, secondKey]])
      expect(fitTogether([...inFile('all.pem', first, second), ...keys], day2026).misfits).toEqual(
        [],
      )
    // Only the second has its key: it stands behind another's leaf.
    expect(fitTogether([...inFile('both.pem', first, second), secondKey], day2026).misfits).toEqual(
      [told],
    )
  })

  test('nor is another file with a leaf behind another file’s authority', () => {
    const [ca] = inFile('ca.pem', root())
    const things = [ca!, ...inFile('leaf.pem', leafDraft({}))]
    expect(fitTogether([...things, leafKey], day2026).misfits).toEqual([])
  })

  test('one that is first cannot be read: the place in the file is still right', () => {
    const [, leaf] = inFile('both.pem', root(), leafDraft({}))
    const [first] = inFile('both.pem', root())
    const third = { ...leaf!, where: 'both.pem (3 of 3)', inFile: { file: 'both.pem', before: 2 } }
    expect(fitTogether([first!, third as Thing, leafKey], day2026).misfits).toEqual([
      told.replace('certificate 2', 'certificate 3'),
    ])
    // Without the first of its file there is nothing to compare with.
    expect(fitTogether([third as Thing, leafKey], day2026).misfits).toEqual([])
  })

  test('the other way round it is in order', () => {
    const found = fitTogether([...inFile('both.pem', leafDraft({}), root()), leafKey], day2026)
    expect(found.misfits).toEqual([])
    expect(found.fits).toHaveLength(3)
  })
})

describe('what is missing', () => {
  test('the intermediate, by its name', () => {
    const found = judged(
      key('key.pem', server(cluster)),
      certificate('s1.pem', server(cluster).chain[0]!),
      certificate('ca.pem', cluster.root()),
    )
    expect(found.missing).toEqual([
      expect.stringMatching(/^the authority that signed s1\.pem: CN=.*west/),
    ])
    expect(found.fits).toEqual(['key.pem is the key of s1.pem'])
    expect(found.misfits).toEqual([])
  })

  test('nothing of what a listener presents', () => {
    const [leaf] = client(cluster).chain
    const shown: Thing = {
      kind: 'certificate',
      where: 'host:4646',
      certificate: leaf!,
      inPlace: true,
    }
    expect(judged(shown, key('s1.key', server(cluster)))).toEqual({
      fits: [],
      misfits: ['s1.key is the key of nothing here'],
      missing: [],
    })
  })
})

describe('a revocation list', () => {
  const vector = (name: string): string =>
    readFileSync(new URL(`../vectors/openssl-crl/${name}`, import.meta.url), 'utf8')
  const list: Thing = {
    kind: 'crl',
    where: 'crl.pem',
    list: parseCrl(pemBlocks(vector('two.pem'))[0]!.der),
  }
  const of = (name: string): Thing => certificate(name, parseCertificates(vector(name))[0]!)

  test('of an authority that is here, and of what it revokes', () => {
    const found = judged(list, of('ca.pem'), of('leaf-ff02.pem'))
    expect(found.fits[0]).toBe('crl.pem is a list of ca.pem')
    expect(found.misfits).toEqual([
      'crl.pem revokes leaf-ff02.pem; Nomad does not read revocation lists, and still accepts it',
    ])
  })

  test('of an authority that is not here', () => {
    expect(judged(list, certificate('root', cluster.root())).missing).toEqual([
      'the authority of crl.pem: CN=crl test CA',
    ])
  })
})

/** The certificate with the names of another one; its signature is not looked at. */
function renamed(one: Certificate, { subject, issuer }: Certificate): Certificate {
  return { ...one, subject, issuer }
}
