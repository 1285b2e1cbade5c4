/** A key that waits for its certificate: dead at each call, the next run has both or knows that it has not. */

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
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

test.each<[string, { noted?: string; left: string; there?: string }, string | undefined]>([
  ['that its last line notes', { left: 'ours' }, 'ours'],
  ['where the ledger has no line of it', { noted: undefined, left: 'ours' }, undefined],
  ['that is another one than its line notes', { left: 'other' }, undefined],
  ['that is damaged', { left: 'damaged' }, undefined],
  ['that is a folder', { left: 'folder' }, undefined],
  ['beside one that is there', { left: 'ours', there: 'other' }, 'other'],
])('a certificate that a killed run left beside a key, %s', async (_what, world, found) => {
  const { certificate: another } = await createRoot(
    { subject: { commonName: 'root' }, lifetime: 86_400_000, key },
    { now: now + 1000 },
  )
  const texts: Record<string, string> = {
    ours: encodeCertificate(certificate),
    other: encodeCertificate(another),
    damaged: '-----BEGIN CERTIFICATE-----\n',
  }
  const location = path.join(mkdtempSync(path.join(tmpdir(), 'waiting ')), 'pki')
  made.push(path.dirname(location))
  const store = directoryStore(location, { files: hastyFiles, git: 'ignore' })
  const lock = await store.lock()
  const begun = store.batch()
  begun.putAuthority('low', 1, { key: encodePrivateKey(key) })
  if (!('noted' in world)) {
    const fingerprint = fingerprintOf(certificate)
    begun.record({ event: 'authority', address: 'authority/low/1', at: now, fingerprint })
  }
  begun.record({ event: 'authority', address: 'authority/low/2', at: now, fingerprint: 'x' })
  await begun.commit()
  const place = path.join(location, 'authority/low/1')
  if (world.there !== undefined) writeFileSync(path.join(place, 'ca.pem'), texts[world.there]!)
  const left = path.join(place, '.new-ca.pem')
  if (world.left === 'folder') mkdirSync(left)
  else writeFileSync(left, texts[world.left]!)
  await lock.release()

  const next = directoryStore(location, { files: hastyFiles, git: 'ignore' })
  const held = await next.lock()
  const said = await next.heal()
  await held.release()
  expect(said.map(({ address, reason, message }) => [address, reason, message])).toEqual([
    found === world.left
      ? [
          'authority/low/1',
          'unfinished',
          'authority/low/1/ca.pem was whole, and was put into place',
        ]
      : [
          'authority/low/1',
          'left-over',
          'removed authority/low/1/.new-ca.pem, which an interrupted run left',
        ],
  ])
  expect(readdirSync(place).sort()).toEqual(
    found === undefined ? ['ca-key.pem'] : ['ca-key.pem', 'ca.pem'],
  )
  if (found !== undefined) {
    expect(readFileSync(path.join(place, 'ca.pem'), 'utf8')).toBe(texts[found])
  }
})

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
