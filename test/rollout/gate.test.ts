import { describe, expect, test } from 'vitest'
import type { RaftReading } from '../../src/probe/raft.js'
import { gateOf } from '../../src/rollout/gate.js'

interface Servers {
  readonly leader?: string | undefined
  readonly ill?: readonly string[]
  readonly index?: Readonly<Record<string, number>>
  readonly tolerance?: number
  readonly healthy?: boolean
  readonly names?: readonly string[]
}

function reading(at: number, of: Servers = {}): RaftReading {
  const { leader = 's3', ill = [], index = {}, tolerance = 1, names = ['s1', 's2', 's3'] } = of
  return {
    at,
    healthy: of.healthy ?? ill.length === 0,
    failureTolerance: tolerance,
    skew: 0,
    servers: names.map((name) => ({
      name: `${name}.global`,
      address: `10.0.0.1${name.slice(1)}:4647`,
      leader: 'leader' in of ? name === of.leader : name === leader,
      voter: true,
      healthy: !ill.includes(name),
      lastIndex: index[name] ?? 100,
    })),
  }
}

const three = (of: Servers = {}): RaftReading[] => [0, 2000, 4000].map((at) => reading(at, of))
const catchUp = { address: '10.0.0.11:4647', index: 90 }

describe('the gate between two servers', () => {
  test('opens after three readings that agree', () => {
    expect(gateOf(three(), { tolerance: 1, catchUp })).toMatchObject({
      open: true,
      leader: { name: 's3.global' },
    })
  })

  test.each<[string, RaftReading[], Partial<Parameters<typeof gateOf>[1]>, RegExp]>([
    ['nothing was read', [], {}, /nothing was read/],
    ['one reading', [reading(0)], {}, /1 of 3/],
    ['two readings', three().slice(1), {}, /2 of 3/],
    ['no leader', three({ leader: undefined }), {}, /no leader/],
    ['a server that is ill', three({ ill: ['s2'] }), {}, /s2\.global is not healthy/],
    ['autopilot says no', three({ healthy: false }), {}, /region is not healthy/],
    ['no tolerance', three({ tolerance: 0 }), {}, /can lose 0 servers/],
    ['the log is behind', three({ index: { s1: 89 } }), { catchUp }, /up to 89, and 90/],
    ['the server is gone', three({ names: ['s2', 's3'] }), { catchUp }, /not among the servers/],
    [
      'the leader changed in between',
      [reading(0, { leader: 's1' }), reading(2000), reading(4000)],
      {},
      /changed between two readings/,
    ],
    [
      'it was ill in between',
      [reading(0), reading(2000, { ill: ['s2'] }), reading(4000)],
      {},
      /changed between two readings/,
    ],
    [
      'a server came in between',
      [reading(0, { names: ['s1', 's3'] }), reading(2000), reading(4000)],
      {},
      /changed between two readings/,
    ],
  ])('stays closed: %s', (_name, readings, needs, message) => {
    const gate = gateOf(readings, { tolerance: 1, ...needs })
    expect(gate).toMatchObject({ open: false })
    expect((gate as { message: string }).message).toMatch(message)
  })

  test('a log that has come exactly so far is enough, and older readings do not count', () => {
    const needs = { tolerance: 1, catchUp: { ...catchUp, index: 100 } }
    expect(gateOf([reading(0, { ill: ['s1'] }), ...three()], needs).open).toBe(true)
  })

  test('a server that is ill, and of which somebody said so, does not close it; another does', () => {
    const accepted = new Set(['s2.global'])
    const ill = three({ ill: ['s2'], tolerance: 0 })
    expect(gateOf(ill, { tolerance: 0, accepted }).open).toBe(true)
    expect(gateOf(ill, { tolerance: 1, accepted }).open).toBe(false)
    expect(gateOf(three({ ill: ['s1', 's2'] }), { tolerance: 0, accepted }).open).toBe(false)
    expect(gateOf(three({ healthy: false }), { tolerance: 0, accepted }).open).toBe(false)
  })

  test('a region of one server has no tolerance, and is not asked for one', () => {
    const alone = three({ names: ['s1'], leader: 's1', tolerance: 0 })
    expect(gateOf(alone, { tolerance: 0 }).open).toBe(true)
    expect(gateOf(alone, { tolerance: 1 }).open).toBe(false)
  })
})
