import { expect, test } from 'vitest'
import type { Ledger } from '../../src/inventory/ledger.js'
import { recordedSignatures } from '../../src/inventory/recorded-signatures.js'
import { fingerprintOf, type Certificate } from '../../src/x509/certificate.js'

const certificate = (byte: number): Certificate =>
  ({ der: Uint8Array.of(byte) }) as unknown as Certificate
const [leaf, root, crossed, other] = [1, 2, 3, 4].map(certificate) as [
  Certificate,
  Certificate,
  Certificate,
  Certificate,
]
const made = (event: string, address: string, of: Certificate, more: object = {}): object => ({
  ...{ event, address, fingerprint: fingerprintOf(of) },
  ...more,
})
const issuer = { issuer: 'authority/agent/2' }
const both = [
  made('authority', 'authority/agent/2', root),
  made('crossed', 'authority/agent/2', crossed, { by: 'authority/agent/1' }),
]
const answer = (events: readonly object[], by = root, fault?: Ledger['fault']): boolean =>
  recordedSignatures({ events, fault } as unknown as Ledger)(leaf, by)

test('a certificate that was issued here, by the authority that is recorded, or as which it is crossed', () => {
  const events = [...both, made('issued', 'identity/server/global/s1', leaf, issuer)]
  expect(answer(events)).toBe(true)
  expect(answer(events, crossed)).toBe(true)
})

test.each<[string, readonly object[], Certificate?, Ledger['fault']?]>([
  ['nothing is recorded', []],
  ['the authority is another one', [...both, made('issued', 's1', leaf, issuer)], other],
  ['the line names another authority', [...both, made('issued', 's1', leaf, { issuer: 'x' })]],
  ['the certificate is another one', [...both, made('issued', 's1', other, issuer)]],
  ['the line came from files', [...both, made('issued', 's1', leaf, { ...issuer, healed: true })]],
  ['another tool made it', [...both, made('adopted', 's1', leaf, issuer)]],
  [
    'the line of the authority came from files',
    [
      made('authority', 'authority/agent/2', root, { healed: true }),
      made('issued', 's1', leaf, issuer),
    ],
  ],
  [
    'another certificate was put in its place, and a killed run told of it',
    [
      ...both,
      made('issued', 's1', leaf, issuer),
      made('authority', 'authority/agent/2', other, { healed: true }),
    ],
    other,
  ],
  [
    'the authority has had two certificates',
    [
      ...both,
      made('issued', 's1', leaf, issuer),
      made('authority', 'authority/agent/2', other, { adopted: true }),
    ],
    other,
  ],
  [
    'the chain of the ledger breaks',
    [...both, made('issued', 's1', leaf, issuer)],
    root,
    { line: 9 } as Ledger['fault'],
  ],
])('not where %s', (_, events, by, fault) => {
  expect(answer(events, by ?? root, fault)).toBe(false)
})
