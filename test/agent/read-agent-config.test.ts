import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAgentConfig } from '../../src/agent/index.js'
import { corpus } from '../hcl/corpus.js'
import { agentFiles, lines } from './builders.js'
import { seed } from '../seed.js'

const read = (texts: Readonly<Record<string, string>>): ReturnType<typeof readAgentConfig> =>
  readAgentConfig(agentFiles(texts))

describe('the merge over files (trap 2)', () => {
  test('a later string wins unless it is empty, and says what it overrode', () => {
    const { region, tls } = read({
      'a.hcl': 'region = "eu"\ntls {\n  ca_file = "/a"\n}',
      'b.hcl': 'region = "us" tls { ca_file = "" }',
      'c.json': '{"region": ""}',
    })
    expect(region).toEqual({
      value: 'us',
      origin: { file: 'b.hcl', line: 1, column: 10 },
      overrode: [
        { value: 'eu', origin: { file: 'a.hcl', line: 1, column: 10 } },
        { value: '', origin: { file: 'c.json', line: 1, column: 12 } },
      ],
    })
    expect(tls.ca_file).toMatchObject({ value: '/a', overrode: [{ value: '' }] })
  })

  test('booleans only add up', () => {
    const { tls, role } = read({
      'a.hcl': 'tls { http = true } server { enabled = true }',
      'b.hcl': 'tls { http = false rpc = false } server { enabled = false }',
    })
    expect(tls.http).toEqual({
      value: true,
      origin: { file: 'a.hcl', line: 1, column: 14 },
      overrode: [{ value: false, origin: { file: 'b.hcl', line: 1, column: 14 } }],
    })
    expect(tls.rpc).toMatchObject({ value: false, origin: { file: 'b.hcl' }, overrode: [] })
    expect(role).toBe('server')
  })

  test('a port of 0 is not a port', () => {
    const { ports } = read({
      'a.hcl': 'ports { http = 1 rpc = "0x10" }',
      'b.hcl': 'ports { http = 0 }',
    })
    expect(ports).toEqual({ http: 1, rpc: 16, serf: 4648 })
  })
})

describe('inside one file', () => {
  test('repeated server and client blocks add up, and the last value counts (trap 1)', () => {
    const { role, values, diagnostics } = read({
      'a.hcl':
        'server { enabled = true }\nserver { enabled = false }\nclient { } client { enabled = 1 }',
    })
    expect(diagnostics).toEqual([])
    expect(role).toBe('client')
    expect(values.get('server.enabled')?.value).toBe(false)
  })

  test('keys match in any case, and quoted (trap 4)', () => {
    const { tls, region, role } = read({
      'a.hcl': 'TLS { "HT\\x54P" = 1 }\nRegion = "x"\n"Client" { "ENABLED" = "TRUE" }',
    })
    expect([tls.http?.value, region.value, role]).toEqual([true, 'x', 'client'])
  })

  test('a dotless i is no i, a long s is an s', () => {
    expect(read({ 'a.hcl': 'regıon = "x"' }).region.value).toBe('global')
    expect(read({ 'a.hcl': 'tlſ { http = true }' }).tls.http?.value).toBe(true)
  })

  test('what is inside JSON lists counts as blocks (trap 7)', () => {
    const { tls, role } = read({
      'a.hcl': '{"tls":[{"http":true}],"server":[{"enabled":true},{}]}',
    })
    expect([tls.http?.value, role]).toEqual([true, 'server'])
  })

  test('numbers are strings where strings are wanted, heredocs keep their newline (traps 10, 12)', () => {
    const { region, datacenter } = read({ 'a.hcl': 'region = 5\ndatacenter = <<E\neu\nE\n' })
    expect([region.value, datacenter.value]).toEqual(['5', 'eu\n'])
  })

  test('a block with a label says nothing, a dotted key is another key (trap 11)', () => {
    const { role } = read({ 'a.hcl': 'server "x" { enabled = true }\nclient.enabled = true' })
    expect(role).toBeUndefined()
  })
})

test('defaults (trap 3)', () => {
  const config = read({})
  expect(config.region).toEqual({ value: 'global', overrode: [] })
  expect(config.datacenter.value).toBe('dc1')
  expect(config.ports).toEqual({ http: 4646, rpc: 4647, serf: 4648 })
  expect(config.values.get('bind_addr')?.value).toBe('0.0.0.0')
  expect([config.role, config.name, config.tls]).toEqual([undefined, undefined, {}])
})

test('columns count code points (trap 14)', () => {
  expect(read({ 'a.hcl': '/*\u{1f389}*/ region = "x"' }).region.origin).toEqual({
    file: 'a.hcl',
    line: 1,
    column: 16,
  })
})

test('what is wrong is told for all files at once, and the rest is read', () => {
  const config = read({
    'a.hcl': 'region = null',
    'b.hcl': 'tls { } tls { }',
    'c.hcl': 'region = "eu" ports { http = "x" }',
  })
  expect(lines(config.diagnostics)).toEqual([
    'error hcl/bare-word a.hcl:1:10',
    'error agent/tls-repeated b.hcl:1:9',
    'error agent/value c.hcl:1:30',
  ])
  expect(config.region.value).toBe('eu')
})

test('a gossip key is measured and never kept', () => {
  const key = Buffer.alloc(32, 7).toString('base64')
  const config = read({ 'a.hcl': `server { encrypt = "${key}" }` })
  expect(config.gossipKey).toMatchObject({
    origin: { file: 'a.hcl', line: 1, column: 20 },
    bytes: 32,
  })
  const shown = JSON.stringify({ ...config, files: [] }, (_, value: unknown) =>
    value instanceof Map ? [...value] : value,
  )
  expect(shown).not.toContain(key)
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 3 }), (all) => {
      const config = readAgentConfig(all.map((bytes, at) => ({ name: `${at}.hcl`, bytes })))
      expect(config.files.length).toBe(all.length)
    }),
    { seed, numRuns: 300 },
  )
  for (const { name, text } of corpus) expect(read({ [name]: text }).diagnostics, name).toEqual([])
})
