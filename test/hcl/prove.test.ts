/** The proof of an edit, asked about edits that went wrong: no writer of ours makes them. */

import { expect, test } from 'vitest'
import { type Attribute, disproof, parseConfig } from '../../src/hcl/index.js'
import { objectIn } from '../../src/hcl/prove.js'

const before = `# head
server { enabled = true } # a server
tls {
  # kept
  http = false
  ca_file = "/a"
}
`
const set: readonly Attribute[] = [{ name: 'http', value: true }]
const right = before.replace('http = false', 'http = true')

function judge(after: string, from = before, attributes = set): string | undefined {
  return disproof(parseConfig(from).document!, parseConfig(after).document!, 'tls', attributes)
}

test('an edit that did what it should, and nothing else', () => {
  expect(judge(right)).toBeUndefined()
})

test.each<[what: string, after: string, fault: string]>([
  [
    'another block has another value',
    right.replace('enabled = true', 'enabled = false'),
    'another block changed',
  ],
  [
    'another block is gone',
    right.replace('server { enabled = true }', ''),
    'another block changed',
  ],
  ['another block came', `${right}client { }\n`, 'another block changed'],
  [
    'another block has another space',
    right.replace('{ enabled', '{  enabled'),
    'another block changed',
  ],
  ['a comment says something else', right.replace('# kept', '# left'), 'a comment changed'],
  ['a comment is gone', right.replace('  # kept\n', ''), 'a comment changed'],
  ['a comment came', `${right}# tail\n`, 'a comment changed'],
  [
    'another attribute has another value',
    right.replace('"/a"', '"/b"'),
    'another attribute changed',
  ],
  [
    'another attribute is gone',
    right.replace('  ca_file = "/a"\n', ''),
    'another attribute changed',
  ],
  [
    'another attribute came',
    right.replace('"/a"', '"/a"\n  key_file = "/k"'),
    'another attribute changed',
  ],
  ['the key is written otherwise', right.replace('tls {', '"tls" {'), 'the key changed'],
  [
    'the block stands there twice',
    `${right}tls { http = true }\n`,
    '"tls" does not occur exactly once',
  ],
  [
    'the block is gone',
    right.slice(0, right.indexOf('tls')) + '# kept\n',
    '"tls" does not occur exactly once',
  ],
  [
    'the block is a value',
    `${right.slice(0, right.indexOf('tls'))}# kept\ntls = "x"\n`,
    '"tls" is not a block',
  ],
  ['it was not set', before, '"http" has the wrong value'],
  ['it is text', right.replace('http = true', 'http = "no"'), '"http" has the wrong value'],
  [
    'it is a list',
    right.replace('http = true', 'http = [true]'),
    '"http" does not occur exactly once',
  ],
  [
    'it stands there twice',
    right.replace('http = true', 'http = true\n  http = true'),
    '"http" does not occur exactly once',
  ],
  ['it is gone', right.replace('  http = true\n', ''), '"http" does not occur exactly once'],
])('%s', (_what, after, fault) => {
  expect(judge(after)).toBe(fault)
})

test('another syntax', () => {
  expect(judge('{"tls": {"http": true}}', 'tls { http = false }')).toBe('the syntax changed')
})

test('a block that was not there holds what was set, and nothing else', () => {
  expect(judge('tls { http = true }', '')).toBeUndefined()
  expect(judge('tls {\n http = true\n rpc = true\n}', '')).toBe('another attribute changed')
})

test('a JSON block in a list', () => {
  const held = '{"tls": [{"http": false, "rpc": true}]}'
  expect(judge(held.replace('false', 'true'), held)).toBeUndefined()
  expect(judge('{"tls": [{"http": true}]}', held)).toBe('another attribute changed')
  expect(judge('{"tls": [{"http": true, "rpc": true}, {}]}', held)).toBe('"tls" is not a block')
})

test.each<[text: string, object: string | undefined]>([
  ['{"tls": {"a": 1}}', '{"a": 1}'],
  ['{"tls": [{"a": 1}]}', '{"a": 1}'],
  ['{"tls": [{"a": 1}, {}]}', undefined],
  ['{"tls": [1]}', undefined],
  ['{"tls": []}', undefined],
  ['{"tls": 1}', undefined],
  ['tls { a = 1 }', '{ a = 1 }'],
  ['tls = [{ a = 1 }]', '{ a = 1 }'],
  ['tls = "x"', undefined],
])('the object of %s', (text, object) => {
  const { document } = parseConfig(text)
  const found = objectIn(document!.root.items[0]!)
  expect(found && text.slice(found.start, found.end)).toBe(object)
})
