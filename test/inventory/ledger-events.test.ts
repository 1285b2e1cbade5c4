import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import {
  eventIn,
  fieldsOf,
  fieldTypes,
  ledgerEvents,
  type EventField,
  type EventName,
  type LedgerEvent,
} from '../../src/inventory/ledger-events.js'
import { ledgerSchema } from '../../src/inventory/ledger-schema.js'
import { World } from '../world.js'

const names = Object.keys(ledgerEvents) as EventName[]
const validate = new Ajv2020().compile(ledgerSchema())
const chained = (event: object): object => ({ seq: 1, prev: '0'.repeat(64), ...event })

type Line = Record<string, unknown> & { readonly event: string }

const samples = { string: 'ab', number: 1, boolean: true, array: ['ab'] }
const rightFor = ({ type, words }: EventField): unknown =>
  words?.[0] ?? samples[fieldTypes[type].json]

function sample(event: EventName): Line {
  const fields = fieldsOf(event).map(([key, field]) => [key, rightFor(field)] as const)
  return { event, address: 'store', at: 1, ...Object.fromEntries(fields) }
}

const fields = names.flatMap((event) =>
  fieldsOf(event).map(([key, field]) => [`${event}.${key}`, event, key, field] as const),
)

describe('the events of the ledger', () => {
  test.each(names)('%s is read as it was written', (event) => {
    const line = sample(event)
    expect(eventIn(line)).toBe(line)
    expect(validate(chained(line)), JSON.stringify(validate.errors)).toBe(true)
  })

  test.each(fields)('%s: what a wrong one and a missing one mean', (_, event, key, field) => {
    const { optional, nullable, type, words } = field
    const { [key]: right, ...without } = sample(event)
    const isFlag = fieldTypes[type].json === 'boolean'
    const needed = nullable !== true && optional !== true && !isFlag
    const instead = nullable === true ? null : optional === true ? undefined : false

    const wrong = fieldTypes[type].json === 'string' ? 7 : 'seven'
    const line = { ...without, [key]: wrong } as Line
    expect(eventIn(line)).toEqual(needed ? undefined : { ...without, [key]: instead })
    expect(line[key]).toBe(wrong)
    expect(validate(chained(line))).toBe(false)
    if (words !== undefined) {
      expect(eventIn({ ...line, [key]: 'seven' })).toEqual(without)
      expect(validate(chained({ ...line, [key]: 'seven' }))).toBe(false)
    }
    if (Array.isArray(right)) {
      expect(eventIn({ ...line, [key]: [7] })).toEqual(eventIn(line))
      expect(validate(chained({ ...line, [key]: [7] }))).toBe(false)
    }

    const missing = without as Line
    if (optional === true) expect(eventIn(missing)).toBe(missing)
    else expect(eventIn(missing)).toEqual(needed ? undefined : { ...missing, [key]: instead })
    expect(validate(chained(missing))).toBe(optional === true)
  })

  test('an event of a newer version is skipped, and its line is kept', async () => {
    const world = new World()
    await world.apply()
    const before = (await world.inventory()).ledger
    const { store } = world
    const lock = await store.lock()
    const batch = store.batch()
    batch.record({ event: 'blessed', address: 'store', at: 1, by: 'x' } as unknown as LedgerEvent)
    await batch.commit()
    await lock.release()
    const { lines, events, fault } = (await world.inventory()).ledger
    expect(fault).toBeUndefined()
    expect(lines).toHaveLength(before.lines.length + 1)
    expect(lines.at(-1)).toMatchObject({ event: 'blessed', by: 'x' })
    expect(events).toEqual(before.events)
    expect(validate(lines.at(-1))).toBe(true)
    expect(await world.steps()).toEqual([])
  })

  test('what apply writes is what the schema says', async () => {
    const world = new World()
    await world.apply()
    const { lines, events } = (await world.inventory()).ledger
    expect(new Set(events.map(({ event }) => event))).toEqual(
      new Set(['authority', 'bundle', 'issued']),
    )
    for (const line of lines) expect(validate(line), JSON.stringify(validate.errors)).toBe(true)
  })

  test('a wrong field is a type error', () => {
    const place = { address: 'store', at: 1 }
    const receipt = { generation: 1, fingerprint: 'ab', archive: null, host: null }
    const events: readonly LedgerEvent[] = [
      { event: 'began', ...place, store: 'ab' },
      // @ts-expect-error a field of another type
      { event: 'began', ...place, store: 1 },
      // @ts-expect-error a field that is missing
      { event: 'excepted', ...place, reason: 'gone' },
      // @ts-expect-error a field of another event
      { event: 'compromised', ...place, reason: 'gone' },
      // @ts-expect-error a word that is not in the table
      { event: 'received', ...place, ...receipt, state: 'lost' },
      // @ts-expect-error an event that is not in the table
      { event: 'blessed', ...place },
    ]
    expect(events).toHaveLength(6)
  })
})
