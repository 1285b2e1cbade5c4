import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasErrors } from '../../src/diagnostics.js'
import {
  asBoolean,
  asInteger,
  asString,
  type Document,
  hclCodes,
  type Item,
  type Literal,
  parseConfig,
  type Range,
  type Value,
} from '../../src/hcl/index.js'
import { corpus, mutate, random } from './corpus.js'
import { seed } from '../seed.js'

/** code and place of what is wrong with a text. */
function fault(source: string | Uint8Array): string | undefined {
  const [first] = parseConfig(source).diagnostics
  return first === undefined ? undefined : `${first.code} ${first.line}:${first.column}`
}

/** The first literal of a text. */
function literal(text: string): [Document, Literal] {
  const { document } = parseConfig(text)
  return [document!, document!.root.items[0]!.value as Literal]
}

describe('texts that HCL 1 takes', () => {
  test.each([
    ['newlines mean nothing', 'region\n=\n"a"\ntls\n{\nhttp\n=\ntrue }'],
    ['several items stand on a line', 'a = 1 b = 2 tls { http = true rpc = true }'],
    ['commas between items are optional, at the top too', 'a = 1, b { c = 1, d = 2, }, '],
    ['a block can be assigned', 'tls = { http = true }'],
    ['keys can be quoted', '"tls" { "http" = true }'],
    ['a number may run into a key', 'a = 10b = 5'],
    [
      'lists take spare commas, and none behind an inner list',
      'a = [,1,,2,] b = [[1] [2]] c = [{}, {}]',
    ],
    ['an interpolation frees quotes and newlines', 'a = "${ "x" \n { } }"'],
    ['$${ is no escape', 'a = "$${ " }"'],
    ['%{ means nothing', 'a = "%{"'],
    ['a lone CR is white space', 'a = 1\rb = 2'],
    ['a lone CR does not end a comment', 'a = 1 # b = {\r c }\nd = 2'],
    ['the closing word of a plain heredoc may be indented', 'a = <<EOF\nx\n  \tEOF\n'],
    ['a word may hold dots and dashes, and letters of all scripts', 'a.b-c = 1 größe = 2 _x = 3'],
    ['a heredoc may be closed by a word and CRs', 'a = <<E\r\nx\r\nE\r\r\n'],
    ['nothing at all', ''],
    ['a comment without an end of line', '# x'],
  ])('%s', (_, text) => {
    expect(parseConfig(text).diagnostics).toEqual([])
  })
})

describe('texts that are refused, and where', () => {
  test.each([
    ['BOM', '\ufeffa = 1', 'hcl/bom 1:1'],
    ['NUL', 'a = "x"\n# \0', 'hcl/nul 2:3'],
    ['U+E123', 'a = 1\n# \u{1f389}\ue123', 'hcl/character 2:4'],
    ['half a surrogate pair', 'a = "\ud83c"', 'hcl/encoding 1:6'],
    ['null', 'a = null', 'hcl/bare-word 1:5'],
    ['TRUE', 'a = TRUE', 'hcl/bare-word 1:5'],
    ['a function', 'a = file("x")', 'hcl/bare-word 1:5'],
    ['a number with a unit', 'a {\n  b = 10MB\n}', 'hcl/bare-word 2:7'],
    ['a template', 'a = {{ b }}', 'hcl/syntax 1:6'],
    ['a template of another kind', 'a = <%= b %>', 'hcl/heredoc 1:5'],
    ['a placeholder', 'server_count = SERVER_COUNT', 'hcl/bare-word 1:16'],
    ['semicolon', 'a = 1;', 'hcl/character 1:6'],
    ['a colon', 'a: 1', 'hcl/character 1:2'],
    ['single quotes', "a = 'x'", 'hcl/character 1:5'],
    ['an open string', 'a = "x\nb = 1', 'hcl/string 1:5'],
    ['an open interpolation', 'a = "${x"\n', 'hcl/string 1:5'],
    ['\\/', 'a = "\\/"', 'hcl/string 1:6'],
    ["\\'", 'a = "\\\'"', 'hcl/string 1:6'],
    ['a Windows path', 'a = "C:\\nomad\\data"', 'hcl/string 1:14'],
    ['an octal escape over \\377', 'a = "\\400"', 'hcl/string 1:6'],
    ['an escape beyond Unicode', 'a = "\\U00110000"', 'hcl/string 1:6'],
    ['an open heredoc', 'a = <<E\nx\n', 'hcl/heredoc 1:5'],
    ['a heredoc closed by the end of the text', 'a = <<E\nx\nE', 'hcl/heredoc 1:5'],
    ['<<- closed without indentation', 'a = <<-EOF\nx\nEOF\n', 'hcl/heredoc 1:5'],
    ['a closing word with a space behind it', 'a = <<E\nx\nE \n', 'hcl/heredoc 1:5'],
    ['a heredoc word with a dash', 'a = <<E-F\nx\nE-F\n', 'hcl/heredoc 1:5'],
    ['a heredoc without a word', 'a = <<\nx\n', 'hcl/heredoc 1:5'],
    ['an open comment', 'a = 1 /* x', 'hcl/comment 1:7'],
    ['an unquoted path', 'a = /etc', 'hcl/comment 1:5'],
    ['a key at the end', 'a =', 'hcl/no-value 1:1'],
    ['a key before }}', 'x { a = }}', 'hcl/no-value 1:5'],
    ['a label before }', 'x { a b }', 'hcl/no-value 1:5'],
    ['an open block', 'x {\n  y {\n  }\n', 'hcl/unclosed 1:3'],
    ['an open list', 'a = [1', 'hcl/unclosed 1:5'],
    ['a list closed by a brace', 'x { a = [ 1 } }', 'hcl/syntax 1:13'],
    ['no comma in a list', 'a = [1 2]', 'hcl/syntax 1:8'],
    ['a brace too many', 'a = 1 }', 'hcl/syntax 1:7'],
    ['labels before =', 'a b = 1', 'hcl/syntax 1:5'],
    ['an exponent without digits', 'a = 1e', 'hcl/number 1:7'],
    ['the same with a sign', 'a = 1e+', 'hcl/number 1:8'],
    ['not octal', 'a = 08', 'hcl/number 1:5'],
    ['hexadecimal without digits', 'a = 0x', 'hcl/number 1:5'],
    ['a comma first', ', a = 1', 'hcl/syntax 1:1'],
    ['JSON: a comment', '{\n  // x\n}', 'hcl/json 2:3'],
    ['JSON: something behind the object', '{}\n}', 'hcl/json 2:1'],
    ['JSON: \\/', '{"a": "\\/"}', 'hcl/json-escape 1:8'],
    ['JSON: a pair of surrogates', '{"a": "\\ud83c\\udf89"}', 'hcl/json-escape 1:8'],
    ['JSON: a list in a list', '{"a": [[1]], "b": 2}', 'hcl/json-nested-list 1:8'],
    ['JSON: an escape that a raw tab hides', '{"a": "\\\n\t"}', 'hcl/json 1:8'],
    ['JSON: a boolean in a list', '{"a": ["x", true]}', 'hcl/json-dropped 1:13'],
    ['JSON: a template', '{{ x }}', 'hcl/json 1:2'],
    ['JSON: no value', '{"a": }', 'hcl/json 1:7'],
    ['columns count code points', 'a = "\u{1f389}\u{1f389}" ;', 'hcl/character 1:10'],
  ])('%s', (_, text, expected) => {
    expect(fault(text)).toBe(expected)
  })

  test.each([
    ['BOM', [0xef, 0xbb, 0xbf, 0x61], 'hcl/bom 1:1'],
    ['UTF-16 with BOM', [0xff, 0xfe, 0x61, 0x00], 'hcl/encoding 1:1'],
    ['UTF-16 without', [0x61, 0x00, 0x20, 0x00], 'hcl/encoding 1:1'],
    ['a Latin-1 letter', [...Buffer.from('a = 1\nb = "'), 0xe9, 0x22], 'hcl/encoding 2:6'],
    ['a sequence cut short', [...Buffer.from('é # '), 0xe2, 0x82], 'hcl/encoding 1:5'],
    ['a surrogate as UTF-8', [0x23, 0xed, 0xa0, 0x80], 'hcl/encoding 1:2'],
    ['overlong', [0x23, 0xc0, 0x80], 'hcl/encoding 1:2'],
    ['a lone continuation', [0x80], 'hcl/encoding 1:1'],
  ])('bytes: %s', (_, bytes, expected) => {
    expect(fault(Uint8Array.from(bytes))).toBe(expected)
  })

  test('which of the two syntaxes is decided by the first character, not by the name', () => {
    expect(parseConfig('\n { "a": 1 }', { file: 'x.hcl' }).document?.syntax).toBe('json')
    expect(parseConfig('a = 1', { file: 'x.json' }).document?.syntax).toBe('hcl')
  })

  test('ten thousand braces are refused and not a RangeError', () => {
    const deep = 10_000
    expect(fault('a {'.repeat(deep))).toBe('hcl/too-deep 1:603')
    expect(fault(`a = ${'['.repeat(deep)}`)).toBe('hcl/too-deep 1:205')
    expect(fault('{"a":'.repeat(deep))).toBe('hcl/too-deep 1:1001')
    expect(fault(`{"a":${'['.repeat(deep)}`)).toBe('hcl/too-deep 1:205')
  })
})

describe('what literals mean', () => {
  test.each([
    ['"\\a\\b\\f\\n\\r\\t\\v\\\\\\""', '\u0007\b\f\n\r\t\v\\"'],
    ['"\\u0041\\U0001F389\\x41\\101\\xc3\\xa9"', 'A\u{1f389}AAé'],
    ['"\\uD800\\UFFFFFFFF\\xff"', '\ufffd\ufffd\ufffd'],
    ['"a ${ "\\x41" } b"', 'a ${ "\\x41" } b'],
    ['"${a\r\nb}"', '${a\nb}'],
    ['5', '5'],
    ['0755', '0755'],
    ['true', 'true'],
    ['1.50', '1.50'],
    ['<<E\neu\nE\n', 'eu\n'],
    ['<<E\r\neu\r\nE\r\n', 'eu\n'],
    ['<<E\nE\n', ''],
    ['<<E\neu\n  E\n', 'eu\n  '],
    ['<<-E\n  a\n    b\n  E\n', 'a\n  b\n'],
    ['<<-E\n a\n    b\n  E\n', ' a\n    b\n'],
  ])('%j as a string', (source, expected) => {
    expect(asString(...literal(`a = ${source}`))).toBe(expected)
  })

  test.each([
    ['true', true],
    ['false', false],
    ['"true"', true],
    ['"TRUE"', true],
    ['1', true],
    ['"1"', true],
    ['0', false],
    ['"yes"', undefined],
    ['"t\\u0072ue"', undefined],
    ['2', undefined],
    ['01', undefined],
    ['1.0', undefined],
    ['""', undefined],
    ['<<E\ntrue\nE\n', undefined],
  ])('%j as a boolean', (source, expected) => {
    expect(asBoolean(...literal(`a = ${source}`))).toBe(expected)
  })

  test.each([
    ['4646', 4646n],
    ['"4646"', 4646n],
    ['0x1226', 0x1226n],
    ['0755', 0o755n],
    ['-1', -1n],
    ['"+1"', 1n],
    ['"1_000"', 1000n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['9223372036854775808', undefined],
    ['99999999999999999999999999999999999999999999999999999999999999999999999999', undefined],
    ['46e2', undefined],
    ['"46 "', undefined],
    ['true', undefined],
  ])('%j as an integer', (source, expected) => {
    expect(asInteger(...literal(`a = ${source}`))).toBe(expected)
  })
})

/** Every range that is a token, in order; whatever lies between must mean nothing. */
function tokens({ root, comments }: Document): Range[] {
  const found: Range[] = [...comments]
  const visit = (value: Value): void => {
    if (value.type === 'literal') found.push(value)
    else {
      found.push({ start: value.start, end: value.start + 1 })
      if (value.type === 'list') value.items.forEach(visit)
      else value.items.forEach(visitItem)
      found.push({ start: value.end - 1, end: value.end })
    }
  }
  const visitItem = (item: Item): void => {
    found.push(...item.keys)
    if (item.assign !== undefined) found.push({ start: item.assign, end: item.assign + 1 })
    visit(item.value)
  }
  root.items.forEach(visitItem)
  return found.sort((a, b) => a.start - b.start)
}

describe('round trip', () => {
  const meaningless = /^[\s,]*$/

  function check(text: string): void {
    const { document } = parseConfig(text)
    if (document === undefined) return
    let out = ''
    let at = 0
    for (const { start, end } of tokens(document)) {
      expect(start).toBeGreaterThanOrEqual(at)
      const between = text.slice(at, start)
      if (document.syntax === 'hcl') expect(between).toMatch(meaningless)
      else expect(between).toMatch(/^[\s,{}]*$/)
      out += between + text.slice(start, end)
      at = end
    }
    const rest = text.slice(at)
    expect(rest).toMatch(document.syntax === 'hcl' ? meaningless : /^[\s,{}]*$/)
    expect(out + rest).toBe(text)
  }

  test('text, tree, text is the identity for the whole corpus, and every byte is accounted for', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(150)
    for (const { text } of corpus) {
      check(text)
      check(text.replaceAll(/\r?\n/g, '\r\n'))
    }
  })

  test('and for mutants of it', () => {
    const next = random(4711)
    for (let count = 0; count < 800; count += 1) {
      check(mutate(corpus[Math.floor(next() * corpus.length)]!.text, next))
    }
  })

  const atom = fc.oneof(
    fc.boolean().map(String),
    fc.integer().map(String),
    fc.string().map((value) => JSON.stringify(value.replaceAll('${', '').replaceAll('\ue123', ''))),
    fc.constantFrom('0x1F', '1.5', '<<E\n x { \nE\n', '"${ "{}" }"'),
  )
  const space = fc.constantFrom(' ', '\n', '\t', '\r\n', ' # c }\n', ' /* { */ ', ' // "\n')
  const word = fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,6}$/).map((name) => name || 'a')
  const key = fc.oneof(
    word.filter((name) => name !== 'true' && name !== 'false'),
    word.map((name) => `"${name}"`),
  )
  const { items } = fc.letrec<{ items: string; item: string; value: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      atom,
      fc.tuple(space, tie('items'), space).map(([a, inner, b]) => `{${a}${inner}${b}}`),
      fc.array(atom, { maxLength: 3 }).map((all) => `[${all.join(',')}]`),
    ),
    item: fc.oneof(
      fc
        .tuple(key, space, tie('value'))
        .map(([name, gap, value]) => `${name}${gap}=${gap}${value}`),
      fc
        .tuple(key, space, key, tie('items'))
        .map(([name, gap, label, inner]) => `${name}${gap}${label} {\n${inner}\n}`),
    ),
    items: fc
      .array(fc.tuple(tie('item'), fc.constantFrom('\n', ' ', ',\n', '\r\n')), { maxLength: 4 })
      .map((all) => all.map(([item, end]) => item + end).join('')),
  }))

  test('and for generated configurations, all of which are valid', () => {
    fc.assert(
      fc.property(items, (text) => {
        expect(parseConfig(text).diagnostics).toEqual([])
        check(text)
      }),
      { seed, numRuns: 300 },
    )
  })
})

describe('fuzz', () => {
  test('no bytes make it throw, and every diagnostic has a documented code and a place', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'binary' })),
        (source) => {
          for (const { code, line, column } of parseConfig(source).diagnostics) {
            expect(hclCodes).toHaveProperty([code])
            expect(line).toBeGreaterThan(0)
            expect(column).toBeGreaterThan(0)
          }
        },
      ),
      { seed, numRuns: 2000 },
    )
  })

  test.each([
    ['blocks', 'block "label" { key = "value" }\n'],
    ['quotes', '"'],
    ['backslashes', 'a = "\\\\" '],
    ['heredocs', 'a = <<EOF\ntext\nEOF\n'],
    ['heredoc starts', '<<A\n'],
    ['carriage returns', '\r'],
    ['interpolations', '"${" '],
    ['comments', '/* */ # \n'],
    ['open comments', '/*'],
    ['digits', '9'],
    ['JSON', '{"a":[1,2],"b":"c"},'],
  ])('a megabyte of %s is read to its end or refused', (_, unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length))
    const { document, diagnostics } = parseConfig(text)
    expect(document === undefined).toBe(hasErrors(diagnostics))
  })
})

test('a message names a few keys, however many there are', () => {
  const { diagnostics } = parseConfig('a '.repeat(100_000))
  expect(diagnostics.map(({ message }) => message)).toEqual(['"a a a a …" has no value'])
})
