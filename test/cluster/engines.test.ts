import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'

interface Parts {
  readonly vault?: string
  readonly west?: string
  readonly root?: string
  readonly region?: string
}

function parsed({
  vault = 'vault: { address: "https://vault:8200" }',
  west = 'issuer: agent, engine: { mount: pki/nomad }',
  root = '{}',
  region = 'servers: { s1: {} }',
}: Parts = {}): ReturnType<typeof parseSpec> {
  return parseSpec(
    `version: 1\ncluster: acme\n${vault}\nauthorities:\n  agent: ${root}\n  west: { ${west} }\nregions:\n  global:\n    authority: west\n    ${region}\n`,
  )
}

test('an intermediate in an engine, with the defaults', () => {
  const { spec, diagnostics } = parsed()
  expect(diagnostics).toEqual([])
  expect(spec!.vault).toEqual({
    address: 'https://vault:8200',
    auth: { method: 'token', mount: 'token' },
  })
  const [, west] = desire(spec!).authorities
  expect(west).toMatchObject({
    signer: 'engine',
    engine: { mount: 'pki/nomad', issuer: 'west-{generation}', roles: 'nomad-{role}-{region}' },
  })
})

describe('a root in an engine', () => {
  const ofRoot = (agent: string, region: string): ReturnType<typeof parseSpec> =>
    parseSpec(
      `version: 1\ncluster: acme\nvault: { address: "https://vault:8200" }\nauthorities:\n  agent: { ${agent} }\nregions:\n  global: { ${region} }\n`,
    )
  const servers = 'servers: { s1: { names: [s1.acme.internal], ips: [10.0.0.1] } }'
  const domains = 'domains: [acme.internal], networks: [10.0.0.0/8]'

  test('its roles are bound to the domains and networks of its regions, and it is not', () => {
    const { spec, diagnostics } = ofRoot('engine: { mount: pki }', `${domains}, ${servers}`)
    expect(diagnostics).toEqual([])
    const [agent] = desire(spec!).authorities
    expect(agent).toMatchObject({
      signer: 'engine',
      roleBounds: [{ region: 'global', domains: ['acme.internal'], networks: ['10.0.0.0/8'] }],
    })
    expect(agent!.constraints).toBeUndefined()
  })

  test('a name and an address that no role would take are refused', () => {
    const said = ofRoot('engine: { mount: pki }', `networks: [192.168.0.0/16], ${servers}`)
    expect(said.diagnostics.map(({ message }) => message)).toEqual([
      'agent is not allowed to name s1.acme.internal',
      'agent is not allowed to name 10.0.0.1',
    ])
  })

  test('of a root whose key is elsewhere, domains have no effect, as ever', () => {
    const { diagnostics } = ofRoot('', `${domains}, ${servers}`)
    expect(diagnostics.map(({ code }) => code)).toEqual(expect.arrayContaining(['spec/irrelevant']))
  })

  test('by generation: from a file to the engine', () => {
    const { spec } = ofRoot(
      'engine: { mount: pki }, signer: { 1: file, 2: engine }, signing: 2, trusted: [1, 2], crossed: true',
      `${domains}, ${servers}`,
    )
    const all = desire(spec!).authorities
    expect(all.map(({ signer }) => signer)).toEqual(['file', 'engine'])
    expect(all.map(({ engine }) => engine?.mount)).toEqual([undefined, 'pki'])
    expect(desire(spec!).formerInEngine).toBeUndefined()
  })
})

test('a generation whose key is a file is not in the engine', () => {
  const west = 'issuer: agent, signing: 1, signer: { 1: file, 2: engine }, engine: { mount: pki }'
  const { spec } = parsed({ west })
  const [, first] = desire(spec!).authorities
  expect(first).toMatchObject({ signer: 'file' })
  expect(first!.engine).toBeUndefined()
  const second = parsed({ west: west.replace('signing: 1', 'signing: 2') }).spec!
  expect(second.authorities[1]!.signers).toEqual({ 1: 'file', 2: 'engine' })
  expect(desire(second).authorities[1]!.engine).toBeDefined()
})

test.each<[string, Parts]>([
  ['a root on another machine', { root: '{ signer: offline }' }],
  ['two kinds of keys', { region: 'servers: { s1: {}, s2: { key: rsa-2048 } }' }],
  [
    'keys that nodes hold',
    { region: 'servers: { s1: { keyHeld: node } }\nnode: { tls: /etc/nomad-tls }' },
  ],
  [
    'a machine',
    { region: 'servers: { s1: {} }\noperators: { p: { kind: machine, region: global } }' },
  ],
])('%s: taken', (_, parts) => {
  expect(parsed(parts).diagnostics).toEqual([])
})

describe('refused, with what was expected', () => {
  test.each<[string, Parts, RegExp]>([
    ['no address', { vault: 'vault: {}' }, /the key address is missing/],
    ['no vault', { vault: '' }, /does not say where that is/],
    [
      'an issuer that is no DNS label',
      { west: `issuer: agent, engine: { mount: pki, issuer: "${'a'.repeat(62)}-{generation}" }` },
      /has 64 characters: an engine makes no key of that name/,
    ],
    ['an address with a path', { vault: 'vault: { address: "https://vault/ui" }' }, /does not fit/],
    [
      'a token',
      { vault: 'vault: { address: "https://vault", token: s.123 }' },
      /unknown key "token"/,
    ],
    [
      'a secret',
      { vault: 'vault: { address: "https://vault", auth: { secretId: x } }' },
      /unknown key "secretId"/,
    ],
    [
      'an unknown method',
      { vault: 'vault: { address: "https://vault", auth: { method: ldap } }' },
      /"ldap" is not possible here/,
    ],
    ['no mount', { west: 'issuer: agent, engine: {}' }, /the key mount is missing/],
    ['a mount that climbs', { west: 'issuer: agent, engine: { mount: "../sys" }' }, /does not fit/],
    [
      'a mount with a question',
      { west: 'issuer: agent, engine: { mount: "pki?x" }' },
      /does not fit/,
    ],
    [
      'one issuer for all generations',
      { west: 'issuer: agent, engine: { mount: pki, issuer: west }' },
      /does not fit/,
    ],
    [
      'one role for all',
      { west: 'issuer: agent, engine: { mount: pki, roles: "nomad-{region}" }' },
      /does not fit/,
    ],
    [
      'a region that is not a host name',
      { region: 'servers: { s1: {} }\n  us_west:\n    authority: west\n    servers: { s1: {} }' },
      /certifies no name of the region us_west/,
    ],
    [
      'a node that is not a host name',
      { region: 'domains: [acme.internal]\n    servers: { s1: { names: [s_1.acme.internal] } }' },
      /an engine does not certify "s_1\.acme\.internal": it is not a host name/,
    ],
    [
      'a signer without a place',
      { west: 'issuer: agent, signer: engine', vault: '' },
      /does not say where/,
    ],
  ])('%s', (_, parts, message) => {
    const { spec, diagnostics } = parsed(parts)
    expect(diagnostics.map((one) => one.message).join('\n')).toMatch(message)
    expect(spec).toBeUndefined()
  })

  test('one role for two kinds of certificates', () => {
    const { diagnostics } = parseSpec(`version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
vault: { address: "https://vault:8200" }
authorities:
  agent: {}
  west: { issuer: agent, engine: { mount: pki, roles: "{role}-{region}" } }
regions:
  one: { authority: west, servers: { s1: { key: rsa-2048 } } }
  one.rsa: { authority: west, servers: { s1: {} } }
`)
    expect(diagnostics.map((one) => one.message)).toEqual([
      'one role, pki/roles/server-one.rsa, would be for server certificates of one, rsa and for server certificates of one.rsa, ec',
    ])
  })

  test('one issuer of two authorities', () => {
    const { diagnostics } = parseSpec(`version: 1
cluster: acme
vault: { address: "https://vault:8200" }
authorities:
  agent: {}
  east: { issuer: agent, engine: { mount: pki, issuer: "a-{generation}" } }
  west: { issuer: agent, engine: { mount: pki, issuer: "a-{generation}" } }
regions:
  one: { authority: east, servers: { s1: {} } }
  two: { authority: west, servers: { s1: {} } }
`)
    expect(diagnostics.map((one) => one.message)).toContain(
      'east and west would have one issuer, pki/issuer/a-1',
    )
  })
})

describe('a hint can be followed', () => {
  const names = (name: string): Parts => ({
    region: `domains: [acme.internal]\n    servers: { s1: { names: [${name}] } }`,
  })
  test.each(['s1.eu.nomad', 'eu.nomad', 's1.nomad'])('%s: no domain can allow it', (name) => {
    const { diagnostics } = parsed(names(name))
    expect(diagnostics.map(({ code, hint }) => [code, hint])).toEqual([
      [
        'spec/not-covered',
        'no other name below .nomad can be allowed: write a name below global.nomad, or one in a domain of yours',
      ],
    ])
    expect(parsed(names('s1.global.nomad')).diagnostics).toEqual([])
  })

  test('a domain of another region is not asked for', () => {
    const two = (own: string): ReturnType<typeof parseSpec> =>
      parsed({
        region: `domains: [${own}]\n    servers: { s1: { names: [s1.new.internal] } }\n  other: { authority: west, domains: [other.internal], servers: { s2: {} } }`,
      })
    const [said] = two('acme.internal').diagnostics
    const [, domains] = /domains of region global: domains: \[(.*)\]$/.exec(said!.hint!)!
    expect(domains).toBe('acme.internal, new.internal')
    expect(two(domains!).diagnostics).toEqual([])
  })
})

test('what has no effect is said', () => {
  const warned = (parts: Parts): string =>
    parsed(parts)
      .diagnostics.map(({ severity, message }) => `${severity}: ${message}`)
      .join('\n')
  expect(warned({ west: 'issuer: agent' })).toMatch(/warning: no authority is in an engine/)
  expect(warned({ west: 'issuer: agent, signer: file, engine: { mount: pki }' })).toMatch(
    /warning: no generation of west/,
  )
  expect(warned({ vault: 'vault: { address: "https://v", auth: { role: a } }' })).toMatch(
    /warning: only a login by certificate/,
  )
})
