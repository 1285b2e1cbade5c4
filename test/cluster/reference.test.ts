import { expect, test } from 'vitest'
import { specCodes } from '../../src/cluster/codes.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { specShape } from '../../src/cluster/shape.js'
import type { Field, Shape } from '../../src/cluster/shape-types.js'
import { specReference } from '../docs/spec.js'

test('the smallest spec of the reference is a good one', () => {
  const [, text] = /```yaml\n([^]*?)```/.exec(specReference())!
  expect(parseSpec(text!).diagnostics).toEqual([])
})

/** Every field of the table with the way to it. */
function fieldsOf(
  shape: Shape,
  way: readonly string[],
): readonly (readonly [readonly string[], Field])[] {
  switch (shape.kind) {
    case 'record':
      return shape.fields.flatMap((field) => [
        [[...way, field.key], field] as const,
        ...fieldsOf(field.shape, [...way, field.key]),
      ])
    case 'map': {
      const key = {
        '<region>': 'global',
        '<node>': 'c[1-3]',
        '<authority>': 'us-west',
        '<operator>': 'eve',
      }[shape.keyName]!
      const named = (shape.named ?? []).flatMap((field) => [
        [[...way, field.key], field] as const,
        ...fieldsOf(field.shape, [...way, field.key]),
      ])
      return [...named, ...fieldsOf(shape.of, [...way, key])]
    }
    case 'either':
      return shape.of.flatMap((one) => fieldsOf(one, way))
    default:
      return []
  }
}

const fields = fieldsOf(specShape, []).filter(([, { example }]) => example !== undefined)

test.each(fields.map(([way, field]) => [way.join('.'), way, field] as const))(
  'the example of %s fits',
  (_, way, field) => {
    const text = `{ ${way.map((key) => JSON.stringify(key)).join(': { ')}: ${field.example!} ${'}'.repeat(way.length)}`
    const told = parseSpec(text).diagnostics.filter(
      ({ code, message }) =>
        [
          'spec/syntax',
          'spec/type',
          'spec/value',
          'spec/unknown-key',
          'spec/name',
          'spec/dns-name',
          'spec/address',
        ].includes(code) && !message.includes('all 3 nodes'),
    )
    expect(told).toEqual([])
  },
)

test('every sentence is one, and ends in a full stop', () => {
  for (const [, field] of fieldsOf(specShape, [])) {
    expect(field.sentence).toMatch(/^[A-Z`].*\.$/s)
  }
})

test('every code of the vocabulary has its sentence in the reference', () => {
  for (const code of Object.keys(specCodes)) expect(specReference()).toContain(`| \`${code}\` |`)
})
