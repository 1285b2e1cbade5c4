import { expect, test } from 'vitest'
import { inParallel } from '../src/in-parallel.js'

/** What is begun, and what ends it. */
function calls() {
  const begun: number[] = []
  const ends = new Map<number, { ok: (value: string) => void; fail: (why: Error) => void }>()
  const work = (value: number): Promise<string> => {
    begun.push(value)
    return new Promise((ok, fail) => ends.set(value, { ok, fail }))
  }
  return { begun, ends, work }
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('begins the next as soon as one has ended, and gives the results in the order of the values', async () => {
  const { begun, ends, work } = calls()
  const all = inParallel([1, 2, 3, 4], 2, work)
  expect(begun).toEqual([1, 2])
  ends.get(2)!.ok('b')
  await soon()
  expect(begun).toEqual([1, 2, 3])
  ends.get(3)!.ok('c')
  await soon()
  ends.get(4)!.ok('d')
  ends.get(1)!.ok('a')
  expect(await all).toEqual(['a', 'b', 'c', 'd'])
})

test('after a failure nothing is begun; what is at work ends first, and the first failure is thrown', async () => {
  const { begun, ends, work } = calls()
  let state = 'running'
  const all = inParallel([1, 2, 3, 4], 2, work)
  all.catch(() => (state = 'thrown'))
  ends.get(1)!.fail(new Error('first'))
  await soon()
  expect({ begun, state }).toEqual({ begun: [1, 2], state: 'running' })
  ends.get(2)!.fail(new Error('second'))
  await expect(all).rejects.toThrow('first')
  expect(begun).toEqual([1, 2])
})

test('nothing to do is done', async () => {
  expect(await inParallel([], 8, () => Promise.reject(new Error('begun')))).toEqual([])
})

test.each([0, -1, Number.NaN, 0.5, 1.5])('a width of %d leaves nothing out', async (width) => {
  const done = await inParallel([1, 2, 3], width, (value) => Promise.resolve(value))
  expect(done).toEqual([1, 2, 3])
})
