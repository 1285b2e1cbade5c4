/**
 * Signers that lie, hang, die or talk too much, through the whole command: refused in words, and nothing is
 * half-written. And a test that watches where secrets go.
 */

import { createHash, generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { encodeSshKey, sshFingerprint, sshString } from '../../src/keys/ssh.js'
import { unlockKey } from '../../src/keys/unlock-key.js'
import {
  fakeAgent,
  honest,
  signature,
  sshSign,
  type FakeAgent,
  type Handler,
} from '../issuers/fake-ssh-agent.js'
import { cli, folder, type Said } from './cli.js'

const agents: FakeAgent[] = []
afterEach(() => {
  for (const agent of agents.splice(0)) agent.close()
})

function specOf(signer: string, more = ''): string {
  return `version: 1
cluster: acme
authorities: { agent: { signer: ${signer}${more} } }
regions:
  global:
    servers: { s1: {}, s2: {} }
`
}

/** Every file of a store with the digest of its content, but for the ledger. */
function treeOf(place: string): readonly string[] {
  return fs
    .readdirSync(path.join(place, 'pki'), { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.lstatSync(path.join(place, 'pki', name)).isFile())
    .filter((name) => name !== 'ledger.jsonl')
    .map((name) => {
      const bytes = fs.readFileSync(path.join(place, 'pki', name))
      return `${name} ${createHash('sha256').update(bytes).digest('hex')}`
    })
    .sort()
}

/** A program that signs with the key beside it, as `behaviour` in its folder says. */
const program = `const { createPrivateKey, createPublicKey, generateKeyPairSync, sign } = require('node:crypto')
const fs = require('node:fs')
const key = createPrivateKey(fs.readFileSync('key'))
const { NOMAD_PKI_OPERATION: operation, NOMAD_PKI_HASH: hash } = process.env
if (operation !== 'sign') {
  process.stdout.write(createPublicKey(key).export({ type: 'spki', format: 'pem' }))
  process.exit(0)
}
const bytes = fs.readFileSync(0)
const good = () => sign(hash, bytes, key)
const other = (kind, options) => sign(hash, bytes, generateKeyPairSync(kind, options).privateKey)
const does = {
  signs: () => process.stdout.write(good()),
  'is slow': () => setTimeout(() => process.stdout.write(good()), 300),
  'signs with another key': () => process.stdout.write(other('ec', { namedCurve: 'P-256' })),
  'signs other bytes': () => process.stdout.write(sign(hash, Buffer.from('other'), key)),
  'signs by another hash': () => process.stdout.write(sign('sha512', bytes, key)),
  'signs with another algorithm': () => process.stdout.write(other('rsa', { modulusLength: 2048 })),
  'answers twice': () => process.stdout.write(Buffer.concat([good(), good()])),
  'gives a part': () => process.stdout.write(good().subarray(0, 40)),
  'is silent': () => undefined,
  fails: () => { process.stderr.write('PIN locked'); process.exit(7) },
  hangs: () => setInterval(() => undefined, 1000),
  dies: () => process.kill(process.pid, 'SIGKILL'),
  floods: () => { for (;;) fs.writeSync(1, Buffer.alloc(65536)) },
  'floods its complaints': () => {
    for (let at = 0; at < 100; at += 1) fs.writeSync(2, Buffer.alloc(65536, 'x'))
    process.exit(1)
  },
}
does[fs.readFileSync('behaviour', 'utf8')]()
`

async function refused(
  place: string,
  run: (line: string) => Promise<Said>,
  message: RegExp,
  restore: () => void,
): Promise<void> {
  const before = treeOf(place)
  const said = await run('rotate leaves --all --yes')
  expect(said.stdout + said.stderr).toMatch(message)
  expect([1, 3]).toContain(said.status)
  expect(treeOf(place)).toEqual(before)
  // The same command goes on when the signer is honest again.
  restore()
  const again = await run('rotate leaves --all --yes')
  expect(again.status, again.stderr).toBe(0)
  const verified = await run('verify')
  expect(verified.status, verified.stderr).toBe(0)
}

describe('a command that signs', () => {
  test.each<[behaviour: string, RegExp]>([
    ['signs with another key', /its signature is not by the authority’s key/],
    ['signs other bytes', /its signature is not by the authority’s key/],
    ['signs by another hash', /its signature is not by the authority’s key/],
    ['signs with another algorithm', /wrote 256 bytes and not one ECDSA signature/],
    ['answers twice', /bytes and not one ECDSA signature/],
    ['gives a part', /wrote 40 bytes and not one ECDSA signature/],
    ['is silent', /ended well and wrote nothing/],
    ['fails', /exited with 7: PIN locked/],
    ['hangs', /did not answer within 1s and was ended/],
    ['dies', /was killed \(SIGKILL\)/],
    ['floods', /wrote more than 16384 bytes and was ended/],
    ['floods its complaints', /exited with 1: …x+/],
  ])('%s: refused in words, and nothing is half-written', async (behaviour, message) => {
    const place = folder({ 'cluster.yaml': specOf('command'), behaviour: 'signs' })
    const key = generateKeySync('ecdsa-p256')
    fs.writeFileSync(path.join(place, 'key'), encodePrivateKey(key), { mode: 0o600 })
    const patience = (timeout: string): void =>
      fs.writeFileSync(
        path.join(place, 'nomad-pki.local.yaml'),
        `signers: { agent: { command: [${JSON.stringify(process.execPath)}, ./sign.cjs], timeout: ${timeout} } }\n`,
        { mode: 0o600 },
      )
    patience('60s')
    fs.writeFileSync(path.join(place, 'sign.cjs'), program, { mode: 0o600 })
    const run = (line: string): Promise<Said> => cli(place, line.split(' '))
    await run('init --new-store')
    const made = await run('apply --yes')
    expect(made.status, made.stderr).toBe(0)
    const behave = (how: string): void => fs.writeFileSync(path.join(place, 'behaviour'), how)
    behave(behaviour)
    if (behaviour === 'hangs') patience('1s')
    await refused(place, run, message, () => {
      behave('is slow')
      patience('60s')
    })
  })
})

describe('an SSH agent that signs', () => {
  const key = generateKeySync('ecdsa-p256')
  const stranger = generateKeySync('ecdsa-p256')
  const print = sshFingerprint(encodeSshKey(key.publicKey)!)
  const bytesOf = (message: Buffer): Buffer => {
    const length = message.readUInt32BE(1)
    const at = 5 + length
    return message.subarray(at + 4, at + 4 + message.readUInt32BE(at))
  }
  const rsa = ((): PrivateKey => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return parsePrivateKey(privateKey.export({ type: 'pkcs8', format: 'der' }))
  })()

  test.each<[what: string, (message: Buffer) => ReturnType<Handler>, RegExp]>([
    [
      'another key',
      (message) => signature(sshSign(stranger, bytesOf(message))),
      /a signature that SHA256:.* did not make/,
    ],
    [
      'other bytes',
      () => signature(sshSign(key, Buffer.from('other'))),
      /a signature that SHA256:.* did not make/,
    ],
    [
      'another algorithm',
      (message) => signature(sshSign(rsa, bytesOf(message))),
      /answer cannot be read/,
    ],
    ['two answers', (message) => twice(sshSign(key, bytesOf(message))), /answer cannot be read/],
    ['a flood', () => signature(Buffer.alloc(300_000)), /octets: 1 to 262,144 are taken/],
    ['nothing', () => 'closes', /closed the connection without an answer/],
    ['a refusal', () => Buffer.of(5), /did not sign with SHA256:/],
  ])('%s: refused in words, and nothing is half-written', async (_what, lie, message) => {
    const place = folder({
      'cluster.yaml': specOf('ssh-agent', `, sshKey: "${print}"`),
    })
    let lies = false
    const good = honest(key)
    const agent = await fakeAgent((asked) => (lies && asked[0] === 13 ? lie(asked) : good(asked)))
    agents.push(agent)
    const env = { SSH_AUTH_SOCK: agent.socket }
    const run = (line: string): Promise<Said> => cli(place, line.split(' '), { env })
    await run('init --new-store')
    const made = await run('apply --yes')
    expect(made.status, made.stderr).toBe(0)
    lies = true
    await refused(place, run, message, () => (lies = false))
  })

  function twice(one: Buffer): Buffer {
    return Buffer.concat([signature(one), sshString(one)])
  }
})

test('no key and no passphrase is in an argument, the environment, a log, an error or a file of the store', async () => {
  const old = 'correct horse battery'
  const next = 'staple of another kind'
  const place = folder({
    'cluster.yaml': specOf('encrypted'),
    old: `${old}\n`,
    next: `${next}\n`,
    wrong: 'nobody knows this\n',
  })
  // What each command gets is noted: its arguments, its environment and its input.
  const watch = (then: string): string =>
    `#!/bin/sh\n{ printf '%s\\n' "$@"; env; cat; } >> "$WATCHED"\n${then}\n`
  fs.writeFileSync(path.join(place, 'give'), watch('exec cat "$1"'), { mode: 0o700 })
  const watched = path.join(place, 'watched')
  const env = { WATCHED: watched, PATH: '/usr/bin:/bin' }
  const source = (name: string): void => {
    fs.writeFileSync(
      path.join(place, 'nomad-pki.local.yaml'),
      `passphrases: { agent: { command: [./give, ${name}] } }\n`,
    )
    fs.chmodSync(path.join(place, 'nomad-pki.local.yaml'), 0o600)
  }
  const said: string[] = []
  const run = async (line: string): Promise<number> => {
    const one = await cli(place, line.split(' '), { env })
    said.push(one.stdout, one.stderr)
    return one.status
  }
  const keyFile = path.join(place, 'pki/authority/agent/1/ca-key.pem')
  source('old')
  expect(await run('init --new-store')).toBe(0)
  expect(await run('apply --yes')).toBe(0)
  const secret = parsePrivateKey(unlockKey(fs.readFileSync(keyFile), old)).pkcs8
  const fd = fs.openSync(path.join(place, 'next'), 'r')
  expect(await run(`authority encrypt --change-passphrase --new-passphrase-fd ${fd}`)).toBe(0)
  fs.closeSync(fd)
  expect(await run('rotate leaves --all --yes --json')).toBe(1)
  source('wrong')
  expect(await run('authority encrypt')).toBe(3)
  source('next')
  expect(await run('rotate leaves --all --yes --json')).toBe(0)
  expect(await run('authority show')).toBe(0)
  // New certificates, which no agent was seen with.
  expect(await run('status --long')).toBe(2)
  // Of the two forms in which a key can be seen: its own number, and the PEM of all of it.
  const scalar = Buffer.from(secret).subarray(36, 68)
  const forms = [
    ...[old, next, 'nobody knows this'].flatMap((one) => [
      one,
      Buffer.from(one).toString('base64').slice(0, 20),
      Buffer.from(one).toString('hex'),
    ]),
    scalar.toString('hex'),
    scalar.toString('base64').slice(0, 40),
    Buffer.from(secret).toString('base64').slice(48, 88),
    scalar.toString('latin1'),
  ]
  const seen = fs.readFileSync(watched, 'latin1')
  expect(seen).toContain('NOMAD_PKI_OPERATION=passphrase')
  const places: readonly (readonly [string, string])[] = [
    ['what was said', said.join('\n')],
    ['what commands got', seen],
    ...fs
      .readdirSync(path.join(place, 'pki'), { recursive: true, encoding: 'utf8' })
      .filter((name) => fs.lstatSync(path.join(place, 'pki', name)).isFile())
      .map((name) => [name, fs.readFileSync(path.join(place, 'pki', name), 'latin1')] as const),
  ]
  expect(places.length).toBeGreaterThan(8)
  for (const [name, text] of places) {
    for (const form of forms) expect(text.includes(form), `a secret in ${name}`).toBe(false)
  }
})
