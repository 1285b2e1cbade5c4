/** Folders as nobody should have them: each is read within bounds, and what is not taken is told. */

import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import {
  bitString,
  boolean,
  context,
  contextPrimitive,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from '../../src/der/write.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemBlocks, pemEncode } from '../../src/keys/pem.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { fixture, stateOf } from '../adoption/folders.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000
const tool = (file: string): string =>
  fs.readFileSync(path.join(fixture('nomad-tls'), file), 'utf8')
const whole = {
  'old/ca.pem': tool('nomad-agent-ca.pem'),
  'old/ca-key.pem': tool('nomad-agent-ca-key.pem'),
  'old/s1.pem': tool('global-server-nomad.pem'),
  'old/s1-key.pem': tool('global-server-nomad-key.pem'),
}

interface Document {
  readonly authorities: readonly { from: readonly string[]; key: boolean }[]
  readonly identities: readonly { address: string }[]
  readonly leftOut: readonly { place: string; code: string; message: string }[]
}
const documentOf = ({ stdout }: Said): Document => JSON.parse(stdout) as Document
const leftOut = (said: Document): readonly string[] =>
  said.leftOut.map(({ place, code }) => `${place} ${code}`).sort()

/** Everything that is good in the folder is adopted, and the folder stays as it is. */
async function adopted(files: Readonly<Record<string, string | Uint8Array>>): Promise<Document> {
  const cwd = folder({ ...whole, ...files })
  const before = stateOf(path.join(cwd, 'old'))
  const said = await cli(cwd, ['adopt', 'old', '--json'])
  expect([said.status, said.stderr]).toEqual([0, said.stderr])
  expect(stateOf(path.join(cwd, 'old'))).toEqual(before)
  const document = documentOf(said)
  expect(document.authorities).toMatchObject([{ from: ['old/ca.pem'], key: true }])
  expect(document.identities).toMatchObject([{ address: 'identity/server/global/s1' }])
  expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
  return document
}

test('a key that belongs to nothing', async () => {
  const said = await adopted({ 'old/x.pem': encodePrivateKey(generateKeySync('ecdsa-p384')) })
  expect(leftOut(said)).toEqual(['old/x.pem adoption/key-unmatched'])
})

test('expired roots: beside a living one they are told, alone nothing is adopted', async () => {
  const key = generateKeySync('ecdsa-p256')
  const { certificate } = await createRoot(
    { subject: { commonName: 'Ended CA' }, lifetime: 10 * day, key },
    { now: now - 100 * day },
  )
  const ended = encodeCertificate(certificate) + encodePrivateKey(key)
  expect(leftOut(await adopted({ 'old/ended.pem': ended }))).toEqual([
    'old/ended.pem (1 of 2) adoption/expired',
  ])
  const alone = folder({ 'old/ended.pem': ended })
  const refused = await cli(alone, ['adopt', 'old'])
  expect(refused.status).toBe(1)
  expect(refused.stderr).toContain('no authority in it that lives')
  expect(fs.readdirSync(alone)).toEqual(['old'])
})

test('5,000 unrelated files take seconds, and share a line', async () => {
  const cwd = folder(whole)
  for (let index = 0; index < 5000; index += 1) {
    const at = path.join(cwd, 'old', `d${index % 50}`)
    fs.mkdirSync(at, { recursive: true })
    fs.writeFileSync(path.join(at, `f${index}`), `line ${index}\n`)
  }
  const began = performance.now()
  const said = await cli(cwd, ['adopt', 'old'])
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(said.status).toBe(0)
  expect(said.stdout).toContain('and 4997 more')
  expect(said.stdout.split('\n').length).toBeLessThan(40)
})

test('a link out of the folder and a file of 2 GB are not read', async () => {
  const cwd = folder({ ...whole, 'elsewhere/key.pem': tool('global-client-nomad-key.pem') })
  fs.symlinkSync(path.join(cwd, 'elsewhere/key.pem'), path.join(cwd, 'old/link.pem'))
  fs.writeFileSync(path.join(cwd, 'old/huge.pem'), '')
  fs.truncateSync(path.join(cwd, 'old/huge.pem'), 2 ** 31)
  const began = performance.now()
  const said = documentOf(await cli(cwd, ['adopt', 'old', '--json']))
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(leftOut(said)).toEqual(['old/huge.pem adoption/unread', 'old/link.pem adoption/unread'])
  expect(said.identities).toHaveLength(1)
})

test('text around PEM, a byte order mark and the line ends of Windows change nothing', async () => {
  const cwd = folder({
    'old/ca.pem': `\ufeffsubject=CN = Nomad\r\n${whole['old/ca.pem'].replaceAll('\n', '\r\n')}\r\nthe end`,
    'old/s1.pem': `Bag Attributes\n  friendlyName: s1\n${whole['old/s1.pem']}${whole['old/s1-key.pem']}`,
    'old/ca-key.pem': `\ufeff${whole['old/ca-key.pem'].replaceAll('\n', '\r\n')}`,
  })
  const said = documentOf(await cli(cwd, ['adopt', 'old', '--json']))
  expect([said.authorities[0]!.key, said.identities.length, said.leftOut]).toEqual([true, 1, []])
})

test('DER with bytes behind it is damaged, and says so', async () => {
  const [certificate] = pemBlocks(tool('global-client-nomad.pem'))
  const [key] = pemBlocks(tool('global-client-nomad-key.pem'))
  const said = await adopted({
    'old/c.der': Buffer.concat([certificate!.der, Buffer.from('\n')]),
    'old/k.der': Buffer.concat([key!.der, Buffer.alloc(16)]),
  })
  expect(leftOut(said)).toEqual(['old/c.der adoption/malformed', 'old/k.der adoption/malformed'])
})

/** ML-DSA-65 (FIPS 204; RFC 9881): sizes as they are, content without a meaning. */
const mlDsa = sequence(objectIdentifier('2.16.840.1.101.3.4.3.18'))

function mlDsaCertificate(ca: boolean): Uint8Array {
  const name = sequence(
    setOf(
      sequence(objectIdentifier('2.5.4.3'), utf8String(ca ? 'ML-DSA CA' : 'server.global.nomad')),
    ),
  )
  const constraints = sequence(
    objectIdentifier('2.5.29.19'),
    boolean(true),
    octetString(sequence(...(ca ? [boolean(true)] : []))),
  )
  const names = sequence(
    objectIdentifier('2.5.29.17'),
    octetString(sequence(contextPrimitive(2, Buffer.from('server.global.nomad')))),
  )
  const body = sequence(
    context(0, integer(2)),
    integer(7),
    mlDsa,
    name,
    sequence(time(now - day), time(now + 900 * day)),
    name,
    sequence(mlDsa, bitString(Buffer.alloc(1952, 5))),
    context(3, sequence(constraints, ...(ca ? [] : [names]))),
  )
  return sequence(body, mlDsa, bitString(Buffer.alloc(3309, 9)))
}

test('keys and certificates of ML-DSA are told, beside others and alone', async () => {
  const key = sequence(integer(0), mlDsa, octetString(contextPrimitive(0, Buffer.alloc(32, 1))))
  const files = {
    'old/pq-ca.pem': pemEncode('CERTIFICATE', mlDsaCertificate(true)),
    'old/pq.pem': pemEncode('CERTIFICATE', mlDsaCertificate(false)),
    'old/pq-key.pem': pemEncode('PRIVATE KEY', key),
    'old/pq-key.der': key,
  }
  const said = await adopted(files)
  expect(leftOut(said)).toEqual([
    'old/pq-ca.pem adoption/signs-nothing',
    'old/pq-key.der adoption/key',
    'old/pq-key.pem adoption/key',
    'old/pq.pem adoption/key',
  ])
  const alone = folder(files)
  const only = await cli(alone, ['adopt', 'old'])
  expect(only.stderr).not.toContain('internal')
  expect([0, 1]).toContain(only.status)
})
