import { expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepareRoot } from '../../src/authority/prepare.js'
import { heldSigner } from '../../src/issuers/held.js'
import { generateKey } from '../../src/keys/generate.js'
import { verifySignature } from '../../src/x509/signature.js'

test('what looks at a prepared certificate cannot change what is signed', async () => {
  const key = await generateKey('ecdsa-p256')
  const now = Date.UTC(2026, 10, 26)
  const prepared = prepareRoot(
    { subject: { commonName: 'a root' }, lifetime: 86_400_000 },
    heldSigner('a root', key),
    { now },
  )
  const before = Uint8Array.from(prepared.expected.tbs)
  prepared.expected.tbs.fill(0)
  const { certificate } = await issue(prepared)
  expect(Buffer.from(certificate.tbs).equals(before)).toBe(true)
  expect(verifySignature(certificate, certificate)).toBe(true)
})
