import { expect, test } from 'vitest'
import { bufferOf, latin1Of, sameBytes } from '../src/bytes.js'

const whole = Uint8Array.of(9, 0x41, 0xe9, 0xff, 9, 0x41, 0xe9, 0xff)
const one = whole.subarray(1, 4)
const two = whole.subarray(5, 8)

test('ranges are compared by what they hold', () => {
  expect(sameBytes(one, two)).toBe(true)
  expect(sameBytes(one, whole.subarray(1, 3))).toBe(false)
  expect(sameBytes(whole.subarray(1, 3), one)).toBe(false)
  expect(sameBytes(one, whole.subarray(0, 3))).toBe(false)
  expect(sameBytes(new Uint8Array(), new Uint8Array())).toBe(true)
})

test('a Buffer shares the memory of its range, and a Buffer stays itself', () => {
  const own = Uint8Array.from(whole)
  const view = bufferOf(own.subarray(1, 4))
  own[1] = 7
  expect([...view]).toEqual([7, 0xe9, 0xff])
  expect(bufferOf(view)).toBe(view)
})

test('Latin-1 keeps every byte', () => {
  const every = Uint8Array.from({ length: 256 }, (_, at) => at)
  expect(Uint8Array.from(Buffer.from(latin1Of(every), 'latin1'))).toEqual(every)
  expect(latin1Of(one)).toBe('Aéÿ')
})
