import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DerReader } from '../../src/der/read.js'
import {
  boolean,
  element,
  integer,
  isPrintable,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tags,
  time,
} from '../../src/der/write.js'
import { isNomadPkiError } from '../../src/errors.js'
import { seed } from '../seed.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const read = (text: string): DerReader => new DerReader(Buffer.from(text, 'hex'))

describe('writing', () => {
  test.each([
    ['INTEGER 0', integer(0), '020100'],
    ['INTEGER 127', integer(127), '02017f'],
    ['INTEGER 128 has a zero before it', integer(128), '02020080'],
    ['INTEGER of bytes drops leading zeros', integer(Buffer.from('0000ff01', 'hex')), '020300ff01'],
    ['INTEGER of no bytes is 0', integer(new Uint8Array(0)), '020100'],
    ['BOOLEAN', boolean(true), '0101ff'],
    ['OID 2.5.29.17', objectIdentifier('2.5.29.17'), '0603551d11'],
    ['OID with large arcs', objectIdentifier('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
    ['OID 2.999', objectIdentifier('2.999'), '06028837'],
    ['named bits without trailing zeros', namedBits([0]), '03020780'],
    ['named bits of a CA', namedBits([5, 6]), '03020106'],
    ['named bits over two octets', namedBits([8]), '0303070080'],
    ['no named bits', namedBits([]), '030100'],
    [
      'SET OF is sorted',
      setOf(Buffer.from('0202', 'hex'), Buffer.from('0201', 'hex')),
      '310402010202',
    ],
    [
      'UTCTime to the end of 2049',
      time(Date.UTC(2049, 11, 31, 23, 59, 59)),
      '170d3439313233313233353935395a',
    ],
    [
      'GeneralizedTime from 2050 on',
      time(Date.UTC(2050, 0, 1)),
      '180f32303530303130313030303030305a',
    ],
    [
      'milliseconds are dropped',
      time(Date.UTC(2030, 0, 1) + 999),
      '170d3330303130313030303030305a',
    ],
  ])('%s', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected)
  })

  test.each([0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000])(
    'lengths are in their shortest form: %d',
    (length) => {
      const bytes = octetString(new Uint8Array(length))
      const reader = new DerReader(bytes)
      expect(reader.content(tags.octetString, 'it').length).toBe(length)
      expect(reader.done()).toBe(true)
    },
  )

  test.each(['', '1', '3.1', '1.40', '2.5.', '2.05', '1.2.x', '99999999999999999999.1'])(
    'no OID: %j',
    (text) => {
      expect(() => objectIdentifier(text)).toThrow(TypeError)
    },
  )

  test.each([Number.NaN, Infinity, Date.UTC(1949, 11, 31), Date.UTC(10_000, 0, 1)])(
    'a time that no certificate can say: %d',
    (at) => {
      expect(() => time(at)).toThrow(/1950 through 9999/)
    },
  )

  test('PrintableString has neither _ nor @ nor anything beyond ASCII (X.680 §41.4)', () => {
    expect(isPrintable("Acme (East), Inc. +1-2/3:4='?")).toBe(true)
    for (const text of ['a_b', 'a@b', 'a*b', 'a&b', 'Zürich', 'a\n'])
      expect(isPrintable(text)).toBe(false)
  })
})

describe('reading gives what was written', () => {
  test('numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
        expect(new DerReader(integer(value)).smallInteger('it')).toBe(value)
      }),
      { seed, numRuns: 500 },
    )
  })

  test('identifiers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        fc.nat(39),
        fc.array(fc.maxSafeNat(), { maxLength: 6 }),
        (first, second, rest) => {
          const dotted = [first, second, ...rest].join('.')
          expect(new DerReader(objectIdentifier(dotted)).oid('it')).toBe(dotted)
        },
      ),
      { seed, numRuns: 500 },
    )
  })

  test('times, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: -631_152_000, max: 253_402_300_799 }), (second) => {
        expect(new DerReader(time(second * 1000)).time('it')).toBe(second * 1000)
      }),
      { seed, numRuns: 1000 },
    )
  })

  test('named bits', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(31)), (bits) => {
        expect(new DerReader(namedBits(bits)).namedBits('it')).toEqual(
          [...bits].sort((a, b) => a - b),
        )
      }),
      { seed, numRuns: 500 },
    )
  })
})

describe('what is BER and not DER is refused', () => {
  test.each([
    ['indefinite length', '30800000', (r: DerReader) => r.enter(0x30, 'it')],
    ['long form for a short length', '04810161', (r: DerReader) => r.content(0x04, 'it')],
    ['needless octets of length', '0482000161', (r: DerReader) => r.content(0x04, 'it')],
    ['more content than there is', '0405616263', (r: DerReader) => r.content(0x04, 'it')],
    ['a length of five octets', '04850000000001', (r: DerReader) => r.content(0x04, 'it')],
    ['a length beyond the end', '0484ffffffff', (r: DerReader) => r.content(0x04, 'it')],
    ['tag of several octets', '1f8101', (r: DerReader) => r.whole('it')],
    ['another tag', '0500', (r: DerReader) => r.content(0x04, 'it')],
    ['nothing', '', (r: DerReader) => r.whole('it')],
    ['a tag alone', '04', (r: DerReader) => r.whole('it')],
    ['INTEGER without octets', '0200', (r: DerReader) => r.integer('it')],
    ['INTEGER padded with 00', '02020001', (r: DerReader) => r.integer('it')],
    ['INTEGER padded with ff', '0202ff80', (r: DerReader) => r.integer('it')],
    ['a negative number where none may be', '0201ff', (r: DerReader) => r.smallInteger('it')],
    ['a number too large', '0206010000000000', (r: DerReader) => r.smallInteger('it')],
    ['BOOLEAN 01', '010101', (r: DerReader) => r.boolean('it')],
    ['BOOLEAN of two octets', '0102ffff', (r: DerReader) => r.boolean('it')],
    ['OID without octets', '0600', (r: DerReader) => r.oid('it')],
    ['OID that is not finished', '060180', (r: DerReader) => r.oid('it')],
    ['OID with a padded arc', '06035580 01'.replace(' ', ''), (r: DerReader) => r.oid('it')],
    ['OID with an arc beyond 2^53', '060b2affffffffffffffffff7f', (r: DerReader) => r.oid('it')],
    ['bits without the octet that counts', '0300', (r: DerReader) => r.octetsOfBits('it')],
    ['unused bits in a signature', '03020780', (r: DerReader) => r.octetsOfBits('it')],
    ['unused bits that are set', '03020781', (r: DerReader) => r.namedBits('it')],
    ['eight unused bits', '03020800', (r: DerReader) => r.namedBits('it')],
    ['unused bits of nothing', '030101', (r: DerReader) => r.namedBits('it')],
    [
      'UTCTime without seconds',
      `170b${Buffer.from('2501010000Z').toString('hex')}`,
      (r: DerReader) => r.time('it'),
    ],
    [
      'UTCTime with an offset',
      `1711${Buffer.from('250101000000+0100').toString('hex')}`,
      (r: DerReader) => r.time('it'),
    ],
    [
      'the 29th of February 2025',
      `170d${Buffer.from('250229000000Z').toString('hex')}`,
      (r: DerReader) => r.time('it'),
    ],
    [
      'the hour 24',
      `170d${Buffer.from('250101240000Z').toString('hex')}`,
      (r: DerReader) => r.time('it'),
    ],
    [
      'GeneralizedTime with a fraction',
      `1812${Buffer.from('20500101000000.5Z ').toString('hex')}`,
      (r: DerReader) => r.time('it'),
    ],
    [
      'letters for digits',
      `170d${Buffer.from('25o101000000Z').toString('hex')}`,
      (r: DerReader) => r.time('it'),
    ],
  ] as const)('%s', (_, text, take) => {
    let error: unknown
    try {
      take(read(text))
    } catch (caught) {
      error = caught
    }
    expect(isNomadPkiError(error, 'ERR_DER_MALFORMED')).toBe(true)
  })

  test('something behind the end', () => {
    const reader = new DerReader(Buffer.concat([sequence(), Buffer.from([0])]))
    reader.enter(0x30, 'it')
    expect(() => {
      reader.finish('it')
    }).toThrow(/extra bytes follow the end/)
  })

  test('the 29th of February 2024 and years below 100 are dates', () => {
    const leap = element(tags.utcTime, Buffer.from('240229000000Z'))
    expect(new DerReader(leap).time('it')).toBe(Date.UTC(2024, 1, 29))
    const early = element(tags.generalizedTime, Buffer.from('00500101000001Z'))
    expect(new Date(new DerReader(early).time('it')).toISOString()).toBe('0050-01-01T00:00:01.000Z')
  })
})
