import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemBlocks } from '../../src/keys/pem.js'
import { fitTogether, type Thing, type Together } from '../../src/nomad/fit-together.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { parseCrl } from '../../src/x509/crl.js'
import { aCluster, day } from '../builders.js'

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
const judged = (...things: readonly Thing[]): Together => fitTogether(things, at(1))

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
    const root = cluster.root()
    expect(judged(certificate('a.pem', root), certificate('b.pem', root))).toEqual({
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
      expect.stringMatching(
        /^agents that trust these authorities refuse c1\.pem: .*(expired|ended)/,
      ),
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
      'crl.pem revokes leaf-ff02.pem; Nomad reads no such list, and still takes it',
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
