import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commands, families, globalOptions } from '../../src/cli/surface.js'
import { completionShells } from '../../src/report/completion-shells.js'
import { completionText } from '../../src/report/completion.js'
import { environmentText } from '../../src/report/shell.js'
import { shellQuote } from '../../src/shell-quote.js'

describe('words for a shell', () => {
  test.each([
    ['/etc/nomad.d/tls', '/etc/nomad.d/tls'],
    ['a b', "'a b'"],
    ["it's", "'it'\\''s'"],
    ['$(reboot)', "'$(reboot)'"],
    ['', "''"],
    ['~/x', "'~/x'"],
  ])('%j is %s', (word, quoted) => {
    expect(shellQuote(word)).toBe(quoted)
  })

  test('sh reads back every word as it was', () => {
    const words = fc.sample(
      fc.string({ unit: fc.constantFrom("'", '"', '\\', '$', '`', '!', '\n', ' ', 'é', '-', 'a') }),
      { seed: 5, numRuns: 120 },
    )
    const script = words
      .map((word) => `${environmentText([['X', word]], 'sh')}\nprintf '%s\\0' "$X"`)
      .join('\n')
    const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(stdout.split('\0').slice(0, -1)).toEqual(words)
  })

  test.each([
    ['fish', "set -gx X 'a\\'b\\\\c $HOME'"],
    ['powershell', "$env:X = 'a''b\\c $HOME'"],
  ] as const)('%s', (shell, text) => {
    expect(environmentText([['X', "a'b\\c $HOME"]], shell)).toBe(text)
  })

  test('powershell takes typographic single quotes for quotes, and so they are doubled', () => {
    expect(environmentText([['X', 'a\u2018b\u2019c\u201ad\u201be']], 'powershell')).toBe(
      "$env:X = 'a\u2018\u2018b\u2019\u2019c\u201a\u201ad\u201b\u201be'",
    )
  })
})

describe('completions', () => {
  test.each(completionShells)('%s knows every command, option and word', (shell) => {
    const text = completionText(shell, commands, families, globalOptions)
    for (const { name, options, words = [] } of commands) {
      for (const word of name.split(' ')) expect(text).toMatch(new RegExp(`\\b${word}\\b`))
      for (const word of words.flat()) expect(text).toContain(word)
      for (const { flags, choices = [] } of options) {
        const long = /--([a-z-]+)/.exec(flags)![1]!
        expect(text).toContain(shell === 'fish' ? `-l ${long}` : `--${long}`)
        for (const choice of choices) expect(text).toContain(choice)
      }
    }
    // Every quote that is not escaped has its partner.
    expect(text.replaceAll("\\'", '').split("'").length % 2).toBe(1)
  })
})

describe('files of variables', () => {
  const odd = [
    ['A', 'it\'s "$HOME" `x` \\n'],
    ['B', 'plain'],
  ] as const

  test("systemd's EnvironmentFile: four characters are escaped in double quotes", () => {
    expect(environmentText(odd, 'systemd')).toBe('A="it\'s \\"\\$HOME\\" \\`x\\` \\\\n"\nB="plain"')
  })

  test('Docker takes the rest of the line as it is, so that a line break cannot be said', () => {
    expect(environmentText(odd, 'docker')).toBe(`A=${odd[0][1]}\nB=plain`)
    expect(environmentText([['A', 'two\nlines']], 'docker')).toBeUndefined()
  })

  test('JSON is an object of texts', () => {
    expect(JSON.parse(environmentText(odd, 'json')!)).toEqual(Object.fromEntries(odd))
  })
})
