import { describe, expect, test } from 'vitest'
import { exitStatusSentences } from '../../src/cli/status.js'
import { commands, families, globalOptions } from '../../src/cli/surface.js'
import { wordsOf } from '../testscript.js'
import { cli } from './cli.js'

describe('the command surface', () => {
  test.each(commands.map((entry) => [entry.name, entry] as const))(
    '%s: its help shows its options and both examples',
    async (name, entry) => {
      const { status, stdout, stderr } = await cli('/', [...name.split(' '), '--help'])
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
        const [program, ...words] = wordsOf(example)
        const verbs = name.split(' ')
        expect([program, ...words.slice(0, verbs.length)]).toEqual(['nomad-pki', ...verbs])
        const rest = words.slice(verbs.length)
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
    const first = commands.filter(({ name }) => !name.includes(' '))
    for (const { name, summary } of [...first, ...families]) {
      expect(stdout).toContain(`  ${name} `)
      expect(stdout.replace(/\s+/g, ' ')).toContain(summary)
    }
    for (const [code] of exitStatusSentences) expect(stdout).toMatch(new RegExp(`^  ${code} `, 'm'))
  })

  test.each(families.map((family) => [family.name, family.summary] as const))(
    '%s: its help lists its commands; alone it is called wrongly, and shows the same',
    async (name, summary) => {
      const help = await cli('/', [name, '--help'])
      expect(help.status).toBe(0)
      const own = commands.filter((entry) => entry.name.startsWith(`${name} `))
      expect(own.length).toBeGreaterThan(1)
      for (const entry of own) {
        expect(help.stdout).toMatch(new RegExp(`^  ${entry.name.split(' ')[1]!} `, 'm'))
      }
      expect(help.stdout.toLowerCase()).toContain(summary)
      const alone = await cli('/', [name])
      expect(alone).toMatchObject({ status: 64, stdout: '' })
      expect(alone.stderr).toContain(help.stdout)
    },
  )

  test.each<[string, readonly string[], string]>([
    [
      'an option of a sibling',
      ['rotate', 'authority', '--due'],
      '--due is an option of: rotate leaves',
    ],
    ['an option that was renamed', ['plan', '--all'], 'it is called --long here'],
    ['a command that is misspelt', ['rotate', 'leafs'], 'did you mean leaves?'],
    [
      'a value that is none of the choices',
      ['pack', 's1', '--layout', 'zip'],
      'one of: links, flat',
    ],
    [
      'options that exclude each other',
      ['rotate', 'leaves', '--due', '--all'],
      'see: nomad-pki rotate leaves --help',
    ],
  ])('%s is an error with a way out', async (_, argv, hint) => {
    const { status, stdout, stderr } = await cli('/', argv)
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
    expect(stderr).toContain(hint)
  })

  test('one flag means one thing: its value and its short name are the same everywhere', () => {
    const spellings = new Map<string, Set<string>>()
    for (const { flags } of commands.flatMap(({ options }) => options)) {
      const long = /--[a-z-]+/.exec(flags)![0]
      spellings.set(long, (spellings.get(long) ?? new Set()).add(flags))
    }
    const differing = [...spellings].filter(([, all]) => all.size > 1).map(([long]) => long)
    // What a path means depends on the command; a folder of agents, one agent, a node's own.
    expect(differing).toEqual(['--config', '--probe'].filter((one) => differing.includes(one)))
  })
})
