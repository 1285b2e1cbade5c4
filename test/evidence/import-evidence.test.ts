import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Inventory } from '../../src/inventory/inventory.js'
import { evidenceIn } from '../../src/evidence/evidence.js'
import { formatEvidence } from '../../src/evidence/evidence-file.js'
import { generationsIn } from '../../src/evidence/generations.js'
import { importEvidence, type ImportedEvidence } from '../../src/evidence/import-evidence.js'
import { jsonLines } from '../../src/evidence/json-lines.js'
import type { Desired } from '../../src/cluster/desired.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { World } from '../world.js'
import { seed } from '../seed.js'
import { ledgerWith } from '../ledger.js'
import { copyFolder } from '../copy-folder.js'

const s1 = 'identity/server/global/s1'
const c1 = 'identity/client/global/c1'
let desired: Desired
let inventory: Inventory
let now = 0
let leaf = ''
/** What a copy of the store made after it was copied, and what another store made. */
let copy: Inventory
let other: Inventory

beforeAll(async () => {
  const world = new World()
  await world.apply()
  desired = world.desired
  inventory = await world.inventory()
  now = world.now
  leaf = generationsIn(inventory).get(s1)![0]!.fingerprint
  const copied = new World()
  copyFolder(world.folder, copied.folder)
  await copied.apply({ renew: [s1] })
  copy = await copied.inventory()
  const strange = new World()
  await strange.apply()
  await strange.apply({ renew: [s1] })
  other = await strange.inventory()
})

type Lines = readonly object[]

/** Evidence has an object a line; a receipt alone is written as installers do. */
function textOf(given: string | object | Lines): string {
  if (typeof given === 'string') return given
  if (!Array.isArray(given)) return `${JSON.stringify(given, undefined, 2)}\n`
  return (given as Lines).map((one) => `${JSON.stringify(one)}\n`).join('')
}

function take(...texts: readonly (string | object | Lines)[]): ImportedEvidence {
  const given = texts.map((one, index) => ({ file: `${index}.json`, text: textOf(one) }))
  return importEvidence(given, { desired, inventory, now })
}

function observation(more: object = {}): object {
  return {
    ...{ event: 'observed', address: s1, at: now, endpoint: '10.0.0.11:4646', rpc: false },
    fingerprint: leaf,
    ...{ generation: 1, trusts: ['authority/agent/1'], issuers: ['CN=acme agent root 1'] },
    ...more,
  }
}

function header(more: object = {}): object {
  return { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: now, ...more }
}

function evidence(...lines: Lines): Lines {
  return [header(), ...lines]
}

function receipt(more: object = {}): object {
  return {
    ...{ format: 'nomad-pki/receipt', version: 1, address: s1, generation: 1, directory: '1-x' },
    ...{ fingerprint: leaf, archive: null, host: 'host-1', at: now, state: 'reloaded', ...more },
  }
}

/** The receipt of the newest generation that a store made for s1, as an installer writes it. */
function receiptOf(made: Inventory, more: object = {}): object {
  const { chain, number } = made.identities.get(s1)!.current!
  return receipt({
    ...{ generation: number, fingerprint: fingerprintOf(chain[0]!) },
    chain: chain.map(({ der }) => Buffer.from(der).toString('base64')),
    ...more,
  })
}

function members(): object {
  return {
    event: 'members',
    address: 'cluster',
    region: 'global',
    at: now,
    servers: [],
    clients: [],
  }
}

function codes({ diagnostics }: ImportedEvidence): string[] {
  return diagnostics.map(({ code }) => code)
}

describe('the receipt of a generation that another copy of this store made', () => {
  test('is taken, with the key that signed it', () => {
    const { events, diagnostics } = take(receiptOf(copy))
    expect(diagnostics).toEqual([])
    expect(events).toEqual([
      expect.objectContaining({
        ...{ event: 'received', address: s1, generation: 2, under: 'authority/agent/1' },
        serial: copy.identities.get(s1)!.current!.chain[0]!.serial,
      }),
    ])
  })

  test('and so is one whose number the ledger has with another leaf', () => {
    const { events } = take(receiptOf(copy, { generation: 1 }))
    expect(events).toEqual([expect.objectContaining({ under: 'authority/agent/1' })])
  })

  test('is refused where no chain says who made it', () => {
    expect(codes(take(receiptOf(copy, { chain: [] })))).toEqual(['evidence/generation'])
    const { diagnostics } = take(receiptOf(copy, { chain: undefined }))
    expect(diagnostics).toEqual([
      expect.objectContaining({
        code: 'evidence/generation',
        hint: expect.stringContaining(`nomad-pki probe ${s1}`) as string,
      }),
    ])
  })

  test('is refused where another store made it', () => {
    expect(codes(take(receiptOf(other)))).toEqual(['evidence/generation'])
  })

  test('is refused where its chain is another leaf, or none', () => {
    const fingerprint = 'ab'.repeat(32)
    expect(codes(take(receiptOf(copy, { fingerprint })))).toEqual(['evidence/fingerprint'])
    expect(codes(take(receiptOf(copy, { chain: ['AAAA'] })))).toEqual(['evidence/value'])
    expect(codes(take(receiptOf(copy, { chain: 'AAAA' })))).toEqual(['evidence/type'])
    expect(codes(take(receiptOf(copy, { chain: ['A\u0007'] })))).toEqual(['evidence/value'])
  })

  test('of our own generation the chain is not looked at', () => {
    const { events } = take(receiptOf(inventory, { chain: ['AAAA'] }))
    expect(events).toEqual([expect.not.objectContaining({ under: expect.anything() as string })])
  })
})

describe('what is taken', () => {
  test('what a probe wrote', () => {
    const text = formatEvidence(
      'acme',
      {
        at: now,
        seen: [
          {
            ...{ address: s1, asked: s1, at: now, endpoint: '[::1]:4647', rpc: true },
            ...{ fingerprint: leaf, generation: 1, trusts: ['authority/agent/1'] },
            issuers: ['CN=x'],
          },
        ],
        members: [
          {
            ...{ region: 'global', at: now, servers: ['s1.global'], clients: ['c1'] },
            gone: ['s9.global'],
          },
        ],
        silent: [{ address: c1, endpoint: 'c1.example:4646', message: 'nothing listens there' }],
      },
      now,
    )
    const taken = take(text)
    expect(taken.diagnostics).toEqual([])
    expect(taken.events).toEqual([
      {
        ...{ event: 'observed', address: s1, at: now, generation: 1, fingerprint: leaf },
        ...{ endpoint: '[::1]:4647', rpc: true, trusts: ['authority/agent/1'], issuers: ['CN=x'] },
        run: now,
      },
      {
        ...{ event: 'members', address: 'cluster', at: now, region: 'global' },
        ...{ servers: ['s1.global'], clients: ['c1'], gone: ['s9.global'] },
      },
      {
        ...{ event: 'silent', address: c1, at: now, endpoint: 'c1.example:4646', rpc: false },
        ...{ message: 'nothing listens there', run: now },
      },
    ])
    expect(taken.addresses).toEqual([s1, c1])
    expect(taken.unreachable).toHaveLength(1)
  })

  test('a port that another place reached within the hour is not silent', () => {
    const silent = { event: 'silent', address: s1, at: now, endpoint: '10.0.0.1:4646' }
    const elsewhere = evidence({ ...silent, rpc: false, message: 'no route' })
    const events = (seenAt: number): unknown[] =>
      take(evidence(observation({ at: seenAt, endpoint: '10.0.0.1:4646' })), elsewhere).events.map(
        ({ event }) => event,
      )
    expect(events(now - 3_600_000)).toEqual(['observed'])
    expect(events(now - 3_600_001)).toEqual(['observed', 'silent'])
  })

  const silence = (more: object = {}): object => ({
    ...{ event: 'silent', address: s1, at: now, endpoint: '10.0.0.1:4646', rpc: false },
    ...{ message: 'no route', ...more },
  })

  test('a port that was silent is told, with its agent; a member of no spec has no address here', () => {
    const taken = take(evidence(silence(), silence({ address: 'member/global/x', rpc: true })))
    expect(taken.diagnostics).toEqual([])
    expect(taken.addresses).toEqual([s1])
    expect(taken.unreachable.map(({ address, rpc }) => [address, rpc])).toEqual([
      [s1, false],
      ['member/global/x', true],
    ])
  })

  test.each<[what: string, more: object, code: string]>([
    ['of an unknown agent', { address: 'identity/server/global/s8' }, 'evidence/address'],
    ['without its time', { at: undefined }, 'evidence/missing'],
    ['without its words', { message: undefined }, 'evidence/missing'],
    ['of no endpoint', { endpoint: 'x y' }, 'evidence/value'],
  ])('silence %s is refused, and nothing of it is kept', (_, more, code) => {
    const taken = take(evidence(silence(more)))
    expect(codes(taken)).toEqual([code])
    expect([taken.events, taken.unreachable, taken.addresses]).toEqual([[], [], []])
  })

  test('receipts, alone, several in one file, and after evidence', () => {
    const one = receipt()
    const two = receipt({ at: now - 1000, archive: 'ab'.repeat(32), state: 'switched' })
    const three = receipt({ at: now - 2000, host: null })
    const taken = take(`${textOf(one)}${textOf(two)}`, `${textOf(evidence())}${textOf([three])}`)
    expect(taken.diagnostics).toEqual([])
    expect(taken.events.map((event) => [event.event, 'state' in event && event.state])).toEqual([
      ['received', 'reloaded'],
      ['received', 'switched'],
      ['received', 'reloaded'],
    ])
  })

  test('the same twice is taken once, also when the ledger has it already', () => {
    const taken = take(evidence(observation(), observation()), evidence(observation()))
    expect(taken.events).toHaveLength(1)
    expect(taken.before).toBe(2)
    const { ledger } = inventory
    const again = importEvidence([{ file: 'x', text: textOf(evidence(observation())) }], {
      desired,
      now,
      inventory: { ...inventory, ledger: ledgerWith(taken.events, ledger) },
    })
    expect([again.events, again.before]).toEqual([[], 1])
  })

  test('what a bastion without the store could not know is found here', () => {
    const root = inventory.authorities.get('authority/agent/1')!.certificate!
    const name = root.subject.attributes.map(({ type, value }) => `${type}=${value}`).join(',')
    const [event] = take(
      evidence(observation({ generation: null, trusts: [name, 'CN=somebody else'] })),
    ).events
    expect(event).toMatchObject({
      generation: 1,
      trusts: ['authority/agent/1', 'CN=somebody else'],
    })
  })

  test('an agent is noted by whose leaf it presents', () => {
    const fingerprint = generationsIn(inventory).get(c1)![0]!.fingerprint
    const taken = take(evidence(observation({ fingerprint })))
    expect(taken.events[0]).toMatchObject({ address: c1, generation: 1 })
    expect(taken.asked.get('10.0.0.11:4646')).toBe(s1)
  })

  test('a leaf that nobody knows is evidence against whoever presents it', () => {
    const taken = take(evidence(observation({ fingerprint: 'ab'.repeat(32), generation: null })))
    expect(taken.events[0]).toMatchObject({ address: s1, generation: null })
  })

  test('members of later versions are skipped, and so is a byte order mark', () => {
    const lines = [header({ more: [] }), observation({ news: 1 })]
    expect(take(`\ufeff${textOf(lines).replaceAll('\n', '\r\n')}`).events).toHaveLength(1)
    expect(take(`\ufeff${textOf(receipt({ news: {} }))}`).events).toHaveLength(1)
  })

  test('what was taken is read back as evidence', () => {
    const taken = take(evidence(observation()), receipt())
    const read = evidenceIn(ledgerWith(taken.events), { now: Infinity })
    expect(read.observations[0]).toMatchObject({ address: s1, generation: 1, rpc: false })
    expect(read.receipts[0]).toMatchObject({ address: s1, generation: 1, state: 'reloaded' })
  })
})

describe('what was overridden on a node', () => {
  const overrides = [{ code: 'older', value: '1-x', reason: 'a test' }]

  test('is a line of its own, once, however often a receipt says it', () => {
    const later = receipt({ cluster: 'acme', overrides, at: now + 1000, state: 'proven' })
    const { events, diagnostics } = take(receipt({ overrides }), later)
    expect(diagnostics).toEqual([])
    expect(events.filter(({ event }) => event === 'override')).toEqual([
      { event: 'override', address: s1, at: now, ...overrides[0], host: 'host-1' },
    ])
  })

  test('without its reason is refused', () => {
    expect(codes(take(receipt({ overrides: [{ code: 'older', value: '1-x' }] })))).toEqual([
      'evidence/missing',
    ])
  })
})

describe('what is refused', () => {
  const later = 301_000
  test.each<readonly [string, () => string | object, string, RegExp]>([
    ['another cluster', () => header({ cluster: 'acne' }), 'evidence/cluster', /acne/],
    ['another format', () => header({ format: 'x' }), 'evidence/format', /format is "x"/],
    ['a newer version', () => header({ version: 3 }), 'evidence/version', /version is 3/],
    ['an earlier version', () => header({ version: 1 }), 'evidence/version', /version is 1/],
    ['a line without the first', () => [observation()], 'evidence/format', /first line/],
    [
      'an event that no probe sees',
      () => evidence({ event: 'issued', address: s1, at: now }),
      'evidence/type',
      /event is "issued" observed, silent, members/,
    ],
    ['no format', () => ({ version: 1 }), 'evidence/missing', /format is missing/],
    [
      'an unknown agent',
      () => evidence(observation({ address: 'identity/server/global/s8' })),
      'evidence/address',
      /address: unknown agent "identity\/server\/global\/s8"/,
    ],
    [
      'an operator',
      () => evidence(observation({ address: 'identity/operator/global/a' })),
      'evidence/address',
      /unknown agent/,
    ],
    [
      'a leaf that is no such generation',
      () => evidence(observation({ fingerprint: 'ab'.repeat(32) })),
      'evidence/fingerprint',
      /no generation 1 with this leaf/,
    ],
    [
      'a generation that never was',
      () => evidence(observation({ generation: 7 })),
      'evidence/fingerprint',
      /no generation 7/,
    ],
    [
      'an authority that never was',
      () => evidence(observation({ trusts: ['authority/agent/7'] })),
      'evidence/address',
      /authority\/agent\/7/,
    ],
    [
      'the future',
      () => evidence(observation({ at: now + later })),
      'evidence/time',
      /5 minutes in the future/,
    ],
    [
      'a file from the future',
      () => header({ at: now + 3 * 3_600_000 }),
      'evidence/time',
      /3 hours/,
    ],
    ['a broken instant', () => evidence(observation({ at: 1.5 })), 'evidence/type', /^at is 1.5/],
    ['a text for a number', () => evidence(observation({ at: '1' })), 'evidence/type', /at is "1"/],
    [
      'no endpoint',
      () => evidence(observation({ endpoint: 'x y' })),
      'evidence/value',
      /not a host and port/,
    ],
    [
      'a terminal sequence',
      () => evidence(observation({ endpoint: '\u001b[2J:1' })),
      'evidence/value',
      /\\u001b/,
    ],
    [
      'a fingerprint in capitals',
      () => evidence(observation({ fingerprint: 'AB'.repeat(32) })),
      'evidence/value',
      /not a SHA-256/,
    ],
    [
      'a receipt of another leaf',
      () => receipt({ fingerprint: 'ab'.repeat(32) }),
      'evidence/fingerprint',
      /has another leaf/,
    ],
    [
      'a receipt of no generation',
      () => receipt({ generation: 2 }),
      'evidence/generation',
      /no generation 2/,
    ],
    [
      'a receipt of another cluster that has an agent of this name',
      () => receipt({ cluster: 'other' }),
      'evidence/cluster',
      /about the cluster "other"/,
    ],
    ['a receipt from the future', () => receipt({ at: now + later }), 'evidence/time', /future/],
    [
      'a receipt that says more than there is',
      () => receipt({ state: 'loaded' }),
      'evidence/type',
      /state is "loaded"/,
    ],
    [
      'what is not the name of a region',
      () => evidence({ ...members(), region: '../x' }),
      'evidence/address',
      /"..\/x" is not the name of a region/,
    ],
    [
      'what is not a member',
      () => evidence({ ...members(), nodes: ['server'] }),
      'evidence/value',
      /"server" is not a member/,
    ],
    ['a list for an object', () => '[]', 'evidence/syntax', /it is a list/],
    ['nothing', () => ' \n', 'evidence/syntax', /nothing in it/],
    [
      'half a file',
      () => textOf(evidence(observation())).slice(0, 200),
      'evidence/syntax',
      /ends in the middle/,
    ],
    ['a comma too many', () => '{"format": "nomad-pki/evidence",}', 'evidence/syntax', /not JSON/],
    [
      'a key twice',
      () => '{"format": "nomad-pki/receipt", "format": "nomad-pki/evidence"}',
      'evidence/syntax',
      /twice/,
    ],
    ['words', () => 'undefined', 'evidence/syntax', /not JSON/],
    [
      'a raw newline in a text',
      () => '{"format": "a\nb"}',
      'evidence/syntax',
      /ends in the middle/,
    ],
  ])('%s', (_name, given, code, message) => {
    const { events, diagnostics } = take(given())
    expect(events).toEqual([])
    expect(diagnostics[0]).toMatchObject({ severity: 'error', file: '0.json', code })
    expect(`${diagnostics[0]!.message} ${diagnostics[0]!.expected ?? ''}`).toMatch(message)
  })

  test('everything at once, each with its line, and nothing is taken in part', () => {
    const text = textOf(
      evidence(
        observation({ address: 'identity/server/global/s0' }),
        observation(),
        observation({ rpc: 1, at: -1 }),
      ),
    )
    const taken = take(text)
    expect(codes(taken)).toEqual(['evidence/address', 'evidence/type', 'evidence/type'])
    expect(taken.events).toEqual([])
    const lines = text.split('\n')
    for (const { line, column } of taken.diagnostics) {
      expect(lines[line - 1]!.slice(column - 1)).toMatch(/^("identity\/server\/global\/s0"|1,|-1,)/)
      expect(lines[line - 1]).toContain('"event"')
    }
    expect(taken.diagnostics[0]!.hint).toMatch(/did you mean identity\/server\/global\/s[123]\?/)
  })
})

describe('hostile files', () => {
  test.each<readonly [string, () => string, RegExp]>([
    ['deep lists', () => '['.repeat(1_000_000), /nested deeper than 16/],
    ['deep objects', () => '{"a":'.repeat(200_000), /nested deeper than 16/],
    [
      'a deep list where a name belongs',
      () =>
        textOf(evidence(observation())).replace(
          `"${s1}"`,
          `${'['.repeat(500_000)}${']'.repeat(500_000)}`,
        ),
      /nested deeper/,
    ],
    ['a text that never ends', () => `{"${'a'.repeat(1_000_000)}`, /longer than 16384/],
    [
      'a text of 1 MB',
      () => textOf(evidence(observation({ endpoint: 'e'.repeat(1_000_000) }))),
      /longer than 16384/,
    ],
    [
      'too many trusted names',
      () => textOf(evidence(observation({ trusts: Array(200_001).fill('CN=x') }))),
      /200001 items/,
    ],
    ['numbers without end', () => `{"format": ${'9'.repeat(1_000_000)}}`, /format is Infinity/],
    ['9 MB on one line', () => `{"a": [${'0,'.repeat(4_500_000)}0]}`, /longer than 8388608/],
    ['receipts that never end', () => '{\n}x\n'.repeat(100_000), /ends in the middle|not JSON/],
    ['1 MB of commas', () => ','.repeat(1_000_000), /not JSON/],
    ['NUL bytes', () => '\u0000'.repeat(1000), /not JSON/],
    ['33 MB', () => ' '.repeat(33 * 1024 * 1024), /larger than 32 MB/],
  ])('%s', (_name, given, message) => {
    const { events, diagnostics } = take(given())
    expect(events).toEqual([])
    expect(diagnostics[0]?.message).toMatch(message)
    for (const { message: text, hint = '' } of diagnostics) {
      expect((text + hint).length).toBeLessThan(400)
    }
  })

  test('as many problems as a screen holds, of as many as there are', () => {
    const taken = take(evidence(...Array<object>(20_000).fill({})))
    expect(taken.diagnostics).toHaveLength(51)
    expect(taken.diagnostics.at(-1)).toMatchObject({ code: 'evidence/more' })
  })

  test('__proto__ is a key like any other', () => {
    const text = textOf(evidence(observation())).replace(
      '"rpc":false',
      '"__proto__":{"rpc":true,"polluted":true},"constructor":{"prototype":1},"rpc":false',
    )
    expect(take(text).events[0]).toMatchObject({ rpc: false })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    const missing = textOf(evidence(observation({ rpc: undefined }))).replace(
      '"generation"',
      '"__proto__":{"rpc":true},"generation"',
    )
    expect(codes(take(missing))).toEqual(['evidence/missing'])
  })

  test('whatever is changed in a good file, it is taken whole or refused with a place', () => {
    const good = `${textOf(evidence(observation()))}${textOf(receipt())}`
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.nat(12),
        fc.oneof(
          fc.string({ maxLength: 6 }),
          fc.constantFrom('{', '}', '[', ']', '"', 'null', ',', '9e999', '\\u0000'),
        ),
        (at, gone, put) => {
          const text = good.slice(0, at) + put + good.slice(at + gone)
          const { events, diagnostics } = take(text)
          if (diagnostics.length > 0) expect(events).toEqual([])
          for (const { line, column, message } of diagnostics) {
            expect(line).toBeGreaterThan(0)
            expect(line).toBeLessThanOrEqual(text.split('\n').length)
            expect(column).toBeGreaterThan(0)
            expect(message).not.toBe('')
          }
          for (const event of events) expect(JSON.stringify(event).length).toBeLessThan(2000)
        },
      ),
      { seed, numRuns: 1500 },
    )
  })
})

describe('the reader', () => {
  /** Its objects, as JSON.parse gives them, and its fault. */
  function read(text: string): { objects: unknown[]; fault: string | undefined } {
    const objects: unknown[] = []
    for (const found of jsonLines(text)) {
      if ('message' in found) return { objects, fault: found.message }
      objects.push(Object.fromEntries(found.values))
    }
    return { objects, fault: undefined }
  }

  function parsed(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }

  test('reads what JSON.parse reads, and nothing else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 })), (value) => {
        const text = JSON.stringify(value)
        // The key __proto__ is where they differ.
        if (text.includes('__proto__')) return
        expect(read(`${text}\n${text}`)).toEqual({
          objects: [JSON.parse(text), JSON.parse(text)],
          fault: undefined,
        })
        const pretty = JSON.stringify(value, undefined, 2)
        expect(read(`${pretty}\n${pretty}\n`)).toEqual(read(`${text}\n${text}\n`))
      }),
      { seed, numRuns: 1000 },
    )
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(...Array.from('{}[]",:-0123456789.eE+\\untrfalse ')),
          maxLength: 12,
        }),
        (inner) => {
          const text = `{"a":${inner}}`
          const value = parsed(text)
          const { objects, fault } = read(text)
          if (fault?.includes('twice') === true) return
          expect(fault === undefined).toBe(value !== undefined)
          expect(objects).toEqual(value === undefined ? [] : [value])
        },
      ),
      { seed, numRuns: 8000 },
    )
  })

  test('a key twice is refused at any depth, also where it is escaped', () => {
    for (const text of ['{"a":1,"a":2}', '{"b":[{"a":1,"\\u0061":2}]}', '{"x":{"a":{},"a":[]}}']) {
      expect(read(text)).toEqual({ objects: [], fault: expect.stringContaining('twice') as string })
    }
    expect(read('{"a":{"a":["a","a"]},"b":"a"}').fault).toBeUndefined()
  })

  test.each([
    ['a text of ten million characters', `{"a":"${'a'.repeat(8_000_000)}"}`, /longer than 16384/],
    ['a text of escapes', `{"a":"${'\\n'.repeat(4_000_000)}"}`, /longer than 16384/],
    [
      'a line of ten million characters',
      `{"a":"${'a'.repeat(10_000_000)}"}`,
      /longer than 8388608/,
    ],
    ['brackets', '['.repeat(8_000_000), /nested deeper/],
    ['objects without end', '{}'.repeat(1_000_001), /not JSON/],
    ['lists of lists', `{"a":[${'[],'.repeat(2_000_000)}[]]}`, undefined],
  ])('%s: within bounds', (_, text, message) => {
    const before = process.memoryUsage().heapUsed
    const began = performance.now()
    const { fault } = read(text)
    if (message === undefined) expect(fault).toBeUndefined()
    else expect(fault).toMatch(message)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(400_000_000)
    expect(performance.now() - began).toBeLessThan(10_000)
  })
})
