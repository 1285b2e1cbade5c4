import { describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import type { AuthorityKey, Issuers } from '../../src/authority/issuers.js'
import { prepare, prepareRoot } from '../../src/authority/prepare.js'
import { rehearsalIssuers } from '../../src/issuers/rehearsal-issuers.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { verifySignature } from '../../src/x509/signature.js'

const day = 86_400_000
const now = Date.UTC(2026, 10, 26)
const authority = { name: 'agent', generation: 1, algorithm: 'ecdsa-p256' } as const
const request = { subject: { commonName: 'Acme' }, lifetime: 3650 * day }
const leaf = {
  role: 'client',
  region: 'global',
  publicKey: generateKeySync('ecdsa-p256').publicKey,
  lifetime: 90 * day,
} as const

interface Put {
  readonly key?: string
  readonly certificate?: string
}

/** What was put under `agent/1`. */
function keptBy(key: AuthorityKey, certificate: string): Put {
  const all: Put[] = []
  key.keep(
    {
      putAuthority(name, generation, files) {
        expect([name, generation]).toEqual(['agent', 1])
        all.push(files)
      },
    },
    certificate,
  )
  expect(all).toHaveLength(1)
  return all[0]!
}

describe.each<[what: string, issuers: () => Issuers]>([
  ['keys of the store', () => storeIssuers(memoryStore())],
  ['rehearsal keys', rehearsalIssuers],
])('the port to the authorities: %s', (_what, issuers) => {
  test('a new key certifies itself, is kept with the certificate, and then signs leaves', async () => {
    const key = await issuers().begin(authority)
    const { certificate } = await issue(prepareRoot(request, key, { now }))
    expect(verifySignature(certificate, certificate)).toBe(true)
    const files = keptBy(key, encodeCertificate(certificate))
    expect(files.certificate).toBe(encodeCertificate(certificate))
    expect(files.key).toMatch(/^-----BEGIN PRIVATE KEY-----/)
    const issuer = await key.open([certificate])
    expect(issuer).toMatchObject({ name: 'agent', certificate, above: [], chain: [] })
    const issued = await issue(prepare(leaf, issuer, { now }))
    expect(verifySignature(issued.certificate, certificate)).toBe(true)
  })

  test('what is handed on does not show the key', async () => {
    const key = await issuers().begin(authority)
    const { certificate } = await issue(prepareRoot(request, key, { now }))
    const secret = keptBy(key, '').key!.split('\n')[2]!
    for (const shown of [key, await key.open([certificate])]) {
      expect(JSON.stringify(shown)).not.toContain(secret)
      expect(Object.values(shown).some((value) => value instanceof Uint8Array)).toBe(false)
    }
  })
})

test('the key that an interrupted run had made is used, unless the spec asks for another kind', async () => {
  const made = generateKeySync('ecdsa-p256')
  const store = memoryStore({
    exists: true,
    authorities: [
      {
        name: 'agent',
        generation: 1,
        key: { bytes: Buffer.from(encodePrivateKey(made)) },
        crossed: new Map(),
      },
    ],
    bundles: [],
    identities: [],
    findings: [],
  })
  const again = await storeIssuers(store).begin(authority)
  expect(again.publicKey.spki).toEqual(made.publicKey.spki)
  const other = await storeIssuers(store).begin({ ...authority, algorithm: 'ecdsa-p384' })
  expect(other.publicKey.algorithm).toBe('ecdsa-p384')
})
