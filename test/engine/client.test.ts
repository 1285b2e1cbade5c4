/** What can go wrong between us and an engine: each with what is known of the outcome, and its message. */

import http from 'node:http'
import type https from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { engineClient, type EngineAddress } from '../../src/engine/client.js'
import type { EngineLogin } from '../../src/engine/login.js'
import { engineSession } from '../../src/engine/session.js'
import { verdictOf, type EngineVerdict } from '../../src/engine/verdict.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { fakeEngine, type FakeEngine, type Scripted } from './fake-engine.js'

const now = Date.now()
const year = 365 * 86_400_000
const rootKey = generateKeySync('ecdsa-p256')
const root = (
  await createRoot(
    { subject: { commonName: 'Acme' }, lifetime: year, key: rootKey },
    { now: now - 2 * 86_400_000 },
  )
).certificate
const stranger = (
  await createRoot(
    { subject: { commonName: 'Other' }, lifetime: year, key: generateKeySync('ecdsa-p256') },
    { now },
  )
).certificate

/** A certificate for the loopback, and its key. */
async function pair(at = now, lifetime = 86_400_000): Promise<{ cert: string; key: string }> {
  const key = generateKeySync('ecdsa-p256')
  const issuer = heldIssuer({ certificate: root, key: rootKey })
  const leaf = { role: 'server', region: 'global', publicKey: key.publicKey, lifetime } as const
  const { certificate } = await issue(prepare(leaf, issuer, { now: at }))
  return { cert: encodeCertificate(certificate), key: encodePrivateKey(key) }
}

const ca = Buffer.from(encodeCertificate(root))
const engines: FakeEngine[] = []
afterAll(async () => {
  for (const one of engines) await one.close()
})
async function started(tls?: https.ServerOptions): Promise<FakeEngine> {
  const made = await fakeEngine({ tls: { ...(await pair()), ...tls } })
  engines.push(made)
  return made
}

/** A call, judged; not repeated. */
async function asked(
  address: Partial<EngineAddress> & Pick<EngineAddress, 'origin'>,
): Promise<EngineVerdict> {
  const client = engineClient({ ca, timeout: 5_000, ...address })
  const path = 'pki/roles/a'
  const verdict = verdictOf(
    await client.call({ method: 'GET', path, token: 'root' }),
    path,
    client.program,
  )
  client.close()
  return verdict
}

const errors = (status: number, ...said: readonly string[]): Scripted => ({
  status,
  body: { errors: said },
})

describe('answers', () => {
  const engine = started()
  test.each<[string, Scripted, EngineVerdict['is'], RegExp]>([
    ['sealed', errors(503, 'Vault is sealed'), 'passing', /sealed: unseal it/],
    ['not initialized', errors(503, 'server is not initialized'), 'refused', /not initialized/],
    [
      'an election',
      errors(500, 'local node not active but active cluster node not found'),
      'passing',
      /elects/,
    ],
    [
      'a leader that is new',
      errors(500, 'Can not list keys until migration has completed'),
      'passing',
      /begins to work/,
    ],
    [
      'a rate limit',
      { ...errors(429, 'rate limit quota exceeded'), headers: { 'Retry-After': '7' } },
      'passing',
      /limits the rate/,
    ],
    ['a proxy without an engine', { status: 502, body: {} }, 'unknown', /HTTP 502/],
    ['a proxy that waited', { status: 504 }, 'unknown', /HTTP 504/],
    ['another 503', errors(503, 'overloaded'), 'unknown', /HTTP 503/],
    ['a dead token of OpenBao', errors(403, 'permission denied'), 'refused', /expired, is revoked/],
    [
      'a dead token of Vault',
      errors(403, 'permission denied', 'invalid token'),
      'refused',
      /expired, is revoked/,
    ],
    [
      'no right',
      errors(403, '1 error occurred:\n\t* permission denied\n\n'),
      'refused',
      /no policy of the token allows pki\/roles\/a/,
    ],
    [
      'no mount',
      errors(404, 'no handler for route "pki/roles/a". route entry not found.'),
      'refused',
      /nothing is mounted at pki/,
    ],
    ['no namespace', errors(404, 'namespace not found'), 'refused', /namespace/],
    [
      'a refused name',
      errors(400, 'common name x not allowed by this role'),
      'refused',
      /x not allowed by this role/,
    ],
    [
      'an issuer that is gone',
      errors(500, 'unable to find PKI issuer for reference: x'),
      'refused',
      /unable to find/,
    ],
    [
      'HTTP at HTTPS',
      errors(400, 'Client sent an HTTP request to an HTTPS server.'),
      'refused',
      /replace the token/,
    ],
    [
      'words that would draw on the terminal',
      errors(400, 'a\u001b[2Jb\nc\u202ed'),
      'refused',
      /^a \[2Jb c d$/,
    ],
  ])('%s', async (_, scripted, is, message) => {
    const own = await engine
    own.script = () => scripted
    const verdict = await asked({ origin: own.origin })
    expect(verdict.is).toBe(is)
    expect('reason' in verdict ? verdict.reason : '').toMatch(message)
    if (scripted.status === 429) expect(verdict).toMatchObject({ after: 7_000 })
  })

  test('a redirect is not followed, and its target never has the token', async () => {
    const own = await engine
    const seen: unknown[] = []
    const evil = http.createServer((request, response) => {
      seen.push(request.headers)
      response.end('{}')
    })
    await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve))
    const { port } = evil.address() as AddressInfo
    own.script = () => ({ status: 307, headers: { Location: `http://127.0.0.1:${port}/v1/pki` } })
    const verdict = await asked({ origin: own.origin })
    evil.close()
    expect(verdict).toMatchObject({ is: 'unknown' })
    expect(seen).toEqual([])
  })

  test('an answer that does not end, or is too large, is not known', async () => {
    const own = await engine
    own.script = () => ({ status: 200, body: { data: { a: 'x'.repeat(2_000_000) } } })
    expect(await asked({ origin: own.origin })).toMatchObject({ is: 'unknown' })
    own.script = () => ({ status: 200, body: {}, after: 1_000 })
    const slow = await asked({ origin: own.origin, timeout: 200 })
    expect(slow).toMatchObject({
      is: 'unknown',
      reason: expect.stringContaining('no answer within 0.2s') as string,
    })
    own.script = () => ({ status: 200, cut: true })
    expect(await asked({ origin: own.origin })).toMatchObject({ is: 'unknown' })
  })

  test('an answer that is deeper than a stack has no data', async () => {
    const own = await engine
    const deep = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    own.script = () => ({ status: 200, body: { data: { a: deep(20) } } })
    expect(await asked({ origin: own.origin })).toEqual({ is: 'done', data: { a: deep(20) } })
    own.script = () => ({ status: 200, body: { data: { a: deep(2_000) } } })
    expect(await asked({ origin: own.origin })).toEqual({ is: 'done', data: {} })
  })

  test('the namespace goes with each call', async () => {
    const own = await engine
    own.script = () => undefined
    await asked({ origin: own.origin, namespace: 'infra' })
    expect(own.calls.at(-1)).toMatchObject({ namespace: 'infra', token: 'root' })
  })
})

describe('connections: nothing was sent, and the token least of all', () => {
  test.each<
    [string, () => Promise<Partial<EngineAddress> & Pick<EngineAddress, 'origin'>>, RegExp]
  >([
    [
      'a wrong CA',
      async () => ({
        origin: (await started()).origin,
        ca: Buffer.from(encodeCertificate(stranger)),
      }),
      /CA that is not trusted here: set BAO_CACERT/,
    ],
    [
      'a certificate for another name',
      async () => ({ origin: (await started()).origin, serverName: 'vault.acme.internal' }),
      /for other names/,
    ],
    [
      'a certificate that has expired',
      async () => ({ origin: (await started(await pair(now - 86_400_000, 3_600_000))).origin }),
      /has expired/,
    ],
    [
      'a client certificate that is asked for',
      async () => ({
        origin: (await started({ requestCert: true, rejectUnauthorized: true, ca: [ca] })).origin,
      }),
      /asks for a client certificate|closed the connection/,
    ],
  ])('%s', async (_, make, message) => {
    const address = await make()
    const verdict = await asked(address)
    expect(verdict.is === 'done' ? '' : verdict.reason).toMatch(message)
    expect(verdict.is).not.toBe('done')
    const own = engines.find(({ origin }) => origin === address.origin)!
    expect(own.calls).toEqual([])
  })

  test('a port where nobody listens, or something else speaks', async () => {
    const server = createServer((socket) =>
      socket.end('SSH-2.0-OpenSSH_9\r\n', () => socket.destroy()),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const origin = `https://127.0.0.1:${port}`
    expect(await asked({ origin })).toMatchObject({
      is: 'refused',
      reason: expect.stringContaining('does not speak TLS') as string,
    })
    await new Promise((resolve) => server.close(resolve))
    expect(await asked({ origin })).toMatchObject({
      is: 'passing',
      reason: `${origin} refuses connections`,
    })
  })

  test('a client certificate is presented where one is given', async () => {
    const own = await started({ requestCert: true, rejectUnauthorized: true, ca: [ca] })
    const { cert, key } = await pair()
    const certificate = { cert: Buffer.from(cert), key: Buffer.from(key) }
    expect(await asked({ origin: own.origin, certificate })).toMatchObject({
      is: 'refused',
      status: 404,
    })
  })
})

describe('what Node makes no request from is said, and nothing is thrown', () => {
  const files = (cert: string, key: string): Partial<EngineAddress> => ({
    certificate: { cert: Buffer.from(cert), key: Buffer.from(key) },
  })
  test.each<readonly [string, () => Promise<Partial<EngineAddress>>, RegExp]>([
    [
      'a key of a different certificate',
      async () => files((await pair()).cert, (await pair()).key),
      /BAO_CLIENT_KEY is not the key of BAO_CLIENT_CERT/,
    ],
    [
      'a certificate that is not PEM',
      async () => files('x', (await pair()).key),
      /BAO_CLIENT_CERT, BAO_CLIENT_KEY or BAO_CACERT cannot be used/,
    ],
    [
      'a key that is not PEM',
      async () => files((await pair()).cert, 'x'),
      /BAO_CLIENT_CERT, BAO_CLIENT_KEY or BAO_CACERT cannot be used/,
    ],
    ['a namespace of two lines', async () => ({ namespace: 'a\nb' }), /correct BAO_NAMESPACE/],
  ])('%s', async (_, more, reason) => {
    const own = await started()
    expect(await asked({ origin: own.origin, timeout: 50, ...(await more()) })).toEqual({
      is: 'refused',
      reason: expect.stringMatching(reason) as string,
    })
    // The time that a call has is over: nothing is left that fails then.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(own.calls).toEqual([])
  })
})

describe('a session', () => {
  async function session(login: EngineLogin): Promise<{
    readonly own: FakeEngine
    readonly pauses: number[]
    readonly ask: (signal?: AbortSignal) => Promise<EngineVerdict>
  }> {
    const own = await started()
    let time = 0
    const pauses: number[] = []
    const made = engineSession(engineClient({ origin: own.origin, ca, timeout: 5_000 }), login, {
      clock: () => time,
      random: () => 1,
      sleep: async (span) => {
        pauses.push(span)
        time += span
      },
    })
    return {
      own,
      pauses,
      ask: (signal) => made.call({ method: 'GET', path: 'sys/mounts/a', signal }),
    }
  }
  const token: EngineLogin = { method: 'token', token: async () => 'root' }

  test('sealed for a minute: it is tried with longer pauses, and then refused', async () => {
    const { own, pauses, ask } = await session(token)
    own.script = () => errors(503, 'Vault is sealed')
    expect(await ask()).toEqual({
      is: 'refused',
      reason: 'the engine is sealed: unseal it (tried for 60s)',
    })
    expect(pauses.slice(0, 6)).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000])
    expect(pauses.reduce((sum, one) => sum + one, 0)).toBeLessThan(60_000)
  })

  test('a rate limit is waited for as long as the engine says', async () => {
    const { own, pauses, ask } = await session(token)
    let calls = 0
    own.script = () =>
      (calls += 1) === 1 ? { ...errors(429), headers: { 'Retry-After': '9' } } : undefined
    expect((await ask()).is).toBe('refused')
    expect(pauses).toEqual([9_000])
  })

  test('what may have been done is not asked twice', async () => {
    const { own, pauses, ask } = await session(token)
    own.script = () => ({ status: 200, cut: true })
    expect((await ask()).is).toBe('unknown')
    expect(own.calls).toHaveLength(1)
    expect(pauses).toEqual([])
  })

  test('a token that died is not asked for again; a login is, once', async () => {
    const dead = await session(token)
    dead.own.tokens.clear()
    expect(await dead.ask()).toMatchObject({ is: 'refused', token: true })
    expect(dead.own.calls).toHaveLength(1)

    const role = await session({
      method: 'approle',
      mount: 'approle',
      credentials: async () => ({ roleId: 'role', secretId: 'secret' }),
    })
    role.own.script = ({ path }) =>
      path.startsWith('auth/') ? undefined : errors(403, 'permission denied')
    expect(await role.ask()).toMatchObject({ is: 'refused', token: true })
    expect(role.own.calls.map(({ path }) => path)).toEqual([
      'auth/approle/login',
      'sys/mounts/a',
      'auth/approle/login',
      'sys/mounts/a',
    ])
    // A login takes no token along.
    expect(role.own.calls[2]!.token).toBeUndefined()
  })

  test('a wrong secret id is said without the secret', async () => {
    const { ask } = await session({
      method: 'approle',
      mount: 'approle',
      credentials: async () => ({ roleId: 'role', secretId: 'hunter2' }),
    })
    const verdict = await ask()
    expect(verdict).toEqual({
      is: 'refused',
      reason: 'the login by approle failed (auth/approle/login): invalid role or secret ID',
    })
  })

  test('a token and a secret id that an answer says back are not said', async () => {
    const named = await session({ method: 'token', token: async () => 'hvs.hunter2hunter2' })
    named.own.script = ({ token: back }) => errors(400, `bad token ${back ?? ''}`)
    expect(await named.ask()).toMatchObject({ reason: 'bad token (hidden)' })
    const secretId = 'hunter2-hunter2'
    const login = await session({
      method: 'approle',
      mount: 'approle',
      credentials: async () => ({ roleId: 'role', secretId }),
    })
    login.own.script = ({ body }) => errors(400, JSON.stringify(body))
    expect(JSON.stringify(await login.ask())).not.toContain(secretId)
  })

  test('an abort before asks nobody', async () => {
    const { own, ask } = await session(token)
    await expect(ask(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    expect(own.calls).toEqual([])
  })
})
