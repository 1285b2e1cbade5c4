import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { commonNames } from '../../src/x509/name.js'
import { parseRequest } from '../../src/x509/request.js'
import { cli, folder } from './cli.js'

/** The guide's, in the order of its `ls`. */
const thirteen = [
  ...['cfssl.json', 'cli-key.pem', 'cli.csr', 'cli.pem', 'client-key.pem', 'client.csr'],
  ...['client.pem', 'nomad-ca-key.pem', 'nomad-ca.csr', 'nomad-ca.pem', 'server-key.pem'],
  ...['server.csr', 'server.pem'],
]

const one = `version: 1
cluster: acme
defaults: { lifetime: 72h }
regions: { global: { servers: { shared: true }, clients: { c1: {} } } }
operators: { alice: {} }
`

async function made(spec: string): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  return cwd
}

/** Names and permissions of a folder. */
function listed(place: string): Record<string, string> {
  return Object.fromEntries(
    fs
      .readdirSync(place)
      .sort()
      .map((name) => [name, (fs.statSync(path.join(place, name)).mode & 0o777).toString(8)]),
  )
}

const spki = (pem: string): Buffer =>
  (pem.includes('CERTIFICATE')
    ? new X509Certificate(pem).publicKey
    : createPublicKey(createPrivateKey(pem))
  ).export({
    type: 'spki',
    format: 'der',
  })

describe('cfssl: the thirteen files of the guide', () => {
  let cwd = ''
  const read = (name: string): string => fs.readFileSync(path.join(cwd, 'out', name), 'utf8')
  beforeAll(async () => {
    cwd = await made(one)
    const run = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'cfssl',
      '--out-dir',
      'out',
      '--with-authority-key',
    ])
    expect([run.status, run.stderr]).toEqual([0, expect.stringContaining('private keys')])
    // As `sha256sum -c` reads it.
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(13)
    expect(run.stdout).toMatch(/^[0-9a-f]{64} {2}out\/cfssl\.json\n/)
  })

  test('are these, and nobody else reads a key', () => {
    const modes = Object.fromEntries(
      thirteen.map((name) => [name, name.endsWith('-key.pem') ? '600' : '644']),
    )
    expect(listed(path.join(cwd, 'out'))).toEqual(modes)
    expect(fs.statSync(path.join(cwd, 'out')).mode & 0o777).toBe(0o700)
  })

  test.each(['nomad-ca', 'server', 'client', 'cli'])(
    '%s: key, certificate and request belong together, and the request is a real one',
    (stem) => {
      const certificate = read(`${stem}.pem`)
      expect(spki(certificate)).toEqual(spki(read(`${stem}-key.pem`)))
      // It checks the signature by the request's own key.
      const request = parseRequest(read(`${stem}.csr`))
      expect(Buffer.from(request.publicKey.spki)).toEqual(spki(certificate))
      const common = `CN=${commonNames(request.subject)[0]}`
      expect(new X509Certificate(certificate).subject.split('\n')).toContain(common)
      if (stem !== 'nomad-ca') {
        expect(new X509Certificate(certificate).issuer).toBe(
          new X509Certificate(read('nomad-ca.pem')).subject,
        )
      }
      const asked = (request.subjectAltName ?? []).filter(({ type }) => type === 'dns')
      const names = {
        'nomad-ca': [],
        server: ['server.global.nomad', 'localhost'],
        client: ['client.global.nomad', 'localhost'],
        cli: ['cli.global.nomad'],
      }[stem]!
      expect(asked).toEqual(names.map((value) => ({ type: 'dns', value })))
    },
  )

  test('cfssl.json signs for as long as the spec says, and what agents need', () => {
    expect(JSON.parse(read('cfssl.json'))).toEqual({
      signing: { default: { expiry: '72h', usages: ['signing', 'server auth', 'client auth'] } },
    })
  })

  test('the same again writes nothing, although each signature is another one', async () => {
    const before = thirteen.map((name) => fs.statSync(path.join(cwd, 'out', name)).ino)
    const again = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'cfssl',
      '--out-dir',
      'out',
      '--with-authority-key',
    ])
    expect([again.status, again.stderr]).toEqual([0, expect.stringContaining('is there already')])
    expect(thirteen.map((name) => fs.statSync(path.join(cwd, 'out', name)).ino)).toEqual(before)
  })

  test('without the flag the key of the authority is not among them', async () => {
    const run = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'public'])
    expect(run.status).toBe(0)
    expect(Object.keys(listed(path.join(cwd, 'public')))).toEqual(
      thirteen.filter((name) => name !== 'nomad-ca-key.pem'),
    )
    const key = fs.readFileSync(path.join(cwd, 'pki/authority/agent/1/ca-key.pem'), 'utf8')
    for (const name of fs.readdirSync(path.join(cwd, 'public'))) {
      expect(fs.readFileSync(path.join(cwd, 'public', name), 'utf8')).not.toContain(
        key.split('\n')[1],
      )
    }
  })

  test.each(['server.csr', 'cli-key.pem'])(
    'another file under one of the names, %s, is not written over, and nothing else is new',
    async (name) => {
      const place = path.join(cwd, `taken-${name}`)
      fs.mkdirSync(place)
      fs.writeFileSync(path.join(place, name), 'mine')
      const run = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', place])
      expect([run.status, run.stderr]).toEqual([
        1,
        expect.stringContaining(`${name} exists already`),
      ])
      expect(fs.readdirSync(place)).toEqual([name])
      expect(fs.readFileSync(path.join(place, name), 'utf8')).toBe('mine')
    },
  )

  test('not into the store, and a rehearsal writes nothing', async () => {
    const inside = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'pki/out'])
    expect([inside.status, inside.stderr]).toEqual([
      1,
      expect.stringContaining('not saved in the store'),
    ])
    const dry = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'cfssl',
      '--out-dir',
      'dry',
      '--dry-run',
    ])
    expect([dry.status, dry.stdout.split('\n')]).toEqual([
      0,
      expect.objectContaining({ length: 13 }),
    ])
    expect(fs.existsSync(path.join(cwd, 'dry'))).toBe(false)
  })

  test('a store whose authority signs elsewhere has no request for it, and says so', async () => {
    const away = await made(one)
    fs.rmSync(path.join(away, 'pki/authority/agent/1/ca-key.pem'))
    const run = await cli(away, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'out'])
    expect(run.status).toBe(0)
    expect(run.stderr).toContain('nomad-ca.csr is left out')
    expect(fs.existsSync(path.join(away, 'out/nomad-ca.csr'))).toBe(false)
    const asked = await cli(away, [
      'pack',
      '--all',
      '--layout',
      'cfssl',
      '--out-dir',
      'key',
      '--with-authority-key',
    ])
    expect([asked.status, asked.stderr]).toEqual([
      1,
      expect.stringContaining('does not have the key'),
    ])
    expect(fs.existsSync(path.join(away, 'key'))).toBe(false)
  })
})

describe('nomad-tls: the names of nomad tls', () => {
  const wide = `version: 1
cluster: acme
regions:
  global: { servers: { s1: {} }, clients: { c1: {} } }
  eu-west: { combined: { n1: {} } }
operators: { alice: { region: global } }
`
  test('of all regions in one folder: the names say which', async () => {
    const cwd = await made(wide)
    const run = await cli(cwd, ['pack', '--all', '--layout', 'nomad-tls', '--out-dir', 'out'])
    expect(run.status).toBe(0)
    const pair = (stem: string): [string, string][] => [
      [`${stem}-key.pem`, '600'],
      [`${stem}.pem`, '644'],
    ]
    expect(listed(path.join(cwd, 'out'))).toEqual(
      Object.fromEntries([
        ...pair('eu-west-server-nomad'),
        ...pair('global-cli-nomad'),
        ...pair('global-client-nomad'),
        ...pair('global-server-nomad'),
        ['nomad-agent-ca.pem', '644'],
      ]),
    )
    expect(run.stderr).toContain(
      'eu-west-client-nomad.pem is left out: the spec has no client in eu-west',
    )
    const keyed = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'nomad-tls',
      '--out-dir',
      'key',
      '--region',
      'global',
      '--with-authority-key',
    ])
    expect([keyed.status, Object.keys(listed(path.join(cwd, 'key')))]).toEqual([
      0,
      [
        ...['global-cli-nomad-key.pem', 'global-cli-nomad.pem', 'global-client-nomad-key.pem'],
        ...['global-client-nomad.pem', 'global-server-nomad-key.pem', 'global-server-nomad.pem'],
        ...['nomad-agent-ca-key.pem', 'nomad-agent-ca.pem'],
      ],
    ])
    const document = await cli(cwd, [
      'pack',
      's1',
      '--layout',
      'nomad-tls',
      '--out-dir',
      's1',
      '--json',
    ])
    expect(JSON.parse(document.stdout)).toMatchObject({
      format: 'nomad-pki/files',
      written: true,
      files: [
        { file: 's1/nomad-agent-ca.pem', kind: 'authority' },
        {
          file: 's1/global-server-nomad-key.pem',
          kind: 'key',
          address: 'identity/server/global/s1',
        },
        { file: 's1/global-server-nomad.pem', kind: 'certificate' },
      ],
    })
  })

  test('cfssl has no region in its names: one at a time', async () => {
    const cwd = await made(wide)
    const both = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'out'])
    expect([both.status, both.stderr]).toEqual([64, expect.stringContaining('--region ')])
    const west = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'cfssl',
      '--out-dir',
      'out',
      '--region',
      'eu-west',
    ])
    expect([west.status, fs.readdirSync(path.join(cwd, 'out')).sort()]).toEqual([
      0,
      ['cfssl.json', 'nomad-ca.csr', 'nomad-ca.pem', 'server-key.pem', 'server.csr', 'server.pem'],
    ])
    const none = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'cfssl',
      '--out-dir',
      'x',
      '--region',
      'mars',
    ])
    expect([none.status, none.stderr]).toEqual([
      64,
      expect.stringContaining('unknown region: mars'),
    ])
    const stray = await cli(cwd, [
      'pack',
      's1',
      '--layout',
      'cfssl',
      '--out-dir',
      'x',
      '--region',
      'eu-west',
    ])
    expect([stray.status, stray.stderr]).toEqual([
      64,
      expect.stringContaining('is not of the region eu-west'),
    ])
  })
})

describe('what the names cannot tell', () => {
  const several = `version: 1
cluster: acme
regions: { global: { servers: { 's[1-4]': {} }, clients: { c1: {} } } }
operators: { alice: {} }
`
  test('agents that are servers and clients: the hint names their section', async () => {
    const cwd = await made(
      "version: 1\ncluster: acme\nregions: { global: { combined: { 'n[1-3]': {} } } }\n",
    )
    const run = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'out'])
    expect(run.stderr).toContain(', or give them one key: combined: { shared: true }')
  })

  test('several servers with their own keys: one must be named', async () => {
    const cwd = await made(several)
    const run = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'out'])
    expect(run.status).toBe(64)
    expect(run.stderr).toContain(
      'server.pem is one file, and 4 in global have their own keys: s1, s2, s3, …',
    )
    expect(run.stderr).toContain('servers: { shared: true }')
    expect(fs.existsSync(path.join(cwd, 'out'))).toBe(false)
    const named = await cli(cwd, ['pack', '--all', 's3', '--layout', 'cfssl', '--out-dir', 'out'])
    expect(named.stderr).toContain(
      'note: server.pem is for s3 alone: the others have their own keys',
    )
    const current = fs.readFileSync(
      path.join(cwd, 'pki/identity/server/global/s3/current/cert.pem'),
    )
    expect(fs.readFileSync(path.join(cwd, 'out/server.pem'))).toEqual(current)
    // A node's own folder.
    const own = await cli(cwd, ['pack', 's2', '--layout', 'cfssl', '--out-dir', 's2'])
    expect([own.status, own.stderr]).toEqual([0, expect.not.stringContaining('note')])
    expect(fs.existsSync(path.join(cwd, 's2/client.pem'))).toBe(false)
    const two = await cli(cwd, ['pack', 's1', 's2', '--layout', 'cfssl', '--out-dir', 'two'])
    expect([two.status, two.stderr]).toEqual([64, expect.stringContaining('two were named for it')])
  })

  test('two roots in the trust: the files are given, and the key of one of them is not', async () => {
    const cwd = await made(one)
    await cli(cwd, ['rotate', 'authority', 'agent', '--next', '--way', 'staged'])
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
    const run = await cli(cwd, ['pack', '--all', '--layout', 'cfssl', '--out-dir', 'out'])
    expect([run.status, run.stderr]).toEqual([
      0,
      expect.stringContaining('nomad-ca.csr is left out: nomad-ca.pem holds 2 authorities'),
    ])
    const keyed = await cli(cwd, [
      'pack',
      '--all',
      '--layout',
      'nomad-tls',
      '--out-dir',
      'key',
      '--with-authority-key',
    ])
    expect([keyed.status, keyed.stderr]).toEqual([
      1,
      expect.stringContaining('nomad tls signs with one'),
    ])
  })

  test.each([
    [['--layout', 'cfssl', '--all'], 'is several files'],
    [['--layout', 'cfssl', '--all', '--out', 'x'], 'is several files'],
    [['--layout', 'cfssl', '--out-dir', 'x'], 'name what is packed'],
    [
      ['--layout', 'cfssl', '--all', '--out-dir', 'x', '--without-key'],
      '--without-key does not go with the layout cfssl',
    ],
    [
      ['--layout', 'cfssl', '--all', '--out-dir', 'x', '--compat'],
      '--compat does not go with the layout cfssl',
    ],
    [
      ['s1', '--out', 'x', '--with-authority-key'],
      '--with-authority-key does not go with the layout links',
    ],
    [['s1', '--out', 'x', '--region', 'global'], '--region does not go with the layout links'],
  ])('%j is refused', async (line, message) => {
    const cwd = folder({ 'cluster.yaml': several })
    const run = await cli(cwd, ['pack', ...line])
    expect([run.status, run.stderr]).toEqual([64, expect.stringContaining(message)])
  })
})
