/**
 * A node that renews itself against a real OpenBao: with what `pack --renew` wrote, its own AppRole, and nothing else;
 * what the engine refuses; and the same by the shell script.
 */

import { spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, type Said } from '../cli/cli.js'
import { engineSpec, withToken } from '../engine/cluster.js'
import { openbao, type OpenBao } from './openbao.js'

let bao: OpenBao
let place = ''
let text = ''
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-renew-'))
const run = (line: string): Promise<Said> => withToken(bao, place, line)
/** On a node no variable speaks of an engine. */
const renew = (...more: readonly string[]): Promise<Said> =>
  cli(place, ['renew', '--config', 'c1/node.yaml', ...more], { now: Date.now(), env: {} })
const at = (name: string): string => path.join(place, name)
const write = (changed: string): void => fs.writeFileSync(at('c1/node.yaml'), changed)
const current = (): string => fs.readlinkSync(at('tls/current'))
const isPair = (tls = at('tls')): boolean => {
  const pem = (name: string): Buffer => fs.readFileSync(path.join(tls, 'current', name))
  return new X509Certificate(pem('cert.pem')).checkPrivateKey(createPrivateKey(pem('key.pem')))
}

beforeAll(async () => {
  bao = await openbao(home)
  const named = (name: string, ip: string): string =>
    `${name}: { names: [${name}.acme.internal], ips: [${ip}] }`
  const spec = engineSpec(bao, {
    vault: ', auth: { method: approle }',
    agent: 'key: ecdsa-p384',
    region: {
      domains: '[acme.internal]',
      networks: '[10.0.0.0/8]',
      clients: `{ ${named('c1', '10.0.0.21')}, ${named('c2', '10.0.0.22')} }`,
    },
    more: 'defaults: { lifetime: 1d, renewBefore: 8h }\n',
  })
  place = folder({ 'cluster.yaml': spec })
  fs.writeFileSync(at('token'), 'root\n', { mode: 0o600 })
  expect((await run('init --new-store')).stderr).not.toMatch(/^error/m)
  await run('apply --yes')
  // The one who sets up has a token; the node has an AppRole.
  fs.writeFileSync(at('cluster.yaml'), spec.replace(', auth: { method: approle }', ''))
  const setUp = await run('authority setup us-west')
  expect(setUp.stderr).toBe('')
  fs.writeFileSync(at('cluster.yaml'), spec)
  const packed = await run('pack c1 --renew --out-dir c1')
  expect(packed.status).toBe(0)

  const done = async (method: string, way: string, body?: object): Promise<string> => {
    const answer = await bao.call(method, way, body)
    expect(answer.status, answer.text).toBeLessThan(300)
    return JSON.stringify(answer.data)
  }
  const role = JSON.parse(fs.readFileSync(at('c1/engine/role.json'), 'utf8')) as object
  await done('POST', 'pki/nomad/roles/nomad-client-us-west-c1', role)
  const policy = fs.readFileSync(at('c1/engine/policy.hcl'), 'utf8')
  await done('POST', 'sys/policies/acl/nomad-renew-us-west-c1', { policy })
  await done('POST', 'sys/auth/approle', { type: 'approle' })
  await done('POST', 'auth/approle/role/c1', {
    token_policies: ['nomad-renew-us-west-c1'],
    token_ttl: '5m',
  })
  const id = JSON.parse(await done('GET', 'auth/approle/role/c1/role-id')) as { role_id: string }
  const secret = JSON.parse(await done('POST', 'auth/approle/role/c1/secret-id')) as {
    secret_id: string
  }
  fs.writeFileSync(at('c1/role-id'), `${id.role_id}\n`, { mode: 0o600 })
  fs.writeFileSync(at('c1/secret-id'), `${secret.secret_id}\n`, { mode: 0o600 })
  // No agent runs here, and nothing of this machine is touched.
  text = fs
    .readFileSync(at('c1/node.yaml'), 'utf8')
    .replace(/^tls: .*$/m, `tls: ${JSON.stringify(at('tls'))}`)
    .replace(/^owner: .*\n/m, '')
    .replace(/^reload: .*\nprobe: .*$/m, 'reload: none')
  write(text)
})
afterAll(async () => {
  await bao.close()
  fs.rmSync(home, { recursive: true, force: true })
})

test('the first certificate, by AppRole', async () => {
  const first = await renew()
  expect(first.stderr).not.toMatch(/^(error|warning)/m)
  expect(first.status).toBe(0)
  expect(isPair()).toBe(true)
  const leaf = new X509Certificate(fs.readFileSync(at('tls/current/cert.pem')))
  expect(leaf.subject).toBe('CN=client.us-west.nomad')
  expect(leaf.subjectAltName).toContain('DNS:c1.acme.internal')
  expect(leaf.subjectAltName).toContain('IP Address:10.0.0.21')
  const again = await renew()
  expect(again.stdout).toContain('is renewed from')
  expect(again.status).toBe(0)
})

describe('the login of a node is for this node alone', () => {
  test.each([
    [
      'a name of another node',
      (one: string) => one.replace('c1.acme.internal', 'c2.acme.internal'),
    ],
    ['an address of another node', (one: string) => one.replace('10.0.0.21', '10.0.0.22')],
    ['a name that nobody has', (one: string) => one.replace('c1.acme', 'web.acme')],
    [
      'the role of all clients',
      (one: string) => one.replace('nomad-client-us-west-c1', 'nomad-client-us-west'),
    ],
    ['a server', (one: string) => one.replace('role: client', 'role: server')],
    ['a longer life', (one: string) => one.replace('lifetime: 1d', 'lifetime: 30d')],
    ['another issuer', (one: string) => one.replace('issuer: us-west-1', 'issuer: default')],
  ])('%s', async (_, change) => {
    const before = current()
    const changed = change(text)
    expect(changed).not.toBe(text)
    write(changed)
    const { stderr, status } = await renew('--force')
    write(text)
    expect(stderr).toMatch(/refused: |this node is |it ends earlier/)
    expect([1, 3]).toContain(status)
    expect(current()).toBe(before)
    expect(isPair()).toBe(true)
    fs.rmSync(at('tls/requested-key.pem'), { force: true })
  })
})

test('a wrong CA of the engine is said with the key of the file, and no secret is sent', async () => {
  const engineCa = fs.readFileSync(at('c1/engine-ca.pem'))
  fs.writeFileSync(at('c1/engine-ca.pem'), fs.readFileSync(at('c1/ca.pem')))
  const { stderr, status } = await renew('--force')
  fs.writeFileSync(at('c1/engine-ca.pem'), engineCa)
  expect(stderr).toContain('a CA that is not trusted here: set engine.caFile')
  expect(stderr).not.toContain('BAO_')
  expect(status).toBe(3)
  expect(isPair()).toBe(true)
})

test('short lives, renewed one after the other while a reader looks: key and certificate always match', async () => {
  // A reader beside us: it resolves the link once, as an agent that opens both files at its reload.
  const reader = new Worker(
    `const { parentPort, workerData: tls } = require('node:worker_threads')
const fs = require('node:fs')
const { X509Certificate, createPrivateKey } = require('node:crypto')
let looks = 0, torn = 0, ended = false
const seen = new Set()
parentPort.on('message', () => { ended = true })
const look = () => {
  const name = fs.readlinkSync(tls + '/current')
  const pem = (file) => fs.readFileSync(tls + '/' + name + '/' + file)
  seen.add(name)
  looks += 1
  if (!new X509Certificate(pem('cert.pem')).checkPrivateKey(createPrivateKey(pem('key.pem')))) torn += 1
  if (ended) parentPort.postMessage({ looks, torn, seen: seen.size })
  else setImmediate(look)
}
look()`,
    { eval: true, workerData: at('tls') },
  )
  const short = text
    .replace('lifetime: 1d', 'lifetime: 30s')
    .replace('renewBefore: 8h', 'renewBefore: 25s')
  write(short)
  const rounds = 4
  const before = Number(current().split('-')[0])
  for (let round = 0; round < rounds; round += 1) {
    const { stderr, status } = await renew(...(round === 0 ? ['--force'] : []))
    expect(status, stderr).toBe(0)
    // Less than a third of its life is left soon: the engine begins it a minute ago.
    await new Promise((resolve) => setTimeout(resolve, 6_000))
  }
  const told = new Promise<{ looks: number; torn: number; seen: number }>((resolve) =>
    reader.once('message', resolve),
  )
  reader.postMessage('end')
  const { looks, torn, seen } = await told
  await reader.terminate()
  write(text)
  expect(torn).toBe(0)
  expect(looks).toBeGreaterThan(20)
  expect(seen).toBeGreaterThan(rounds)
  expect(Number(current().split('-')[0])).toBe(before + rounds)
}, 120_000)

test('sealed in between: the message, the old pair, and the next run goes on with the same key', async () => {
  const before = current()
  expect((await bao.call('PUT', 'sys/seal')).status).toBe(204)
  const { stderr, status } = await renew('--force')
  expect(stderr).toContain('the engine is sealed: unseal it')
  expect(stderr).toContain(`${before} stays in place`)
  expect(status).toBe(3)
  expect(current()).toBe(before)
  expect(isPair()).toBe(true)
  const key = /Unseal Key: (\S+)/.exec(fs.readFileSync(path.join(home, 'openbao.log'), 'utf8'))![1]
  expect((await bao.call('PUT', 'sys/unseal', { key })).status).toBe(200)
  const waits = fs.readFileSync(at('tls/requested-key.pem'))
  expect((await renew('--force')).status).toBe(0)
  expect(fs.readFileSync(at('tls/current/key.pem')).equals(waits)).toBe(true)
}, 150_000)

describe('without Node: renew.sh', () => {
  const script = fileURLToPath(new URL('../../templates/renew/renew.sh', import.meta.url))
  const installer = (): string => {
    // It must not be writable by others, whatever the umask is here.
    const own = at('install.sh')
    fs.copyFileSync(new URL('../../templates/install.sh', import.meta.url), own)
    fs.chmodSync(own, 0o644)
    return own
  }
  const shell = (settings: Readonly<Record<string, string>> = {}): Said => {
    const all: Readonly<Record<string, string>> = {
      ADDR: bao.origin,
      ENGINE_CA: at('c1/engine-ca.pem'),
      ROLE_ID: at('c1/role-id'),
      SECRET_ID: at('c1/secret-id'),
      MOUNT: 'pki/nomad',
      ISSUER: 'us-west-1',
      ROLE: 'nomad-client-us-west-c1',
      CLUSTER: 'acme',
      ADDRESS: 'identity/client/us-west/c1',
      CN: 'client.us-west.nomad',
      SANS: 'DNS:client.us-west.nomad,DNS:localhost,DNS:c1.acme.internal,IP:127.0.0.1,IP:::1,IP:10.0.0.21',
      TTL: '80000s',
      WINDOW: '28800',
      CA: at('c1/ca.pem'),
      CHAIN: at('c1/chain.pem'),
      INSTALLER: installer(),
      TLS: at('shell'),
      RELOAD: 'none',
      ...settings,
    }
    const lines = Object.entries(all).map(
      ([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`,
    )
    fs.writeFileSync(at('renew.env'), lines.join(''), { mode: 0o600 })
    const { status, stdout, stderr } = spawnSync('sh', [script, at('renew.env')], {
      encoding: 'utf8',
    })
    return { status: status ?? -1, stdout, stderr }
  }

  test('the first certificate, nothing due, and a renewal', () => {
    const first = shell()
    expect(first.stderr).toBe('')
    expect(first.status).toBe(0)
    expect(isPair(at('shell'))).toBe(true)
    expect(fs.statSync(at('shell/current/key.pem')).mode & 0o777).toBe(0o600)
    expect(fs.existsSync(at('shell/requested-key.pem'))).toBe(false)
    const before = fs.readlinkSync(at('shell/current'))
    expect(shell().stdout).toContain('nothing is due')
    const next = shell({ WINDOW: '90000' })
    expect(next.stderr).toBe('')
    expect(next.status).toBe(0)
    expect(fs.readlinkSync(at('shell/current'))).not.toBe(before)
    expect(isPair(at('shell'))).toBe(true)
  })

  test.each<[string, Record<string, string>, RegExp, number]>([
    [
      'a role that the policy does not name',
      { ROLE: 'nomad-client-us-west' },
      /sign\/nomad-client-us-west: /,
      3,
    ],
    [
      'a name of another node',
      { SANS: 'DNS:client.us-west.nomad,DNS:c2.acme.internal' },
      /c2\.acme\.internal/,
      3,
    ],
    ['a wrong CA of the engine', { ENGINE_CA: 'ca.pem' }, /cannot be asked/, 3],
    ['roots that it does not lead to', { CA: 'engine-ca.pem' }, /is not under the roots/, 1],
    ['an address that is not encrypted', { ADDR: 'http://vault.example:8200' }, /not encrypted/, 1],
  ])('%s: the old pair stays', (_, change, message, expected) => {
    const before = fs.readlinkSync(at('shell/current'))
    const settings = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [
        name,
        value.endsWith('.pem') ? at(`c1/${value}`) : value,
      ]),
    )
    const { stderr, status } = shell({ WINDOW: '90000', ...settings })
    expect(stderr).toMatch(message)
    expect(status).toBe(expected)
    expect(fs.readlinkSync(at('shell/current'))).toBe(before)
    expect(isPair(at('shell'))).toBe(true)
  })
})
