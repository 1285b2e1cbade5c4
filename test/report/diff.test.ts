import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { schemaOf } from '../../src/agent/schema-table.js'
import { configDiff, diffText, notAppliable } from '../../src/report/diff.js'
import { plainStyle } from '../../src/report/style.js'
import { seed } from '../seed.js'

/** What `patch` does with a diff without context, byte by byte. */
function patch(before: string, diff: string): string {
  const lines = before === '' ? [] : before.split(/(?<=\n)/)
  let shift = 0
  for (const { at, removed, added } of hunks(diff)) {
    expect(lines.slice(at + shift, at + shift + removed.length)).toEqual(removed)
    lines.splice(at + shift, removed.length, ...added)
    shift += added.length - removed.length
  }
  return lines.join('')
}

interface Hunk {
  readonly at: number
  readonly removed: string[]
  readonly added: string[]
}

function hunks(diff: string): readonly Hunk[] {
  const found: Hunk[] = []
  let last: string[] = []
  for (const line of `${diff}\n`.split('\n').slice(0, -1)) {
    const [, start = '', length = '1'] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? []
    if (start !== '') {
      found.push({ at: Number(start) - (length === '0' ? 0 : 1), removed: [], added: [] })
    } else if (line.startsWith('\\')) last.push(last.pop()!.replace(/\n$/, ''))
    else if (found.length > 0) {
      last = line.startsWith('-') ? found.at(-1)!.removed : found.at(-1)!.added
      last.push(`${line.slice(1)}\n`)
    }
  }
  return found
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
    const text = configDiff('n', `${line}\n`, `${line.replace('false', 'true')}\n`, plainStyle)
    expect(text).toMatch(/\(hidden\).*true|not shown: this file cannot be read/)
    expect(text).not.toContain('s3cret')
    expect(text.split('\n')[0]).toBe(notAppliable)
  })

  test('applied to the old text gives the new one: tabs, CR, no newline at the end', () => {
    const line = fc.constantFrom('a', 'b', '\tc', '  d\r', '}', '\t')
    const text = fc
      .tuple(fc.array(line, { maxLength: 25 }), fc.constantFrom('', '\n'))
      .map(([lines, end]) => lines.join('\n') + (lines.length === 0 ? '' : end))
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(patch(before, diffText('f', before, after, plainStyle))).toBe(after)
      }),
      { seed, numRuns: 500 },
    )
  })

  test('what would steer the terminal is not shown as it is, and then patch is not promised', () => {
    const text = diffText('f', 'a\u001b[2J\n', 'b\n', plainStyle)
    expect(text).not.toContain('\u001b')
    expect(text.split('\n')[0]).toBe(notAppliable)
  })
})

/** Every key of the schema that takes a text, with the way to it. */
function* textKeys(shape: unknown, way: readonly string[] = []): Generator<readonly string[]> {
  const block = shape as { fields?: Record<string, unknown> }
  for (const [key, inner] of Object.entries(block.fields ?? {})) {
    if (key === 'tls' && way.length === 0) continue
    if (way.length > 6) continue
    const { fields } = inner as { fields?: object }
    if (fields === undefined) yield [...way, key]
    else yield* textKeys(inner, [...way, key])
  }
}

describe('the diff of a configuration shows nothing that is not of tls', () => {
  const marker = 'pl4nted'
  const ways = [...textKeys(schemaOf())]
  const styles: Record<string, (way: readonly string[]) => string> = {
    'HCL on one line': (way) => nested(way, ' ', `"${marker}"`),
    'HCL on several lines': (way) => nested(way, '\n', `"${marker}"`),
    'a heredoc': (way) => nested(way, '\n', `<<E\n${marker}\nE`),
    'a list': (way) => nested(way, ' ', `["${marker}"]`),
    'a commented line': (way) => `# ${way.at(-1)!} = "${marker}"`,
    JSON: (way) => JSON.stringify({ ...json(way), tls: { http: false } }),
  }

  test('the schema was walked', () => {
    const paths = ways.map((way) => way.join('.'))
    expect(paths.length).toBeGreaterThan(200)
    expect(paths).toContain('server.encrypt')
    expect(paths).toContain('acl.replication_token')
  })

  test.each(Object.entries(styles))('%s', (name, style) => {
    // A file whose lines all change is the worst: CRLF becomes LF around the one line of tls.
    for (const way of [...ways, ['consul', 'token'], ['vault', 'token'], ['client', 'meta', 'x']]) {
      const text = style(way)
      const before =
        name === 'JSON'
          ? text
          : `${text}${name.includes('one line') ? ' ' : '\n'}tls { http = false }\n`
      const after = before.replace(/(http"?( = |:))false/, '$1true')
      expect(after).not.toBe(before)
      for (const [a, b] of [
        [before, after],
        [before.replaceAll('\n', '\r\n'), after],
      ]) {
        const shown = configDiff('n', a, b!, plainStyle)
        expect(shown, `${way.join('.')}: ${before}`).not.toContain(marker)
        expect(shown).toContain('true')
      }
    }
  })
})

function nested([first, ...rest]: readonly string[], gap: string, value: string): string {
  if (rest.length === 0) return `${first!} = ${value}`
  return `${first!} {${gap}${nested(rest, gap, value)}${gap}}`
}

function json([first, ...rest]: readonly string[]): object {
  return { [first!]: rest.length === 0 ? 'pl4nted' : json(rest) }
}
