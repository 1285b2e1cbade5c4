/**
 * The JSON Schema of one line of the ledger, made from the table of events.
 *
 * @module
 */

import { fieldsOf, fieldTypes, ledgerEvents, type EventField } from './ledger-events.js'
import type { EventName } from './ledger-events.js'

/**
 * The JSON Schema (2020-12) of a line of `ledger.jsonl`. It takes events and fields that it does not
 * know: those of newer versions. Whether the chain holds is `verify`'s alone.
 */
export function ledgerSchema(): Readonly<Record<string, unknown>> {
  const text = { type: 'string' }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'nomad-pki: a line of ledger.jsonl',
    type: 'object',
    required: ['seq', 'prev', 'event', 'address', 'at'],
    properties: {
      seq: { type: 'integer', minimum: 1 },
      prev: { ...text, pattern: '^[0-9a-f]{64}$' },
      event: text,
      address: text,
      at: { type: 'number', description: fieldTypes.instant.text },
    },
    allOf: (Object.keys(ledgerEvents) as EventName[]).map((event) => ({
      if: { properties: { event: { const: event } } },
      then: { description: ledgerEvents[event].text, ...fieldsSchema(fieldsOf(event)) },
    })),
  }
}

/** The keywords `required` and `properties` for some fields. */
export function fieldsSchema(fields: readonly (readonly [string, EventField])[]): {
  readonly required?: readonly string[]
  readonly properties: Readonly<Record<string, object>>
} {
  const required = fields.filter(([, { optional }]) => optional !== true).map(([key]) => key)
  return {
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(fields.map(([key, field]) => [key, fieldSchema(field)])),
  }
}

function fieldSchema({ type, text, words, nullable }: EventField): object {
  const { json, text: unit } = fieldTypes[type]
  return {
    description: `${text} (${unit})`,
    type: nullable === true ? [json, 'null'] : json,
    ...(words && { enum: words }),
    ...(json === 'array' && { items: { type: 'string' } }),
  }
}
