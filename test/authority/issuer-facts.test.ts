/** What limits the certificates of an issuer: its own certificate, and each one above it. */

import { describe, expect, test } from 'vitest'
import { issuerFactsOf, type IssuerFacts } from '../../src/authority/issuer-facts.js'
import { keyIdentifierOf } from '../../src/keys/public-key.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { authorityKeyIdentifier } from '../../src/x509/extensions.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { certify } from '../x509/chains.js'

const { certificate, key } = certify('Acme', { ca: true })

function factsOf(changes: Partial<Certificate>, ...above: Partial<Certificate>[]): IssuerFacts {
  const of = (one: Partial<Certificate>): Certificate => ({ ...certificate, ...one })
  return issuerFactsOf({
    ...heldIssuer({ certificate, key, name: 'agent' }),
    ...{ certificate: of(changes), above: above.map(of) },
  })
}

const codeOf = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('the path of an issuer', () => {
  test.each<readonly [what: string, own: number, root: number]>([
    ['its root begins later', 10, 20],
    ['it begins later than its root', 20, 10],
  ])('%s: what it signs begins with the later one', (_, own, root) => {
    expect(factsOf({ notBefore: own }, { notBefore: root }).notBefore).toBe(20)
  })

  test.each<readonly [what: string, own: number, root: number, by: 'own' | 'root']>([
    ['its root ends first', 20, 10, 'root'],
    ['it ends before its root', 10, 20, 'own'],
    ['both end at once: the nearer one is named', 10, 10, 'own'],
  ])('%s', (_, own, root, by) => {
    const facts = factsOf(
      { notAfter: own, der: Uint8Array.of(1) },
      { notAfter: root, der: Uint8Array.of(2) },
    )
    expect(facts.notAfter).toBe(10)
    expect(facts.endsWith.der).toEqual(Uint8Array.of(by === 'own' ? 1 : 2))
  })
})

test('the identifier of its key: as its certificate has it; where it has none, computed', () => {
  const subjectKeyIdentifier = '010203'
  const { value } = factsOf({ subjectKeyIdentifier }).authorityKeyIdentifier
  expect(value).toEqual(authorityKeyIdentifier(subjectKeyIdentifier).value)
  const computed = factsOf({ subjectKeyIdentifier: undefined }).authorityKeyIdentifier.value
  expect(computed).toEqual(authorityKeyIdentifier(keyIdentifierOf(certificate.publicKey)).value)
})

test('what cannot sign is refused: no authority, no keyCertSign, a key of another kind', () => {
  const of = (changes: Partial<Certificate>): unknown => codeOf(() => factsOf(changes))
  expect(of({ basicConstraints: { ca: false } })).toBe('ERR_ISSUER_REFUSED')
  expect(of({ basicConstraints: undefined })).toBe('ERR_ISSUER_REFUSED')
  expect(of({ keyUsage: ['digitalSignature'] })).toBe('ERR_ISSUER_REFUSED')
  expect(of({ keyUsage: undefined })).toBeTypeOf('object')
  const publicKey = { ...certificate.publicKey, algorithm: undefined, name: 'ed448' }
  expect(() => factsOf({ publicKey })).toThrow(/^agent has a key that is not supported: ed448$/)
  expect(of({ publicKey })).toBe('ERR_KEY_ALGORITHM')
})
