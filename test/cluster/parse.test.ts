import { describe, expect, test } from 'vitest'
import { parseSpec } from '../../src/cluster/parse.js'
import { complaints, fullSpec, mustParse, withRegions } from './specs.js'

/** One client with these options. */
const client = (options: string): string =>
  withRegions(`global: { clients: { c1: { ${options} } }, servers: { s9: {} } }`)
/** Nodes of a region behind an intermediate that may name little. */
const west = (clients: string): string =>
  withRegions(
    `west: { authority: west, domains: [acme.internal], networks: [10.2.0.0/16], clients: { ${clients} }, servers: { s9: {} } }`,
    'authorities: { agent: {}, west: { issuer: agent } }\n',
  )
const good = 'global: { servers: { s1: {} } }'
const above = (lines: string): string => withRegions(good, lines)

describe('a good spec', () => {
  test('that uses everything has nothing to complain about', () => {
    expect(complaints(fullSpec)).toEqual([])
  })

  test('may be JSON', () => {
    const text = JSON.stringify({
      version: 1,
      cluster: 'acme',
      regions: { global: { servers: { s1: {}, s2: null } } },
    })
    expect(complaints(text)).toEqual([])
  })

  test('may have a byte order mark and CRLF', () => {
    expect(complaints(`\ufeff${fullSpec.replaceAll('\n', '\r\n')}`)).toEqual([])
  })

  test('has one root named agent where no authority is written', () => {
    expect(mustParse(withRegions(good)).authorities.map(({ name }) => name)).toEqual(['agent'])
  })

  test('takes names that JavaScript objects have of their own', () => {
    const text = withRegions(
      'constructor: { servers: { __proto__: {}, toString: {}, "7": {}, "1": {} } }',
      'authorities: { __proto__: {} }\n',
    )
    const [region] = mustParse(text).regions
    expect(region?.groups.map(({ pattern }) => pattern.text)).toEqual([
      '__proto__',
      'toString',
      '7',
      '1',
    ])
  })
})

test.each([
  ['1', true],
  ['65535', true],
  ['0', false],
  ['65536', false],
  ['70000', false],
  ['04646', false],
])('a host with the port %s', (port, accepted) => {
  const told = complaints(withRegions(`global: { servers: { s1: { http: "h.a:${port}" } } }`))
  if (accepted) expect(told).toEqual([])
  else expect(told.join()).toMatch(/^error 4:\d+ spec\/\S+ .*"h\.a:\d+"/)
})

describe('files that are no spec', () => {
  test.each([
    ['', /^error 1:1 spec\/empty /],
    [' \n\n', /^error 1:1 spec\/empty /],
    ['# only a comment\n', /^error 1:1 spec\/empty /],
    ['null', /^error 1:1 spec\/type the spec is empty/],
    ['[1, 2]', /^error 1:1 spec\/type the spec is a list/],
    ['\u0000\u0001ELF', /^error 1:1 spec\/not-text a control character \(U\+0000\)/],
    ['a: \ufffd', /^error 1:4 spec\/not-text not UTF-8/],
    ['regions:\n\tglobal: {}\n', /^error 2:1 spec\/tab /],
    ['regions:\n  \tglobal: {}\n', /^error 2:3 spec\/tab /],
    ['a: 1\n---\nb: 1\n', /^error 2:1 spec\/documents /],
    ['%YAML 1.1\n---\na: yes\n', /^error 1:1 spec\/tag a directive/],
    ['a: !!binary aGk=\n', /^error 1:4 spec\/tag /],
    ['a: {\n', /spec\/syntax /],
    ['a: "b\n', /spec\/syntax /],
  ])('%j', (text, expected) => {
    const [first] = complaints(text)
    expect(first).toMatch(expected)
    expect(parseSpec(text).spec).toBeUndefined()
  })

  test('50 MB are refused before anything reads them', () => {
    expect(complaints('a: b\n'.repeat(10_000_000))).toEqual([
      expect.stringMatching(/^error 1:1 spec\/too-large 47\.7 MB is more than the 4 MB/),
    ])
  })

  test('anchors and aliases are refused one by one, and never followed', () => {
    const bomb = `a: &a [lol, lol]\n${Array.from(
      { length: 9 },
      (_, index) => `b${index}: &b${index} [*a, *a, *a, *a]\n`,
    ).join('')}`
    const told = complaints(bomb)
    expect(told[0]).toMatch(/^error 1:4 spec\/anchor an anchor: &a/)
    expect(told.length).toBe(20)
  })

  test('a merge key is told as such, and ten others are not', () => {
    expect(complaints(above('<<: { a: 1 }\n'))).toEqual([
      expect.stringMatching(/^error 3:1 spec\/unknown-key a merge key/),
    ])
  })

  const hostile: Record<string, string> = {
    'open brackets': '['.repeat(500_000),
    'open braces': '{'.repeat(500_000),
    'dashes in a row': '- '.repeat(250_000),
    'question marks': '? '.repeat(250_000),
    'colons in a row': 'a: '.repeat(170_000),
    'anchors in a row': '&a '.repeat(170_000),
    'closing brackets': ']'.repeat(500_000),
    commas: `[${','.repeat(500_000)}`,
    'pairs of brackets': '[]'.repeat(250_000),
    'bad escapes': `"${'\\x'.repeat(250_000)}"`,
    documents: '---\n'.repeat(125_000),
    deeper: Array.from({ length: 900 }, (_, index) => `${' '.repeat(index)}a:\n`).join(''),
  }
  test.each(Object.entries(hostile))('%s end at once, with few words', (_, text) => {
    const { spec, diagnostics } = parseSpec(text)
    expect(spec).toBeUndefined()
    expect(diagnostics.length).toBeGreaterThan(0)
    expect(diagnostics.length).toBeLessThanOrEqual(21)
  })
})

describe('everything wrong is told at once, each with its place and what would help', () => {
  test('across all parts of a spec', () => {
    const text = `version: 2
clustr: acme
authorities:
  agent: { key: ecdsa-p265, lifetime: 10 }
regions:
  global:
    servers: { s1: { ips: 10.0.0.1 }, s1: {} }
  "eu west": {}
operators:
  alice: { regoin: global }
`
    expect(complaints(text)).toEqual([
      'error 1:1 spec/missing-key the key cluster is missing',
      'error 1:10 spec/value version: 2 is not possible here',
      'error 2:1 spec/unknown-key unknown key "clustr" at the top · did you mean cluster?',
      'error 4:17 spec/value authorities.agent.key: "ecdsa-p265" is not possible here · did you mean ecdsa-p256?',
      'error 4:39 spec/type authorities.agent.lifetime is the number 10 · did you mean 10d?',
      'error 7:27 spec/type regions.global.servers.s1.ips is the text "10.0.0.1" · did you mean [10.0.0.1]?',
      'error 7:39 spec/duplicate-key the key "s1" stands here a second time · remove one of them: YAML readers differ in which one counts',
      'error 8:3 spec/name regions: "eu west" holds a space · Nomad takes such a region, but its names could not be certified or stored',
      'error 10:12 spec/unknown-key unknown key "regoin" in operators.alice · did you mean region?',
    ])
  })

  test('columns count code points, as Nomad counts them', () => {
    const text = withRegions('global: { servers: { "🦊🦊": {}, s1: {}, s2: { keep: 0 } } }')
    expect(complaints(text)).toEqual([
      expect.stringContaining('error 4:24 spec/name'),
      expect.stringContaining('error 4:54 spec/value'),
    ])
  })

  test('the file stands in every diagnostic', () => {
    const { diagnostics } = parseSpec('a: 1\nb: 2\n', { file: 'my cluster.yaml' })
    expect(diagnostics.length).toBeGreaterThan(3)
    expect(new Set(diagnostics.map(({ file }) => file))).toEqual(new Set(['my cluster.yaml']))
  })

  test('after five hundred the rest is counted', () => {
    const nodes = Array.from({ length: 2000 }, (_, index) => `n${index}: { kep: 1 }`).join(', ')
    const { diagnostics } = parseSpec(withRegions(`global: { servers: { ${nodes} } }`))
    expect(diagnostics).toHaveLength(501)
    expect(diagnostics.at(-1)).toMatchObject({ code: 'spec/more', severity: 'error' })
    expect(diagnostics.at(-1)?.message).toContain('1500 more')
  })
})

/** Text, and the complaints about it: all of them, in order. */
const cases: readonly (readonly [string, string, ...string[]])[] = [
  // Regions and names
  ['a slash in a region', withRegions('a/b: {}'), 'error 4:3 spec/name regions: "a/b" holds "/"'],
  ['a region named ..', withRegions('..: {}'), 'error 4:3 spec/name regions: ".." is a directory'],
  ['a leading -', withRegions('-x: {}'), 'error 4:3 spec/name regions: "-x" begins with "-"'],
  [
    '52 characters',
    withRegions(`${'x'.repeat(52)}: {}`),
    `error 4:3 spec/name regions: "${'x'.repeat(52)}" has 52 characters, more than 51`,
  ],
  ['unicode', withRegions('zürich: {}'), 'error 4:3 spec/name regions: "zürich" holds "ü", which'],
  [
    'a region that makes no DNS name',
    withRegions('eu-: { servers: { s1: {} } }'),
    'error 4:3 spec/region-name the region "eu-" has a label that begins or ends with a hyphen',
  ],
  [
    'two regions that differ in case alone: to Go they are one',
    withRegions('global: { servers: { s1: {} } }\nGLOBAL: { servers: { s2: {} } }'),
    'error 5:3 spec/letter-case the regions global and GLOBAL differ in case alone',
  ],
  [
    'clients of a region that has no server, by a slip of the pen',
    withRegions('global: { servers: { s1: {} } }\ngobal: { clients: { c1: {} } }'),
    'warning 5:3 spec/no-server the region gobal has clients and no server that they could join · did you mean global?',
  ],
  [
    'clients alone',
    withRegions('global: { clients: { c1: {} } }'),
    'warning 4:3 spec/no-server the region global has clients and no server that they could join · nomad-pki add server global/s1',
  ],
  ['no region', withRegions(''), 'error 3:9 spec/empty-cluster the spec has no region'],
  ['no node', withRegions('global:'), 'error 3:1 spec/empty-cluster no region has a node'],
  [
    'two nodes of one name across roles',
    withRegions('global: { servers: { s1: {} }, clients: { s1: {} } }'),
    'error 4:45 spec/duplicate-node global has a node s1 already: servers.s1',
  ],
  [
    'two nodes of one name through ranges',
    withRegions('global: { clients: { "c[1-3]": {} }, combined: { "c[3-4]": {} } }'),
    'error 4:52 spec/duplicate-node global has a node c3 already: clients."c[1-3]"',
  ],
  [
    'names that differ in case alone, and one that is there twice nevertheless',
    withRegions('global: { servers: { s1: {} }, clients: { S1: {} }, combined: { s1: {} } }'),
    'warning 4:45 spec/letter-case s1 and S1 of global differ in case alone',
    'error 4:67 spec/duplicate-node global has a node s1 already: servers.s1',
  ],
  [
    'other nodes beside shared',
    withRegions('global: { clients: { shared: true, c1: {} } }'),
    'error 4:24 spec/shared clients of global share one identity',
  ],
  [
    'a range backwards',
    withRegions('global: { clients: { "c[9-1]": {} } }'),
    'error 4:24 spec/range "c[9-1]": the range [9-1] ends before it begins · did you mean [1-9]?',
  ],
  [
    'uneven zeros',
    withRegions('global: { clients: { "c[01-100]": {} } }'),
    'error 4:24 spec/range "c[01-100]": the range [01-100] has zeros',
  ],
  [
    'too many nodes',
    withRegions('global: { clients: { "c[1-100000]": {}, d1: {}, d2: {} } }'),
    'error 4:43 spec/too-many-nodes more than 100000 nodes in all',
  ],
  [
    'a hundred billion nodes',
    withRegions('global: { clients: { "[0-999999][0-999999]": {} } }'),
    'error 4:24 spec/too-many-nodes more than 100000 nodes in all',
  ],
  // Authorities
  [
    'a cycle of issuers',
    above('authorities: { a: { issuer: b }, b: { issuer: a } }\n'),
    'error 3:29 spec/issuer-cycle authorities sign each other in a circle: a → b → a',
    'error 3:47 spec/issuer-cycle authorities sign each other in a circle: b → a → b',
  ],
  [
    'an unknown issuer',
    above('authorities: { agent: {}, b: { issuer: agnet } }\n'),
    'error 3:40 spec/unknown-authority unknown authority "agnet" · did you mean agent?',
  ],
  [
    'an intermediate under an intermediate',
    withRegions(
      'global: { authority: b, servers: { s1: {} } }\neu: { authority: c, servers: { s1: {} } }',
      'authorities: { a: {}, b: { issuer: a }, c: { issuer: b } }\n',
    ),
    'error 3:54 spec/issuer-depth "b" is itself an intermediate · intermediates are made with a path length of 0',
  ],
  [
    'an intermediate that no region names',
    above('authorities: { a: {}, b: { issuer: a } }\n'),
    'error 3:23 spec/unused-authority no region names b: it would be constrained to nothing',
  ],
  [
    'several roots and no word which',
    above('authorities: { a: {}, b: {} }\n'),
    'error 5:3 spec/authority-choice region global does not say which of 2 roots',
  ],
  [
    'an unknown authority',
    withRegions('global: { authority: agnt, servers: { s1: {} } }', 'authorities: { agent: {} }\n'),
    'error 5:24 spec/unknown-authority unknown authority "agnt" · did you mean agent?',
  ],
  ['no authority', above('authorities: {}\n'), 'error 3:14 spec/authority-choice the spec has no'],
  [
    'a signing generation that nobody trusts',
    above('authorities: { a: { signing: 2, trusted: [1] } }\n'),
    'error 3:42 spec/generations generation 2 signs, but agents would not trust it',
  ],
  [
    'a generation twice',
    above('authorities: { a: { trusted: [1, 1] } }\n'),
    'error 3:34 spec/generations generation 1 is named twice',
  ],
  [
    'trust in an intermediate',
    withRegions(
      'global: { authority: b, servers: { s1: {} } }',
      'authorities: { a: {}, b: { issuer: a, trusted: [1], crossed: true } }\n',
    ),
    'error 3:39 spec/irrelevant b is an intermediate: agents trust roots, and trusted belongs there',
    'error 3:53 spec/irrelevant b is an intermediate: agents trust roots, and crossed belongs there',
  ],
  [
    'a cross-certificate, and nobody to make it',
    above('authorities: { a: { crossed: true } }\n'),
    'error 3:30 spec/generations generation 1 has no older generation that could certify it',
  ],
  [
    "an agent's name for an authority",
    above('authorities: { a: { subject: { commonName: server.global.nomad } } }\n'),
    'error 3:44 spec/subject the common name "server.global.nomad" is one that Nomad would take',
  ],
  [
    'a common name that does not fit',
    above(`authorities: { ${'a'.repeat(60)}: {} }\n`),
    'error 3:16 spec/subject the common name "acme ' + 'a'.repeat(60) + ' CA 1" has 70 characters',
  ],
  [
    'two authorities of one subject',
    withRegions(
      'global: { authority: b, servers: { s1: {} } }',
      'authorities: { a: { subject: { commonName: X } }, b: { issuer: a, subject: { commonName: X } } }\n',
    ),
    'error 3:51 spec/subject a and b have the same subject',
  ],
  [
    'regions under different roots',
    withRegions(
      'global: { authority: a, servers: { s1: {} } }\neu: { authority: b, servers: { s1: {} } }',
      'authorities: { a: {}, b: {} }\n',
    ),
    'warning 6:3 spec/separate-roots global trusts a and eu trusts b: they cannot federate',
  ],
  [
    'constraints on a root',
    withRegions('global: { domains: [a.b], servers: { s1: {} } }'),
    'warning 4:13 spec/irrelevant domains has no effect: agent is a root',
  ],
  // Terms
  ['no time', above('defaults: { lifetime: 0d }\n'), 'error 3:23 spec/lifetime lifetime is zero'],
  [
    'negative time',
    above('defaults: { lifetime: -3d }\n'),
    'error 3:23 spec/value defaults.lifetime: "-3d" is negative',
  ],
  [
    'a thousand years',
    above('authorities: { a: { lifetime: 1000y } }\n'),
    'error 3:31 spec/lifetime lifetime is 1000y, longer than 100y',
  ],
  [
    'time without a unit',
    above('defaults: { lifetime: "90" }\n'),
    'error 3:23 spec/value defaults.lifetime: "90" has no unit · did you mean 90d?',
  ],
  [
    'months',
    above('defaults: { lifetime: 3 months }\n'),
    'error 3:23 spec/value defaults.lifetime: "3 months" is in months',
  ],
  [
    'a renewal before the beginning',
    above('defaults: { lifetime: 10d, renewBefore: 30d }\n'),
    'error 3:41 spec/renew-before renewBefore 30d does not fit into a lifetime of 10d · a third is usual: 3d',
  ],
  [
    'a leaf longer than its root',
    above('authorities: { a: { lifetime: 30d } }\n'),
    'error 3:16 spec/beyond-issuer a server of global would live 90d, longer than a, which signs it (30d)',
  ],
  [
    'an intermediate longer than its root',
    withRegions(
      'global: { authority: b, servers: { s1: {} } }',
      'authorities: { a: { lifetime: 1y }, b: { issuer: a, lifetime: 3y } }\n',
    ),
    'error 3:63 spec/beyond-issuer b would live 3y, longer than a, which signs it (1y)',
  ],
  [
    'Ed25519 for an agent',
    client('key: ed25519'),
    'error 4:35 spec/value regions.global.clients.c1.key: "ed25519" is not possible here · Nomad agents refuse Ed25519 keys',
  ],
  [
    'Ed25519 for an authority',
    above('authorities: { a: { key: ed25519 } }\n'),
    'warning 3:26 spec/key-algorithm browsers refuse certificates signed by ed25519 keys',
  ],
  [
    'P-521 for an agent',
    client('key: ecdsa-p521'),
    'warning 4:35 spec/key-algorithm browsers refuse ecdsa-p521 keys',
  ],
  // Names and addresses
  [
    "a client with a server's name",
    client('names: [server.global.nomad]'),
    'error 4:38 spec/dns-name "server.global.nomad" is the name of a server: a client may not carry it',
  ],
  [
    "another region's name",
    client('names: [client.eu.nomad]'),
    'error 4:38 spec/dns-name "client.eu.nomad" is the name of a client of region "eu", not "global"',
  ],
  ['its own name', client('names: [client.global.nomad, localhost]')],
  ['a wildcard', client('names: ["*.a.b"]'), 'error 4:38 spec/dns-name "*.a.b" is a wildcard'],
  [
    'an umlaut',
    client('names: [bücher.example]'),
    'note 4:38 spec/punycode "bücher.example" is certified as xn--bcher-kva.example',
  ],
  [
    'an address among names',
    client('names: [10.0.0.1]'),
    'error 4:38 spec/dns-name "10.0.0.1" is an address: it belongs into `ips`',
  ],
  [
    'a placeholder that is none',
    client('names: ["{nod}.x"]'),
    'error 4:38 spec/template {nod} is not a placeholder · there are {node}, {region}, {cluster}',
  ],
  [
    'the number of no range',
    client('ips: ["10.0.0.{n}"]'),
    'error 4:36 spec/address "10.0.0.{n}" {n} is the number of a range · this is a single node',
  ],
  [
    'a template without quotes',
    client('names: [{node}.x]'),
    'error 4:44 spec/syntax unexpected scalar at node end · text with {node} needs quotes',
  ],
  [
    'a template that YAML reads as a map',
    client('names: [{node}]'),
    'error 4:38 spec/type regions.global.clients.c1.names[0] is a map · put it in quotes: "{node}"',
  ],
  [
    '256',
    client('ips: [10.0.0.256]'),
    'error 4:36 spec/address "10.0.0.256" is not an IP address · 256',
  ],
  [
    'three numbers',
    client('ips: ["10.0.0"]'),
    'error 4:36 spec/address "10.0.0" is not an IP address',
  ],
  ['a zone', client('ips: ["fe80::1%eth0"]'), 'error 4:36 spec/address "fe80::1%eth0" has a zone'],
  [
    'a mapped address',
    client('ips: ["::ffff:10.0.0.1"]'),
    'error 4:36 spec/address "::ffff:10.0.0.1" is an IPv4-mapped IPv6 address: TLS libraries compare it as IPv4 · write 10.0.0.1',
  ],
  ['octal', client('ips: [010.0.0.1]'), 'error 4:36 spec/address "010.0.0.1" is not an IP address'],
  [
    'nonsense',
    client('ips: ["1::2::3"]'),
    'error 4:36 spec/address "1::2::3" is not an IP address',
  ],
  ['unspecified', client('ips: ["::"]'), 'error 4:36 spec/address "::" is the unspecified address'],
  [
    'one address for all of a range',
    withRegions('global: { clients: { "c[1-3]": { ips: [10.0.0.1] } }, servers: { s9: {} } }'),
    'warning 4:42 spec/address all 3 nodes get the same address',
  ],
  // What an intermediate may name
  ['covered', west('c1: { names: [c1.acme.internal, acme.internal], ips: [10.2.3.4] }')],
  [
    'a name that is not covered',
    west('c1: { names: [c1.other.internal] }'),
    'error 5:104 spec/not-covered west is not allowed to name c1.other.internal · add it to the domains of region west: domains: [acme.internal, other.internal]',
  ],
  [
    'an address that is not covered',
    west('c1: { ips: [10.3.0.1] }'),
    'error 5:102 spec/not-covered west is not allowed to name 10.3.0.1',
  ],
  [
    'IPv6 beside IPv4 networks',
    west('c1: { ips: ["fd00::1"] }'),
    'error 5:102 spec/not-covered west is not allowed to name fd00::1',
  ],
  [
    'the middle of a range that is not covered',
    west('"c[1-3]": { names: ["{node}"] }').replace('[acme.internal]', '[c1, c3]'),
    'error 5:103 spec/not-covered west is not allowed to name c2',
  ],
  [
    'the end of a range outside its network',
    west('"c[1-300]": { ips: ["10.2.0.0/24+{n}"] }'),
    'error 5:110 spec/address "10.2.0.0/24+{n}" gives 10.2.1.44 for c300, which is outside the network',
  ],
  [
    'the end of a range behind the last address of all',
    west('"c[1-300]": { ips: ["255.255.255.0/0+{n}"] }'),
    'error 5:110 spec/address "255.255.255.0/0+{n}" gives 0.0.0.44 for c300, which is outside',
  ],
  [
    "a domain in Nomad's zone",
    west('c1: {}').replace('[acme.internal]', '[global.nomad]'),
    'error 5:38 spec/dns-name the domain "global.nomad" lies in Nomad\'s own zone',
  ],
  [
    'host bits in a network',
    west('c1: {}').replace('10.2.0.0/16', '10.2.0.1/16'),
    'error 5:65 spec/network "10.2.0.1/16" has bits set behind its prefix · did you mean 10.2.0.0/16?',
  ],
  // Configurations
  ['a configuration that is a file', client('config: agents/c1.hcl')],
  [
    'one file for two',
    withRegions('global: { clients: { c1: { config: a.hcl }, c2: { config: ./a.hcl } } }'),
    'error 4:61 spec/config global/c1 has the same configuration',
  ],
  ['a configuration in parts', client('config: { paths: [a, b.hcl], write: b.hcl }')],
  ['a new file in a directory', client('config: { paths: [a/, b.hcl], write: ./a/tls.hcl }')],
  [
    'a base that two share',
    withRegions(
      'global: { clients: { "c[1-3]": { config: { paths: [base, "a/{node}.hcl"], write: "a/{node}.hcl" } }, d: { config: { paths: [base, d], write: d } } }, servers: { s9: {} } }',
    ),
  ],
  [
    'a file that the agent does not read',
    client('config: { paths: [a], write: b/c.hcl }'),
    'error 4:59 spec/config the agent would not read this file · add it to paths where -config names it',
  ],
  [
    'a name that Nomad does not read',
    client('config: { paths: [a], write: a/tls.conf }'),
    'error 4:59 spec/config of a directory Nomad does not read a/tls.conf',
  ],
  [
    'a path that stands twice',
    client('config: { paths: [a, ./a], write: a/b.hcl }'),
    'error 4:51 spec/config ./a stands here twice',
  ],
  [
    'one written file for a range',
    withRegions(
      'global: { clients: { "c[1-3]": { config: { paths: ["{node}", a], write: a } } } }',
    ),
    'error 4:75 spec/config all of c[1-3] would write one file',
  ],
  [
    'one written file for two',
    withRegions(
      'global: { clients: { c1: { config: { paths: [a], write: a } }, c2: { config: { paths: [b, ./a], write: "b/../a" } } } }',
    ),
    'error 4:106 spec/config global/c1 writes the same file',
  ],
  [
    'a placeholder that is none, in paths and in write',
    client('config: { paths: [a, "{nod}"], write: "{x}" }'),
    'error 4:51 spec/template {nod} is not a placeholder',
    'error 4:68 spec/template {x} is not a placeholder',
  ],
  [
    'one directory for a range',
    withRegions('global: { clients: { "c[1-3]": { config: agents } } }'),
    'error 4:44 spec/config all of c[1-3] would have one configuration',
  ],
  [
    'one directory for two',
    withRegions('global: { clients: { c1: { config: a }, c2: { config: ./a/ } } }'),
    'error 4:57 spec/config global/c1 has the same configuration',
  ],
  // The rest
  ['an empty store', above('store: ""\n'), 'error 3:8 spec/value store: "" is empty'],
  ['the folder itself', above('store: ./\n'), 'error 3:8 spec/store store: "./" is not a folder'],
  ['a home', above('store: ~/pki\n'), 'error 3:8 spec/store store: "~/pki" begins with ~'],
  ['an absolute store', above('store: /srv/pki\n')],
  ['no place', above('node: { tls: / }\n'), 'error 3:14 spec/value node.tls: "/" does not fit'],
  [
    'a place that HCL would read as something else',
    above('node: { tls: "/a${b}" }\n'),
    'error 3:14 spec/value node.tls: "/a${b}" does not fit',
  ],
  ['a relative place', above('node: { tls: etc }\n'), 'error 3:14 spec/value node.tls: "etc"'],
  [
    'no names checked',
    above('node: { stanza: { verify_server_hostname: false } }\n'),
    'warning 3:43 spec/weak-tls without verify_server_hostname',
  ],
  [
    'suites of TLS 1.3',
    above('node: { stanza: { tls_cipher_suites: TLS_AES_128_GCM_SHA256 } }\n'),
    'error 3:38 spec/cipher-suite "TLS_AES_128_GCM_SHA256" is a suite of TLS 1.3',
  ],
  [
    'suites for another kind of key',
    above('node: { stanza: { tls_cipher_suites: TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 } }\n'),
    "error 3:38 spec/cipher-suite no suite in the list works with the agent's ECDSA key",
  ],
  [
    'an operator with names',
    above('operators: { eve: { names: [x] } }\n'),
    'error 3:21 spec/unknown-key unknown key "names" in operators.eve · nothing listens',
  ],
  [
    'an operator of an unknown region',
    above('operators: { eve: { region: globl } }\n'),
    'error 3:29 spec/unknown-region unknown region "globl" · did you mean global?',
  ],
  [
    'an operator of one of two regions',
    withRegions(`${good}\neu: { servers: { s1: {} } }`, 'operators: { eve: {} }\n'),
    'error 3:14 spec/region-choice operator eve does not say which of 2 regions',
  ],
]

describe('what a spec can have wrong', () => {
  test.each(cases)('%s', (_, text, ...expected) => {
    const told = complaints(text)
    expect(told.map((line, index) => line.slice(0, expected[index]?.length ?? 60))).toEqual(
      expected,
    )
    expect(parseSpec(text).spec === undefined).toBe(told.some((line) => line.startsWith('error')))
  })
})

describe('bounds in work', () => {
  const node = (value: object): string =>
    JSON.stringify({
      version: 1,
      cluster: 'acme',
      regions: { global: { servers: { s1: {} }, clients: value } },
    })
  const many = (count: number): string[] =>
    Array.from({ length: count }, (_, at) => `n${at}.example`)

  test('500 names of one node are read, one more is refused, 100,000 at once', () => {
    expect(parseSpec(node({ c1: { names: many(500) } })).diagnostics).toEqual([])
    for (const count of [501, 100_000]) {
      const began = performance.now()
      expect(parseSpec(node({ c1: { names: many(count) } })).diagnostics).toEqual([
        expect.objectContaining({
          code: 'spec/too-many',
          message: `regions.global.clients.c1.names has ${count} items`,
          expected: 'at most 500',
        }),
      ])
      expect(performance.now() - began).toBeLessThan(10_000)
    }
  })

  test('names of all nodes together', () => {
    const names = Array.from({ length: 11 }, (_, at) => `{node}.n${at}.example`)
    expect(parseSpec(node({ 'c[1-99999]': { names } })).diagnostics).toEqual([
      expect.objectContaining({
        code: 'spec/too-many',
        message: 'more than 1000000 names and addresses in all',
      }),
    ])
  })
})
