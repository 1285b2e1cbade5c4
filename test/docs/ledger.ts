/**
 * `docs/ledger.md`, made from the table of the ledger's events.
 *
 * @module
 */

import {
  fieldsOf,
  fieldTypes,
  ledgerEvents,
  type EventField,
  type EventName,
} from '../../src/inventory/ledger-events.js'

function typeOf({ type, words, nullable }: EventField): string {
  return [
    words === undefined ? fieldTypes[type].text : words.map((word) => `\`${word}\``).join(', '),
    ...(nullable === true ? ['or `null`'] : []),
  ].join(' ')
}

/** The page. */
export function ledgerPage(): string {
  const sections = (Object.keys(ledgerEvents) as EventName[]).map((event) => {
    const entry = ledgerEvents[event]
    const rows = fieldsOf(event).map(
      ([key, field]) =>
        `| \`${key}\` | ${typeOf(field)} | ${field.optional === true ? '' : 'yes'} | ${field.text} |`,
    )
    const table =
      'like' in entry
        ? `Its fields are those of [\`${entry.like}\`](#${entry.like}).`
        : rows.length === 0
          ? 'It has no other fields.'
          : `| field | holds | always | means |\n|---|---|---|---|\n${rows.join('\n')}`
    return `## ${event}\n\n${entry.text} \`address\` is ${entry.address}.\n\n${table}\n`
  })
  return `# Events of the ledger

\`ledger.jsonl\` has one JSON object a line. Each line has \`seq\`, \`prev\`, \`event\`, \`address\` and \`at\` (${fieldTypes.instant.text}): [store.md](store.md#the-ledger) explains them. This page lists the events and their other fields. The JSON Schema of a line is \`nomad-pki/schemas/ledger.json\`.

"always" means that every line has the field. Other fields are left out where there is nothing to say, and in lines of earlier versions. nomad-pki keeps lines of events that it does not know, and does not use them. It does the same with a line that lacks a field it always has, or has a wrong value there. A wrong value that may be \`null\` is read as \`null\`, a wrong flag as \`false\`; any other is left out.

${sections.join('\n')}`
}
