import Ajv2020 from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { shapeCodes } from '../../src/cluster/codes.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { specSchema } from '../../src/cluster/schema.js'
import { fullSpec } from './specs.js'
import { seed } from '../seed.js'

type Value = string | number | boolean | null | Value[] | { [key: string]: Value }

const validate = new Ajv2020.default({
  strict: true,
  allowUnionTypes: true,
  allErrors: false,
}).compile(specSchema())

/** What the parser finds wrong with the shape of a value. */
function shapeFaults(value: Value): readonly string[] {
  return parseSpec(JSON.stringify(value))
    .diagnostics.filter(({ code }) => shapeCodes.has(code))
    .map(({ code, message }) => `${code} ${message}`)
}

function agree(value: Value): void {
  const faults = shapeFaults(value)
  const valid = validate(value)
  if (valid !== (faults.length === 0)) {
    throw new Error(
      `schema: ${String(valid)} ${JSON.stringify(validate.errors)}\nparser: ${JSON.stringify(faults)}\n${JSON.stringify(value)}`,
    )
  }
}

/** Every place in a value, as the way to it. */
function places(value: Value, way: (string | number)[] = []): (string | number)[][] {
  const here = [way]
  if (Array.isArray(value)) {
    return here.concat(value.flatMap((item, index) => places(item, [...way, index])))
  }
  if (value !== null && typeof value === 'object') {
    return here.concat(Object.entries(value).flatMap(([key, item]) => places(item, [...way, key])))
  }
  return here
}

function changed(
  value: Value,
  way: readonly (string | number)[],
  change: (value: Value) => Value,
): Value {
  const [first, ...rest] = way
  if (first === undefined) return change(value)
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === first ? changed(item, rest, change) : item))
  }
  // An earlier change took the place away.
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === first ? changed(item, rest, change) : item,
    ]),
  )
}

const inParts = 'config: { paths: [agents/base, "agents/{node}.hcl"], write: "agents/{node}.hcl" }'
const start = parse(fullSpec.replace('config: "agents/{node}"', inParts)) as Value
const all = places(start)

const scalars: Value[] = [
  ...[null, true, false, 0, 1, 2, -1, 1.5, 1000, 1001, 999_999_999, 1e10],
  ...[
    '',
    ' ',
    'a',
    'A.b-c_1',
    '-a',
    '.',
    '..',
    'a b',
    'a/b',
    'ü',
    '🦊',
    'true',
    '1',
    'shared',
    'store',
  ],
  ...[
    '/etc',
    '/',
    'etc',
    '/a"b',
    '/a$b',
    'x'.repeat(51),
    'x'.repeat(52),
    'x'.repeat(63),
    'x'.repeat(64),
  ],
  ...[
    'ü'.repeat(64),
    '🦊'.repeat(64),
    '🦊'.repeat(65),
    'x'.repeat(129),
    'x'.repeat(1025),
    'DE',
    'de',
    'DEU',
  ],
  ...['90d', '0d', '1y30d', '30d1y', '1d1d', '-1d', '90', '90 d', '1234567d', '999999d', 'd'],
  ...[
    'ecdsa-p256',
    'ed25519',
    'rsa-2048',
    'refuse',
    'clamp',
    'tls12',
    'tls13',
    'tls1.2',
    'TLS_A,TLS_B',
  ],
  ...[
    'TLS_A, TLS_B',
    'TLS_A,',
    '10.0.0.1:4646',
    '[::1]:1',
    '::1:1',
    'h:',
    'h:123456',
    'h:0',
    'h:04646',
    'h:65535',
    'h:65536',
    'h:99999',
    'c[1-3]',
    'c[1-]',
  ],
  ...[
    'c[1-3',
    'c[1234567-9]',
    '[1-3]',
    'a\nb',
    'a\u0085b',
    'a\u2028b',
    '\u00a0',
    'nomad',
    '_x',
    '1x',
  ],
]
const keys = [
  ...['key', 'lifetime', 'renewBefore', 'keep', 'names', 'ips', 'config', 'http', 'rpc', 'shared'],
  ...[
    'issuer',
    'trusted',
    'crossed',
    'signing',
    'subject',
    'region',
    'authority',
    'servers',
    'clients',
  ],
  ...[
    'version',
    'paths',
    'write',
    'beyondIssuer',
    'operator',
    'kye',
    '',
    '-x',
    'a b',
    'c[1-9]',
    'c[',
    '..',
  ],
  ...['constructor', '<<', 'x'.repeat(64), '🦊'],
]

const scalar: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...scalars) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 12 }),
  },
  { weight: 1, arbitrary: fc.integer() },
)
const anything: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.dictionary(fc.constantFrom(...keys), scalar, {
      maxKeys: 3,
    }),
  },
)

/** One change at one place: another value, a key more, a key less, a list's item more. */
const mutation = fc.record({
  place: fc.nat(all.length - 1),
  value: anything,
  key: fc.constantFrom(...keys),
  kind: fc.constantFrom('replace', 'add', 'drop'),
})

function mutate(
  value: Value,
  { place, value: other, key, kind }: { place: number; value: Value; key: string; kind: string },
): Value {
  return changed(value, all[place]!, (old) => {
    if (kind === 'replace' || old === null || typeof old !== 'object') return other
    if (Array.isArray(old)) return kind === 'add' ? [...old, other] : old.slice(1)
    if (kind === 'add') return { ...old, [key]: other }
    return Object.fromEntries(Object.entries(old).slice(1))
  })
}

/** JSON's escapes keep these, but a YAML text must not hold them in the raw. */
const representable = (value: Value): boolean =>
  !/[\u007f\ufffd-\uffff]/.test(JSON.stringify(value))

describe('parser and JSON Schema agree on the shape', () => {
  test('of a spec that uses everything', () => {
    expect(shapeFaults(start)).toEqual([])
    expect(validate(start)).toBe(true)
  })

  test('of YAML as well as of JSON', () => {
    expect(parseSpec(stringify(start)).diagnostics).toEqual([])
  })

  test('of every value in every place', () => {
    let good = 0
    let bad = 0
    all.forEach((way, place) => {
      // A tenth of the values in each place, another tenth in the next.
      for (const value of scalars.filter((_, index) => (index + place) % 10 === 0)) {
        const text = changed(start, way, () => value)
        agree(text)
        if (validate(text)) good += 1
        else bad += 1
      }
    })
    // Neither side of the agreement is empty.
    expect(good).toBeGreaterThan(50)
    expect(bad).toBeGreaterThan(200)
  })

  test('of every key in every place, there or not', () => {
    all.forEach((way, place) => {
      for (const key of keys.filter((_, index) => (index + place) % 5 === 0)) {
        agree(
          changed(start, way, (old) =>
            old !== null && typeof old === 'object' && !Array.isArray(old)
              ? { ...old, [key]: {} }
              : old,
          ),
        )
      }
      agree(changed(start, way, () => ({})))
      agree(changed(start, way, () => []))
    })
  })

  test('of random changes to it', () => {
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const value = mutations.reduce((one, next) => mutate(one, next), start)
        fc.pre(representable(value))
        agree(value)
      }),
      { seed, numRuns: 800 },
    )
  })
})
