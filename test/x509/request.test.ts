import { describe, expect, test } from 'vitest'
import forge from 'node-forge'
import { isNomadPkiError } from '../../src/errors.js'
import type { KeyAlgorithm } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { samePublicKey } from '../../src/keys/public-key.js'
import { encodeName, formatName } from '../../src/x509/name.js'
import { encodeRequest, makeRequest, parseRequest } from '../../src/x509/request.js'

const subject = encodeName({ commonName: 'server.global.nomad' })
const names = [
  { type: 'dns', value: 'server.global.nomad' },
  { type: 'ip', value: '10.0.0.1' },
] as const

describe('a request', () => {
  test.each([
    'ecdsa-p256',
    'ecdsa-p384',
    'ecdsa-p521',
    'ed25519',
    'rsa-2048',
  ] satisfies KeyAlgorithm[])('brings its key and its wishes: %s', (algorithm) => {
    const key = generateKeySync(algorithm)
    const der = makeRequest({ subject, key, names })
    for (const form of [der, encodeRequest(der), Buffer.from(encodeRequest(der))]) {
      const read = parseRequest(form)
      expect(formatName(read.subject)).toBe('CN=server.global.nomad')
      expect(samePublicKey(read.publicKey, key.publicKey)).toBe(true)
      expect(read.subjectAltName).toEqual(names)
    }
  })

  test('without wishes', () => {
    const key = generateKeySync('ecdsa-p256')
    expect(parseRequest(makeRequest({ subject, key })).subjectAltName).toBeUndefined()
  })

  test('node-forge reads ours, and we read its', () => {
    const key = generateKeySync('rsa-2048')
    const theirs = forge.pki.certificationRequestFromPem(
      encodeRequest(makeRequest({ subject, key, names })),
    )
    expect(theirs.verify()).toBe(true)
    const made = forge.pki.createCertificationRequest()
    const privateKey = forge.pki.privateKeyFromPem(encodePrivateKey(key))
    made.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e)
    made.setSubject([{ name: 'commonName', value: 'x' }])
    made.setAttributes([
      { name: 'challengePassword', value: 'p' },
      {
        name: 'extensionRequest',
        extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'a.b' }] }],
      },
    ])
    made.sign(privateKey, forge.md.sha256.create())
    const read = parseRequest(forge.pki.certificationRequestToPem(made))
    expect(read.subjectAltName).toEqual([{ type: 'dns', value: 'a.b' }])
    expect(samePublicKey(read.publicKey, key.publicKey)).toBe(true)
  })
})

describe('is refused', () => {
  const key = generateKeySync('ecdsa-p256')
  const der = Buffer.from(makeRequest({ subject, key, names }))
  const codeOf = (input: string | Uint8Array): string => {
    try {
      parseRequest(input)
      return 'none'
    } catch (error) {
      if (isNomadPkiError(error)) return error.code
      throw error
    }
  }

  test('with a signature that is not its key’s', () => {
    const stolen = Buffer.from(der)
    const at = stolen.indexOf(key.publicKey.spki)
    stolen.set(generateKeySync('ecdsa-p256').publicKey.spki, at)
    expect(codeOf(stolen)).toBe('ERR_CERTIFICATE_MALFORMED')
  })

  test('when there are two, or none', () => {
    const pem = encodeRequest(der)
    expect(codeOf(pem + pem)).toBe('ERR_CERTIFICATE_MALFORMED')
    expect(codeOf(encodePrivateKey(key))).toBe('ERR_CERTIFICATE_MALFORMED')
    expect(codeOf('')).toBe('ERR_CERTIFICATE_MALFORMED')
  })

  test('after any single bit is turned', () => {
    for (let at = 0; at < der.length; at += 1) {
      const mutated = Buffer.from(der)
      mutated[at]! ^= 1 << (at % 8)
      expect(codeOf(mutated)).not.toBe('none')
    }
  })
})
