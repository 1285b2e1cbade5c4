import { describe, expect, test } from 'vitest'
import {
  appendBlock,
  type Attribute,
  type ObjectValue,
  parseConfig,
  removeItem,
  setAttributes,
  unwritable,
  writeLiteral,
} from '../../src/hcl/index.js'
import { lineStartOf, newlineOf } from '../../src/hcl/layout.js'
import { asString } from '../../src/hcl/literal.js'
import type { Literal } from '../../src/hcl/tree.js'
import { applySplices } from '../../src/splice.js'

function set(text: string, attributes: readonly Attribute[]): string {
  const document = parseConfig(text).document!
  const block = document.root.items[0]!.value as ObjectValue
  return applySplices(text, setAttributes(document, block, attributes))
}

const c = { name: 'c', value: 3 }

describe('attributes inside a block', () => {
  test.each([
    [
      'before the line of a brace that stands alone',
      'b {\n  a = 1\n}\n',
      'b {\n  a = 1\n  c = 3\n}\n',
    ],
    ['behind a trailing comment', 'b {\n  a = 1\n  # x\n}\n', 'b {\n  a = 1\n  # x\n  c = 3\n}\n'],
    ['in the indentation of the last item', 'b {\n\ta = 1\n}', 'b {\n\ta = 1\n\tc = 3\n}'],
    ['two spaces further in, where there is none', '  b {\n  }\n', '  b {\n    c = 3\n  }\n'],
    ['in a block on one line', 'b { a = 1 }\n', 'b { a = 1 \n  c = 3\n}\n'],
    ['in an empty block on one line', '  b {} # x', '  b {\n    c = 3\n  } # x'],
    ['with the brace on the last item’s line', 'b {\n  a = 1 }', 'b {\n  a = 1 \n  c = 3\n}'],
    ['with the newline of the text', 'b {\r\n  a = 1\r\n}', 'b {\r\n  a = 1\r\n  c = 3\r\n}'],
    ['behind a heredoc', 'b {\n  a = <<E\nE\n}', 'b {\n  a = <<E\nE\n  c = 3\n}'],
    [
      'aligned, where the others are',
      'b {\n  a    = 1\n  bb   = 2\n}',
      'b {\n  a    = 1\n  bb   = 2\n  c    = 3\n}',
    ],
    [
      'in JSON, line by line',
      '{\n  "b": {\n    "a" : 1\n  }\n}',
      '{\n  "b": {\n    "a" : 1,\n    "c" : 3\n  }\n}',
    ],
    ['in JSON on one line', '{"b":{"a":1}}', '{"b":{"a":1,"c":3}}'],
    ['in JSON on one line with spaces', '{ "b": { "a": 1 } }', '{ "b": { "a": 1, "c": 3 } }'],
    ['in JSON behind a trailing comma', '{"b": {\n "a": 1,\n}}', '{"b": {\n "a": 1,\n "c": 3\n}}'],
    ['in JSON, where there is none', '{\n  "b": {}\n}', '{\n  "b": {\n    "c": 3\n  }\n}'],
  ])('are added %s', (_, before, after) => {
    expect(set(before, [c])).toBe(after)
    expect(set(after, [c])).toBe(after)
  })

  test.each([
    ['a value and nothing else', 'b { c  =  1 # was\n}', 'b { c  =  3 # was\n}'],
    [
      'a heredoc, putting the newline back',
      'b {\n  c = <<E\nx\nE\n  d = 1\n}',
      'b {\n  c = 3\n  d = 1\n}',
    ],
    ['the same with CRLF', 'b {\r\n  c = <<E\r\nx\r\nE\r\n}', 'b {\r\n  c = 3\r\n}'],
    ['a key of any spelling', 'b { "C" = 1 }', 'b { "C" = 3 }'],
    ['nothing that means the same', 'b { c = "0x3" }', 'b { c = "0x3" }'],
  ])('replace %s', (_, before, after) => {
    expect(set(before, [c])).toBe(after)
  })

  test.each([
    ['b {\n  a = 1\n  c = 2 # x\n}', 'b {\n  a = 1\n   # x\n}'],
    ['b {\n  a = 1\n  c = 2\n}', 'b {\n  a = 1\n}'],
    ['b {\n  a = 1\n  c = 2,\r\n}', 'b {\n  a = 1\n}'],
    ['b { a = 1, c = 2 }', 'b { a = 1,  }'],
    ['b {\n  a = 1\n  c = <<E\nx\nE\n}', 'b {\n  a = 1\n}'],
    ['{"b": {"a": 1, "c": 2}}', '{"b": {"a": 1}}'],
    ['{"b": {"a": 1,\n "c": 2,\n "d": 3}}', '{"b": {"a": 1,\n "d": 3}}'],
  ])('are removed: %j', (before, after) => {
    const document = parseConfig(before).document!
    const block = document.root.items[0]!.value as ObjectValue
    const text = applySplices(before, [removeItem(document, block, block.items[1]!)])
    expect(text).toBe(after)
    expect(parseConfig(text).diagnostics).toEqual([])
  })
})

describe('a block at the end', () => {
  test.each([
    ['', 'b {\n  c = 3\n}\n'],
    ['a = 1\n', 'a = 1\n\nb {\n  c = 3\n}\n'],
    ['a = 1\n\n', 'a = 1\n\nb {\n  c = 3\n}\n'],
    ['a = 1', 'a = 1\n\nb {\n  c = 3\n}'],
    ['a = 1 # x', 'a = 1 # x\n\nb {\n  c = 3\n}'],
    ['a = 1\r\n', 'a = 1\r\n\r\nb {\r\n  c = 3\r\n}\r\n'],
    ['x {\n\ta = 1\n}\n', 'x {\n\ta = 1\n}\n\nb {\n\tc = 3\n}\n'],
    ['{}\n', '{\n  "b": {\n    "c": 3\n  }\n}\n'],
    ['{"a":1}', '{"a":1,"b":{"c": 3}}'],
    ['{\n    "a": 1\n}\n', '{\n    "a": 1,\n    "b": {\n        "c": 3\n    }\n}\n'],
    ['{\n    "a": 1,\n}\n', '{\n    "a": 1,\n    "b": {\n        "c": 3\n    }\n}\n'],
  ])('%j', (before, after) => {
    const document = parseConfig(before).document!
    expect(applySplices(before, [appendBlock(document, 'b', [c])])).toBe(after)
  })
})

describe('values that are written', () => {
  test.each([
    '',
    'a"b\\c',
    'C:\\nomad\\ca.pem',
    'é\u{1f389}\ue123\u2028\u007f\t\n\ufeff',
    '%{x} $x {',
  ])('%j reads back in HCL and in JSON', (value) => {
    expect(unwritable(value)).toBeUndefined()
    for (const text of [`a = ${writeLiteral(value)}`, `{"a": ${writeLiteral(value)}}`]) {
      expect(set(`b { c = ${writeLiteral(value)} }`, [{ name: 'c', value }])).toContain(
        writeLiteral(value),
      )
      expect(parseConfig(text).diagnostics).toEqual([])
    }
  })

  test.each(['/a/${x}', '$${', 'a\0b', '\ud83c'])('%j cannot be', (value) => {
    expect(unwritable(value)).toBeDefined()
  })
})

describe('a comma behind comments', () => {
  const removed = (text: string, name: string): string => {
    const document = parseConfig(text).document!
    const block = document.root.items[0]!.value as ObjectValue
    const item = block.items.find(({ keys }) => keys[0]?.name === name)!
    return applySplices(text, [removeItem(document, block, item)])
  }

  test.each([1, 2, 3, 5, 8])('is found among %d comments before and behind it', (count) => {
    const lines = (from: number): string =>
      Array.from({ length: count }, (_, at) => `# ${from + at}`).join('\n')
    const text = `b {\n${lines(0)}\na = 1 /* behind */, c = 2\n${lines(count)}\n}\n`
    const left = removed(text, 'a')
    expect(parseConfig(left).diagnostics).toEqual([])
    expect(left).not.toContain('a = 1')
    expect(left).toContain('c = 2')
    expect(left).not.toContain(',')
  })
})

describe('what a literal says', () => {
  test.each([
    ['a = "x\\n\\"y"', 'hcl', 'x\n"y'],
    ['a = 10', 'hcl', '10'],
    ['a = true', 'hcl', 'true'],
    ['a = <<E\nx\ny\nE\n', 'hcl', 'x\ny\n'],
    ['{"a":"x\\n\\u00e9"}', 'json', 'x\né'],
    ['{"a":"x\ty"}', 'json', 'x\ty'],
    ['{"a":null}', 'json', ''],
    ['{"a":1.5}', 'json', '1.5'],
  ])('%s', (text, syntax, said) => {
    const document = parseConfig(text).document!
    expect(document.syntax).toBe(syntax)
    expect(asString(document, document.root.items[0]!.value as Literal)).toBe(said)
  })
})

describe('the layout around a place', () => {
  test.each([
    ['', '\n'],
    ['x', '\n'],
    ['\n', '\n'],
    ['a\nb\r\n', '\n'],
    ['a\r\nb\n', '\r\n'],
    ['\r\n', '\r\n'],
  ])('newline of %j', (text, newline) => {
    expect(newlineOf(text)).toBe(newline)
  })

  test('a line starts behind the newline before it', () => {
    const text = '\n ab\ncd'
    expect([0, 1, 2, 4, 5, 6, 7].map((at) => lineStartOf(text, at))).toEqual([0, 1, 1, 1, 5, 5, 5])
  })
})
