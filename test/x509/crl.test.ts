import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isNomadPkiError } from '../../src/errors.js'
import { pemBlocks } from '../../src/keys/pem.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { parseCrl, type RevocationList } from '../../src/x509/crl.js'
import { assembleCertificate } from '../../src/x509/encode.js'
import { revocationReasons, type RevocationReason } from '../../src/revocation-reasons.js'
import { encodeTbsCrl, type CrlEntry } from '../../src/x509/make-crl.js'
import { formatName } from '../../src/x509/name.js'
import { isSignedBy } from '../../src/x509/signature.js'

const vector = (name: string): Buffer =>
  readFileSync(new URL(`../vectors/openssl-crl/${name}`, import.meta.url))
const list = (name: string): RevocationList => parseCrl(pemBlocks(vector(name).toString())[0]!.der)
const certificate = (name: string): ReturnType<typeof parseCertificates>[number] =>
  parseCertificates(vector(name).toString())[0]!

describe('a revocation list that OpenSSL made', () => {
  test('says whose it is, since when, and what is revoked', () => {
    const two = list('two.pem')
    expect(formatName(two.issuer)).toBe('CN=crl test CA')
    expect(new Date(two.thisUpdate).getUTCFullYear()).toBe(2026)
    expect(two.nextUpdate! - two.thisUpdate).toBe(36_500 * 86_400_000)
    expect([...two.revoked].sort()).toEqual(
      ['leaf-7f01.pem', 'leaf-ff02.pem'].map((name) => certificate(name).serial),
    )
    expect(isSignedBy(two, certificate('ca.pem').publicKey)).toBe(true)
    expect(parseCrl(vector('two.der'))).toEqual(two)
  })

  test('may revoke nothing', () => {
    expect(list('empty.pem').revoked.size).toBe(0)
  })
})

describe('is not a revocation list', () => {
  const code = (bytes: Uint8Array): string => {
    try {
      parseCrl(bytes)
      return 'none'
    } catch (error) {
      if (isNomadPkiError(error)) return error.code
      throw error
    }
  }

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a certificate', Buffer.from(certificate('ca.pem').der)],
    ['a torn list', vector('two.der').subarray(0, 200)],
    ['a list with something behind it', Buffer.concat([vector('two.der'), Buffer.of(0)])],
  ])('%s', (_, bytes) => {
    expect(code(bytes)).toBe('ERR_CERTIFICATE_MALFORMED')
  })

  test('and nothing else comes of what is damaged (each octet in turn)', () => {
    const bytes = vector('two.der')
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << (at % 8)
      expect(['none', 'ERR_CERTIFICATE_MALFORMED', 'ERR_NAME_INVALID']).toContain(code(damaged))
    }
  })
})

describe('a list that is written here', () => {
  const issuer = certificate('ca.pem')
  const at = Date.UTC(2026, 10, 27, 12, 30, 15)
  const written = (entries: readonly CrlEntry[], number = 300): RevocationList =>
    parseCrl(
      assembleCertificate(
        encodeTbsCrl({
          signatureIdentifier: Buffer.from('300a06082a8648ce3d040302', 'hex'),
          issuer: issuer.subject.der,
          thisUpdate: at,
          // From 2050 on a list has the longer form of time (RFC 5280 §5.1.2.5).
          nextUpdate: Date.UTC(2051, 0, 1),
          number,
          keyIdentifier: issuer.subjectKeyIdentifier!,
          entries,
        }),
        Buffer.from('300a06082a8648ce3d040302', 'hex'),
        Buffer.of(0),
      ),
    )

  test('is read as it was written', () => {
    const reasons = Object.keys(revocationReasons) as RevocationReason[]
    const entries = reasons.map((reason, index) => ({ serial: `ff0${index}`, at, reason }))
    const back = written(entries)
    expect(back.entries).toEqual(
      entries.map(({ serial, reason }) =>
        // An absent reason says the same as `unspecified` (RFC 5280 §5.3.1).
        reason === 'unspecified' ? { serial, at } : { serial, at, reason },
      ),
    )
    expect(back).toMatchObject({ thisUpdate: at, nextUpdate: Date.UTC(2051, 0, 1), number: '012c' })
    expect(back.issuer.der).toEqual(issuer.subject.der)
  })

  test.each([2 ** 32, Number.MAX_SAFE_INTEGER])('has a number beyond 32 bits: %d', (number) => {
    expect(Number.parseInt(written([], number).number!, 16)).toBe(number)
  })

  test('leaves out the entries where nothing is revoked', () => {
    const empty = written([], 1)
    expect([empty.entries, empty.number]).toEqual([[], '01'])
  })
})
