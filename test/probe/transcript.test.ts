import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readServerFlight } from '../../src/probe/transcript.js'
import { seed } from '../seed.js'

/** A TLS 1.2 flight, written by hand after RFC 5246 §7.4: hello, two certificates, key exchange, a request, done. */
function messages(): readonly Buffer[] {
  const message = (type: number, body: Buffer): Buffer =>
    Buffer.concat([Buffer.from([type]), sized(3, body)])
  const hello = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    Buffer.from('c02b', 'hex'),
    Buffer.from([0]),
  ])
  const certificates = sized(
    3,
    Buffer.concat([sized(3, Buffer.from('leaf')), sized(3, Buffer.from('above'))]),
  )
  const request = Buffer.concat([
    sized(1, Buffer.from([1, 64])),
    sized(2, Buffer.from('0403', 'hex')),
    sized(2, Buffer.concat([sized(2, Buffer.from('one')), sized(2, Buffer.from('two'))])),
  ])
  return [
    message(2, hello),
    message(11, certificates),
    message(12, Buffer.from('signed')),
    message(13, request),
    message(14, Buffer.alloc(0)),
  ]
}
const flight = (): Buffer => Buffer.concat(messages())

function sized(octets: number, body: Buffer): Buffer {
  const length = Buffer.alloc(octets)
  length.writeUIntBE(body.length, 0, octets)
  return Buffer.concat([length, body])
}

function record(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 3]), sized(2, body)])
}

const text = (items: readonly Uint8Array[] | undefined): string[] | undefined =>
  items?.map((item) => Buffer.from(item).toString())

describe('RFC 5246 §7.4: a flight in the clear', () => {
  test('however its messages are cut into records', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 12 }), (cuts) => {
        const whole = flight()
        const places = [...new Set([0, ...cuts.map((cut) => cut % whole.length), whole.length])]
        places.sort((a, b) => a - b)
        const records = places
          .slice(1)
          .map((end, at) => record(22, whole.subarray(places[at], end)))
        const seen = readServerFlight(Buffer.concat(records))
        expect(seen.version).toBe('TLSv1.2')
        expect(text(seen.certificates)).toEqual(['leaf', 'above'])
        expect(text(seen.authorities)).toEqual(['one', 'two'])
      }),
      { seed, numRuns: 200 },
    )
  })

  test('an alert is told by its number', () => {
    expect(readServerFlight(record(21, Buffer.from([2, 70])))).toMatchObject({
      alert: 70,
      version: undefined,
    })
  })
})

test('no bytes make it throw, and a cut flight keeps what was whole', () => {
  const whole = record(22, flight())
  fc.assert(
    fc.property(
      fc.nat(whole.length),
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.boolean(),
      (length, changes, withSecret) => {
        const bytes = Buffer.from(whole)
        for (const [at, value] of changes) bytes[at] = value
        const seen = readServerFlight(
          bytes.subarray(0, length),
          withSecret ? Buffer.alloc(32) : undefined,
        )
        expect(seen.certificates.length).toBeLessThan(200)
      },
    ),
    { seed, numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      readServerFlight(bytes, Buffer.alloc(48))
    }),
    { seed, numRuns: 2000 },
  )
})
