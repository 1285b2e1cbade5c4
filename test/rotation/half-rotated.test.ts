/** A naive swap of the root, seen from what each port presents and trusts: who refuses whom, and the way out. */

import { beforeAll, describe, expect, test } from 'vitest'
import type { SeenPort } from '../../src/evidence/evidence.js'
import { generationsIn } from '../../src/evidence/generations.js'
import { halfRotations, type HalfRotation } from '../../src/rotation/half-rotated.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import { formatName } from '../../src/x509/name.js'
import { MemoryWorld } from '../memory-world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: {}, s2: {}, s3: {} }
    clients: { c1: {}, c2: {} }
`
const r1 = 'authority/agent/1'
const r2 = 'authority/agent/2'

/** The spec says the second root and nothing else; both have their keys, and each agent a leaf of each. */
async function swapped(text = spec): Promise<MemoryWorld> {
  const world = await new MemoryWorld(text).apply()
  world.edit('{ lifetime: 10y }', '{ lifetime: 10y, signing: 2, trusted: [2] }')
  await world.later(60_000).apply()
  return world.later(60_000)
}

let world: MemoryWorld
let inventory: Inventory
beforeAll(async () => {
  world = await swapped()
  inventory = await world.inventory()
})

const addressOf = (name: string): string =>
  `identity/${name.startsWith('s') ? 'server' : 'client'}/global/${name}`

/** What a port of an agent shows: the leaf of a generation, and whom it trusts. */
function port(
  name: string,
  leaf: number,
  trusts: readonly string[] | null,
  more: Partial<SeenPort> = {},
): SeenPort {
  const asked = addressOf(name)
  const made = generationsIn(inventory)
    .get(asked)!
    .find(({ number }) => number === leaf)!
  return {
    ...{ asked, address: asked, generation: leaf, fingerprint: made.fingerprint, trusts },
    ...{ endpoint: `${name}:4647`, rpc: true, at: world.now },
    ...more,
  }
}
const old = (name: string, more?: Partial<SeenPort>): SeenPort => port(name, 1, [r1], more)
const fresh = (name: string, more?: Partial<SeenPort>): SeenPort => port(name, 2, [r2], more)

function found(
  seen: readonly SeenPort[],
  facts: Partial<Parameters<typeof halfRotations>[0]> = {},
): readonly HalfRotation[] {
  const { spec: read, desired, now } = world
  return halfRotations({ spec: read, desired, inventory, seen, now, ...facts })
}

describe('it is a half rotation where', () => {
  test('one server has the new root alone, and two the old one alone', () => {
    const [split, ...more] = found([fresh('s1'), old('s2'), old('s3'), old('c1')])
    expect(more).toEqual([])
    expect(split).toEqual({
      authority: 'agent',
      message:
        'half-rotated: agents under agent refuse each other, because they present leaves of one root and trust another',
      sides: [
        { roots: [r2], trusts: [r2], agents: [addressOf('s1')] },
        { roots: [r1], trusts: [r1], agents: ['s2', 's3', 'c1'].map(addressOf) },
      ],
      edits: [{ name: 'agent', signing: 2, trusted: [1, 2], crossed: true }],
      way: 'crossed',
      agents: 5,
    })
  })

  test('a server and a client refuse each other', () => {
    expect(found([old('s1'), fresh('c1')])).toHaveLength(1)
    expect(found([fresh('c1'), old('s1')])).toHaveLength(1)
  })

  test('only one of the two refuses the other', () => {
    expect(found([port('s1', 1, [r1, r2]), port('s2', 1, [r2])])).toHaveLength(1)
    expect(found([port('s1', 1, [r2]), port('s2', 1, [r1, r2])])).toHaveLength(1)
  })

  test('servers refuse their own kind: two that present the one root and trust the other', () => {
    expect(found([port('s1', 1, [r2]), port('s2', 1, [r2])])).toHaveLength(1)
    expect(found([port('s1', 1, [r2])])).toEqual([])
  })

  test('half of the servers have what the spec says; more than half is a cluster that is whole', () => {
    expect(found([fresh('s1'), old('s2')])).toHaveLength(1)
    expect(found([fresh('s1'), fresh('s2'), old('s3')])).toEqual([])
    // Clients do not count: servers elect.
    expect(found([fresh('s1'), fresh('c1'), fresh('c2'), old('s2')])).toHaveLength(1)
  })

  test('most servers have the leaf of the spec and another trust, or a trust that cannot be seen', () => {
    const both = port('s2', 2, [r1, r2])
    expect(found([port('s1', 2, [r1, r2]), both, old('s3')])).toHaveLength(1)
    expect(found([port('s1', 2, null), port('s2', 2, null), old('s3')])).toHaveLength(1)
    expect(found([port('s1', 1, [r2]), port('s2', 1, [r2]), old('s3')])).toHaveLength(1)
  })
})

describe('it is not where', () => {
  test('all have the same, or nobody was seen', () => {
    expect(found([])).toEqual([])
    expect(found([old('s1'), old('s2'), old('s3'), old('c1')])).toEqual([])
  })

  test('clients alone refuse each other: they dial no other client', () => {
    expect(found([old('c1'), fresh('c2')])).toEqual([])
  })

  test('the trust cannot be seen: it refuses nobody', () => {
    expect(found([port('s1', 1, null), port('s2', 2, null)])).toEqual([])
    expect(found([port('s1', 2, null), port('s2', 2, [r2])])).toEqual([])
  })

  test('a leaf has both roots above it, by way of a cross-certificate', () => {
    const names = [r1, r2].map((one) =>
      formatName(inventory.authorities.get(one)!.certificate!.subject),
    )
    expect(found([port('s1', 2, [r1, r2], { issuers: names }), old('s2')])).toEqual([])
    // Without the names of the issuers the leaf is under its root alone.
    expect(found([port('s1', 2, [r1, r2], { issuers: [] }), old('s2')])).toHaveLength(1)
  })

  test('an agent is not in the spec', () => {
    const stranger = 'identity/server/global/s9'
    expect(found([fresh('s1', { asked: stranger, address: stranger }), old('s2')])).toEqual([])
  })
})

describe('what counts of an agent', () => {
  test('is its RPC port, whichever was asked first', () => {
    const http = { rpc: false, endpoint: 's1:4646' }
    expect(found([fresh('s1', http), old('s1'), old('s2')])).toEqual([])
    expect(found([old('s1'), fresh('s1', http), old('s2')])).toEqual([])
    expect(found([old('s1', http), fresh('s1'), old('s2')])).toHaveLength(1)
    // Of two ports that are not RPC the first.
    expect(found([old('s1', http), fresh('s1', { ...http, endpoint: 'x' }), old('s2')])).toEqual([])
  })

  test('roots and trust are compared as sets', () => {
    const seen = [port('s1', 1, [r1, r2]), port('s2', 1, [r2, r1]), old('s3'), port('c1', 2, [r2])]
    const [split] = found(seen)
    expect(split!.sides.map(({ trusts, agents }) => [trusts, agents])).toEqual([
      [[r1, r2], ['s1', 's2'].map(addressOf)],
      [[r1], [addressOf('s3')]],
      [[r2], [addressOf('c1')]],
    ])
  })

  test('is each host where many share an identity', async () => {
    const many = await swapped(spec.replace('{ s1: {}, s2: {}, s3: {} }', '{ shared: true }'))
    const before = [world, inventory] as const
    ;[world, inventory] = [many, await many.inventory()]
    try {
      const at = (endpoint: string, generation: 1 | 2): SeenPort => ({
        ...(generation === 1 ? old : fresh)('shared', { endpoint }),
      })
      const [split] = found([at('a:4647', 1), at('b:4647', 2), at('c:4647', 1)])
      expect(split!.sides.map(({ roots, agents }) => [roots, agents])).toEqual([
        [[r1], [addressOf('shared')]],
        [[r2], [addressOf('shared')]],
      ])
      // Two of three hosts have it: whole.
      expect(found([at('a:4647', 2), at('b:4647', 2), at('c:4647', 1)])).toEqual([])
      // The same port twice is one host.
      expect(found([at('a:4647', 1), at('a:4647', 2)])).toEqual([])
    } finally {
      ;[world, inventory] = before
    }
  })
})

describe('the way out', () => {
  const split = (): SeenPort[] => [fresh('s1'), old('s2'), old('s3')]

  test('is to bring a newer archive where the spec says it all', () => {
    const said = world.text.replace('trusted: [2]', 'trusted: [1, 2], crossed: true')
    const { spec: read, desired } = new MemoryWorld(said)
    expect(found(split(), { spec: read, desired })[0]).toMatchObject({ edits: [], way: 'crossed' })
    const staged = world.text.replace('trusted: [2]', 'trusted: [1, 2]')
    const other = new MemoryWorld(staged)
    expect(found(split(), { spec: other.spec, desired: other.desired })[0]!.edits).toEqual([
      { name: 'agent', signing: 2, trusted: [1, 2], crossed: true },
    ])
  })

  test('signs with the newest root that has its key', () => {
    const keyless = new Map(inventory.authorities)
    keyless.set(r2, { ...keyless.get(r2)!, key: { state: 'absent' } })
    const [one] = found(split(), { inventory: { ...inventory, authorities: keyless } })
    expect(one).toMatchObject({
      way: 'staged',
      edits: [{ name: 'agent', signing: 1, trusted: [1, 2] }],
      obstacle: `the key of ${r2} is not in the store`,
    })
    expect(one!.edits[0]).not.toHaveProperty('crossed')
  })

  test('is in stages where a root is not ours', () => {
    const [one] = found([
      fresh('s1'),
      port('s2', 2, ['CN=Somebody']),
      port('s3', 2, ['CN=Somebody']),
    ])
    expect(one).toMatchObject({
      way: 'staged',
      obstacle: 'CN=Somebody is not ours and can certify nothing here',
    })
  })

  test('is not one that rides along with renewals', () => {
    const riding = world.text.replace(
      'trusted: [2] }',
      'trusted: [1, 2], crossed: true, rollout: ride-along }',
    )
    const { spec: read, desired } = new MemoryWorld(riding)
    expect(found(split(), { spec: read, desired })[0]!.edits).toEqual([
      { name: 'agent', signing: 2, trusted: [1, 2], crossed: true, rollout: false },
    ])
  })

  test('lifts an intermediate that hangs from another root than the one that signs', async () => {
    const below = spec
      .replace(
        '  agent: { lifetime: 10y }\n',
        '  agent: { lifetime: 10y }\n  west: { issuer: agent, lifetime: 3y }\n',
      )
      .replace('  global:\n', '  global:\n    authority: west\n')
    const first = await new MemoryWorld(below).apply()
    const before = [world, inventory] as const
    const swap = '{ lifetime: 10y, signing: 2, trusted: [2] }'
    first.edit('{ lifetime: 10y }', swap)
    ;[world, inventory] = [first, await first.inventory()]
    try {
      // No root 2 yet: both ports show the leaf under root 1, and one trusts nothing of it.
      const seen = [port('s1', 1, [r2]), old('s2')]
      expect(found(seen)[0]!.edits).toEqual([
        expect.objectContaining({ name: 'agent', signing: 1, trusted: [1, 2] }),
      ])
      first.edit('issuer: agent, lifetime: 3y', 'issuer: agent, lifetime: 3y, signing: 2')
      await first.later(60_000).apply()
      first.edit('lifetime: 3y, signing: 2', 'lifetime: 3y, signing: 1')
      inventory = await first.inventory()
      expect(found(seen)[0]!.edits).toEqual([
        { name: 'agent', signing: 2, trusted: [1, 2], crossed: true },
        { name: 'west', signing: 2 },
      ])
      first.edit('lifetime: 3y, signing: 1', 'lifetime: 3y, signing: 2')
      expect(found(seen)[0]!.edits).toEqual([
        { name: 'agent', signing: 2, trusted: [1, 2], crossed: true },
      ])
    } finally {
      ;[world, inventory] = before
    }
  })

  test('trusts no compromised root again, unless the spec does', async () => {
    const fork = await world.fork()
    await fork.note({ event: 'compromised', address: r1, at: fork.now })
    const known = await fork.inventory()
    expect(found(split(), { inventory: known })[0]!.edits).toEqual([])
    const both = new MemoryWorld(world.text.replace('trusted: [2]', 'trusted: [1, 2]'))
    expect(
      found(split(), { inventory: known, spec: both.spec, desired: both.desired })[0]!.edits,
    ).toMatchObject([{ trusted: [1, 2] }])
  })
})
