/**
 * Texts that nobody writes and somebody sends: a great deal of one thing, ten thousand braces. Nothing
 * but diagnostics comes of them, and each costs a bounded multiple of the CPU that a plain text of its
 * length costs. The time limits are for hangs.
 */

import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  agentCodes,
  checkAgentConfig,
  editTls,
  planTlsEdit,
  readAgentConfig,
  redactSecrets,
} from '../../src/agent/index.js'
import { type Diagnostic, hasErrors } from '../../src/diagnostics.js'
import { hclCodes, parseConfig } from '../../src/hcl/index.js'
import { seed } from '../seed.js'

/** In `.ci/deep` every shape is a megabyte long. */
const size = Number(process.env.NOMAD_PKI_FUZZ ?? 40_000)
const mendedSize = Math.max(size, 400_000)
const limit = size > 100_000 ? 60_000 : 15_000
const deep = 10_000

const codes = { ...agentCodes, ...hclCodes }
const wanted = {
  http: true,
  rpc: true,
  ca_file: '/t/ca.pem',
  cert_file: '/t/cert.pem',
  key_file: '/t/key.pem',
  verify_https_client: false,
}

function sound(diagnostics: readonly Diagnostic[]): void {
  // A text has one place more than characters, and a report that long helps nobody.
  expect(diagnostics.length).toBeLessThan(10_000)
  for (const { code, line, column } of diagnostics) {
    // `expect` costs more than all that is tested here.
    if (!Object.hasOwn(codes, code) || line < 1 || column < 1) {
      expect.fail(`${code} at ${line}:${column}`)
    }
  }
}

/** Everything that this room does with a text. */
function everything(source: string | Uint8Array): void {
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source
  const text = Buffer.from(bytes).toString('utf8')
  const files = [{ name: 'a.hcl', bytes }]
  sound(readAgentConfig(files).diagnostics)
  sound(checkAgentConfig(files, { region: 'eu', role: 'server' }))
  const plan = planTlsEdit(files, wanted, { region: 'eu', role: 'server' })
  sound(plan.diagnostics)
  const edit = editTls(text, wanted, { file: 'a.hcl' })
  sound(edit.diagnostics)
  if (hasErrors(edit.diagnostics)) expect(edit.changed).toBe(false)
  else if (edit.changed) {
    const again = editTls(edit.text, wanted, { file: 'a.hcl' })
    expect(again.changed).toBe(false)
    expect(hasErrors(again.diagnostics)).toBe(false)
  }
  const hidden = redactSecrets(text)
  expect(hidden === undefined).toBe(parseConfig(text).document === undefined)
}

type Shape = (length: number) => string
const fill = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length))

/** `of(0)of(1)…` */
function each(length: number, of: (index: number) => string): string {
  const parts: string[] = []
  for (let index = 0, made = 0; made < length; index += 1) {
    const part = of(index)
    parts.push(part)
    made += part.length
  }
  return parts.join('')
}

/** Once cost the square of their length (minutes for a megabyte), or overran the stack. */
const mended: Readonly<Record<string, Shape>> = {
  'one long word': (length) => 'a'.repeat(length),
  'one long key of another script': (length) => `${'ß'.repeat(length / 2)} = 1`,
  'words and dashes': (length) => `# ${fill('-_', length)}`,
  'templates that are never closed': (length) => `name = "${fill('{{', length)}"`,
  'all blocks on one line': (length) => fill('server { enabled = true } ', length),
  'unknown keys': (length) => each(length, (index) => `unknown_${index} = ${index}\n`),
  'unknown keys of another script': (length) => each(length, (index) => `größe${index} = 1\n`),
  'JSON, wide below deep': (length) =>
    `${'{"a":'.repeat(190)}{${each(length, (index) => `"k${index}":{},`)}"z":{}}${'}'.repeat(190)}`,
  'JSON, lists of objects in each other': (length) =>
    `${'{"a":['.repeat(95)}{${each(length, (index) => `"k${index}":[{}],`)}"z":[{}]}${']}'.repeat(95)}`,
  'octal escapes': (length) => `name = "${fill('\\101', length)}"`,
}

const shapes: Readonly<Record<string, Shape>> = {
  'blocks in each other, again and again': (length) =>
    fill(`${'a {'.repeat(199)}${'}'.repeat(199)}\n`, length),
  'lists in each other, again and again': (length) =>
    fill(`a = ${'['.repeat(190)}${']'.repeat(190)}\n`, length),
  'one line': (length) => each(length, (index) => `k${index} = ${index} `),
  'one line of one tls': (length) => `tls { ${fill('http = true ', length)}}`,
  'tls blocks': (length) => fill('tls { http = true }\n', length),
  'tls labels': (length) => `tls ${fill('"a" ', length)}{ }`,
  'unknown keys in tls': (length) => `tls {${each(length, (index) => `k${index} = 1\n`)}}`,
  'one key again and again': (length) => fill('region = "a"\n', length),
  'one block again and again': (length) => fill('server {\n  enabled = true\n}\n', length),
  'blocks that are lists': (length) => fill('name=[] ', length),
  'wrong values': (length) => `server {${fill('enabled=[] heartbeat_grace=30 ', length)}}`,
  'foreign blocks': (length) => fill('consul { ca_file = "/x" }\n', length),
  'plugin blocks': (length) =>
    each(length, (index) => `plugin "p${index}" { config { a = ${index} } }\n`),
  'a long string': (length) => `name = "${'a'.repeat(length)}"`,
  'templates of other kinds': (length) => `name = "${fill('<%{%@@a', length)}"`,
  interpolations: (length) => `name = "${fill('${', length)}"`,
  'a path': (length) => `tls { http = true ca_file = "/${fill('a/', length)}" }`,
  'a path in a heredoc': (length) => `tls { ca_file = <<E\n${fill('a\n', length)}E\n}`,
  'a list of suites': (length) => `tls { tls_cipher_suites = "${fill('x,', length)}" }`,
  'a gossip key': (length) => `server { encrypt = "${'='.repeat(length)}" }`,
  'a duration': (length) => `server { heartbeat_grace = "${fill('1.1h', length)}x" }`,
  'a port': (length) => `ports { http = "${fill('1_', length)}1" }`,
  'an exponent': (length) => `a = 1e${'1'.repeat(length)}`,
  addresses: (length) => `bind_addr = "${fill('127.0.0.1 ', length)}"`,
  'heredocs that never end': (length) => `a = <<E\n${fill('E \n', length)}`,
  'a heredoc with indentation': (length) => `a = <<-E\n${fill('   x\n', length)}  E\n`,
  'white space': (length) => `tls {${' '.repeat(length)}}`,
  'white space before an item': (length) => `tls {\n${' '.repeat(length)}http = false\n}`,
  'comments in tls': (length) => `tls {\n${fill('# x\n', length)}}`,
  'line ends': (length) => '\r\n'.repeat(length / 2),
  'assignments of secrets in a comment': (length) => `# ${fill('token = "', length)}`,
  'white space behind a secret': (length) => `# token${' '.repeat(length)}`,
  secrets: (length) => fill('token = "x"\n', length),
  'secrets in a text that cannot be read': (length) => `x = null\n${fill('token = "x"\n', length)}`,
  'braces that open': (length) => '{'.repeat(length),
  'braces that close': (length) => '}'.repeat(length),
  quotes: (length) => '"'.repeat(length),
  'JSON, unknown keys': (length) => `{${each(length, (index) => `"k${index}":[${index}],`)}"z":1}`,
  'JSON, tls keys': (length) => `{"tls":{${each(length, (index) => `"k${index}":1,`)}"z":1}}`,
  'JSON, tls again and again': (length) => `{${fill('"tls":{"http":true},', length)}"z":1}`,
  'JSON, a list of tls': (length) => `{"tls":[${fill('{"http":true},', length)}{}]}`,
  'JSON, lists of lists': (length) => `{"tls":[${fill('[{"http":true}],', length)}{}]}`,
  'JSON, plugins': (length) =>
    `{"plugin":[${each(length, (index) => `{"p${index}":{"config":{"a":1}}},`)}{}]}`,
  'JSON, escapes': (length) => `{"name":"${fill('\\u00e9', length)}"}`,
  'JSON, white space': (length) => `{${' '.repeat(length)}}`,
  'JSON, a wrong value again and again': (length) => `{${fill('"name":[{}],', length)}"z":1}`,
}

/** CPU that `act` takes, milliseconds: what other processes do does not count. */
function costOf(act: () => void): number {
  const before = process.cpuUsage()
  act()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

const plain: Shape = (length) => each(length, (index) => `# ${index}\nregion = "eu"\n`)

/**
 * How many times the cost of a plain text of its length a text may have. The worst is about 9; what grows
 * as the square of the length was far beyond.
 */
const factor = 20

function expectInProportion(shape: Shape, length: number, base: number): void {
  const text = shape(length)
  expect(costOf(() => everything(text))).toBeLessThan(factor * base)
}

const baseOf = (length: number): number => {
  const text = plain(length)
  return Math.min(...[1, 2, 3].map(() => costOf(() => everything(text))))
}

describe(`${mendedSize} characters of what was mended`, () => {
  let base = 0
  beforeAll(() => {
    base = baseOf(mendedSize)
  }, limit)
  test.each(Object.entries(mended))('%s', { timeout: limit }, (_, shape) => {
    expectInProportion(shape, mendedSize, base)
  })
})

describe(`${size} characters of`, () => {
  let base = 0
  beforeAll(() => {
    base = baseOf(size)
  }, limit)
  test.each(Object.entries(shapes))('%s', { timeout: limit }, (_, shape) => {
    expectInProportion(shape, size, base)
  })
})

describe('ten thousand', () => {
  test.each<[string, string]>([
    ['blocks in each other', 'a {'.repeat(deep) + '}'.repeat(deep)],
    ['blocks on lines of their own', 'a {\n'.repeat(deep) + '}\n'.repeat(deep)],
    ['assignments', 'a = {'.repeat(deep) + '}'.repeat(deep)],
    ['blocks in tls', `tls {${'a {'.repeat(deep)}${'}'.repeat(deep)}}`],
    ['lists', `a = ${'['.repeat(deep)}${']'.repeat(deep)}`],
    ['interpolations', `a = "${'${'.repeat(deep)}${'}'.repeat(deep)}"`],
    ['JSON objects', `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`],
    ['JSON objects in tls', `{"tls":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}`],
    ['JSON lists', `{"tls":${'['.repeat(deep)}${']'.repeat(deep)}}`],
    ['JSON lists of objects', `${'{"a":['.repeat(deep)}${']}'.repeat(deep)}`],
    ['that never close', 'tls { a = [{ '.repeat(deep)],
  ])('%s', { timeout: limit }, (_, text) => {
    everything(text)
  })
})

describe('at random', () => {
  const fragments = fc.constantFrom(
    ...['tls', '"tls"', 'TLS', 'server', 'region', 'ca_file', 'token', 'größe', '"\\u0074ls"'],
    ...[' ', '\n', '\r\n', '\t', '{', '}', '[', ']', '=', ',', ':', '"', "'", '\\', '${', '$'],
    ...['# ', '// ', '/*', '*/', '<<E\n', '<<-E\n', 'E\n', '{{', '}}', '%', '\0', '\ufeff'],
    ...['true', 'false', '1', '0x', '1e', '"a"', '"/x"', 'null', '\ud83c', '\u{1f389}', '-', '.'],
  )
  test('fragments, each of them many times', { timeout: limit }, () => {
    const repeated = fc
      .tuple(fc.array(fragments, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 400 }))
      .map(([parts, times]) => parts.join('').repeat(times))
    const text = fc
      .tuple(fc.constantFrom('', '{', 'tls {', '{"tls":{'), fc.array(repeated, { maxLength: 5 }))
      .map(([head, parts]) => head + parts.join(''))
    fc.assert(fc.property(text, everything), { seed, numRuns: 300 })
  })

  test('bytes', { timeout: limit }, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), everything), { seed, numRuns: 300 })
  })
})
