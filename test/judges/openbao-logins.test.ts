/** The ways to a token, against a real OpenBao: AppRole with a wrapped secret id, JWT, and a client certificate. */

import { createSign, generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { folder, type Said } from '../cli/cli.js'
import { engineSpec, withToken } from '../engine/cluster.js'
import { openbao, type OpenBao } from './openbao.js'

let bao: OpenBao
let place = ''
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-openbao-logins-'))
const write = (name: string, text: string): void =>
  fs.writeFileSync(path.join(place, name), text, { mode: 0o600 })
const run = (line: string, env: Record<string, string> = {}): Promise<Said> =>
  withToken(bao, place, line, { BAO_TOKEN: '', ...env })

/** The spec logs in like this, and the local file says the rest. */
function says(auth: string, local = ''): void {
  const region = { clients: '{}' }
  write('cluster.yaml', engineSpec(bao, { vault: `, auth: ${auth}`, region }))
  write('nomad-pki.local.yaml', local === '' ? '' : `vault: { ${local} }\n`)
}
const done = async (method: string, where: string, body: object): Promise<void> => {
  const { status, text } = await bao.call(method, where, body)
  expect([200, 204], text).toContain(status)
}
/** Reads what the engine has: a token that may read is all that it needs. */
const reads = (env?: Record<string, string>): Promise<Said> => run('verify --long', env)

beforeAll(async () => {
  bao = await openbao(home)
  place = folder()
  says('{ method: token }')
  await run('init --new-store')
  await run('apply --yes')
  const setUp = await run('authority setup us-west', { BAO_TOKEN: 'root' })
  expect(setUp.status, setUp.stderr).toBe(0)
  const policy = setUp.stdout.slice(setUp.stdout.indexOf('# policy: apply'))
  await bao.tokenWith('apply', policy.slice(policy.indexOf('\n')))
  expect((await run('apply --yes', { BAO_TOKEN: 'root' })).status).toBe(0)
})
afterAll(async () => {
  await bao.close()
  fs.rmSync(home, { recursive: true, force: true })
})

test('AppRole with a wrapped secret id: opened once, kept, and an alarm where somebody opened it before', async () => {
  await done('POST', 'sys/auth/approle', { type: 'approle' })
  await done('POST', 'auth/approle/role/pki', { token_policies: ['apply'], token_ttl: '10m' })
  const { data: role } = await bao.call('GET', 'auth/approle/role/pki/role-id')
  const wrapped = async (where: string): Promise<string> => {
    const { text } = await bao.call('POST', where, {}, 'root', { 'X-Vault-Wrap-TTL': '60s' })
    return (JSON.parse(text) as { readonly wrap_info: { readonly token: string } }).wrap_info.token
  }
  write('role', String(role.role_id))
  says(
    '{ method: approle }',
    'roleIdFile: role, secretIdFile: secret, wrappedSecretIdFile: wrapped',
  )
  const first = await wrapped('auth/approle/role/pki/secret-id')
  write('wrapped', first)
  const opened = await reads()
  expect(opened.stdout).not.toContain('engine-')
  expect(fs.existsSync(path.join(place, 'wrapped'))).toBe(false)
  const secret = fs.readFileSync(path.join(place, 'secret'), 'utf8').trim()
  expect(fs.statSync(path.join(place, 'secret')).mode & 0o777).toBe(0o600)
  expect((await reads()).stdout).not.toContain('engine-')

  // Somebody opens it on its way.
  const second = await wrapped('auth/approle/role/pki/secret-id')
  expect((await bao.call('POST', 'sys/wrapping/unwrap', {}, second)).status).toBe(200)
  write('wrapped', second)
  const alarm = await reads()
  expect(alarm.stdout).toContain('ALARM: the wrapping of the secret id is open already')
  expect(alarm.stdout).not.toContain(second)
  expect(alarm.stdout).not.toContain(secret)
  expect((await run('rotate leaves --all --yes')).stderr).toContain('ALARM')

  // Somebody puts another wrapping in its place.
  write('wrapped', await wrapped('sys/wrapping/wrap'))
  expect((await reads()).stdout).toContain('ALARM: the wrapping holds no secret id of auth/approle')

  // A new one in its place: it is taken, over the older secret id.
  write('wrapped', await wrapped('auth/approle/role/pki/secret-id'))
  expect((await reads()).stdout).not.toContain('engine-')
  expect(fs.readFileSync(path.join(place, 'secret'), 'utf8').trim()).not.toBe(secret)
})

test('JWT: read again for each login; one of another issuer is refused', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await done('POST', 'sys/auth/jwt', { type: 'jwt' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  await done('POST', 'auth/jwt/config', { jwt_validation_pubkeys: [pem], bound_issuer: 'nomad' })
  await done('POST', 'auth/jwt/role/pki', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['vault'],
    token_policies: ['apply'],
  })
  const jwt = (issuer: string): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const iat = Math.floor(Date.now() / 1000) - 60
    const times = { iat, nbf: iat, exp: iat + 600 }
    const text = `${part({ alg: 'ES256', typ: 'JWT' })}.${part({ iss: issuer, sub: 'pki', aud: 'vault', ...times })}`
    const signed = createSign('SHA256').update(text)
    return `${text}.${signed.sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  says('{ method: jwt, role: pki }', 'jwtFile: identity.jwt')
  const missing = await reads()
  expect(missing.stdout).toContain('identity.jwt: no such file')
  write('identity.jwt', jwt('somebody'))
  const other = await reads()
  expect(other.stdout).toContain('the login by jwt failed (auth/jwt/login)')
  write('identity.jwt', jwt('nomad'))
  expect((await reads()).stdout).not.toContain('engine-')
  expect((await run('rotate leaves --all --yes')).status).toBe(0)
})

test('a client certificate logs in; without one, and with another one, it is said', async () => {
  const now = Date.now()
  const own = async (): Promise<readonly [string, string, string]> => {
    const rootKey = generateKeySync('ecdsa-p256')
    const { certificate } = await createRoot(
      { subject: { commonName: 'Operators' }, lifetime: 86_400_000 * 30, key: rootKey },
      { now },
    )
    const key = generateKeySync('ecdsa-p256')
    const { certificate: leaf } = await issue(
      prepare(
        { role: 'operator', region: 'us-west', publicKey: key.publicKey, lifetime: 86_400_000 },
        heldIssuer({ certificate, key: rootKey }),
        { now },
      ),
    )
    return [encodeCertificate(certificate), encodeCertificate(leaf), encodePrivateKey(key)]
  }
  const [root, leaf, key] = await own()
  const [, strangeLeaf, strangeKey] = await own()
  await done('POST', 'sys/auth/cert', { type: 'cert' })
  await done('POST', 'auth/cert/certs/pki', { certificate: root, token_policies: ['apply'] })
  says('{ method: cert, role: pki }')
  expect((await reads()).stdout).toContain('set BAO_CLIENT_CERT and BAO_CLIENT_KEY')
  for (const [name, text] of [
    ['own.pem', leaf],
    ['own-key.pem', key],
    ['strange.pem', strangeLeaf],
    ['strange-key.pem', strangeKey],
  ] as const)
    write(name, text)
  const as = (name: string): Record<string, string> => ({
    BAO_CLIENT_CERT: path.join(place, `${name}.pem`),
    BAO_CLIENT_KEY: path.join(place, `${name}-key.pem`),
  })
  expect((await reads(as('strange'))).stdout).toContain(
    'the login by cert failed (auth/cert/login)',
  )
  expect((await reads(as('own'))).stdout).not.toContain('engine-')
  expect((await run('rotate leaves --all --yes', as('own'))).status).toBe(0)
})
