/** The tables of mutation: what they name is there, so that no line of theirs asks nothing. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const tableOf = async (name: string): Promise<Record<string, unknown>> =>
  (await import(new URL(`./${name}.mjs`, import.meta.url).href)) as Record<string, unknown>

const { mutants } = (await tableOf('mutants')) as {
  mutants: readonly { what: string; file: string; from: string; to: string; tests: string[] }[]
}
const { rooms, files } = (await tableOf('rooms')) as {
  rooms: Record<string, { tests?: string[]; without?: string[] }>
  files: Record<string, number>
}
const { refusalOf } = (await tableOf('not-root')) as {
  refusalOf: (uid: number | undefined, asRoot: boolean) => string | undefined
}
const { leastByChance } = (await tableOf('chance')) as {
  leastByChance: (asked: number, share: number) => number
}

test.each(mutants)('$file: $what', ({ file, from, to, tests }) => {
  expect(readFileSync(file, 'utf8').split(from)).toHaveLength(2)
  expect(to).not.toBe(from)
  for (const one of tests) expect([one, existsSync(one)]).toEqual([one, true])
})

test('rooms, their tests and the files with floors of their own', () => {
  for (const [room, { tests = [], without = [] }] of Object.entries(rooms)) {
    expect([room, existsSync(`src/${room}`)]).toEqual([room, true])
    for (const one of [...tests, ...without]) {
      const folder = one.slice(0, one.lastIndexOf('/'))
      expect([one, existsSync(one.includes('*') ? folder : one)]).toEqual([one, true])
    }
  }
  for (const file of Object.keys(files)) expect([file, existsSync(file)]).toEqual([file, true])
})

describe('a sample fails where chance does not explain it', () => {
  // The first percentile of a binomial distribution.
  test.each([
    [0, 0.85, 0],
    [1, 0.85, 0],
    [20, 0.85, 13],
    [178, 0.85, 140],
    [300, 0.75, 207],
    [3000, 0.85, 2504],
  ])('%d asked at %d: %d', (asked, share, least) => {
    expect(leastByChance(asked, share)).toBe(least)
  })
})

describe('a mutation run as root', () => {
  test('is refused, with the way to another user', () => {
    expect(refusalOf(0, false)).toMatch(/^error: this run is root.*\nhint: .*setpriv .*--as-root$/s)
  })

  test('goes on where it was told to, and as anyone else', () => {
    expect([refusalOf(0, true), refusalOf(65_534, false), refusalOf(undefined, false)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  // Each runner asks before it reads or copies anything.
  test.each(['mutation.mjs', 'stryker.mjs'])('%s', (runner) => {
    // The module is loaded with another user's id, so that this needs no root.
    const asRoot = 'data:text/javascript,process.getuid = () => 0'
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', asRoot, `test/mutation/${runner}`, 'nothing-is-called-so'],
      { encoding: 'utf8' },
    )
    expect([status, stderr.split('\n')[0]]).toEqual([1, refusalOf(0, false)?.split('\n')[0]])
  })
})
