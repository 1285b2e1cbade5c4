/**
 * The JSON Schema of one object in a file of evidence, made from the tables that read it.
 *
 * @module
 */

import { fieldsOf, ledgerEvents, type EventField } from '../inventory/ledger-events.js'
import { fieldsSchema } from '../inventory/ledger-schema.js'
import { evidenceEvents, evidenceFormat } from './evidence-file.js'
import { receiptTables } from './receipt-entry.js'

const when: EventField = { type: 'instant', text: 'when' }

/**
 * The JSON Schema (2020-12) of one object: the first line of a file, a line of what was seen, or the receipt
 * of an installer. It takes keys that it does not know: those of newer versions.
 */
export function evidenceSchema(): Readonly<Record<string, unknown>> {
  const cluster: EventField = { type: 'text', text: 'the cluster that it is about' }
  const address: EventField = { type: 'address', text: 'the identity' }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'nomad-pki: one object of evidence',
    description:
      'What `probe --out` writes, one object a line, and the receipts of installers. `probe --evidence` takes both.',
    anyOf: [
      object('The first line.', evidenceFormat, { cluster, at: when }),
      ...evidenceEvents.map((event) =>
        object(
          ledgerEvents[event].text,
          { event },
          { address, at: when, ...Object.fromEntries(fieldsOf(event)) },
        ),
      ),
      object(
        'The receipt of an installer.',
        { format: 'nomad-pki/receipt', version: 1 },
        {
          ...{
            address,
            at: when,
            ...receiptTables.receipt,
            cluster: { ...cluster, optional: true },
          },
          directory: {
            type: 'text',
            text: 'the generation in place, `3-9f2c41ab`',
            optional: true,
          },
        },
        {
          overrides: {
            type: 'array',
            items: { type: 'object', ...fieldsSchema(Object.entries(receiptTables.override)) },
          },
        },
      ),
    ],
  }
}

function object(
  description: string,
  constants: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, EventField>>,
  more: Readonly<Record<string, object>> = {},
): object {
  const { required = [], properties } = fieldsSchema(Object.entries(fields))
  const fixed = Object.entries(constants).map(([key, value]) => [key, { const: value }] as const)
  return {
    ...{ description, type: 'object', required: [...Object.keys(constants), ...required] },
    properties: { ...Object.fromEntries(fixed), ...properties, ...more },
  }
}
