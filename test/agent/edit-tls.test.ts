import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editTls, newTlsFile, planTlsEdit, tlsKeys, type TlsValues } from '../../src/agent/index.js'
import { hasErrors } from '../../src/diagnostics.js'
import { foldKey, parseConfig } from '../../src/hcl/index.js'
import { corpus, mutate, random } from '../hcl/corpus.js'
import { dataOf, judge } from '../hcl/judge.js'
import { seed } from '../seed.js'

const wanted: TlsValues = {
  http: true,
  rpc: true,
  ca_file: '/etc/nomad.d/tls/current/ca.pem',
  cert_file: '/etc/nomad.d/tls/current/cert.pem',
  key_file: '/etc/nomad.d/tls/current/key.pem',
  verify_server_hostname: true,
  verify_https_client: true,
}

/** What is wrong, and where. */
function faults(source: string, values: TlsValues = wanted): string[] {
  return editTls(source, values).diagnostics.map(
    ({ code, line, column }) => `${code} ${line}:${column}`,
  )
}

describe('what Nomad would stop at is refused with its place', () => {
  test.each([
    [
      'two tls blocks (trap 1)',
      'tls { http = true }\ntls { rpc = true }',
      ['agent/tls-repeated 2:1'],
    ],
    ['two, spelt differently (trap 4)', 'tls { }\n"TLS" { }', ['agent/tls-repeated 2:1']],
    ['a key twice (trap 1)', 'tls {\n  http = true\n  HTTP = true\n}', ['agent/repeated-key 3:3']],
    ['a label (trap 7)', 'tls "x" { }', ['agent/tls-label 1:5']],
    ['a list (trap 7)', 'tls = [{ }]', ['agent/tls-not-a-block 1:7']],
    ['a literal', 'tls = "x"', ['agent/tls-not-a-block 1:7']],
    ['two objects in a JSON list (trap 7)', '{"tls": [{}, {}]}', ['agent/tls-repeated 1:14']],
    ['an empty JSON list', '{"tls": []}', ['agent/tls-not-a-block 1:9']],
    ['JSON null', '{"tls": null}', ['agent/tls-not-a-block 1:9']],
    ['tls twice in JSON', '{"tls": {}, "tls": {}}', ['agent/tls-repeated 1:13']],
    ['an unknown key (trap 8)', 'tls { htpp = true }', ['agent/unknown-key 1:7']],
    ['a nested block (trap 8)', 'tls { x { } }', ['agent/unknown-key 1:7']],
    ['a field that leaks', 'tls { checksum = "x" }', ['agent/unknown-key 1:7']],
    ['a dotted key (trap 11)', 'tls { server.enabled = true }', ['agent/unknown-key 1:7']],
    ['a wrong boolean (trap 12)', 'tls { rpc_upgrade_mode = "yes" }', ['agent/tls-value 1:26']],
    ['a list as a value', 'tls { ca_file = ["x"] }', ['agent/tls-value 1:17']],
    ['several at once', 'tls { a = 1\nb = 2 }', ['agent/unknown-key 1:7', 'agent/unknown-key 2:1']],
    ['a syntax error anywhere', 'a = null', ['hcl/bare-word 1:5']],
  ])('%s', (_, source, expected) => {
    expect(faults(source)).toEqual(expected)
    expect(editTls(source, wanted)).toMatchObject({ text: source, changed: false })
  })

  test('a wanted value with ${ cannot be written (trap 9)', () => {
    expect(faults('a = 1\ntls { ca_file = "x" }', { ca_file: '/a/${b}' })).toEqual([
      'agent/unwritable 2:7',
    ])
    expect(newTlsFile({ ca_file: '/a/${b}' }, 'json').diagnostics[0]?.code).toBe('agent/unwritable')
  })

  test('a relative path is told', () => {
    const { diagnostics, changed } = editTls('', { ca_file: 'tls/ca.pem' })
    expect(changed).toBe(true)
    expect(diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
      ['agent/relative-path', 'warning'],
    ])
  })
})

describe('what is written', () => {
  test.each<[string, string, TlsValues, string]>([
    [
      'an alignment and a comment stay',
      'tls {\n  http  = false # was\n}\n',
      { http: true },
      'tls {\n  http  = true # was\n}\n',
    ],
    [
      'what means the same is left alone (trap 12)',
      'tls { http = "TRUE" rpc = 1 }',
      { http: true, rpc: true },
      'tls { http = "TRUE" rpc = 1 }',
    ],
    ['a wrong literal is replaced', 'tls { http = "yes" }', { http: true }, 'tls { http = true }'],
    [
      'the key keeps its spelling (trap 4)',
      '"t\\u006cs" { "HTTP" = 0 }',
      { http: true },
      '"t\\u006cs" { "HTTP" = true }',
    ],
    [
      'false is written too',
      'tls {\n}\n',
      { verify_https_client: false },
      'tls {\n  verify_https_client = false\n}\n',
    ],
    [
      'a heredoc is replaced (trap 10)',
      'tls {\n  ca_file = <<E\n/x\nE\n}\n',
      { ca_file: '/y' },
      'tls {\n  ca_file = "/y"\n}\n',
    ],
    [
      'an equal heredoc is not: its value ends with a newline',
      'tls {\n  ca_file = <<E\n/x\nE\n}\n',
      { ca_file: '/x' },
      'tls {\n  ca_file = "/x"\n}\n',
    ],
    [
      'a Windows path',
      'tls {\n}\n',
      { ca_file: 'C:\\ca.pem' },
      'tls {\n  ca_file = "C:\\\\ca.pem"\n}\n',
    ],
    ['JSON in a list', '{"tls":[{"http":false}]}', { http: true }, '{"tls":[{"http":true}]}'],
    ['nothing for nothing', 'a = 1', {}, 'a = 1'],
  ])('%s', (_, before, values, after) => {
    const { text, diagnostics } = editTls(before, values)
    expect(diagnostics).toEqual([])
    expect(text).toBe(after)
  })

  test('an empty text becomes a file of the kind that its name or the caller says', () => {
    expect(editTls('', { http: true }).text).toBe('tls {\n  http = true\n}\n')
    expect(editTls(' \n', { http: true }, { file: 'x.json' }).text).toBe(
      ` \n${newTlsFile({ http: true }, 'json').text}`,
    )
    expect(editTls('', { http: true }, { kind: 'json' }).text).toBe(
      '{\n  "tls": {\n    "http": true\n  }\n}\n',
    )
  })
})

/** HashiCorp's data with the `tls` block taken out, and that block. */
function split(text: string): { rest: string; tls: Record<string, unknown> } {
  const verdict = judge(text)
  if (!('data' in verdict)) throw new Error(`the judge refuses: ${verdict.refused}\n${text}`)
  const rest: [string, unknown][] = []
  const tls: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(verdict.data as Record<string, unknown>)) {
    if (foldKey(key) !== 'tls') rest.push([key, value])
    else {
      for (const block of [value].flat()) {
        for (const [name, inner] of Object.entries(block as object)) tls[foldKey(name)] = inner
      }
    }
  }
  return { rest: JSON.stringify(rest.sort(([a], [b]) => (a < b ? -1 : 1))), tls }
}

const isWanted = new Set<string>(tlsKeys.map(({ key }) => key))

function meansSame(value: unknown, other: unknown): boolean {
  const asText = String(value).toLowerCase()
  return asText === String(other).toLowerCase() || (other === true && asText === '1')
}

/** Only the wished attributes changed, judged by HashiCorp's parser; and a second run is a no-op. */
function check(source: string, name: string): void {
  const first = editTls(source, wanted)
  expect(first.diagnostics, name).toEqual([])
  const before = source.trim() === '' ? { rest: '[]', tls: {} } : split(source)
  const after = split(first.text)
  expect(after.rest, name).toBe(before.rest)
  for (const [key, value] of Object.entries(wanted)) {
    expect(meansSame(after.tls[key], value), `${name}: ${key}`).toBe(true)
  }
  for (const [key, value] of Object.entries(before.tls)) {
    if (!isWanted.has(key) || !Object.hasOwn(wanted, key))
      expect(after.tls[key], name).toEqual(value)
  }
  const second = editTls(first.text, wanted)
  expect(second, name).toEqual({ text: first.text, changed: false, diagnostics: [] })
  const bare = first.text.replaceAll('\r\n', '')
  // A text of one kind of newline stays of that kind.
  if (source.includes('\r\n') && !/[^\r]\n/.test(source)) expect(bare, name).not.toContain('\n')
  if (!source.includes('\r')) expect(first.text, name).not.toContain('\r')
  if (source !== '') expect(first.text.endsWith('\n'), name).toBe(source.endsWith('\n'))
}

describe('tls written into every valid text', () => {
  test('of the corpus', () => {
    for (const { name, text } of corpus) check(text, name)
  })

  test('of the corpus with CRLF', () => {
    for (const { name, text } of corpus) check(text.replaceAll(/\r?\n/g, '\r\n'), name)
  })

  test('and into mutants of it', () => {
    const next = random(5)
    let edited = 0
    for (let count = 0; count < 500; count += 1) {
      const text = mutate(corpus[Math.floor(next() * corpus.length)]!.text, next)
      const { document } = parseConfig(text)
      if (document === undefined || dataOf(document) === undefined || 'refused' in judge(text))
        continue
      const { diagnostics, changed } = editTls(text, wanted)
      if (diagnostics.length > 0) {
        expect(diagnostics.map(({ code }) => code)).not.toContain('hcl/unproven-edit')
        continue
      }
      if (changed) edited += 1
      check(text, JSON.stringify(text))
    }
    expect(edited).toBeGreaterThan(40)
  })
})

describe('fuzz', () => {
  const pieces = fc.constantFrom(
    'tls', 'TLS', '"tls"', ' ', '\n', '\r\n', '{', '}', '[', ']', '=', ':', ',', 'http', '"http"', 'ca_file', 'true',
    '"yes"', '1', '"x"', '<<E\nx\nE\n', '# c\n', '/* } */', 'null', '"a": 1', '\t',
  ) // prettier-ignore

  test('no text makes it throw, and what it cannot edit it gives back', () => {
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map((all) => all.join('')),
      fc.array(pieces, { maxLength: 20 }).map((all) => `tls {${all.join('')}}`),
      fc.array(pieces, { maxLength: 20 }).map((all) => `{"tls": {${all.join('')}}}`),
      fc.string({ unit: 'binary', maxLength: 40 }),
    )
    fc.assert(
      fc.property(text, (source) => {
        const { text: out, changed, diagnostics } = editTls(source, wanted)
        expect(diagnostics.map(({ code }) => code)).not.toContain('hcl/unproven-edit')
        if (hasErrors(diagnostics)) expect([out, changed]).toEqual([source, false])
        else expect(editTls(out, wanted).changed).toBe(false)
        planTlsEdit([{ name: 'a.hcl', bytes: new TextEncoder().encode(source) }], wanted)
      }),
      { seed, numRuns: 3000 },
    )
  })
})
