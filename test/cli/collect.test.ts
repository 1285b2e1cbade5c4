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
  env = fakeSsh(bed, now)
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
    // Which host answered is told afterwards too.
    expect(issued().filter(({ reasons }) => reasons?.includes('collected'))).toMatchObject([
      ...[{ host: 's1.example' }, { host: 'c1' }],
    ])
    const status = await run(now, 'status', '--long')
    expect(status.stdout).toMatch(/server\/global\/s1 .*requested by s1\.example/)
    expect(status.stdout).not.toMatch(/server\/global\/s2 .*requested by/)
    const { entries } = JSON.parse((await run(now, 'status', '--json')).stdout) as {
      entries: readonly { address: string; askedHost?: string }[]
    }
    expect(entries.find(({ address }) => address.endsWith('/c1'))?.askedHost).toBe('c1')
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

  const begun = "echo 'nomad-pki: begun'"
  test.each<readonly [string, string, RegExp]>([
    ['endless output', 'yes', /it wrote more than 1 MB, and no script of ours does/],
    ['one endless line', `${begun}; tr '\\0' x </dev/zero`, /it wrote more than 1 MB/],
    [
      'a long line',
      `${begun}; printf 'fault='; head -c 900000 /dev/zero | tr '\\0' x; echo; exit 1`,
      /x{300} … \(900000 characters\)\n/,
    ],
    [
      'control characters and marks that turn the direction',
      `${begun}; printf 'fault=\\033[2J\\007 \\342\\200\\256 all is well\\n'; exit 1`,
      /\\u\{1b\}\[2J\\u\{7\} \\u\{202e\} all is well/,
    ],
    [
      'a long complaint',
      `${begun}; head -c 900000 /dev/zero | tr '\\0' x >&2; exit 1`,
      /it makes no request: x{1000} … \(\d+ characters\)\n/,
    ],
    [
      'a request that is too large',
      `${begun}; echo key=new; echo request:; head -c 600000 /dev/zero | base64; exit 0`,
      /its request is not taken: /,
    ],
    ['NUL', `${begun}; echo key=new; echo request:; head -c 9000 /dev/zero; exit 0`, /not taken/],
  ])(
    'a hostile host says %s: it is told in a line, and nothing is signed',
    async (_, text, said) => {
      const ledger = path.join(base, 'pki/ledger.jsonl')
      const before = fs.readFileSync(ledger, 'latin1')
      fs.mkdirSync(at('s1.example'), { recursive: true })
      // Looked at it is as the others; asked, it is hostile.
      const text2 = `if [ -e "$home/looked" ]; then ${text}; fi; touch "$home/looked"; ${begun}; echo key=new; exit 0`
      for (const [instead, status] of [
        [text, 3],
        [text2, 1],
      ] as const) {
        fs.writeFileSync(at('s1.example', 'instead'), `${instead}\nexit 0\n`)
        const { stdout, stderr, ...run1 } = await run(start, 'rollout', '--collect', '--yes')
        expect(run1.status, stderr).toBe(status)
        expect(stdout).toMatch(said)
        expect(stdout.length + stderr.length).toBeLessThan(2000)
        // eslint-disable-next-line no-control-regex
        expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/)
        expect(fs.readFileSync(ledger, 'latin1')).toBe(before)
      }
      // The other host made its key, and the next call takes it.
      expect(filesOf('c1')).toEqual(['requested-key.pem'])
      const json = await run(start, 'rollout', '--collect', '--yes', '--json')
      expect(linesOf(json.stdout).every((line) => JSON.stringify(line).length < 2000)).toBe(true)
      fs.rmSync(at('s1.example', 'instead'))
      await run(now, 'rollout', 's1', 'c1', '--collect', '--yes')
      expectPair('s1.example')
      expectPair('c1')
    },
  )

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
