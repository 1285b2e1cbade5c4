import { expect, test } from 'vitest'
import { memoByObject, memoByText, memoLast, once } from '../src/memo.js'

test('an object is asked once, and another one for itself', () => {
  let asked = 0
  const sizeOf = memoByObject((list: readonly number[], more: number) => {
    asked += 1
    return list.length + more
  })
  const list = [1, 2]
  expect([sizeOf(list, 1), sizeOf(list, 1), sizeOf([1, 2], 2)]).toEqual([3, 3, 4])
  expect(asked).toBe(2)
})

test('answers false and 0 are remembered, undefined is not', () => {
  for (const [answer, times] of [
    [false, 1],
    [0, 1],
    [undefined, 2],
  ] as const) {
    const asked: string[] = []
    const memo = memoByText((text) => {
      asked.push(text)
      return answer
    })
    expect([memo('a'), memo('a')]).toEqual([answer, answer])
    expect(asked).toHaveLength(times)
  }
})

test('of many texts the first are remembered', () => {
  const asked: string[] = []
  const memo = memoByText((text) => {
    asked.push(text)
    return text.length
  }, 2)
  for (const text of ['a', 'b', 'c', 'a', 'b', 'c']) memo(text)
  expect(asked).toEqual(['a', 'b', 'c', 'c'])
})

test('of a run the last is remembered, also where it is undefined', () => {
  const asked: number[] = []
  const memo = memoLast((key: number) => {
    asked.push(key)
    return key === 2 ? undefined : key
  })
  expect([1, 1, 2, 2, 1].map(memo)).toEqual([1, 1, undefined, undefined, 1])
  expect(asked).toEqual([1, 2, 1])
})

test('a failure is not remembered', () => {
  let fails = true
  const memo = once(() => {
    if (fails) throw new Error('not yet')
    return 1
  })
  expect(memo).toThrow('not yet')
  fails = false
  expect([memo(), memo()]).toEqual([1, 1])
})
