import fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { engineEnvironment, engineSettings, programOf } from '../../src/engine/settings.js'
import { vaultOf } from '../../src/cluster/vault.js'

const place = 'https://vault.acme.internal:8200'
const settings = (
  env: Readonly<Record<string, string>>,
  spec: Parameters<typeof vaultOf>[0] = { address: place },
  local?: { readonly address: string },
): ReturnType<typeof engineSettings> =>
  engineSettings({
    vault: vaultOf(spec),
    local,
    env,
    readFile: async (file) => Buffer.from(`content of ${file}`),
  })

describe('an address counts where this machine names the same one', () => {
  test.each<[string, Record<string, string>, { readonly address: string } | undefined]>([
    ['BAO_ADDR', { BAO_ADDR: place }, undefined],
    ['VAULT_ADDR', { VAULT_ADDR: `${place}/` }, undefined],
    [
      'BAO_ADDR before VAULT_ADDR',
      { BAO_ADDR: place, VAULT_ADDR: 'https://other:8200' },
      undefined,
    ],
    ['the local file', {}, { address: place }],
    ['the environment before the local file', { BAO_ADDR: place }, { address: 'https://other' }],
  ])('%s', async (_, env, local) => {
    expect((await settings(env, undefined, local)).origin).toBe(place)
  })
})

test.each<[string, Record<string, string>, string | undefined, RegExp]>([
  ['nothing here names it', {}, undefined, /does not confirm the address/],
  [
    'another host',
    { BAO_ADDR: 'https://evil.example:8200' },
    undefined,
    /BAO_ADDR is https:\/\/evil/,
  ],
  ['another port', { VAULT_ADDR: 'https://vault.acme.internal:8201' }, undefined, /VAULT_ADDR/],
  [
    'an address with a password',
    { BAO_ADDR: 'https://a:b@vault.acme.internal:8200' },
    undefined,
    /a host and a port, and nothing else/,
  ],
  ['not an address', { BAO_ADDR: 'vault' }, undefined, /not an address/],
  [
    'http beyond a loopback',
    { BAO_ADDR: 'http://10.0.0.1:8200' },
    'http://10.0.0.1:8200',
    /not encrypted/,
  ],
  [
    'http to a name that only begins as a loopback',
    { BAO_ADDR: 'http://127.evil.example' },
    'http://127.evil.example',
    /not encrypted/,
  ],
  [
    'SKIP_VERIFY',
    { BAO_ADDR: place, VAULT_SKIP_VERIFY: 'true' },
    undefined,
    /VAULT_SKIP_VERIFY is set/,
  ],
  [
    'SKIP_VERIFY in another word',
    { BAO_ADDR: place, BAO_SKIP_VERIFY: 'yes' },
    undefined,
    /BAO_SKIP_VERIFY/,
  ],
  [
    'a folder of roots',
    { BAO_ADDR: place, VAULT_CAPATH: '/etc/ssl' },
    undefined,
    /VAULT_CAPATH is not supported/,
  ],
  [
    'a certificate without its key',
    { BAO_ADDR: place, BAO_CLIENT_CERT: 'a' },
    undefined,
    /set alone/,
  ],
  [
    'a timeout of nothing',
    { BAO_ADDR: place, BAO_CLIENT_TIMEOUT: '0' },
    undefined,
    /BAO_CLIENT_TIMEOUT/,
  ],
  [
    'a timeout in words',
    { BAO_ADDR: place, VAULT_CLIENT_TIMEOUT: 'soon' },
    undefined,
    /VAULT_CLIENT_TIMEOUT/,
  ],
])('%s is refused', async (_, env, address, message) => {
  const made = settings(env, { address: address ?? place })
  await expect(made).rejects.toMatchObject({ code: 'ERR_REFUSED' })
  await expect(made).rejects.toThrow(message)
})

test('another namespace than the spec names is refused', async () => {
  const spec = { address: place, namespace: 'infra' }
  await expect(settings({ BAO_ADDR: place, BAO_NAMESPACE: 'other' }, spec)).rejects.toThrow(
    /BAO_NAMESPACE/,
  )
  expect(await settings({ BAO_ADDR: place, BAO_NAMESPACE: 'infra/' }, spec)).toMatchObject({
    namespace: 'infra',
  })
  expect(await settings({ BAO_ADDR: place, VAULT_NAMESPACE: 'infra' })).toMatchObject({
    namespace: 'infra',
  })
})

test('files and names of the environment', async () => {
  const env = {
    BAO_ADDR: place,
    VAULT_CACERT: 'ca.pem',
    BAO_CLIENT_CERT: 'cert.pem',
    VAULT_CLIENT_KEY: 'key.pem',
    BAO_TLS_SERVER_NAME: 'vault',
    VAULT_CLIENT_TIMEOUT: '30s',
    BAO_SKIP_VERIFY: 'false',
  }
  const { ca, certificate, ...rest } = await settings(env)
  expect(String(ca)).toBe('content of ca.pem')
  expect([String(certificate?.cert), String(certificate?.key)]).toEqual([
    'content of cert.pem',
    'content of key.pem',
  ])
  expect(rest).toMatchObject({ serverName: 'vault', timeout: 30_000, insecure: false })
})

test.each([
  [{}, 'bao'],
  [{ BAO_ADDR: place }, 'bao'],
  [{ VAULT_ADDR: place }, 'vault'],
  [{ VAULT_TOKEN: 's' }, 'vault'],
  [{ VAULT_ADDR: '' }, 'bao'],
  // `bao` reads both.
  [{ VAULT_ADDR: place, BAO_TOKEN: 's' }, 'bao'],
  // No variable that is read here.
  [{ VAULT_LOG_LEVEL: 'debug' }, 'bao'],
])('with %j the person uses %s', (env, program) => {
  expect(programOf(env)).toBe(program)
})

test.each([
  [{ VAULT_ADDR: place, VAULT_CAPATH: '/etc/ssl' }, 'name one file with VAULT_CACERT'],
  [
    { VAULT_ADDR: place, VAULT_CLIENT_CERT: 'a' },
    'set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY together',
  ],
  [{ VAULT_TOKEN: 's' }, `if it is right: export VAULT_ADDR=${place}`],
  [
    { VAULT_ADDR: place, VAULT_SKIP_VERIFY: '1' },
    "unset VAULT_SKIP_VERIFY, and name the engine's root with VAULT_CACERT",
  ],
])('with %j the remedy names variables of Vault', async (env, hint) => {
  await expect(settings(env)).rejects.toMatchObject({ code: 'ERR_REFUSED', hint })
})

test('on a loopback HTTP and SKIP_VERIFY are taken', async () => {
  for (const address of ['http://127.0.0.1:8200', 'http://localhost:8200', 'http://[::1]:8200']) {
    expect(
      (await settings({ BAO_ADDR: address, BAO_SKIP_VERIFY: '1' }, { address })).insecure,
    ).toBe(true)
  }
})

test('docs/vault.md has each variable with its sentence', () => {
  const text = fs.readFileSync(new URL('../../docs/vault.md', import.meta.url), 'utf8')
  const rows = Object.entries(engineEnvironment).map(
    ([name, sentence]) => `| \`${name}\` | ${sentence} |`,
  )
  expect(text).toContain(rows.join('\n'))
})
