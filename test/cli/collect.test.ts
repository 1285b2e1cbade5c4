/** `rollout --collect`: keys that hosts make and keep, requests by ssh, certificates by the spec. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readLedger } from '../../src/inventory/ledger.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fakeSsh } from '../hosts/fake-ssh.js'
import type { World } from './context.js'
import { cli, folder, now, type Said } from './cli.js'
import { linesOf } from './json-lines.js'

const day = 86_400_000
/** Installers take the system's clock: what is delivered first was made before. */
const start = now - 70 * day
const spec = `version: 1
cluster: acme
defaults: { keyHeld: node }
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [127.0.0.1], ssh: s1.example }, s2: { keyHeld: store } }
    clients: { c1: { key: rsa-2048 } }
operators: { alice: {} }
`

let base = ''
let hosts = ''
let env: Readonly<Record<string, string>> = {}
beforeEach(async () => {
  base = folder({ 'cluster.yaml': spec })
  const bed = folder()
  env = fakeSsh(bed)
  hosts = path.join(bed, 'hosts')
  await run(start, 'init', '--new-store')
  expect((await run(start, 'apply', '--yes')).status).toBe(0)
})

const as = (world: Partial<World>, ...words: readonly string[]): Promise<Said> =>
  cli(base, words, { env, ...world })
const run = (at: number, ...words: readonly string[]): Promise<Said> => as({ now: at }, ...words)

const at = (host: string, ...more: readonly string[]): string => path.join(hosts, host, ...more)
const tls = (host: string): string => at(host, 'tls')
const filesOf = (host: string): readonly string[] =>
  fs.existsSync(tls(host)) ? fs.readdirSync(tls(host)).sort() : []
const read = (host: string, name: string): string =>
  fs.readFileSync(at(host, 'tls/current', name), 'latin1')

function publicOf(pem: string): string {
  const ran = spawnSync('openssl', ['pkey', '-pubout'], { input: pem, encoding: 'utf8' })
  return ran.stdout.replace(/-----.*-----|\n/g, '')
}

/** Whether the host's key is that of its certificate. */
function expectPair(host: string): void {
  const [leaf] = parseCertificates(read(host, 'cert.pem'))
  expect(publicOf(read(host, 'key.pem'))).toBe(Buffer.from(leaf!.publicKey.spki).toString('base64'))
  expect(fs.statSync(at(host, 'tls/current/key.pem')).mode & 0o777).toBe(0o600)
}

function issued(): readonly { address: string; reasons?: readonly string[] | undefined }[] {
  const { events } = readLedger(fs.readFileSync(path.join(base, 'pki/ledger.jsonl')))
  return events.flatMap((event) => (event.event === 'issued' ? [event] : []))
}

/** Each text below a folder. */
function textsIn(place: string): readonly string[] {
  return fs
    .readdirSync(place, { recursive: true, withFileTypes: true })
    .flatMap((entry) =>
      entry.isFile() ? [fs.readFileSync(path.join(entry.parentPath, entry.name), 'latin1')] : [],
    )
}

describe('rollout --collect', () => {
  test('hosts make their keys, the spec decides the names, and no key comes here', async () => {
    const before = await run(start, 'rollout', '--dry-run')
    expect(before.stderr).toContain(
      '2 wait for a request by their node: nomad-pki rollout --collect asks for it by ssh',
    )
    const dry = await run(start, 'rollout', 's1', 'c1', '--collect', '--dry-run')
    expect(dry.status, dry.stderr).toBe(2)
    expect(dry.stdout).toContain('s1.example: would make a key, and ask for a certificate')
    expect([...filesOf('s1.example'), ...filesOf('c1')]).toEqual([])
    expect(issued().map(({ address }) => address)).not.toContain('identity/server/global/s1')

    const said = await run(now, 'rollout', 's1', 'c1', '--collect', '--yes', '--json')
    expect(said.status, said.stderr).toBe(2)
    const lines = linesOf(said.stdout)
    expect(lines.map(({ event, state }) => state ?? event).slice(0, 3)).toEqual([
      ...['requested', 'requested', 'order'],
    ])
    expect(lines[0]).toMatchObject({
      ...{ address: 'identity/server/global/s1', host: 's1.example', key: 'new' },
    })
    expect(lines[0]!.fingerprint).toMatch(/^SHA256:[0-9a-f]{64}$/)
    for (const host of ['s1.example', 'c1']) {
      expectPair(host)
      expect(filesOf(host)).not.toContain('requested-key.pem')
      expect(filesOf(host).filter((name) => name.startsWith('nomad-pki'))).toEqual([])
    }
    const [leaf] = parseCertificates(read('s1.example', 'cert.pem'))
    expect(leaf!.subjectAltName).toContainEqual({ type: 'ip', value: '127.0.0.1' })
    expect(parseCertificates(read('c1', 'cert.pem'))[0]!.publicKey.name).toBe('rsa-2048')
    expect(issued().filter(({ reasons }) => reasons?.includes('collected'))).toHaveLength(2)
    // Nothing of a key is in the store, in what was said, or left in a folder of the hosts.
    const own = ['s1.example', 'c1'].map((host) => read(host, 'key.pem').split('\n')[2]!)
    for (const text of [...textsIn(base), said.stdout, said.stderr]) {
      for (const line of own) expect(text.includes(line)).toBe(false)
    }
    expect(fs.readdirSync(path.join(hosts, '../tmp'))).toEqual([])
    // Nothing waits any more, and nothing is asked for again.
    const again = await run(now, 'rollout', 's1', '--collect', '--yes')
    expect(again.stdout).not.toContain('asks for a certificate')
  })

  test('a renewal is asked for with a new key, which the key in use vouches for', async () => {
    // Signed then, and brought now: by its clock the host is of today.
    await run(start, 'rollout', 's1', '--collect', '--yes')
    const late = await run(now, 'rollout', 's1', '--yes')
    expect(late.stdout).toContain('s1: in place')
    const first = read('s1.example', 'key.pem')
    const early = await run(start + day, 'rollout', 's1', '--collect', '--yes')
    expect(early.stdout).not.toContain('asks for a certificate')
    expect((await run(now, 'plan', 'server/global/s1')).stdout).toContain('rollout --collect')
    const said = await run(now, 'rollout', 's1', '--collect', '--yes')
    expect(said.stdout).toContain('s1.example: asks for a certificate of SHA256:')
    expectPair('s1.example')
    expect(read('s1.example', 'key.pem')).not.toBe(first)
    expect(fs.readlinkSync(at('s1.example', 'tls/current'))).toMatch(/^2-/)
  })

  test('a run that was ended anywhere goes on: the same key, and one certificate', async () => {
    // The host has made its key, and its answer never came.
    fs.mkdirSync(at('s1.example'), { recursive: true })
    expect(
      (await cli(folder(), ['request', 'server/global/s1', '--tls', tls('s1.example')])).status,
    ).toBe(0)
    const waits = fs.readFileSync(at('s1.example', 'tls/requested-key.pem'), 'latin1')
    fs.mkdirSync(at('s1.example', 'tls/nomad-pki-rollout.999999.Xa1b2c'))
    const said = await run(now, 'rollout', 's1', '--collect', '--yes')
    expect(said.stdout).toContain('the key of an earlier request')
    expect(read('s1.example', 'key.pem')).toBe(waits)
    expect(issued().filter(({ address }) => address.endsWith('/s1'))).toHaveLength(1)
  })

  test.each<readonly [string, () => void, string]>([
    [
      'a key that others can read',
      () => {
        fs.mkdirSync(tls('s1.example'), { recursive: true })
        fs.writeFileSync(at('s1.example', 'tls/requested-key.pem'), 'x', { mode: 0o644 })
        fs.chmodSync(at('s1.example', 'tls/requested-key.pem'), 0o644)
      },
      'other users can read',
    ],
    [
      'a link in the place of the key',
      () => {
        fs.mkdirSync(tls('s1.example'), { recursive: true })
        fs.symlinkSync('/nonexistent', at('s1.example', 'tls/requested-key.pem'))
      },
      'is not a plain file',
    ],
    [
      'what is not a key',
      () => {
        fs.mkdirSync(tls('s1.example'), { recursive: true })
        fs.writeFileSync(at('s1.example', 'tls/requested-key.pem'), 'x', { mode: 0o600 })
      },
      'openssl reads no key in',
    ],
    [
      'a key of another algorithm',
      () => {
        fs.mkdirSync(tls('s1.example'), { recursive: true })
        const { stdout } = spawnSync('openssl', [
          ...['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
        ])
        fs.writeFileSync(at('s1.example', 'tls/requested-key.pem'), stdout, { mode: 0o600 })
      },
      'its key is ecdsa-p384, and the spec asks for ecdsa-p256',
    ],
    [
      'files of another node',
      () => {
        fs.mkdirSync(at('s1.example', 'tls/current'), { recursive: true })
        fs.writeFileSync(
          at('s1.example', 'tls/current/manifest.json'),
          '{\n  "address": "identity/server/global/s9",\n}\n',
        )
      },
      'its files are those of identity/server/global/s9',
    ],
    [
      'a host that is away',
      () => {
        fs.mkdirSync(at('s1.example'), { recursive: true })
        fs.writeFileSync(at('s1.example', 'away'), 'Host key verification failed.\n')
      },
      'ost key verification failed',
    ],
  ])('%s: nothing is made anywhere, and nothing is signed', async (_, prepare, message) => {
    prepare()
    const said = await run(start, 'rollout', '--collect', '--yes')
    expect(said.status, said.stderr).toBe(3)
    expect(said.stdout).toContain(message)
    expect(said.stdout).toContain('nothing was changed')
    expect(filesOf('c1')).toEqual([])
    expect(issued().filter(({ reasons }) => reasons?.includes('collected'))).toEqual([])
  })

  test('two names that lead to one host are refused', async () => {
    const file = path.join(base, 'cluster.yaml')
    fs.writeFileSync(file, spec.replace('c1: {', 'c1: { ssh: s1.example,'))
    const said = await run(start, 'rollout', '--collect', '--yes')
    expect(said.status).toBe(3)
    expect(said.stdout).toContain('is on the same host')
    expect(filesOf('s1.example')).toEqual([])
  })

  test('a host that ssh does not reach is left out, and named', async () => {
    const file = path.join(base, 'cluster.yaml')
    fs.writeFileSync(file, spec.replace('c1: {', 'c1: { ssh: false,'))
    const said = await run(now, 'rollout', 's1', 'c1', '--collect', '--yes')
    expect(said.stderr).toContain('identity/client/global/c1: ssh does not reach its host')
    expect(said.stdout).toContain('s1: in place')
    expectPair('s1.example')
  })

  test('what else is not made comes first', async () => {
    fs.rmSync(path.join(base, 'pki/identity/server/global/s2'), { recursive: true })
    const said = await run(start, 'rollout', '--collect', '--yes')
    expect(said.status).toBe(3)
    expect(said.stderr).toContain('nomad-pki apply')
    expect(filesOf('s1.example')).toEqual([])
  })

  test('it asks first, and without a terminal does nothing', async () => {
    const alone = await run(start, 'rollout', 's1', '--collect')
    expect(alone.status).toBe(3)
    expect(alone.stderr).toContain('--yes')
    const no = await as({ now: start, terminal: true, input: 'n\n' }, 'rollout', 's1', '--collect')
    expect(no.stderr).toContain('ask 1 host for requests, and sign them?')
    expect(no.stderr).toContain('nothing was done')
    expect(filesOf('s1.example')).toEqual([])
  })

  test.each([
    [['--back', 's1', '--collect'], '--back'],
    [['--passphrase-fd', '3'], '--collect'],
    [['--dry-run', '--commands', '--collect'], '--commands'],
  ])('wrong usage: %j', async (words, message) => {
    const { status, stderr } = await run(start, 'rollout', ...words)
    expect(status).toBe(64)
    expect(stderr).toContain(message)
  })
})
