/** A key that waits for its certificate: dead at each call, the next run has both or knows that it has not. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createRoot } from '../../src/issuers/create-root.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { readLedger } from '../../src/inventory/ledger.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { hastyFiles, mortal } from './calls.js'

const made: string[] = []
afterAll(() => {
  for (const one of made) rmSync(one, { recursive: true, force: true })
})

const key = generateKeySync('ecdsa-p256')
const now = Date.UTC(2026, 10, 27)
const { certificate } = await createRoot(
  { subject: { commonName: 'root' }, lifetime: 86_400_000, key },
  { now },
)

test('an answer that is taken is whole after every kill', async () => {
  let dead = 0
  for (let at = 1; ; at += 1) {
    const location = path.join(mkdtempSync(path.join(tmpdir(), 'waiting ')), 'pki')
    made.push(path.dirname(location))
    const first = directoryStore(location, { files: hastyFiles, git: 'ignore' })
    const lock = await first.lock()
    const begun = first.batch()
    begun.putAuthority('low', 1, { key: encodePrivateKey(key) })
    await begun.commit()
    await lock.release()
    expect(readdirSync(path.join(location, 'authority/low/1'))).toEqual(['ca-key.pem'])

    const dying = mortal(at, true)
    const second = directoryStore(location, { files: dying.files, git: 'ignore' })
    let killed = false
    try {
      const held = await second.lock()
      const batch = second.batch()
      batch.putAuthority('low', 1, { certificate: encodeCertificate(certificate) })
      batch.record({
        event: 'authority',
        address: 'authority/low/1',
        at: now,
        fingerprint: fingerprintOf(certificate),
      })
      await batch.commit()
      await held.release()
    } catch {
      killed = true
    }
    await hastyFiles.removeTree(path.join(location, '.lock'))
    const third = directoryStore(location, { files: hastyFiles, git: 'ignore' })
    const last = await third.lock({ wait: 0 })
    await third.heal()
    const { authorities, ledger } = await third.read()
    await last.release()
    const noted = readLedger(ledger?.bytes).events.some(({ event }) => event === 'authority')
    expect(authorities[0]!.key).toBeDefined()
    expect(authorities[0]!.certificate !== undefined, `killed at call ${at}`).toBe(noted)
    if (!killed) break
    dead += 1
  }
  expect(dead).toBeGreaterThan(5)
})
