import { describe, expect, test } from 'vitest'
import { commandReference } from '../../src/report/command-reference.js'
import { exitStatusSentences } from '../../src/cli/status.js'
import { commands, globalOptions } from '../../src/cli/surface.js'
import { wordsOf } from '../testscript.js'
import { cli } from './cli.js'

describe('the command surface', () => {
  test('docs/commands.md is what the program says (update it with: npx vitest run test/cli/surface -u)', async () => {
    const text = commandReference(commands, globalOptions, exitStatusSentences)
    await expect(text).toMatchFileSnapshot('../../docs/commands.md')
  })

  test.each(commands.map((entry) => [entry.name, entry] as const))(
    '%s: its help shows its options and both examples',
    async (name, entry) => {
      const { status, stdout, stderr } = await cli('/', [name, '--help'])
      expect(status).toBe(0)
      expect(stderr).toBe('')
      for (const example of entry.examples) expect(stdout).toContain(`$ ${example}`)
      for (const { flags } of [...entry.options, ...globalOptions]) {
        expect(stdout).toContain(flags)
      }
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    },
  )

  test.each(commands.map((entry) => [entry.name, entry] as const))(
    '%s: each example parses as its own command',
    (name, entry) => {
      for (const example of entry.examples) {
        const [program, verb, ...rest] = wordsOf(example)
        expect([program, verb]).toEqual(['nomad-pki', name])
        const known = [...entry.options, ...globalOptions].map(({ flags }) => flags)
        for (const flag of rest.filter((word) => word.startsWith('-'))) {
          expect(known.some((flags) => flags.split(/[ ,]+/).includes(flag))).toBe(true)
        }
      }
    },
  )

  test('--help lists every command and every exit status', async () => {
    const { status, stdout } = await cli('/', ['--help'])
    expect(status).toBe(0)
    for (const { name, summary } of commands) {
      expect(stdout).toContain(`  ${name} `)
      expect(stdout.replace(/\s+/g, ' ')).toContain(summary)
    }
    for (const [code] of exitStatusSentences) expect(stdout).toMatch(new RegExp(`^  ${code} `, 'm'))
  })
})
