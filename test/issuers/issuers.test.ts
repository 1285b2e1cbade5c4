import { describe, expect, test } from 'vitest'
import { createRoot } from '../../src/issuers/create-root.js'
import { issue } from '../../src/authority/issue.js'
import { prepare, prepareIntermediate } from '../../src/authority/prepare.js'
import { isNomadPkiError } from '../../src/errors.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { rehearsalIssuer } from '../../src/issuers/rehearsal.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { verifySignature } from '../../src/x509/signature.js'

const day = 86_400_000
const now = Date.UTC(2026, 5, 1)
const key = generateKeySync('ecdsa-p384')
const { certificate } = await createRoot(
  { subject: { commonName: 'Acme' }, lifetime: 3650 * day, key },
  { now },
)
const leafKey = generateKeySync('ecdsa-p256')
const request = {
  role: 'client',
  region: 'global',
  publicKey: leafKey.publicKey,
  lifetime: 90 * day,
} as const

describe('a held issuer', () => {
  const held = heldIssuer({ certificate, key })

  test('has the name of its certificate unless it is given another, and no chain where it is a root', () => {
    expect(held.name).toBe('Acme')
    expect(heldIssuer({ certificate, key, name: 'agent' }).name).toBe('agent')
    expect(held.chain).toEqual([])
  })

  test('puts every intermediate into the chain, and no root', async () => {
    const lowKey = generateKeySync('ecdsa-p256')
    const low = await issue(
      prepareIntermediate(
        {
          subject: { commonName: 'low' },
          publicKey: lowKey.publicKey,
          lifetime: day * 900,
          regions: ['global'],
        },
        held,
        { now },
      ),
    )
    const parts = { certificate: low.certificate, key: lowKey, above: [certificate] }
    expect(heldIssuer(parts).chain).toEqual([low.certificate])
    const issued = await issue(prepare(request, heldIssuer(parts), { now }))
    expect(issued.chain).toEqual([issued.certificate, low.certificate])
  })

  test('refuses a key that is not the certificate’s, also one that only says so', () => {
    const codeOf = (other: typeof key): string => {
      try {
        heldIssuer({ certificate, key: other })
        return 'none'
      } catch (error) {
        if (isNomadPkiError(error)) return error.code
        throw error
      }
    }
    const stranger = generateKeySync('ecdsa-p384')
    expect(codeOf(stranger)).toBe('ERR_KEY_MISMATCH')
    expect(codeOf({ ...stranger, publicKey: key.publicKey })).toBe('ERR_KEY_MISMATCH')
    expect(codeOf({ ...key, pkcs8: Buffer.alloc(8) })).toBe('ERR_KEY_MALFORMED')
  })

  test('signs several at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, () => issue(prepare(request, held, { now }))),
    )
    expect(new Set(all.map((issued) => issued.certificate.serial)).size).toBe(20)
    for (const issued of all) expect(verifySignature(issued.certificate, certificate)).toBe(true)
  })
})

describe('a rehearsal', () => {
  test('gives everything but a valid signature', async () => {
    const issued = await issue(prepare(request, rehearsalIssuer({ certificate }), { now }))
    expect(issued.certificate.issuer).toEqual(certificate.subject)
    expect(issued.certificate.signature.length).toBeGreaterThan(90)
    expect(verifySignature(issued.certificate, certificate)).toBe(false)
  })

  test('never gets by as the real thing', async () => {
    const rehearsal = rehearsalIssuer({ certificate })
    const passed = { ...rehearsal, signatures: 'foreign' } as const
    await expect(issue(prepare(request, passed, { now }))).rejects.toMatchObject({
      code: 'ERR_CORRESPONDENCE',
    })
  })
})
