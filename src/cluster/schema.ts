/**
 * The JSON Schema of the spec, made from its table, so that editors complete and check it.
 *
 * @module
 */

import { specShape } from './shape.js'
import type { Field, Shape } from './shape-types.js'
import { wordsOf } from './words.js'

/** A part of a schema. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * The JSON Schema (2020-12) of the shape of `cluster.yaml`. References, cycles, duplicates, ranges of
 * nodes and whether lifetimes fit are the parser's alone.
 */
export function specSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'nomad-pki: cluster.yaml',
    description: 'The cluster as it should be.',
    ...schemaOf(specShape),
  }
}

function schemaOf(shape: Shape): JsonSchema {
  switch (shape.kind) {
    case 'text':
      return {
        type: 'string',
        ...(shape.pattern === undefined ? {} : { pattern: shape.pattern }),
        ...(shape.maxLength === undefined ? {} : { maxLength: shape.maxLength }),
      }
    case 'choice':
      return { type: 'string', enum: shape.values }
    case 'flag':
      return shape.only === undefined ? { type: 'boolean' } : { const: shape.only }
    case 'count':
      return { type: 'integer', minimum: shape.min, maximum: shape.max }
    case 'list':
      return {
        type: 'array',
        items: schemaOf(shape.of),
        ...(shape.min === undefined ? {} : { minItems: shape.min }),
        maxItems: shape.max,
      }
    case 'record': {
      const required = shape.fields.filter((field) => field.required).map(({ key }) => key)
      return {
        // `s1:` stands for `s1: {}`.
        type: required.length === 0 ? ['object', 'null'] : 'object',
        properties: propertiesOf(shape.fields),
        additionalProperties: false,
        ...(required.length === 0 ? {} : { required }),
      }
    }
    case 'map': {
      const { key } = shape
      return {
        type: ['object', 'null'],
        ...(shape.named === undefined ? {} : { properties: propertiesOf(shape.named) }),
        propertyNames: {
          ...(key.pattern === undefined ? {} : { pattern: key.pattern }),
          ...(key.maxLength === undefined ? {} : { maxLength: key.maxLength }),
        },
        additionalProperties: schemaOf(shape.of),
      }
    }
    case 'either':
      return { anyOf: shape.of.map(schemaOf) }
  }
}

function propertiesOf(fields: readonly Field[]): JsonSchema {
  return Object.fromEntries(
    fields.map((field) => [
      field.key,
      { description: descriptionOf(field), ...schemaOf(field.shape) },
    ]),
  )
}

function descriptionOf({ sentence, shape, default: value, unit }: Field): string {
  return [
    sentence,
    ...(shape.kind === 'text' ? [`Expected: ${wordsOf(shape)}.`] : []),
    ...(unit === undefined ? [] : [`Unit: ${unit}.`]),
    ...(value === undefined ? [] : [`Default: ${value}.`]),
  ].join(' ')
}
