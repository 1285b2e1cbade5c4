import { expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { refusalOf, rolesOf } from '../../src/nomad/taken-as.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { agent, build, root, type Draft } from '../lint/draft.js'

const now = Date.UTC(2026, 5, 1)
const certificate = (draft: Draft): Certificate => parseCertificate(build(draft))
const server = certificate(agent('server', 'global'))
/** Another certificate in one respect. */
const changed = (change: Partial<Certificate>): Certificate => ({ ...server, ...change })

test('nothing speaks against a good one', () => {
  expect(refusalOf(server, now)).toBeUndefined()
  expect(rolesOf(server)).toEqual(['server of global'])
  expect(refusalOf(certificate(root()), now)).toBeUndefined()
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
])('%s', (_, one, why) => {
  expect(refusalOf(one, now)).toBe(why)
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
