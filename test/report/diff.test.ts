import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffText } from '../../src/report/diff.js'
import { plainStyle } from '../../src/report/style.js'

/** What `patch` does with a diff without context. */
function patch(before: string, diff: string): string {
  const lines = before === '' ? [] : before.split('\n').slice(0, -1)
  let shift = 0
  for (const [, at, removed, added] of hunks(diff)) {
    expect(lines.slice(at + shift, at + shift + removed.length)).toEqual(removed)
    lines.splice(at + shift, removed.length, ...added)
    shift += added.length - removed.length
  }
  return lines.map((line) => `${line}\n`).join('')
}

function* hunks(diff: string): Generator<[string, number, string[], string[]]> {
  const parts = diff.split(/^(@@ .* @@)$/m).slice(1)
  for (let index = 0; index < parts.length; index += 2) {
    const head = parts[index]!
    const [, start = '', length = '1'] = /^@@ -(\d+)(?:,(\d+))? /.exec(head)!
    const body = parts[index + 1]!.split('\n').filter((line) => line !== '')
    const of = (sign: string): string[] =>
      body.filter((line) => line.startsWith(sign)).map((line) => line.slice(1))
    yield [head, Number(start) - (length === '0' ? 0 : 1), of('-'), of('+')]
  }
}

describe('a diff', () => {
  test('of the same is empty', () => {
    expect(diffText('a', 'x\n', 'x\n', plainStyle)).toBe('')
  })

  test('names a file that is new', () => {
    expect(diffText('tls.hcl', undefined, 'tls {\n}\n', plainStyle)).toBe(
      '--- /dev/null\n+++ tls.hcl\n@@ -0,0 +1,2 @@\n+tls {\n+}',
    )
  })

  test('shows no line that does not change', () => {
    const before = 'encrypt = "s3cret"\ntls {\n  http = false\n}\n'
    const after = before.replace('false', 'true')
    const text = diffText('n.hcl', before, after, plainStyle)
    expect(text).toBe('--- n.hcl\n+++ n.hcl\n@@ -3 +3 @@\n-  http = false\n+  http = true')
  })

  test.each([
    'server { encrypt = "s3cret" } tls { http = false }',
    '{"server":{"encrypt":"s3cret"},"tls":{"http":false}}',
    'consul { token = "s3cret" } tls { http = false }',
    'acl { "replication_token" : "a\\"s3cret" } tls { http = false }',
  ])('does not show a secret that stands on the same line: %s', (line) => {
    const text = diffText('n', `${line}\n`, `${line.replace('false', 'true')}\n`, plainStyle)
    expect(text).toContain('(not shown)')
    expect(text).toContain('true')
    expect(text).not.toContain('s3cret')
  })

  test('applied to the old text gives the new one', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', '  d', '}'), { maxLength: 25 })
      .map((lines) => lines.map((line) => `${line}\n`).join(''))
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(patch(before, diffText('f', before, after, plainStyle))).toBe(after)
      }),
      { seed: 11, numRuns: 500 },
    )
  })
})
