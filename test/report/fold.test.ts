import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fold, foldAbove, rangesOf } from '../../src/report/fold.js'
import { seed } from '../seed.js'

const numbered = (count: number, from = 1, width = 0): string[] =>
  Array.from({ length: count }, (_, at) => `c${String(from + at).padStart(width, '0')}`)

describe('names as ranges', () => {
  test.each([
    [['c001', 'c002', 'c003'], 'c[001-003]'],
    [['c001', 'c002', 'c003', 'c007'], 'c[001-003,007]'],
    [['c003', 'c001', 'c002'], 'c[001-003]'],
    [numbered(12), 'c[1-12]'],
    [['c9', 'c010'], 'c[9,010]'],
    [['c1'], 'c1'],
    [['shared'], 'shared'],
    [['c1.dc', 'c2.dc'], 'c[1-2].dc'],
    [['s1', 's2', 'c1'], 's[1-2], c1'],
    [['a', 'b'], 'a, b'],
    [['a', 'b', 'c', 'd', 'e'], 'a, … e'],
    [['c1', 'c3', 'c5', 'c7', 'c9'], 'c1, … c9'],
  ])('%j is %s', (names, text) => {
    expect(rangesOf(names)).toBe(text)
  })

  test('every name that a single range stands for is one of those that were given', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 2 }), (numbers) => {
        const names = numbers.map((number) => `n${number}`)
        const inside = /^n\[(.*)\]$/.exec(rangesOf(names))?.[1]
        if (inside === undefined) return
        const spread = inside.split(',').flatMap((run) => {
          const [first = '', last = first] = run.split('-')
          return numbered(Number(last) - Number(first) + 1, Number(first)).map(
            (name) => `n${name.slice(1)}`,
          )
        })
        expect(new Set(spread)).toEqual(new Set(names))
      }),
      { seed, numRuns: 300 },
    )
  })
})

describe('folding', () => {
  const nodes = (count: number, region = 'global'): { address: string; state: string }[] =>
    numbered(count).map((name) => ({ address: `identity/client/${region}/${name}`, state: 'x' }))
  const keyOf = ({ state }: { state: string }): string => state

  test('a few alike keep a line each', () => {
    expect(fold(nodes(foldAbove), { keyOf, all: false })).toHaveLength(foldAbove)
  })

  test('many alike share one, each region its own', () => {
    const groups = fold([...nodes(500), ...nodes(20, 'eu')], { keyOf, all: false })
    expect(groups.map(({ label, members }) => [label, members.length])).toEqual([
      ['identity/client/global/c[1-500]', 500],
      ['identity/client/eu/c[1-20]', 20],
    ])
  })

  test('what differs is never folded', () => {
    const [odd, ...rest] = nodes(50)
    const groups = fold([{ ...odd!, state: 'y' }, ...rest], { keyOf, all: false })
    expect(groups.map(({ label }) => label)).toEqual([
      'identity/client/global/c1',
      'identity/client/global/c[2-50]',
    ])
  })

  test('`all` folds nothing', () => {
    expect(fold(nodes(500), { keyOf, all: true })).toHaveLength(500)
  })

  test('nothing is lost, whatever is folded', () => {
    const item = fc.record({
      address: fc.integer({ min: 0, max: 400 }).map((n) => `identity/client/r${n % 3}/c${n}`),
      state: fc.constantFrom('a', 'b'),
    })
    fc.assert(
      fc.property(fc.array(item, { maxLength: 80 }), (items) => {
        const members = fold(items, { keyOf, all: false }).flatMap((group) => group.members)
        expect([...members].sort(byAddress)).toEqual([...items].sort(byAddress))
      }),
      { seed, numRuns: 200 },
    )
  })
})

function byAddress(a: { address: string; state: string }, b: typeof a): number {
  const [x, y] = [a.address + a.state, b.address + b.state]
  return x < y ? -1 : x > y ? 1 : 0
}
