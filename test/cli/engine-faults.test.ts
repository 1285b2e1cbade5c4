/**
 * What can be wrong with an engine, and what a person reads then: what it is, and what to do. The calls themselves and
 * their outcomes: test/engine/client.test.ts.
 */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { engineSpec, namedServer, fromNothing, withToken } from '../engine/cluster.js'
import { fakeEngine, type Called, type FakeEngine, type Scripted } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const run = (line: string, more?: Record<string, string>): Promise<Said> =>
  withToken(engine, place, line, more)
const specText = (origin: string): string =>
  engineSpec({ origin }, { region: { ...namedServer, clients: '{ c1: {}, c2: {}, c3: {} }' } })

beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder({ 'cluster.yaml': specText(engine.origin) })
  await fromNothing(engine, place)
})
afterEach(() => engine.close())

const said = (status: number, ...errors: readonly string[]): Scripted => ({
  status,
  body: { errors },
})
const isRead = ({ path: asked }: Called): boolean => asked.startsWith('pki/nomad/issuer/')
const isSign = ({ path: asked }: Called): boolean => asked.includes('/sign/')

describe('the engine does not tell: a reading command goes on, and says why', () => {
  test.each<[string, Scripted, RegExp]>([
    ['sealed', said(503, 'Vault is sealed'), /the engine is sealed: unseal it/],
    ['a standby without a leader', { status: 307 }, /a standby could not hand the request/],
    [
      'an election',
      said(500, 'local node not active but active cluster node not found'),
      /elects a new leader/,
    ],
    [
      'a rate limit',
      {
        ...said(429, 'request path "pki/nomad": rate limit quota exceeded'),
        headers: { 'Retry-After': '7' },
      },
      /limits the rate: request path "pki\/nomad": rate limit quota exceeded/,
    ],
    ['slow', { status: 200, after: 3_000 }, /gave no answer within 1s/],
    ['a dead token', said(403, 'permission denied'), /expired.*get a new one \(bao login\)/],
    [
      'a token without the policy',
      said(403, '1 error occurred:\n\t* permission denied\n\n'),
      /no policy of the token allows pki\/nomad\/issuer\/us-west-1/,
    ],
  ])('%s', async (_, answer, message) => {
    engine.script = (call) => (isRead(call) ? answer : undefined)
    const { stdout, status } = await run('verify --long', { BAO_CLIENT_TIMEOUT: '1s' })
    expect(stdout).toMatch(message)
    expect(stdout).toContain('was not seen')
    expect(status).toBe(0)
  })

  test('a CA that this machine does not trust', async () => {
    const [rootKey, key] = [generateKeySync('ecdsa-p256'), generateKeySync('ecdsa-p256')]
    const lifetime = 86_400_000
    const { certificate } = await createRoot(
      { subject: { commonName: 'Other' }, lifetime, key: rootKey },
      { now },
    )
    const leaf = { role: 'server', region: 'global', publicKey: key.publicKey, lifetime } as const
    const issuer = heldIssuer({ certificate, key: rootKey })
    const made = await issue(prepare({ ...leaf, beyondIssuer: 'clamp' }, issuer, { now }))
    const other = await fakeEngine({
      tls: { cert: encodeCertificate(made.certificate), key: encodePrivateKey(key) },
    })
    fs.writeFileSync(path.join(place, 'cluster.yaml'), specText(other.origin))
    const { stdout } = await run('verify --long', { BAO_ADDR: other.origin })
    expect(stdout).toContain('set BAO_CACERT to the PEM file of its root')
    expect(other.calls).toEqual([])
    await other.close()
  })
})

describe('the engine is not the one that was set up: nothing is signed', () => {
  test.each<[string, () => void, RegExp, RegExp]>([
    [
      'the issuer is deleted',
      () => engine.issuers.clear(),
      /has no issuer pki\/nomad\/issuer\/us-west-1/,
      /authority setup us-west/,
    ],
    [
      'the mount is gone',
      () => engine.mounts.clear(),
      /has no issuer pki\/nomad\/issuer\/us-west-1/,
      /authority setup us-west/,
    ],
    [
      'the mount is of another cluster',
      () => {
        const root = fs.readFileSync(path.join(place, 'pki/authority/agent/1/ca.pem'), 'utf8')
        for (const one of engine.issuers.values()) one.certificate = root
      },
      /is another certificate \(SHA256:[0-9A-Fa-f:]+\) than the one of the store/,
      /find out who changed it; then raise `signing` of us-west/,
    ],
    [
      'the key is gone',
      () => {
        for (const one of engine.issuers.values()) one.key_id = ''
      },
      /us-west-1 has no key/,
      /raise `signing` of us-west/,
    ],
    [
      'the issuer may not issue',
      () => {
        for (const one of engine.issuers.values()) one.usage = 'read-only,crl-signing'
      },
      /may not issue certificates \(usage: read-only, crl-signing\)/,
      /authority setup us-west/,
    ],
  ])('%s', async (_, change, message, remedy) => {
    change()
    const { stdout, status } = await run('verify --long')
    expect(stdout).toMatch(message)
    expect(stdout).toMatch(remedy)
    expect(status).toBe(2)
    const before = engine.signed.length
    expect((await run('rotate leaves --all --yes')).status).not.toBe(0)
    expect(engine.signed).toHaveLength(before)
  })

  test('an issuer that was deleted is set up again with its key and its certificate', async () => {
    engine.issuers.clear()
    expect((await run('authority setup us-west')).stdout).toContain('is there: the key us-west-1')
    expect((await run('rotate leaves --all --yes')).status).toBe(0)
    expect((await run('verify')).status).toBe(0)
  })
})

describe('an answer that is not what was asked for is not taken', () => {
  /** Changes what the engine reads in a call that signs. */
  const answered = (change: (call: Called) => Called['body']): void => {
    engine.script = (call) => {
      if (!isSign(call)) return undefined
      Object.assign(call.body, change(call))
      return undefined
    }
  }
  test('a name too many', async () => {
    // The fake's own word: what it adds to the names of a request.
    const role = engine.roles.get('nomad-server-us-west') as Record<string, unknown>
    role.adds = 'server.us-east.nomad'
    const { stderr, status } = await run('rotate leaves s1 --yes')
    expect(stderr).toMatch(/its names is .*server\.us-east\.nomad.* where .* was asked for/)
    expect(stderr).toContain('treat that certificate as issued')
    expect(status).toBe(1)
  })

  test('another key, with the names that were asked for', async () => {
    let first: unknown
    answered(({ body }) => {
      first ??= body.csr
      return { csr: first }
    })
    const { stderr, status } = await run('rotate leaves c1 c2 --yes')
    expect(stderr).toContain('it is for another key')
    expect(status).toBe(1)
  })
})

test('a token that expires in the middle: what is signed is kept, and the rest comes with a new one', async () => {
  let signed = 0
  engine.script = (call) => {
    if (isSign(call) && (signed += 1) === 2) engine.tokens.delete('root')
    return undefined
  }
  const { stderr, status } = await run('rotate leaves --all --yes')
  expect(stderr).toMatch(/the token has expired.*get a new one \(bao login\), then run this again/)
  expect(status).toBe(3)
  engine.tokens.add('new')
  engine.script = () => undefined
  expect((await run('verify', { BAO_TOKEN: 'new' })).status).toBe(0)
  expect((await run('rotate leaves --all --yes', { BAO_TOKEN: 'new' })).status).toBe(0)
})

test('workload identity under verify_https_client: verify says it before a fetch fails', async () => {
  fs.mkdirSync(path.join(place, 'agents/s1'), { recursive: true })
  fs.writeFileSync(
    path.join(place, 'agents/s1/nomad.hcl'),
    'data_dir = "/opt/nomad"\nserver {\n  enabled = true\n  bootstrap_expect = 1\n}\nvault {\n  enabled = true\n  default_identity {\n    aud = ["vault.io"]\n  }\n}\n',
  )
  fs.writeFileSync(
    path.join(place, 'cluster.yaml'),
    specText(engine.origin).replace('s1: {', 's1: { config: agents/s1,'),
  )
  await run('apply --yes')
  const { stdout } = await run('verify --long')
  expect(stdout).toContain('verify_https_client refuses Vault: it fetches /.well-known/jwks.json')
  expect(stdout).toContain('through a proxy that has a certificate')
  expect(stdout).toContain('set verify_https_client = false, with ACLs on')
})
