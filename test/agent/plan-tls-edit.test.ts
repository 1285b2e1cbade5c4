import { describe, expect, test } from 'vitest'
import {
  planTlsEdit,
  type PlanTlsEditOptions,
  type TlsEditPlan,
  type TlsValues,
} from '../../src/agent/index.js'
import { agentFiles, lines } from './builders.js'
import { askedVersions, startCases, startText, verdictOf } from './values.js'

const wanted: TlsValues = {
  http: true,
  rpc: true,
  ca_file: '/t/ca.pem',
  verify_https_client: false,
}

function plan(
  texts: Readonly<Record<string, string>>,
  options: PlanTlsEditOptions = {},
  values: TlsValues = wanted,
): TlsEditPlan {
  return planTlsEdit(agentFiles(texts, '/n'), values, options)
}

describe('which file is written', () => {
  test.each<[string, Record<string, string>, PlanTlsEditOptions, string]>([
    [
      'the one that has tls',
      { 'a.hcl': 'region = "x"', 'b.hcl': 'tls { }', 'c.hcl': '' },
      {},
      '/n/b.hcl',
    ],
    ['a new one', { 'a.hcl': 'region = "x"' }, {}, '/n/tls.hcl'],
    ['a new one in JSON, where all is JSON', { 'a.json': '{}', 'b.json': '{}' }, {}, '/n/tls.json'],
    ['a tls.hcl without a block', { 'a.hcl': '', 'tls.hcl': '# later\n' }, {}, '/n/tls.hcl'],
    ['in an empty directory', {}, { location: '/n/' }, '/n/tls.hcl'],
    ['in an empty directory without a place', {}, {}, 'tls.hcl'],
    ['what Nomad does not read does not count', { 'tls.hcl~': 'tls { }' }, {}, '/n/tls.hcl'],
    [
      'the one file, if it is no directory',
      { 'nomad.conf': '' },
      { kind: 'files' },
      '/n/nomad.conf',
    ],
    ['the one named', { 'a.hcl': '', 'b.hcl': '' }, { write: 'a.hcl' }, '/n/a.hcl'],
    ['the one named by its path', { 'a.hcl': '', 'b.hcl': '' }, { write: '/n/a.hcl' }, '/n/a.hcl'],
    ['a new one named', { 'a.hcl': '' }, { write: 'z.json' }, '/n/z.json'],
  ])('%s', (_, texts, options, expected) => {
    const { file, diagnostics, changed, before, name } = plan(texts, options)
    expect(lines(diagnostics).filter((line) => !line.startsWith('note'))).toEqual([])
    expect(file).toBe(expected)
    expect(changed).toBe(true)
    expect(before).toBe(texts[name])
  })

  test('a second plan has nothing to do', () => {
    const first = plan({ 'a.hcl': 'region = "x"' })
    const second = plan({ 'a.hcl': 'region = "x"', 'tls.hcl': first.after })
    expect(second).toMatchObject({
      changed: false,
      diagnostics: [],
      restart: [],
      file: '/n/tls.hcl',
    })
  })

  test('a name that Nomad does not read is refused', () => {
    expect(lines(plan({ 'a.hcl': '' }, { write: 'tls.conf' }).diagnostics)).toEqual([
      'error agent/no-such-file tls.conf:1:1',
    ])
    expect(lines(plan({ 'a.hcl': '' }, { write: 'b.hcl', kind: 'files' }).diagnostics)).toEqual([
      'error agent/no-such-file b.hcl:1:1',
    ])
  })
})

describe('what would not have the effect wished is refused', () => {
  test.each<[string, Record<string, string>, PlanTlsEditOptions, string[]]>([
    [
      'a later file that overrides ca_file',
      { 'a.hcl': 'tls { http = true }', 'b.hcl': '\ntls { ca_file = "/x" }' },
      { write: 'a.hcl' },
      ['error agent/overridden /n/b.hcl:2:17'],
    ],
    [
      'verify_https_client = true elsewhere, before or after',
      {
        'a.hcl': 'tls { verify_https_client = 1 }',
        'b.hcl': 'tls { }',
        'c.hcl': 'tls { verify_https_client = "true" }',
      },
      { write: 'b.hcl' },
      ['error agent/sticky-true /n/a.hcl:1:29', 'error agent/sticky-true /n/c.hcl:1:29'],
    ],
    [
      'another region',
      { 'a.hcl': 'region = "us"' },
      { region: 'eu' },
      ['error agent/region /n/a.hcl:1:10'],
    ],
    [
      'another role',
      { 'a.hcl': 'client { enabled = true }' },
      { role: 'server' },
      ['error agent/role /n/a.hcl:1:20'],
    ],
    [
      'a backup that Nomad would load',
      { 'tls.bak.hcl': 'tls { }', 'tls.hcl': 'tls { }' },
      {},
      ['error agent/stray-file /n/tls.bak.hcl:1:1'],
    ],
    ['a broken file beside it', { 'a.hcl': 'x = {{ y }}' }, {}, ['error hcl/syntax /n/a.hcl:1:6']],
    [
      'a broken file that is to be written itself',
      { 'tls.hcl': 'ca_file = null' },
      {},
      ['error hcl/bare-word /n/tls.hcl:1:11'],
    ],
    [
      'the same, the only one',
      { 'nomad.hcl': '\ufefftls { }' },
      { kind: 'files' },
      ['error hcl/bom /n/nomad.hcl:1:1'],
    ],
    [
      'an unknown key in tls beside it',
      { 'a.hcl': 'tls { htpp = true }', 'tls.hcl': 'tls { }' },
      {},
      ['error agent/unknown-key /n/a.hcl:1:7'],
    ],
    [
      'a key that the version no longer knows',
      { 'tls.hcl': 'tls { tls_prefer_server_cipher_suites = true }' },
      { nomadVersion: '1.11.3' },
      ['error agent/removed-key /n/tls.hcl:1:7'],
    ],
    [
      'two tls blocks',
      { 'a.hcl': 'tls { } tls { }' },
      {},
      ['error agent/tls-repeated /n/a.hcl:1:9'],
    ],
    [
      'a wrong value that stays',
      { 'a.hcl': 'tls { rpc_upgrade_mode = "no" }' },
      {},
      ['error agent/tls-value /n/a.hcl:1:26'],
    ],
  ])('%s', (_, texts, options, expected) => {
    const result = plan(texts, options)
    expect(lines(result.diagnostics)).toEqual(expected)
    expect(result).toMatchObject({ changed: false, after: result.before ?? '', restart: [] })
  })

  test('a consul block on the files of tls stays on the old ones, and that is told', () => {
    const files = {
      'a.hcl': 'consul { ca_file = "/old/ca.pem" }\ntls { ca_file = "/old/ca.pem" }',
    }
    const said = lines(plan(files).diagnostics)
    expect(said).toContain('warning agent/left-behind /n/a.hcl:1:10')
    // Where the path stays, so does the block.
    const same = { 'a.hcl': files['a.hcl'].replaceAll('/old/ca.pem', String(wanted.ca_file)) }
    const stays = lines(plan(same).diagnostics)
    expect(stays).not.toContainEqual(expect.stringContaining('left-behind'))
    expect(stays).toContain('warning agent/not-reloaded /n/a.hcl:1:10')
  })

  test('a consul block that an edit left behind is told afterwards too', () => {
    const cert = { ...wanted, cert_file: '/t/cert.pem' }
    const first = plan(
      { 'a.hcl': 'consul { cert_file = "/old/c.pem" }\ntls { cert_file = "/old/c.pem" }' },
      {},
      cert,
    )
    const of = (one: TlsEditPlan): string[] =>
      lines(one.diagnostics).filter((line) => /left-behind|own-files/.test(line))
    expect(of(first)).toEqual(['warning agent/left-behind /n/a.hcl:1:10'])
    const second = plan({ 'a.hcl': first.after }, {}, cert)
    expect(second.changed).toBe(false)
    expect(of(second)).toEqual(['note agent/own-files /n/a.hcl:1:10'])
  })

  test('an agent that would not start for want of an address is a warning of a plan', () => {
    const said = lines(
      plan({ 'a.hcl': 'bind_addr = "127.0.0.1"\nserver { enabled = true }' }).diagnostics,
    )
    expect(said.filter((line) => line.startsWith('warning agent/advertise'))).toHaveLength(1)
  })

  // Each answered so by real agents.
  describe.each(askedVersions)(
    'what stops an agent of Nomad %s is told before an edit',
    (version) => {
      const place = { data: '/opt/nomad', http: 24_646, rpc: 24_647, serf: 24_648 }
      const stops = (text: string | Readonly<Record<string, string>>): boolean => {
        const texts = typeof text === 'string' ? { 'a.hcl': text } : text
        const { diagnostics } = plan(texts, { nomadVersion: version })
        // Unknown keys alone stop no edit.
        return diagnostics.some(
          ({ severity, code }) => severity === 'error' || code === 'agent/unknown-key',
        )
      }

      test.each(startCases)('%s with %s starts: %j', (role, addition, verdict) => {
        expect(stops(startText(role, addition, place))).toBe(!verdictOf(verdict, version))
        // In two files as in one.
        const [first, second] = [startText(role, '', place), addition]
        if (/^(?:bind_addr|ports|advertise)\b/.test(addition)) return
        expect(stops({ 'a.hcl': first, 'b.hcl': second })).toBe(!verdictOf(verdict, version))
      })
    },
  )

  test.each<[string, Record<string, string>, TlsValues, string[]]>([
    [
      'two files, each sound by itself',
      {
        'a.hcl': 'server { enabled = true retry_join = ["a"] }',
        'b.hcl': '\nserver { server_join { retry_join = ["b"] } }',
      },
      wanted,
      ['error agent/value /n/b.hcl:2:38'],
    ],
    [
      'a port in an address that another file overrides',
      { 'a.hcl': 'bind_addr = "10.0.0.1:1"', 'b.hcl': 'bind_addr = "10.0.0.1"' },
      wanted,
      [],
    ],
    [
      'a version of TLS that stays',
      { 'a.hcl': '# mine\ntls {\n  tls_min_version = "1.2"\n}' },
      wanted,
      ['error agent/min-version /n/a.hcl:3:21'],
    ],
    [
      'a version of TLS that is replaced',
      { 'a.hcl': 'tls { tls_min_version = "1.2" }' },
      { ...wanted, tls_min_version: 'tls12' },
      [],
    ],
    [
      'suites that are wanted',
      { 'a.hcl': '' },
      { ...wanted, tls_cipher_suites: 'TLS_AES_128_GCM_SHA256' },
      ['error agent/cipher-suites /n/tls.hcl:6:25'],
    ],
    [
      'a fingerprint that cannot be configured',
      { 'a.hcl': 'client { enabled = true fingerprint "env_mine" { } }' },
      wanted,
      ['error agent/value /n/a.hcl:1:37'],
    ],
  ])('%s', (_, texts, values, expected) => {
    const { diagnostics } = plan(texts, { role: undefined }, values)
    expect(lines(diagnostics).filter((line) => line.startsWith('error'))).toEqual(expected)
  })

  test('what a flag or another file may give is not missed', () => {
    // `config` may name the file that receives the stanza alone.
    expect(plan({ 'a.hcl': '' }, { role: 'server' }).changed).toBe(true)
  })

  test('places are those of the files as they are', () => {
    const text = 'tls { ca_file = "/old" }\nconsul {\n  ca_file = "/old"\n}\n'
    const said = lines(plan({ 'a.hcl': text }).diagnostics)
    expect(said).toContain('warning agent/left-behind /n/a.hcl:3:3')
    const keys = 'tls { }\nvault {\n  default_identity { }\n}\n'
    const values = { ...wanted, verify_https_client: true }
    expect(lines(plan({ 'a.hcl': keys }, {}, values).diagnostics)).toContain(
      'warning agent/keys-refused /n/a.hcl:3:3',
    )
  })

  test('what an edit changes, key by key; rpc_upgrade_mode set by hand stays, and is a warning', () => {
    const result = plan({ 'a.hcl': 'tls {\n  http = true\n  rpc_upgrade_mode = true\n}' })
    expect(lines(result.diagnostics)).toEqual(['warning agent/rpc-upgrade-mode /n/a.hcl:3:22'])
    expect(result.changed).toBe(true)
    expect(result.after).toContain('rpc_upgrade_mode = true')
    expect(result.changes.map(({ key }) => key)).not.toContain('http')
    expect(result.changes).toContainEqual({ key: 'rpc', before: false, after: true })
  })

  test.each<[string, Record<string, string>, PlanTlsEditOptions, string[]]>([
    [
      'an unknown key elsewhere',
      { 'a.hcl': 'serverr { }' },
      {},
      ['warning agent/unknown-key /n/a.hcl:1:1'],
    ],
    [
      'a key of a later version',
      { 'a.hcl': 'server { raft_logstore { backend = "wal" } }' },
      { nomadVersion: '1.11.3' },
      ['warning agent/unknown-key /n/a.hcl:1:10'],
    ],
    [
      'a key of a later version, and any is meant',
      { 'a.hcl': 'server { raft_logstore { } }' },
      {},
      [],
    ],
    [
      'a key that was removed, while it is known',
      { 'tls.hcl': 'tls { tls_prefer_server_cipher_suites = true }' },
      { nomadVersion: '1.8.4' },
      ['warning agent/removed-key /n/tls.hcl:1:41'],
    ],
    [
      'a key that was removed, and any version is meant',
      { 'tls.hcl': 'tls { tls_prefer_server_cipher_suites = true }' },
      {},
      ['warning agent/removed-key /n/tls.hcl:1:41'],
    ],
  ])('%s does not stop an edit', (_, texts, options, expected) => {
    const result = plan(texts, options)
    const told = lines(result.diagnostics).filter((line) => !line.startsWith('note'))
    expect(told).toEqual(expected)
    expect(result.changed).toBe(true)
  })

  test('a backup that a -config names itself is meant', () => {
    const texts = { 's1.bak.hcl': 'tls { }' }
    expect(plan(texts, { kind: 'files' })).toMatchObject({ changed: true, file: '/n/s1.bak.hcl' })
    const [file] = agentFiles(texts, '/n')
    const found = planTlsEdit([{ ...file!, named: false }], wanted, { kind: 'files' })
    expect(lines(found.diagnostics)).toEqual(['error agent/stray-file /n/s1.bak.hcl:1:1'])
  })

  test('a relative path', () => {
    const { diagnostics, changed } = plan({ 'a.hcl': '' }, {}, { ca_file: 'ca.pem' })
    expect(lines(diagnostics)).toEqual(['error agent/relative-path /n/tls.hcl:1:1'])
    expect(changed).toBe(false)
  })

  test('and a wrong value that is replaced is not', () => {
    const { after, changed } = plan({ 'a.hcl': 'tls { http = "yes" }' }, {}, { http: true })
    expect([after, changed]).toEqual(['tls { http = true }', true])
  })

  test('a region that no file says is a warning: it may be a flag', () => {
    const { diagnostics, changed } = plan({ 'a.hcl': '' }, { region: 'eu', role: 'client' })
    expect(lines(diagnostics)[0]).toBe('warning agent/region /n/a.hcl:1:1')
    expect(changed).toBe(true)
  })
})

test('bytes that are no text are refused, never replaced', () => {
  const files = [{ name: 'tls.hcl', path: '/n/tls.hcl', bytes: Uint8Array.of(0x23, 0xff, 0x0a) }]
  const { changed, before, after, diagnostics } = planTlsEdit(files, wanted)
  expect(lines(diagnostics)).toEqual(['error hcl/encoding /n/tls.hcl:1:2'])
  expect({ changed, before, after }).toEqual({ changed: false, before: '#\ufffd\n', after: before })
})

test('changes that a reload does not apply are named', () => {
  const full = 'tls { http = true rpc = true ca_file = "/a" }'
  expect(plan({ 'a.hcl': full }, {}, { ca_file: '/b' }).restart).toEqual([])
  const { restart, diagnostics } = plan({ 'a.hcl': full }, {}, { verify_server_hostname: true })
  expect(restart).toEqual(['verify_server_hostname'])
  expect(lines(diagnostics)).toEqual(['note agent/restart /n/a.hcl:1:1'])
  // One note for a file, however many keys it is about.
  const fresh = plan({ 'a.hcl': '' })
  expect(fresh.diagnostics.map(({ message }) => message)).toEqual([
    'the change of "http" needs a restart: a reload applies only what the three files hold',
  ])
  const all = plan({ 'a.hcl': '' }, {}, { http: true, verify_https_client: true })
  expect(all.diagnostics.map(({ message }) => message)).toEqual([
    'the change of "http", "verify_https_client" needs a restart: a reload applies only what the three files hold',
  ])
})
