/** Folders with encrypted keys and PKCS#12 files: the passphrase is in a file, behind a descriptor, or typed. */

import { createPrivateKey } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { fixture, stateOf } from '../adoption/folders.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { makePkcs12 } from '../../src/x509/make-pkcs12.js'
import { cli, folder, type Said } from './cli.js'

const passphrase = 'correct horse'
const tool = (file: string): string =>
  fs.readFileSync(path.join(fixture('nomad-tls'), file), 'utf8')

const locked = (file: string, word = passphrase): string =>
  createPrivateKey(tool(file)).export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: word },
  }) as string

const pkcs12 = (name: string, password: string): Uint8Array =>
  makePkcs12({
    key: parsePrivateKey(tool(`${name}-key.pem`)),
    certificates: parseCertificates(tool(`${name}.pem`)),
    friendlyName: name,
    password,
  })

/** The authority's key encrypted, and the server's pair in one PKCS#12 file. */
function world(words: { key?: string; pair?: string } = {}): string {
  return folder({
    'old/ca.pem': tool('nomad-agent-ca.pem'),
    'old/ca-key.pem': locked('nomad-agent-ca-key.pem', words.key),
    'old/server.p12': pkcs12('global-server-nomad', words.pair ?? passphrase),
    word: `${passphrase}\n`,
  })
}

interface Document {
  readonly authorities: readonly { key: boolean }[]
  readonly identities: readonly { address: string }[]
  readonly leftOut: readonly { place: string; code: string; message: string; hint: string }[]
}
const documentOf = ({ stdout }: Said): Document => JSON.parse(stdout) as Document

const all = {
  authorities: [{ key: true }],
  identities: [{ address: 'identity/server/global/s1' }],
  leftOut: [],
}

test('the passphrase in a file opens keys and PKCS#12 files, and the store has them open', async () => {
  const cwd = world()
  const before = stateOf(path.join(cwd, 'old'))
  const adopted = await cli(cwd, ['adopt', 'old', '--passphrase-file', 'word', '--json'])
  expect(documentOf(adopted)).toMatchObject(all)
  expect(stateOf(path.join(cwd, 'old'))).toEqual(before)
  expect(adopted.stdout + adopted.stderr).not.toContain(passphrase)
  const plan = await cli(cwd, ['plan'])
  expect([plan.status, plan.stdout]).toEqual([0, 'nothing to do\n'])
  expect(await cli(cwd, ['verify'])).toMatchObject({ status: 0 })
})

test('one answer on the terminal is tried on the other files as well', async () => {
  const cwd = world()
  const adopted = await cli(cwd, ['adopt', 'old', '--json'], {
    terminal: true,
    input: `wrong\n${passphrase}\n`,
  })
  expect(documentOf(adopted)).toMatchObject(all)
  expect(adopted.stderr.match(/passphrase of /g)).toHaveLength(2)
  expect(adopted.stderr).toContain('this passphrase does not open it')
})

test('an empty line leaves a file out', async () => {
  const cwd = world({ pair: 'another word' })
  const adopted = await cli(cwd, ['adopt', 'old', '--json'], {
    terminal: true,
    input: `${passphrase}\n\n`,
  })
  expect(documentOf(adopted)).toMatchObject({
    authorities: [{ key: true }],
    identities: [],
    leftOut: [{ place: 'old/server.p12', code: 'adoption/encrypted' }],
  })
})

test('three wrong passphrases end it, and nothing was written', async () => {
  const cwd = world()
  const adopted = await cli(cwd, ['adopt', 'old'], { terminal: true, input: 'a\nb\nc\nd\n' })
  expect(adopted.status).toBe(1)
  expect(adopted.stderr).toContain(
    'three wrong passphrases for old/ca-key.pem: nothing was adopted',
  )
  expect(fs.readdirSync(cwd).sort()).toEqual(['old', 'word'])
})

test('a passphrase that opens nothing is an error; one that opens a part tells what stays closed', async () => {
  const none = world({ key: 'another word', pair: 'another word' })
  const failed = await cli(none, ['adopt', 'old', '--passphrase-file', 'word'])
  expect(failed.status).toBe(1)
  expect(failed.stderr).toContain('the passphrase opens none of old/ca-key.pem, old/server.p12')
  expect(fs.readdirSync(none).sort()).toEqual(['old', 'word'])

  const part = world({ key: 'another word' })
  const adopted = await cli(part, ['adopt', 'old', '--passphrase-file', 'word', '--json'])
  expect(documentOf(adopted)).toMatchObject({
    authorities: [{ key: false }],
    identities: all.identities,
    leftOut: [{ place: 'old/ca-key.pem', code: 'adoption/encrypted' }],
  })
})

test('without a terminal and without a file they are left out, with what to do', async () => {
  const cwd = world()
  const adopted = await cli(cwd, ['adopt', 'old', '--json'])
  expect(adopted.status).toBe(0)
  expect(documentOf(adopted).leftOut).toMatchObject([
    { place: 'old/ca-key.pem', message: 'the private key is encrypted' },
    { place: 'old/server.p12', message: 'it is a PKCS#12 file with a password' },
  ])
  expect(documentOf(adopted).leftOut[0]!.hint).toContain('--passphrase-file FILE')
})

test('a PKCS#12 file without a password needs none', async () => {
  const cwd = folder({
    'old/ca.pem': tool('nomad-agent-ca.pem'),
    'old/server.p12': fs.readFileSync(new URL('fixtures/no-password.p12', import.meta.url)),
  })
  expect(documentOf(await cli(cwd, ['adopt', 'old', '--json']))).toMatchObject({
    identities: all.identities,
    leftOut: [],
  })
})

test('the passphrase of standard input', async () => {
  const cwd = world()
  const adopted = await cli(cwd, ['adopt', 'old', '--passphrase-fd', '0', '--json'], {
    input: `${passphrase}\n`,
  })
  expect(documentOf(adopted)).toMatchObject(all)
})

test.each(['1', '2', 'x', '-1', ''])('--passphrase-fd %j is refused', async (number) => {
  const cwd = world()
  const adopted = await cli(cwd, ['adopt', 'old', `--passphrase-fd=${number}`])
  expect(adopted.status).toBe(64)
})
