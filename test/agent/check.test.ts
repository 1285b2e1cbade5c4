import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  agentCodes,
  checkAgentConfig,
  type CheckAgentConfigOptions,
  checkSchema,
  cipherSuites,
  type NamedFile,
  planTlsEdit,
  type TlsKey,
} from '../../src/agent/index.js'
import { datedKeys } from '../../src/agent/schema-table.js'
import type { Diagnostic } from '../../src/diagnostics.js'
import { hclCodes, parseConfig } from '../../src/hcl/index.js'
import { corpus, mutate, random } from '../hcl/corpus.js'
import { agentFiles, lines } from './builders.js'
import { before, configWith } from './dated.js'
import { askedVersions, inJson, startCases, startText, valueCases, verdictOf } from './values.js'
import { seed } from '../seed.js'

const base = 'data_dir = "/opt" server { enabled = true }\n'
const good =
  'tls { http = true rpc = true verify_server_hostname = true\n ca_file = "/ca" cert_file = "/c" key_file = "/k"'

function check(
  texts: string | Readonly<Record<string, string>>,
  options: CheckAgentConfigOptions = {},
): string[] {
  const files = agentFiles(typeof texts === 'string' ? { a: texts } : texts)
  const kind = typeof texts === 'string' ? 'files' : 'directory'
  return lines(checkAgentConfig(files, { kind, ...options }))
}

test('a sound configuration has nothing to be said about', () => {
  expect(check(`${base}${good} }`)).toEqual([])
})

describe('keys and types, as Nomad’s decoder takes them', () => {
  function schema(text: string): string[] {
    return lines(checkSchema(parseConfig(text).document!))
  }

  test.each<[string, string, string[]]>([
    ['an unknown key', 'serverr { }', ['error agent/unknown-key :1:1']],
    ['an unknown key in a block', 'ports {\n https = 1 }', ['error agent/unknown-key :2:2']],
    ['a dotted key (trap 11)', 'server.enabled = true', ['error agent/unknown-key :1:1']],
    ['a repeated key (trap 1)', 'region = "a"\nregion = "b"', ['error agent/repeated-key :2:1']],
    ['repeated blocks', 'ports { } ports { }', ['error agent/repeated-key :1:11']],
    [
      'repeated server, client, telemetry blocks pass',
      'server { } server { } client { } client { } telemetry { } telemetry { }',
      [],
    ],
    ['six server blocks do not', 'server { } '.repeat(6), ['error agent/repeated-key :1:56']],
    ['repeated labelled blocks pass', 'plugin "a" { } plugin "b" { config { x = 1 } }', []],
    ['consul and vault pass, in this spelling only', 'vault { x = 1 } vault { } consul { }', []],
    ['and not in another', 'Vault { }', ['error agent/unknown-key :1:1']],
    ['a label where none belongs', 'server "x" { }', ['error agent/unknown-key :1:8']],
    ['no TRACE', 'log_level = "LOUD"', ['error agent/value :1:13']],
    ['raft 2', 'server { raft_protocol = 2 }', ['error agent/value :1:26']],
    [
      'a weak boolean of consul',
      'consul { ssl = "yes" } vault { enabled = "T" }',
      ['error agent/value :1:16'],
    ],
    ['a keyring unknown', 'keyring "x" { } keyring "aead" { }', ['error agent/value :1:9']],
    ['consul is no block', 'consul = "x"', ['error agent/value :1:10']],
    ['a list of blocks', 'tls = [{ }]', ['error agent/value :1:7']],
    ['a string for a list', 'client { servers = "x" }', ['error agent/value :1:20']],
    ['a wrong boolean (trap 12)', 'server { enabled = "yes" }', ['error agent/value :1:20']],
    ['a wrong integer (trap 12)', 'ports { http = 46e2 }', ['error agent/value :1:16']],
    ['an integer for a string passes', 'region = 5', []],
    [
      'a duration without a unit',
      'server { heartbeat_grace = 30 }',
      ['error agent/duration :1:28'],
    ],
    [
      'a number too large without a schema',
      'plugin "a" { config { x = 99999999999999999999 } }',
      ['error agent/value :1:27'],
    ],
    ['and as a string passes', 'client { meta { x = 99999999999999999999 } }', []],
    ['what is ignored', 'ui { enabeld = true }', ['warning agent/ignored :1:6']],
    [
      'what is ignored, twice',
      'limits { http_max_conns_per_client = 1 http_max_conns_per_client = 2 }',
      ['warning agent/ignored :1:40'],
    ],
    [
      'JSON, flattened',
      '{"client": {"meta": {"a": 1}, "options": {"b": "c"}}, "server": {"server_join": {"retry_join": ["x"]}}}',
      [],
    ],
    ['JSON, repeated', '{"region": "a", "region": "b"}', ['error agent/repeated-key :1:17']],
    [
      'a block that forgets what the one before left over',
      'client { bogus = 1 } client { host_volume "a" { path = "/x" } }',
      ['warning agent/ignored :1:10'],
    ],
  ])('%s', (_, text, expected) => {
    expect(schema(text)).toEqual(expected)
  })

  test.each([
    ['server_join { retry_join = ["10.1.0.12"] }', '"server" or "client"'],
    ['retry_join = ["10.1.0.12"]', '"client.server_join" or "server" or "server.server_join"'],
    ['start_join = ["10.1.0.12"]', '"client.server_join" or "server" or "server.server_join"'],
    ['servers = ["10.1.0.12"]', '"client"'],
    ['enabled_schedulers = ["batch"]', '"server"'],
    ['options { a = "b" }', '"client"'],
    ['meta { a = "b" }', '"client"'],
    ['chroot_env { a = "b" }', '"client"'],
    ['template { }', '"client"'],
    ['datadog_tags = ["a"]', '"telemetry"'],
    ['task_identity { }', undefined],
    ['service_identity { }', undefined],
    ['default_identity { }', undefined],
    ['license { enabled = true }', '"reporting"'],
    ['{"server_join": {"retry_join": ["10.1.0.12"]}}', '"client" or "server"'],
    ['{"options": [{"a": "b"}], "client": [{"meta": {"a": "b"}}]}', '"client"'],
  ])('%s is ignored at the top, and belongs in %s', (text, home) => {
    const [found, ...more] = checkSchema(parseConfig(text).document!)
    expect(found).toMatchObject({ severity: 'warning', code: 'agent/ignored', line: 1 })
    expect(more).toEqual([])
    const homes = (hint: string | undefined): string[] => hint?.match(/"[a-z_.]+"/g)?.sort() ?? []
    expect(homes(found?.hint)).toEqual(homes(home))
  })

  test.each([
    ['client { stats { } }', 'warning agent/ignored :1:10'],
    ['client { max_stale = "1s" }', 'warning agent/ignored :1:10'],
    ['server { preemption_config { } }', 'warning agent/ignored :1:10'],
    ['server { bogus = 1 } server { preemption_config { } }', 'warning agent/ignored :1:10'],
  ])('%s is ignored in its block', (text, expected) => {
    expect(lines(checkSchema(parseConfig(text).document!))).toContain(expected)
  })

  test('what was left over and is tidied since a version stops the ones before', () => {
    const { document } = parseConfig('task_identity { }')
    expect(lines(checkSchema(document!, { nomadVersion: '1.11.2' }))).toEqual([
      'error agent/unknown-key :1:1',
    ])
  })

  // Nomad: "server unexpected keys x".
  test.each<[string, string[]]>([
    ['server "x" { }', ['1:8 "server" has the label "x", and Nomad stops']],
    ['server { }\nserver "x" { }', ['2:8 "server" has the label "x", and Nomad stops']],
    ['server "server" { }', ['1:8 "server" has the label "server", and Nomad stops']],
    [
      'server "region" { }\nregion = "eu"',
      ['1:8 "server" has the label "region", and Nomad stops'],
    ],
    [
      'client "x" "y" { }',
      [
        '1:8 "client" has the label "x", and Nomad stops',
        '1:12 "client" has the label "y", and Nomad stops',
      ],
    ],
    ['client { reserved "x" { } }', ['1:19 "reserved" has the label "x", and Nomad stops']],
    ['plugin "a" "b" { }', ['1:12 "plugin" has the label "b", and Nomad stops']],
    ['{"server": {"x": {}}}', ['1:13 Nomad does not know "x" in "server", and stops']],
  ])('%s: the place of the label, and whose it is', (text, expected) => {
    const found = checkSchema(parseConfig(text).document!)
    expect(found.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(
      expected,
    )
  })

  test('near-misses are named', () => {
    const [first] = checkSchema(parseConfig('clinet { }').document!)
    expect(first?.hint).toBe('did you mean "client"?')
  })
})

describe.each(askedVersions)('Nomad %s', (nomadVersion) => {
  test.each(valueCases)('%s is valid: %j', (addition, verdict) => {
    const lines_ = check(`${base}${addition}`, { nomadVersion })
    const errors = lines_.filter((line) => line.startsWith('error'))
    expect(errors.length === 0).toBe(verdictOf(verdict, nomadVersion))
  })
})

describe.each(askedVersions)('an agent of Nomad %s', (nomadVersion) => {
  const place = { data: '/opt/nomad', http: 24_646, rpc: 24_647, serf: 24_648 }
  test.each(startCases)('%s with %s starts: %j', (role, addition, verdict) => {
    const told = check(startText(role, addition, place), { nomadVersion })
    const errors = told.filter((line) => line.startsWith('error'))
    expect(errors.length === 0, told.join('\n')).toBe(verdictOf(verdict, nomadVersion))
  })
})

// The tags of nomad/structs/config in each release say which keys there are.
test.each<[string, string, string, string[]]>([
  [
    'vault { default_identity { extra_claims = "x" } }',
    '1.8.2',
    '1.8.3',
    ['error agent/value :1:43'],
  ],
  ['consul { task_identity { filepath = [] } }', '1.8.4', '1.9.0', ['error agent/value :1:37']],
  ['vault { allow_unauthenticated = "no" }', '1.10.0', '1.9.7', ['error agent/value :1:33']],
  ['consul { allow_unauthenticated = [] }', '1.10.0', '1.9.7', ['error agent/value :1:34']],
  ['vault { task_token_ttl = [] }', '1.10.0', '1.9.7', ['error agent/value :1:26']],
  ['client { fingerprint "mine" { } }', '1.11.1', '1.11.2', ['error agent/value :1:22']],
  ['keyring "mine" { }', '1.8.2', '1.8.3', ['error agent/value :1:9']],
])('%s is not read by Nomad %s, and is by %s', (text, without, knows, expected) => {
  const values = (nomadVersion: string | undefined): string[] =>
    lines(checkSchema(parseConfig(text).document!, { nomadVersion })).filter((line) =>
      line.includes('agent/value'),
    )
  expect(values(without)).toEqual([])
  expect(values(knows)).toEqual(expected)
  // Where any version is meant, the newest decides.
  expect(values(undefined)).toEqual(values('2.0.5'))
})

test('a second active keyring is not told of a version that has no keyring', () => {
  const text = `${base}keyring "aead" { active = true } keyring "aead" { active = true name = "b" }`
  const told = (nomadVersion: string): boolean =>
    check(text, { nomadVersion }).some((line) => line.includes('keyring-active'))
  expect([told('1.8.2'), told('1.8.3')]).toEqual([false, true])
})

describe('two active keyring blocks stop a server of Community Edition', () => {
  // Each answered so by agents of 1.11.3 and 2.0.5: "only one server.keyring can be active".
  const aead = 'keyring "aead" { active = true }'
  const named = 'keyring "aead" { active = 1 name = "b" }'
  const off = 'keyring "aead" { active = false }'
  test.each<[string, Record<string, string>, string[]]>([
    ['two', { 'a.hcl': `${aead}\n${named}` }, ['warning agent/keyring-active a.hcl:3:1']],
    ['one twice', { 'a.hcl': `${aead}\n${aead}` }, ['warning agent/keyring-active a.hcl:3:1']],
    ['one in two files', { 'a.hcl': aead, 'b.hcl': aead }, []],
    ['one that another file switches off', { 'a.hcl': aead, 'b.hcl': `${off} ${named}` }, []],
    [
      'one in each of two files',
      { 'a.hcl': aead, 'b.hcl': named },
      ['warning agent/keyring-active b.hcl:1:1'],
    ],
    ['one of two', { 'a.hcl': `${off}\n${named}` }, []],
    [
      'JSON',
      {
        'a.hcl': '',
        'b.json': '{"keyring": {"aead": {"active": true}, "transit": {"active": true}}}',
      },
      ['warning agent/keyring-active b.json:1:2'],
    ],
    [
      'a license says Enterprise',
      { 'a.hcl': `${aead} ${named} server { license_path = "/l" }` },
      [],
    ],
  ])('%s', (_, texts, expected) => {
    const all = { ...texts, 'a.hcl': `${base}${texts['a.hcl'] ?? ''}` }
    const of = (found: readonly string[]): string[] =>
      found.filter((line) => line.includes('keyring'))
    expect(of(check(all))).toEqual(expected)
    const edit = planTlsEdit(agentFiles(all), { http: true })
    expect(of(lines(edit.diagnostics))).toEqual(expected)
  })

  test('a client does not look', () => {
    const text = `data_dir = "/opt" client { enabled = true }\n${aead} ${named}`
    expect(check(text).filter((line) => line.includes('keyring'))).toEqual([])
  })
})

// Nomad's own book-keeping of keys refuses some nested blocks in JSON that it takes in HCL.
test.each([false, true])('what stops it stops it in JSON too, blocks in lists: %s', (wrap) => {
  const place = { data: '/opt/nomad', http: 24_646, rpc: 24_647, serf: 24_648 }
  const nomadVersion = '2.0.5'
  const passed = startCases.filter(([role, addition, verdict]) => {
    const json = inJson(startText(role, addition, place), wrap)!
    const errors = check(json, { nomadVersion }).filter((line) => line.startsWith('error'))
    return errors.length === 0 && !verdictOf(verdict, nomadVersion)
  })
  expect(passed).toEqual([])
})

describe.each([...datedKeys])('%s, which not every version knows', (path, { since, until }) => {
  const text = configWith(path)
  /** What is told of the key itself. */
  const told = (nomadVersion: string | undefined): Diagnostic[] =>
    checkSchema(parseConfig(text).document!, { nomadVersion }).filter(({ code }) =>
      ['agent/unknown-key', 'agent/ignored', 'agent/removed-key'].includes(code),
    )
  const bound = since ?? until!
  const other = before(bound)

  test(`is known ${since === undefined ? 'before' : 'from'} ${bound}`, () => {
    const [knows, doesNot] = since === undefined ? [other, bound] : [bound, other]
    expect(told(knows).filter(({ code }) => code !== 'agent/removed-key')).toEqual([])
    expect(told(doesNot)).not.toEqual([])
    expect(told(undefined).filter(({ severity }) => severity === 'error')).toEqual([])
  })
})

test.each<[string, string | undefined, string[]]>([
  ['server { raft_logstore { } }', '1.11.3', ['error agent/unknown-key :1:10']],
  // Enterprise goes on where the public releases of a line end, and gets a key now and then.
  ['server { raft_logstore { } }', '1.11.9', ['warning agent/unknown-key :1:10']],
  ['server { bogus = 1 }', '2.1.0', ['warning agent/unknown-key :1:10']],
  ['server { bogus = 1 }', '1.4.0', ['warning agent/unknown-key :1:10']],
  ['server { bogus = 1 }', undefined, ['error agent/unknown-key :1:10']],
  ['rpc { dial_timeout = "5s" }', '1.11.3', ['warning agent/ignored :1:7']],
  ['rpc { dial_timeout = "5s" }', undefined, []],
  ['server { raft_protocol = 2 }', undefined, ['error agent/value :1:26']],
  ['server { raft_protocol = 2 }', '1.4.0', ['error agent/value :1:26']],
  ['server { raft_protocol = 2 }', '1.3.0', []],
])('%s in %s', (text, nomadVersion, expected) => {
  expect(lines(checkSchema(parseConfig(text).document!, { nomadVersion }))).toEqual(expected)
})

describe('tls', () => {
  test.each<[string, string, CheckAgentConfigOptions, string[]]>([
    ['nothing encrypted', '', {}, ['warning agent/tls-off a:1:1']],
    [
      'half',
      'tls { http = true ca_file = "/a" cert_file = "/b" key_file = "/c"',
      {},
      ['warning agent/tls-off a:2:14'],
    ],
    [
      'no names checked',
      good.replace('verify_server_hostname = true', ''),
      {},
      ['warning agent/verify-server-hostname a:2:14'],
    ],
    [
      'plaintext accepted',
      `${good} rpc_upgrade_mode = true`,
      {},
      ['warning agent/rpc-upgrade-mode a:3:70'],
    ],
    [
      'rpc without a CA',
      good.replace('ca_file = "/ca"', ''),
      {},
      ['error agent/tls-incomplete a:2:14'],
    ],
    [
      'http without a pair starts',
      'tls { http = true ca_file = "/a"',
      {},
      ['warning agent/tls-off a:2:14', 'warning agent/tls-incomplete a:2:14'],
    ],
    [
      'a TLS version unknown',
      `${good} tls_min_version = "1.2"`,
      {},
      ['error agent/min-version a:3:69'],
    ],
    ['tls13', `${good} tls_min_version = "tls13"`, {}, []],
    [
      'tls13 before 1.8.3',
      `${good} tls_min_version = "tls13"`,
      { nomadVersion: '1.8.2' },
      ['error agent/min-version a:3:69'],
    ],
    ['tls10', `${good} tls_min_version = "tls10"`, {}, ['warning agent/min-version a:3:69']],
    [
      'a removed key',
      `${good} tls_prefer_server_cipher_suites = true`,
      { nomadVersion: '1.9.0' },
      ['error agent/removed-key a:3:51'],
    ],
    [
      'a removed key, and any version is meant',
      `${good} tls_prefer_server_cipher_suites = true`,
      {},
      ['warning agent/removed-key a:3:85'],
    ],
    [
      'a removed key before',
      `${good} tls_prefer_server_cipher_suites = true`,
      { nomadVersion: '1.8.9' },
      ['warning agent/removed-key a:3:85'],
    ],
    [
      'relative paths',
      good.replace('"/ca"', '"ca.pem"'),
      {},
      ['warning agent/relative-path a:3:12'],
    ],
    [
      'a heredoc as a path',
      `${good.replace('ca_file = "/ca"', '')} ca_file = <<E\n/x\nE\n`,
      {},
      ['warning agent/path a:3:46'],
    ],
    [
      'an interpolation that is none',
      good.replace('"/ca"', '"/${env}/ca"'),
      {},
      ['warning agent/path a:3:12'],
    ],
    ['a template', good.replace('"/ca"', '"/{{ env }}/ca"'), {}, ['warning agent/template a:3:12']],
    [
      'consul names the same file',
      `${good} }\nconsul { ca_file = "/ca" `,
      {},
      ['warning agent/not-reloaded a:4:10'],
    ],
  ])('%s', (_, text, options, expected) => {
    expect(check(`${base}${text}${text === '' ? '' : ' }'}`, options)).toEqual(expected)
  })

  test.each<[string, string | undefined]>([
    ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', undefined],
    ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', undefined],
    [' ', undefined],
    ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'spaces'],
    ['TLS_AES_128_GCM_SHA256', 'TLS 1.3'],
    ['TLS_RSA_WITH_CHACHA20_POLY1305', 'does not know'],
    ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'does not know'],
    ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDSA key'],
    ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,', 'does not know'],
  ])('suites %j', (list, expected) => {
    const named = new Map<TlsKey, NamedFile>([
      ['key_file', { state: 'present', faults: [], key: 'ECDSA' }],
    ])
    const [first] = checkAgentConfig(
      agentFiles({ 'a.hcl': `${base}${good} tls_cipher_suites = "${list}" }` }),
      { named },
    )
    if (expected === undefined) expect(first).toBeUndefined()
    else expect(first).toMatchObject({ code: 'agent/cipher-suites', severity: 'error' })
    if (expected !== undefined) expect(first?.message).toContain(expected)
  })

  test('fourteen suites are known', () => {
    expect(cipherSuites.size).toBe(14)
  })
})

describe('what stops the agent before it starts', () => {
  test.each<[string, string, CheckAgentConfigOptions, string[]]>([
    ['no role', 'data_dir = "/x"', {}, ['error agent/no-role a:1:1']],
    ['a role by flag', 'data_dir = "/x"', { flags: { client: true } }, []],
    ['no data_dir', 'server { enabled = true }', {}, ['error agent/data-dir a:1:1']],
    ['data_dir by flag', 'server { enabled = true }', { flags: { dataDir: '/x' } }, []],
    [
      'a relative data_dir',
      'data_dir = "x" server { enabled = true }',
      {},
      ['error agent/data-dir a:1:12'],
    ],
    ['a star in the datacenter', `${base}datacenter = "a*"`, {}, ['error agent/datacenter a:2:14']],
    [
      'a gossip key that is not base64',
      `${base}server { encrypt = "a" }`,
      {},
      ['error agent/gossip-key a:2:20'],
    ],
    [
      'a gossip key too short',
      `${base}server { encrypt = "YWJj" }`,
      {},
      ['error agent/gossip-key a:2:20'],
    ],
    [
      'a local address',
      `${base}bind_addr = "127.0.0.1" advertise { http = "x" rpc = "y" }`,
      {},
      ['error agent/advertise a:2:13'],
    ],
    [
      'a log rotation that is not a duration',
      `${base}log_file = "/l" log_rotate_duration = "x"`,
      {},
      ['error agent/duration a:2:39'],
    ],
    ['another region', `${base}region = "us"`, { region: 'eu' }, ['error agent/region a:2:10']],
  ])('%s', (_, text, options, expected) => {
    expect(check(text, options).filter((line) => !line.includes('tls-off'))).toEqual(expected)
  })

  test('an empty directory, and one with strays and settings without effect', () => {
    expect(check({ 'x.conf': '' })).toContain('warning agent/no-files :1:1')
    const found = check({
      '0.hcl': `${base}${good} }`,
      '1.hcl': 'tls { http = false ca_file = "/other" }\nserver { enabled = false }',
      'x.bak.hcl': '',
    })
    expect(found).toEqual([
      'note agent/overridden 0.hcl:3:12',
      'warning agent/sticky-true 1.hcl:1:14',
      'warning agent/sticky-true 1.hcl:2:20',
      'warning agent/stray-file x.bak.hcl:1:1',
    ])
  })

  test('a wrong value that a later file overrides is looked at by nobody', () => {
    const wrong = 'log_level = "LOUD"'
    const good_ = `${base}${good} }\nlog_level = "INFO"`
    expect(check({ 'a.hcl': wrong, 'b.hcl': good_ })).toEqual(['warning agent/value a.hcl:1:13'])
    expect(check({ 'a.hcl': good_, 'b.hcl': wrong })).toEqual(['error agent/value b.hcl:1:13'])
    expect(check({ 'a.hcl': wrong, 'b.hcl': good_.replace('INFO', '') })).toEqual([
      'error agent/value a.hcl:1:13',
    ])
  })

  test('nothing is concluded from the absence of what cannot be read', () => {
    expect(check({ 'a.hcl': 'x = null' })).toEqual(['error hcl/bare-word a.hcl:1:5'])
  })
})

test('no configuration makes it throw, and every code is documented', () => {
  const next = random(11)
  const codes = { ...agentCodes, ...hclCodes }
  for (let count = 0; count < 500; count += 1) {
    const text = mutate(corpus[Math.floor(next() * corpus.length)]!.text, next)
    for (const { code } of checkAgentConfig(agentFiles({ 'a.hcl': text })))
      expect(codes).toHaveProperty([code])
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      checkAgentConfig([{ name: 'a.hcl', bytes }])
    }),
    { seed, numRuns: 200 },
  )
})

describe('consul and vault blocks beside tls', () => {
  const tls = (more: string): string =>
    `tls { http = true rpc = true verify_server_hostname = true ca_file = "/a" cert_file = "/b" key_file = "/c" ${more} }`
  const said = (block: string, more = 'verify_https_client = true'): readonly string[] =>
    checkAgentConfig([{ name: 'a.hcl', bytes: new TextEncoder().encode(`${block}\n${tls(more)}`) }])
      .map(({ severity, code }) => `${severity} ${code}`)
      .filter((line) => /own-files|keys-refused|not-reloaded/.test(line))

  test.each([
    ['a certificate of its own', 'consul { cert_file = "/x" }', ['note agent/own-files']],
    ['the files of tls', 'consul { cert_file = "/b" }', ['warning agent/not-reloaded']],
    [
      'workload identity, whose keys are fetched without a certificate',
      'vault { default_identity { aud = ["vault.io"] } }',
      ['warning agent/keys-refused'],
    ],
    [
      'the same of Consul, once',
      'consul { service_identity { aud = ["c"] } task_identity { aud = ["c"] } }',
      ['warning agent/keys-refused'],
    ],
  ])('%s', (_, block, expected) => {
    expect(said(block)).toEqual(expected)
  })

  test('an API that asks for no certificate refuses nobody', () => {
    const block = 'vault { default_identity { aud = ["vault.io"] } }'
    expect(said(block, 'verify_https_client = false')).toEqual([])
  })
})
