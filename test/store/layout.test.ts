/** Names in a store. Stores of earlier versions have them too, so what they say stays. */

import { expect, test } from 'vitest'
import {
  crossedBy,
  digestOf,
  generationsAmong,
  isGenerationNumber,
  isTemporary,
  modeOfFile,
  parseStaging,
  probedGeneration,
  stagingName,
} from '../../src/store/layout.js'
import { sha256 } from '../../src/sha256.js'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

test('a directory that is being written names the digest of its files, in the order of their names', () => {
  const files = [
    ['b.pem', bytes('two\n')],
    ['a.pem', bytes('\u00ff')],
    ['c.pem', bytes('')],
  ] as const
  const digest = sha256(Buffer.from('a.pem 1\n\u00ffb.pem 4\ntwo\nc.pem 0\n', 'latin1')).slice(
    0,
    16,
  )
  expect(digestOf(files)).toBe(digest)
  expect(digestOf([...files].reverse())).toBe(digest)
  expect(stagingName('2-0000abcd', files)).toBe(`.next-2-0000abcd-${digest}`)
  expect(parseStaging(`.next-2-0000abcd-${digest}`)).toEqual({ final: '2-0000abcd', digest })
})

test.each([
  '.next-1-0123456789abcde',
  '.next-1-0123456789abcdeg',
  '.next--0123456789abcdef',
  'x.next-1-0123456789abcdef',
  '.next-1-0123456789abcdef.',
  '.gone-1-0123456789abcdef',
])('%s is not such a name', (name) => {
  expect(parseStaging(name)).toBeUndefined()
})

test.each([
  ...['.next-', '.turn-current', '.new-ca.pem', '.gone-1'].map((name) => [name, true] as const),
  ...['next-1', 'x.next-1', '.nexts', '.turn', 'a.gone-1', '.newer-1', ''].map(
    (name) => [name, false] as const,
  ),
])('%j stands for work under way: %s', (name, temporary) => {
  expect(isTemporary(name)).toBe(temporary)
})

test.each([
  ['1', true],
  ['999999999', true],
  ['1000000000', false],
  ['0', false],
  ['01', false],
  ['1 ', false],
  ['-1', false],
])('%j names the generation of an authority: %s', (name, is) => {
  expect(isGenerationNumber(name)).toBe(is)
  expect(crossedBy(`crossed-by-${name}.pem`)).toBe(is ? Number(name) : undefined)
  expect(probedGeneration(`${name}.pem`)).toBe(is ? Number(name) : undefined)
})

test.each(['xcrossed-by-1.pem', 'crossed-by-1.pem.bak', 'crossed-by-1xpem'])(
  '%s is no cross-certificate',
  (name) => {
    expect(crossedBy(name)).toBeUndefined()
  },
)

test.each(['x1.pem', '1.pem.bak', '1xpem'])('%s is no probe leaf', (name) => {
  expect(probedGeneration(name)).toBeUndefined()
})

test('what is not known to be public has the mode of a key', () => {
  for (const file of ['ca.pem', 'cert.pem', 'crl.pem', 'manifest.json', 'crossed-by-2.pem']) {
    expect([file, modeOfFile(file, false), modeOfFile(file, true)]).toEqual([file, 0o644, 0o644])
  }
  for (const file of ['key.pem', 'ca-key.pem', 'notes', 'ca.pem.bak', '']) {
    expect([file, modeOfFile(file, false), modeOfFile(file, true)]).toEqual([file, 0o600, 0o400])
  }
})

test('generations are in the order of their numbers, and of one number in that of their names', () => {
  expect(
    generationsAmong([
      ...['10-0000000a', 'current', '2-0000000b', '9-00000001', '2-0000000a', '.next-3-0000000a'],
      ...['3-0000000g', '03-0000000a', '3-0000000a.bak'],
    ]),
  ).toEqual(['2-0000000a', '2-0000000b', '9-00000001', '10-0000000a'])
  expect(generationsAmong(['current'])).toEqual([])
})
