import { expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { refusalOf, rolesOf } from '../../src/nomad/taken-as.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { agent, build, raw, root, rsa, type Draft } from '../lint/draft.js'

const now = Date.UTC(2026, 5, 1)
const certificate = (draft: Draft): Certificate => parseCertificate(build(draft))
const server = certificate(agent('server', 'global'))
const client = certificate(agent('client', 'global'))
const authority = certificate(root())
const critical = raw('1.2.3.4', Uint8Array.of(5, 0), true)
/** Another certificate in one respect. */
const changed = (change: Partial<Certificate>): Certificate => ({ ...server, ...change })

test('nothing speaks against a good one', () => {
  expect(refusalOf(server, now)).toBeUndefined()
  expect(rolesOf(server)).toEqual(['server of global'])
  expect(refusalOf(certificate(root()), now)).toBeUndefined()
  // The first moment counts.
  expect(refusalOf(changed({ notBefore: now }), now)).toBeUndefined()
})

test.each<readonly [string, Certificate, string]>([
  ['ended', changed({ notAfter: now }), 'it ended at 2026-06-01T00:00:00Z'],
  ['not begun', changed({ notBefore: now + 1000 }), 'it is valid from 2026-06-01T00:00:01Z'],
  [
    'an Ed25519 key',
    changed({ publicKey: generateKeySync('ed25519').publicKey }),
    'its key is Ed25519: agents take RSA and ECDSA only',
  ],
  [
    'no clientAuth',
    changed({ extendedKeyUsage: ['serverAuth'] }),
    'its extended key usage lacks clientAuth',
  ],
  [
    'no serverAuth',
    changed({ extendedKeyUsage: ['clientAuth'] }),
    'its extended key usage lacks serverAuth',
  ],
  [
    'neither',
    changed({ extendedKeyUsage: ['codeSigning'] }),
    'its extended key usage lacks clientAuth',
  ],
  ['a negative serial number', changed({ serialNegative: true }), 'its serial number is negative'],
  [
    'no subjectAltName',
    changed({ subjectAltName: undefined }),
    "it has no subjectAltName, so it is not valid for server.global.nomad: dialers don't look at the common name",
  ],
  [
    'the name of a server in the common name alone, beside that of a client',
    changed({ subjectAltName: [{ type: 'dns', value: 'client.global.nomad' }] }),
    'it is valid for client.global.nomad, not for server.global.nomad',
  ],
  [
    'SHA-1',
    changed({ signatureAlgorithm: '1.2.840.10045.4.1' }),
    "it is signed with an algorithm that agents don't take (SHA-1)",
  ],
  [
    'a critical extension',
    changed({ extensions: [critical] }),
    "it has a critical extension that agents don't know (1.2.3.4)",
  ],
  [
    'a critical extension of a root',
    certificate(root({ extensions: { critical } })),
    "it has a critical extension that agents don't know (1.2.3.4)",
  ],
  [
    'a root that may not sign certificates',
    { ...authority, keyUsage: ['cRLSign'] },
    'its key usage lacks keyCertSign, so agents refuse every certificate under it',
  ],
  [
    'a root for mail',
    { ...authority, extendedKeyUsage: ['emailProtection'] },
    'its extended key usage lacks clientAuth, which every certificate under it needs',
  ],
  [
    'a root with a short key',
    certificate(root({ spki: rsa(512) })),
    'its RSA key has 512 bits, fewer than 1024',
  ],
])('%s', (_, one, why) => {
  expect(refusalOf(one, now)).toBe(why)
})

test('a form that agents pass over', () => {
  expect(refusalOf(server, now, 'it has headers')).toBe('it has headers, and agents skip it')
})

test.each([
  ['a client without a subjectAltName', { ...client, subjectAltName: undefined }],
  [
    'a server of two regions, one of them in the common name alone',
    changed({ subjectAltName: [{ type: 'dns', value: 'server.west.nomad' }] }),
  ],
  [
    'a server that a wildcard covers',
    changed({ subjectAltName: [{ type: 'dns', value: '*.global.nomad' }] }),
  ],
  [
    'a root that signed itself with SHA-1',
    { ...authority, signatureAlgorithm: '1.2.840.10045.4.1' },
  ],
  ['a root for agents', { ...authority, extendedKeyUsage: ['serverAuth', 'clientAuth'] }],
] satisfies [string, Certificate][])('%s is taken', (_, one) => {
  expect(refusalOf(one, now)).toBeUndefined()
})

test('an empty region is not one', () => {
  const names = ['server..nomad', 'server.a..b.nomad', 'client..nomad', 'server.a.b.nomad']
  const subjectAltName = names.map((value) => ({ type: 'dns', value }) as const)
  const one = changed({ subject: { ...server.subject, attributes: [] }, subjectAltName })
  expect(rolesOf(one)).toEqual(['server of a.b'])
})

test.each([
  ['any purpose', changed({ extendedKeyUsage: ['any'] })],
  ['no purpose', changed({ extendedKeyUsage: undefined })],
])('%s is enough', (_, one) => {
  expect(refusalOf(one, now)).toBeUndefined()
})

test('an operator needs clientAuth alone, and may have an Ed25519 key', () => {
  const one = changed({
    subject: { ...server.subject, attributes: [] },
    subjectAltName: [{ type: 'dns', value: 'cli.global.nomad' }],
    publicKey: generateKeySync('ed25519').publicKey,
    extendedKeyUsage: ['clientAuth'],
  })
  expect(rolesOf(one)).toEqual(['operator of global'])
  expect(refusalOf(one, now)).toBeUndefined()
})
