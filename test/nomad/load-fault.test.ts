import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemEncode } from '../../src/keys/pem.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { loadFault, loadFaults } from '../../src/nomad/load-fault.js'
import { parseFault } from '../../src/nomad/parse-fault.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import {
  agent,
  attribute,
  build,
  commonName,
  intermediate,
  nameOf,
  oid,
  root,
  type Draft,
} from '../lint/draft.js'
import { sequence, tags } from '../../src/der/write.js'

const pem = (draft: Draft): string => pemEncode('CERTIFICATE', build(draft))
const key = generateKeySync('ecdsa-p256')
const keyPem = encodePrivateKey(key)
const leaf = pem(agent('server', 'us-west', { spki: key.publicKey.spki }))
const middle = pem(intermediate())
const ca = pem(root())
const good = { ca, cert: leaf + middle, key: keyPem }

/** A pair of node:crypto's own making, with a certificate for it. */
function pairOf(
  type: 'ec' | 'ed25519' | 'rsa',
  options: Record<string, unknown>,
  format: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8',
): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync(
    type as 'ec',
    options as { namedCurve: string },
  )
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return {
    cert: pem(agent('server', 'us-west', { spki: Uint8Array.from(spki) })),
    key: privateKey.export({ type: format, format: 'pem' }).toString(),
  }
}

describe('what loads', () => {
  const sec1 = createPrivateKey(keyPem).export({ type: 'sec1', format: 'pem' }).toString()
  const parameters =
    '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
  test.each([
    ['PKCS#8', {}],
    ['SEC 1', { key: sec1 }],
    ['EC PARAMETERS first', { key: parameters + sec1 }],
    ['leaf alone', { cert: leaf }],
    ['the root as well', { cert: leaf + middle + ca }],
    ['openssl’s text before it', { cert: `Certificate:\n    Data:\n${leaf}` }],
    ['CRLF', { cert: (leaf + middle).replaceAll('\n', '\r\n'), ca: ca.replaceAll('\n', '\r\n') }],
    ['blank lines', { cert: `\n\n${leaf}\n\n${middle}\n`, ca: `\n${ca}\n\n${ca}` }],
    ['certificate and key in one file', { cert: leaf + middle + keyPem, key: leaf + keyPem }],
    ['P-384', pairOf('ec', { namedCurve: 'P-384' })],
    ['P-521', pairOf('ec', { namedCurve: 'P-521' })],
    ['RSA as PKCS#1', pairOf('rsa', { modulusLength: 2048 }, 'pkcs1')],
    ['RSA of an odd size', pairOf('rsa', { modulusLength: 2560 })],
  ])('%s', (_, change) => {
    expect(loadFaults({ ...good, ...change })).toEqual([])
  })
})

describe('what is refused', () => {
  const encrypted = createPrivateKey(keyPem)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const legacy = createPrivateKey(keyPem)
    .export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const other = encodePrivateKey(generateKeySync('ecdsa-p256'))
  test.each([
    ['an encrypted key', { key: encrypted }, 'key', /encrypted/],
    ['an encrypted SEC 1 key', { key: legacy }, 'key', /encrypted/],
    ['another key', { key: other }, 'key', /does not belong/],
    [
      'a wrong order',
      { cert: middle + leaf },
      'key',
      /wrong order: the key belongs to its certificate 2/,
    ],
    [
      'a certificate twice, and the key of neither',
      { cert: leaf + leaf, key: other },
      'key',
      /does not belong to the first certificate/,
    ],
    ['swapped files', { cert: keyPem, key: leaf }, 'cert', /no certificate/],
    ['no certificate', { cert: '' }, 'cert', /no certificate/],
    ['no key', { key: '' }, 'key', /no private key/],
    ['indented PEM', { cert: leaf.replace(/^/gm, '  ') }, 'cert', /no certificate/],
    ['a byte order mark', { cert: `\ufeff${leaf}` }, 'cert', /no certificate/],
    ['one line', { cert: leaf.replaceAll('\n', '') }, 'cert', /no certificate/],
    ['an empty ca_file', { ca: '' }, 'ca', /no certificate/],
    [
      'TRUSTED CERTIFICATE',
      { ca: ca.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE') },
      'ca',
      /no certificate/,
    ],
    ['an indented ca_file', { ca: ca.replace(/^/gm, ' ') }, 'ca', /no certificate/],
    [
      'a key at the top of ca_file',
      { ca: keyPem + ca },
      'ca',
      /first block of ca_file is not a certificate/,
    ],
    [
      'a key at the top of cert_file',
      { cert: keyPem + leaf },
      'cert',
      /does not begin with the certificate/,
    ],
    ['Ed25519', pairOf('ed25519', {}), 'key', /Ed25519: agents take RSA and ECDSA only/],
    ['secp256k1', pairOf('ec', { namedCurve: 'secp256k1' }), 'cert', /curve is unknown to agents/],
    [
      'a negative serial',
      { cert: pem(agent('server', 'us-west', { serial: 'ff', spki: key.publicKey.spki })) },
      'cert',
      /negative/,
    ],
  ] as const)('%s', (_, change, file, message) => {
    const fault = loadFault({ ...good, ...change })
    expect(fault).toMatchObject({ effect: 'refused', file })
    expect(fault?.message).toMatch(message)
  })
})

describe('what loads and is lost, or of no use', () => {
  const corrupt = `-----BEGIN CERTIFICATE-----\n${Buffer.from('no certificate').toString('base64')}\n-----END CERTIFICATE-----\n`
  const damaged = ca.replace(/\n.{8}/, '\n!!!!!!!!')
  test('a corrupt second certificate of a bundle is dropped without a word', () => {
    expect(loadFaults({ ...good, ca: ca + corrupt })).toEqual([
      {
        file: 'ca',
        effect: 'dropped',
        message: expect.stringMatching(
          /^block 2 of ca_file is skipped without a message: /,
        ) as string,
      },
    ])
    expect(loadFaults({ ...good, ca: ca + damaged })).toEqual([
      {
        file: 'ca',
        effect: 'dropped',
        message: '1 damaged block(s) of ca_file are skipped without a message',
      },
    ])
  })

  test('broken DER behind the leaf loads, and every peer refuses it', () => {
    expect(loadFaults({ ...good, cert: leaf + corrupt })).toEqual([
      {
        file: 'cert',
        effect: 'unusable',
        message: expect.stringMatching(/^certificate 2 .* every peer refuses it$/) as string,
      },
    ])
  })

  test('P-224 loads and never completes a handshake', () => {
    expect(loadFault({ ...good, ...pairOf('ec', { namedCurve: 'P-224' }) })).toEqual({
      file: 'key',
      effect: 'unusable',
      message: 'its key is on P-224, which no handshake takes',
    })
  })

  test('a key in the form of OpenSSH is told as one', () => {
    const openssh =
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n'
    expect(loadFault({ ...good, key: openssh })).toEqual({
      file: 'key',
      effect: 'refused',
      message: 'the key is in the form of OpenSSH, which agents do not read',
    })
  })

  test('no message holds a byte of a key', () => {
    const secret = keyPem.split('\n')[1]!
    for (const files of [
      { ...good, key: keyPem.replace('\n', '\n!') },
      { ...good, key: `${keyPem.slice(0, 80)}\n-----END PRIVATE KEY-----\n` },
      { ...good, cert: keyPem },
    ]) {
      const text = JSON.stringify(loadFaults(files))
      expect(text).not.toBe('[]')
      expect(text).not.toContain(secret.slice(0, 12))
    }
  })
})

describe('parseFault: what Go cannot parse and we can', () => {
  const subject = (value: string, tag: number): Draft =>
    agent('server', 'us-west', {
      subject: nameOf(attribute('2.5.4.10', value, tag), attribute('2.5.4.3', 'x')),
    })
  test.each([
    ['sound', agent('server', 'us-west'), undefined],
    ['PrintableString with *', subject('a*b&c', tags.printableString), undefined],
    ['T61String of Latin-1', subject('Z\u00fcrich', tags.t61String), undefined],
    ['PrintableString with _', subject('a_b', tags.printableString), /PrintableString with "a_b"/],
    ['NumericString of letters', subject('abc', tags.numericString), /not a NumericString/],
    ['IA5String of Latin-1', subject('\u00fc', tags.ia5String), /not an IA5String/],
    ['UniversalString', subject('abcd', 28), /a type that agents don't read/],
    [
      'two algorithms',
      agent('server', 'us-west', { outer: sequence(oid('1.2.840.10045.4.3.2')) }),
      /algorithms differ/,
    ],
    [
      'the issuer counts too',
      agent('server', 'us-west', { issuer: commonName('a_b', tags.printableString) }),
      /PrintableString/,
    ],
  ])('%s', (_, draft, fault) => {
    const found = parseFault(parseCertificate(build(draft)))
    if (fault === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(fault)
  })
})
