/** Authorities' keys behind commands: real programs, honest and not. */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import type { Issuer } from '../../src/authority/issuer.js'
import { prepare, prepareRoot } from '../../src/authority/prepare.js'
import { commandEnvironment, commandIssuers } from '../../src/issuers/command-issuers.js'
import { createRoot } from '../../src/issuers/create-root.js'
import type { KeyAlgorithm, PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { isSignedBy } from '../../src/x509/signature.js'
import { day, issuerContract, leafFor, now } from './contract.js'

const folder = fs.mkdtempSync(path.join(tmpdir(), 'signing command '))
afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

/** Signs with the key beside it; what else it does is in BEHAVIOUR. */
const program = path.join(folder, 'sign.mjs')
fs.writeFileSync(
  program,
  `import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import fs from 'node:fs'
const { env } = process
const key = createPrivateKey(fs.readFileSync(process.argv[2]))
const behaviour = process.argv[3]
if (env.NOMAD_PKI_OPERATION === 'public-key') {
  process.stdout.write(createPublicKey(key).export({ type: 'spki', format: behaviour === 'der' ? 'der' : 'pem' }))
  process.exit(0)
}
const said = [env.NOMAD_PKI_AUTHORITY, env.NOMAD_PKI_GENERATION, env.NOMAD_PKI_KEY, env.NOMAD_PKI_SIGNATURE, env.NOMAD_PKI_HASH].join(' ')
fs.writeFileSync(process.argv[2] + '.asked', said)
if (behaviour === 'closes its input') {
  fs.closeSync(0)
  process.exit(0)
}
if (behaviour === 'fails') {
  process.stderr.write('PIN\\u001b[31m locked\\ncall the \\u202eofficer')
  process.exit(4)
}
if (behaviour === 'dies') process.kill(process.pid, 'SIGKILL')
if (behaviour === 'is silent') process.exit(0)
if (behaviour === 'floods') for (;;) fs.writeSync(1, Buffer.alloc(65536))
if (behaviour === 'hangs') {
  const { spawn } = await import('node:child_process')
  const child = spawn('sleep', ['60'], { stdio: 'inherit' })
  fs.writeFileSync(process.argv[2] + '.child', String(child.pid))
  process.on('SIGTERM', () => undefined)
  setInterval(() => undefined, 1000)
} else {
  const bytes = fs.readFileSync(0)
  const hash = env.NOMAD_PKI_HASH === 'none' ? null : env.NOMAD_PKI_HASH
  const how = behaviour === 'raw' ? { key, dsaEncoding: 'ieee-p1363' } : key
  const of = (what) => sign(hash, what, how)
  if (behaviour === 'lies') process.stdout.write(of(Buffer.from('something else')))
  else if (behaviour === 'answers twice') process.stdout.write(Buffer.concat([of(bytes), of(bytes)]))
  else if (behaviour === 'gives text') process.stdout.write(of(bytes).toString('base64'))
  else process.stdout.write(of(bytes))
}
`,
)

interface Made {
  readonly issuer: Issuer
  readonly key: PrivateKey
  readonly file: string
}

let count = 0
async function made(
  algorithm: KeyAlgorithm,
  behaviour: string,
  timeout: number = 20_000,
): Promise<Made> {
  const key = generateKeySync(algorithm)
  const file = path.join(folder, `key ${(count += 1)}.pem`)
  fs.writeFileSync(file, encodePrivateKey(key), { mode: 0o600 })
  const issuers = commandIssuers({
    cwd: folder,
    env: process.env,
    commandOf: async () => ({ command: [process.execPath, program, file, behaviour], timeout }),
  })
  const { certificate } = await createRoot(
    { subject: { commonName: 'Acme' }, lifetime: 3650 * day, key },
    { now },
  )
  const issuer = await issuers.open({ name: 'agent', generation: 2, path: [certificate] })
  return { issuer, key, file }
}

issuerContract('a key behind a command', async () => ({
  issuer: (await made('ecdsa-p256', 'signs')).issuer,
  authorities: true,
}))

function leaf(issuer: Issuer, signal?: AbortSignal): ReturnType<typeof issue> {
  const prepared = prepare(leafFor(generateKeySync('ecdsa-p256')), issuer, { now })
  return issue(prepared, { signal })
}

test.each<[KeyAlgorithm, string, asked: string]>([
  ['ecdsa-p256', 'signs', 'agent 2 ecdsa-p256 ecdsa sha256'],
  ['ecdsa-p256', 'raw', 'agent 2 ecdsa-p256 ecdsa sha256'],
  ['ecdsa-p384', 'raw', 'agent 2 ecdsa-p384 ecdsa sha384'],
  ['ecdsa-p521', 'raw', 'agent 2 ecdsa-p521 ecdsa sha512'],
  ['rsa-2048', 'signs', 'agent 2 rsa-2048 rsa-pkcs1v15 sha256'],
  ['ed25519', 'signs', 'agent 2 ed25519 ed25519 none'],
])(
  '%s, %s: the command is told what to do, and its signature counts',
  async (algorithm, how, asked) => {
    const { issuer, key, file } = await made(algorithm, how)
    const { certificate } = await leaf(issuer)
    expect(isSignedBy(certificate, key.publicKey)).toBe(true)
    expect(fs.readFileSync(`${file}.asked`, 'utf8')).toBe(asked)
  },
)

describe('a command that misbehaves', () => {
  test.each<[string, code: string, message: RegExp]>([
    [
      'fails',
      'ERR_ISSUER_REFUSED',
      /exited with 4: PIN\\u001b\[31m locked; call the \\u202eofficer$/,
    ],
    ['dies', 'ERR_ISSUER_UNKNOWN', /was killed \(SIGKILL\)/],
    ['is silent', 'ERR_ISSUER_UNKNOWN', /ended well and wrote nothing/],
    ['closes its input', 'ERR_ISSUER_UNKNOWN', /ended well and wrote nothing/],
    ['floods', 'ERR_ISSUER_UNKNOWN', /wrote more than 16384 bytes and was ended/],
    ['answers twice', 'ERR_ISSUER_UNKNOWN', /bytes and not one ECDSA signature/],
    ['gives text', 'ERR_ISSUER_UNKNOWN', /bytes and not one ECDSA signature/],
    ['lies', 'ERR_CORRESPONDENCE', /its signature is not by the authority’s key/],
  ])('one that %s is refused in words', async (behaviour, code, message) => {
    const { issuer } = await made('ecdsa-p256', behaviour)
    const failed = leaf(issuer)
    await expect(failed).rejects.toMatchObject({ code })
    await expect(failed).rejects.toThrow(message)
  })

  test('one that hangs is ended with what it started', async () => {
    const { issuer, file } = await made('ecdsa-p256', 'hangs', 1500)
    await expect(leaf(issuer)).rejects.toThrow(/did not answer within 1.5s and was ended/)
    const child = Number(fs.readFileSync(`${file}.child`, 'utf8'))
    // A zombie that nobody collects still answers to its number: its state tells.
    const state = (): string => {
      try {
        return execFileSync('ps', ['-o', 'stat=', '-p', String(child)], { encoding: 'utf8' }).trim()
      } catch {
        return 'gone'
      }
    }
    await expect.poll(state).toMatch(/^(gone|Z)/)
  })

  test('an abort ends the waiting, and a signature may exist', async () => {
    const { issuer } = await made('ecdsa-p256', 'hangs')
    const controller = new AbortController()
    setTimeout(() => {
      controller.abort()
    }, 500)
    await expect(leaf(issuer, controller.signal)).rejects.toMatchObject({
      code: 'ERR_ISSUER_UNKNOWN',
    })
  })

  test.each<[readonly string[], RegExp]>([
    [['/no-such-folder/program'], /cannot be run: there is no such program/],
    [[folder], /cannot be run: it may not be run/],
  ])('%j', async (command, message) => {
    const key = generateKeySync('ecdsa-p256')
    const { certificate } = await createRoot(
      { subject: { commonName: 'Acme' }, lifetime: 3650 * day, key },
      { now },
    )
    const issuers = commandIssuers({
      cwd: folder,
      env: process.env,
      commandOf: async () => ({ command, timeout: 5000 }),
    })
    const issuer = await issuers.open({ name: 'agent', generation: 1, path: [certificate] })
    await expect(leaf(issuer)).rejects.toMatchObject({ code: 'ERR_ISSUER_REFUSED' })
    await expect(leaf(issuer)).rejects.toThrow(message)
  })
})

test('docs/authority-key.md names each variable of the environment', () => {
  const page = fs.readFileSync(new URL('../../docs/authority-key.md', import.meta.url), 'utf8')
  const named = [...page.matchAll(/^\| `(NOMAD_PKI_[A-Z0-9_]+)` \|/gm)].map(([, name]) => name)
  expect(named).toEqual(Object.keys(commandEnvironment))
})

describe('a key that has no certificate yet', () => {
  const begin = async (
    behaviour: string,
    algorithm: KeyAlgorithm,
    asked: KeyAlgorithm = algorithm,
  ): Promise<unknown> => {
    const key = generateKeySync(algorithm)
    const file = path.join(folder, `key ${(count += 1)}.pem`)
    fs.writeFileSync(file, encodePrivateKey(key), { mode: 0o600 })
    const issuers = commandIssuers({
      cwd: folder,
      env: process.env,
      commandOf: async () => ({
        command: [process.execPath, program, file, behaviour],
        timeout: 20_000,
      }),
    })
    const begun = await issuers.begin({ name: 'agent', generation: 1, algorithm: asked })
    expect(begun.publicKey.spki).toEqual(key.publicKey.spki)
    const root = await issue(
      prepareRoot({ subject: { commonName: 'Acme' }, lifetime: 3650 * day }, begun, { now }),
    )
    const kept: object[] = []
    begun.keep({ putAuthority: (...put) => kept.push(put) }, 'CERTIFICATE')
    expect(kept).toEqual([['agent', 1, { certificate: 'CERTIFICATE' }]])
    const opened = await begun.open([root.certificate])
    return leaf(opened)
  }

  test.each(['pem', 'der'])(
    'says its public key as %s, and the store gets no key',
    async (form) => {
      await begin(form, 'ecdsa-p384')
    },
  )

  test('of another algorithm than the spec says is refused', async () => {
    await expect(begin('pem', 'ecdsa-p384', 'ecdsa-p256')).rejects.toMatchObject({
      code: 'ERR_KEY_MISMATCH',
    })
  })
})
