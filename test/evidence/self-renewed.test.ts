/**
 * A node that renews itself, by what it presents: whether it is what the spec wants, whether it renewed in time, and
 * whether a root may be dropped.
 */

import { beforeAll, describe, expect, test } from 'vitest'
import type { Desired } from '../../src/cluster/desired.js'
import { evidenceIn, type Observation } from '../../src/evidence/evidence.js'
import { judgeGate } from '../../src/evidence/gate.js'
import { holdOfSelfRenewed } from '../../src/evidence/self-renewed-hold.js'
import { selfRenewedIn, type SelfRenewed } from '../../src/evidence/self-renewed.js'
import { notedLeaves } from '../../src/evidence/presented.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { gateTrust } from '../../src/plan/trust-gate.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { makeSchedule } from '../../src/plan/schedule.js'
import { fingerprintOf, type Certificate } from '../../src/x509/certificate.js'
import { ledgerWith } from '../ledger.js'
import { day, World } from '../world.js'

const c1 = 'identity/client/us-west/c1'
const hour = 3_600_000
const [root1, root2] = ['authority/agent/1', 'authority/agent/2']
const both = [root1, root2]
const one = '{ lifetime: 10y }'
const two = '{ lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }'
const last = '{ lifetime: 10y, signing: 2, trusted: [2] }'
const spec = (agent: string, west = ''): string => `version: 1
cluster: acme
authorities:
  agent: ${agent}
  us-west: { issuer: agent, lifetime: 3y${west} }
regions:
  us-west:
    authority: us-west
    clients: { c1: { ips: [10.0.0.1] }, c2: {} }
`

/** The same cluster, as if c1 renewed itself from an engine: the leaves that the store made are what it presents. */
interface Stage {
  readonly now: number
  readonly desired: Desired
  readonly inventory: Inventory
}
const leaves: Certificate[] = []
let other: Certificate
let before: Stage
let crossed: Stage
let ended: Desired

function asSelf(desired: Desired): Desired {
  const identities = desired.identities
    .filter(({ address }) => address === c1)
    .map((wanted) => ({
      ...wanted,
      profile: { ...wanted.profile, keyHeld: 'node' as const, renewedBy: 'node' as const },
    }))
  return { ...desired, identities, configs: [] }
}

function asEngine(inventory: Inventory): Inventory {
  const authorities = new Map(
    [...inventory.authorities].map(([address, found]) => [
      address,
      address.startsWith('authority/us-west/')
        ? { ...found, key: { state: 'absent' as const } }
        : found,
    ]),
  )
  const events = inventory.ledger.events.filter(({ address }) => !address.startsWith('identity/'))
  return { ...inventory, authorities, identities: new Map(), ledger: ledgerWith(events) }
}

beforeAll(async () => {
  const world = new World(spec(one))
  await world.apply()
  const stage = async (): Promise<Stage> => {
    const inventory = await world.inventory()
    leaves.push(inventory.identities.get(c1)!.current!.chain[0]!)
    other = inventory.identities.get('identity/client/us-west/c2')!.current!.chain[0]!
    return { now: world.now, desired: asSelf(world.desired), inventory: asEngine(inventory) }
  }
  before = await stage()
  world.later(hour)
  world.edit(spec(one), spec(two, ', signing: 2'))
  await world.apply()
  crossed = await stage()
  world.edit(spec(two, ', signing: 2'), spec(last, ', signing: 2'))
  ended = asSelf(world.desired)
})

/** One sight of its port. */
function sight(leaf: Certificate, at: number, more: Partial<Observation> = {}): LedgerEvent {
  return {
    ...{ event: 'observed', address: c1, at, run: at, endpoint: '10.0.0.1:4646', rpc: false },
    ...{ generation: null, trusts: [root1], fingerprint: fingerprintOf(leaf) },
    leaf: Buffer.from(leaf.der).toString('base64'),
    ...more,
  }
}

function received(
  leaf: Certificate,
  at: number,
  trusted: readonly string[] | undefined,
): LedgerEvent {
  return {
    ...{ event: 'received', address: c1, at, generation: 1, archive: null, host: null },
    ...{ fingerprint: fingerprintOf(leaf), state: 'proven' },
    leaf: Buffer.from(leaf.der).toString('base64'),
    ...(trusted !== undefined && { trusted }),
  }
}

function withLines({ inventory }: Stage, lines: readonly LedgerEvent[]): Inventory {
  return { ...inventory, ledger: ledgerWith(lines, inventory.ledger) }
}

function judged(stage: Stage, lines: readonly LedgerEvent[], now = stage.now): SelfRenewed {
  return selfRenewedIn(stage.desired, withLines(stage, lines), { now }).get(c1)!
}

describe('what it presents is held against the spec', () => {
  test('never seen is not fine', () => {
    const self = judged(before, [])
    expect(self).toMatchObject({ state: 'unknown', reason: 'not-seen' })
    expect(self.message).toContain('was not seen yet')
    const { entries } = makeSchedule(before.desired, before.inventory, { now: before.now })
    expect(entries.find(({ address }) => address === c1)).toMatchObject({ state: 'unseen' })
  })

  test('its own certificate: since when it is known, and until when', () => {
    const { now } = before
    const self = judged(before, [sight(leaves[0]!, now - day), sight(leaves[0]!, now)])
    expect(self).toMatchObject({ state: 'proven', since: now - day, at: now, basis: 'seen' })
    expect(self.issuer).toBe('authority/us-west/1')
  })

  test.each<[string, () => LedgerEvent, SelfRenewed['state'], string, RegExp]>([
    [
      'the leaf of another node of the same authority',
      () => sight(other, crossed.now, { trusts: both }),
      'lagging',
      'names-differ',
      /it lacks 10\.0\.0\.1/,
    ],
    [
      'an authority that signs no more',
      () => sight(leaves[0]!, crossed.now, { trusts: both }),
      'lagging',
      'issuer-changed',
      /was not signed by authority\/us-west\/2/,
    ],
    [
      'a leaf that nobody of ours signed',
      () =>
        ({
          ...sight(leaves[1]!, crossed.now, { trusts: both, leaf: undefined }),
          fingerprint: 'f'.repeat(64),
        }) as LedgerEvent,
      'foreign',
      'issuer-changed',
      /no authority of this store signed/,
    ],
    [
      'a root that it lacks',
      () => sight(leaves[1]!, crossed.now),
      'lagging',
      'trust-changed',
      /does not trust authority\/agent\/2/,
    ],
    [
      'it asks for no certificate, and there are two roots',
      () => sight(leaves[1]!, crossed.now, { trusts: null }),
      'unobservable',
      'not-proven',
      /a receipt of its renewal can prove them/,
    ],
  ])('%s', (_, line, state, reason, message) => {
    const self = judged(crossed, [line()])
    expect({ state: self.state, reason: self.reason }).toEqual({ state, reason })
    expect(self.message).toMatch(message)
    expect(self.remedy).toBeDefined()
  })

  test('a receipt of what it presents proves its trust', () => {
    const { now } = crossed
    const lines = [received(leaves[1]!, now - 1000, both), sight(leaves[1]!, now, { trusts: null })]
    expect(judged(crossed, lines).state).toBe('proven')
    const old = [
      received(leaves[1]!, now - 1000, [root1]),
      sight(leaves[1]!, now, { trusts: null }),
    ]
    expect(judged(crossed, old)).toMatchObject({ state: 'lagging', reason: 'trust-changed' })
    // A receipt of another certificate says nothing of this one.
    const earlier = [
      received(leaves[0]!, now - 1000, both),
      sight(leaves[1]!, now, { trusts: null }),
    ]
    expect(judged(crossed, earlier).state).toBe('unobservable')
  })
})

describe('renewal, by when it was seen', () => {
  const dueAt = (): number => leaves[0]!.notAfter - 30 * day

  test.each<[string, () => number, () => number, string, string | undefined]>([
    ['before it is due', () => dueAt() - hour, () => dueAt() - hour, 'proven', undefined],
    ['due, and not asked since', () => dueAt() - hour, () => dueAt() + day, 'unknown', 'not-seen'],
    [
      'asked in the hour in which its timer runs',
      () => dueAt() + hour,
      () => dueAt() + hour,
      'unknown',
      'not-seen',
    ],
    [
      'asked a day later, and still the same',
      () => dueAt() + day,
      () => dueAt() + day,
      'lagging',
      'renewal-overdue',
    ],
    [
      'over',
      () => leaves[0]!.notAfter + hour,
      () => leaves[0]!.notAfter + hour,
      'expired',
      'expired',
    ],
  ])('%s', (_, seenAt, now, state, reason) => {
    const self = judged(before, [sight(leaves[0]!, seenAt())], now())
    expect({ state: self.state, reason: self.reason }).toEqual({ state, reason })
  })
})

describe('the gate: a root is not dropped before the node is proven on the new chain', () => {
  const holdOf = (lines: readonly LedgerEvent[], now = crossed.now): string | undefined => {
    const inventory = withLines(crossed, lines)
    const verdict = judgeGate(
      { trusts: [root2], leafUnder: root2 },
      {
        ...{ desired: crossed.desired, inventory, now, authority: root2 },
        evidence: evidenceIn(inventory.ledger, { now }),
      },
    )
    return verdict.holds.find(({ address }) => address === c1)?.message
  }

  test.each<[string, () => readonly LedgerEvent[], RegExp | undefined]>([
    ['never seen', () => [], /was not seen yet/],
    [
      'the old chain',
      () => [sight(leaves[0]!, crossed.now, { trusts: both })],
      /is of authority\/us-west\/1, which is not below authority\/agent\/2/,
    ],
    [
      'the new chain, and not the new root',
      () => [sight(leaves[1]!, crossed.now)],
      /does not trust authority\/agent\/2/,
    ],
    [
      'the new chain, and trust that nothing shows',
      () => [sight(leaves[1]!, crossed.now, { trusts: null })],
      /is not proven: it asks for no certificate/,
    ],
    ['a receipt alone', () => [received(leaves[1]!, crossed.now, both)], /it was not seen since/],
    [
      'seen, and its receipt has the new root',
      () => [
        received(leaves[1]!, crossed.now - 1000, both),
        sight(leaves[1]!, crossed.now, { trusts: null }),
      ],
      undefined,
    ],
    ['seen with both', () => [sight(leaves[1]!, crossed.now, { trusts: both })], undefined],
  ])('%s', (_, lines, message) => {
    const hold = holdOf(lines())
    if (message === undefined) expect(hold).toBeUndefined()
    else expect(hold).toMatch(message)
  })

  const rpc = { endpoint: '10.0.0.1:4647', rpc: true }

  test.each<[string, () => readonly LedgerEvent[], RegExp]>([
    [
      'one port with the new chain, one with the old',
      () => [
        sight(leaves[1]!, crossed.now, { trusts: both }),
        sight(leaves[0]!, crossed.now, { trusts: both, ...rpc }),
      ],
      /its ports present 2 certificates/,
    ],
    [
      'one port with the new chain, one with the certificate of another node',
      () => [
        sight(leaves[1]!, crossed.now, { trusts: both }),
        sight(other, crossed.now, { trusts: both, ...rpc }),
      ],
      /its ports present 2 certificates/,
    ],
    [
      'one port that does not answer',
      () => [
        sight(leaves[1]!, crossed.now, { trusts: both }),
        {
          ...{ event: 'silent', address: c1, at: crossed.now, run: crossed.now, ...rpc },
          message: 'it does not answer',
        },
      ],
      /it does not answer/,
    ],
  ])('%s', (_, lines, message) => {
    expect(holdOf(lines())).toMatch(message)
  })

  test.each<[string, boolean]>([
    ['whose names differ', true],
    ['whose names are the same', false],
  ])('two addresses that lead to one node are not two proven nodes: %s', (_, differ) => {
    const c2 = 'identity/client/us-west/c2'
    const [wanted] = crossed.desired.identities
    const second = {
      ...{ ...wanted!, address: c2, name: 'c2' },
      ...(differ && { ips: [], names: [...wanted!.names, 'c2.acme.internal'] }),
    }
    const desired = { ...crossed.desired, identities: [wanted!, second] }
    const { now } = crossed
    const inventory = withLines(crossed, [
      sight(leaves[1]!, now, { trusts: both }),
      sight(leaves[1]!, now, { trusts: both, address: c2, endpoint: '10.0.0.2:4646' }),
    ])
    const evidence = evidenceIn(inventory.ledger, { now })
    const { holds } = judgeGate(
      { trusts: [root2], leafUnder: root2 },
      { desired, inventory, now, evidence, authority: root2 },
    )
    const told = holds.filter(({ address }) => address.startsWith('identity/'))
    expect(told.map(({ message }) => message)).toEqual([
      ...(differ ? [] : [`10.0.0.1:4646 presents the leaf of ${c2}`]),
      `10.0.0.2:4646 presents the leaf of ${c1}`,
    ])
  })

  test('a server is not proven by its HTTP port alone', () => {
    const s1 = 'identity/server/us-west/s1'
    const asServer = (desired: Desired): Desired => ({
      ...desired,
      identities: desired.identities.map((wanted) => ({
        ...wanted,
        address: s1,
        name: 's1',
        profile: { ...wanted.profile, role: 'server' },
      })),
    })
    const desired = asServer(crossed.desired)
    const { now } = crossed
    const holds = (lines: readonly LedgerEvent[]): readonly string[] => {
      const inventory = withLines(
        crossed,
        lines.map((line) => ({ ...line, address: s1 })),
      )
      const evidence = evidenceIn(inventory.ledger, { now })
      const facts = { desired, inventory, now, evidence, authority: root2 }
      return judgeGate({ trusts: [root2], leafUnder: root2 }, facts)
        .holds.filter(({ address }) => address === s1)
        .map(({ message }) => message)
    }
    const http = sight(leaves[1]!, now, { trusts: both })
    const silent: LedgerEvent = {
      ...{ event: 'silent', address: s1, at: now, run: now, ...rpc },
      message: 'it does not answer',
    }
    const shown = sight(leaves[1]!, now, { trusts: both, ...rpc })
    expect(holds([http])).toEqual([expect.stringContaining('its RPC port was not seen')])
    expect(holds([http, silent])).toEqual([expect.stringContaining('it does not answer')])
    expect(holds([http, shown])).toEqual([])
  })

  test('what was seen two days ago says nothing of today', () => {
    const line = sight(leaves[1]!, crossed.now, { trusts: both })
    expect(holdOf([line], crossed.now + 2 * day)).toMatch(/it was last asked 2d ago/)
  })

  test('the remedy says which files it needs', () => {
    const self = judged(crossed, [sight(leaves[0]!, crossed.now, { trusts: both })])
    const hold = holdOfSelfRenewed(self, {
      ...{ condition: { leafUnder: root2 }, now: crossed.now, mute: false },
      rootsOf: () => [],
      trust: undefined as never,
    })
    expect(hold!.remedy).toMatch(
      /pack client\/us-west\/c1 --renew --out-dir c1; .* and there: nomad-pki renew; then: nomad-pki probe client\/us-west\/c1/,
    )
  })

  test('an edit by hand that drops the root is held by a node that nobody saw', () => {
    const { findings, desired } = gateTrust(ended, crossed.inventory, { now: crossed.now })
    expect(findings).toMatchObject([{ severity: 'error', reason: 'trust-needed' }])
    expect(findings[0]!.message).toContain(c1)
    expect(desired.bundles[0]!.trusted).toEqual(both)
    const seen = withLines(crossed, [sight(leaves[1]!, crossed.now, { trusts: both })])
    const free = gateTrust(ended, seen, { now: crossed.now })
    expect(free.findings.filter(({ message }) => message.includes(c1))).toEqual([])
  })
})

test('a root that nothing certifies does not sign while a node that renews itself was never seen', () => {
  const { desired, inventory, now } = before
  expect(gateTrust(desired, inventory, { now }).findings).toEqual([])
  const uncrossed = {
    ...crossed.desired,
    authorities: crossed.desired.authorities.map((found) => ({ ...found, crossedBy: [] })),
  }
  const { findings } = gateTrust(uncrossed, inventory, { now })
  expect(findings).toMatchObject([{ severity: 'error', reason: 'trust-needed', address: root2 }])
  expect(findings[0]!.message).toContain(`${c1}: it renews itself, and was not seen yet`)
  const seen = withLines(before, [sight(leaves[0]!, now, { trusts: both })])
  const told = gateTrust(uncrossed, seen, { now }).findings.map(({ message }) => message)
  expect(told.filter((message) => message.includes(c1))).toEqual([])
})

test('the plan names files that the node needs anew', () => {
  const { plan } = makePlan(ended, crossed.inventory, { now: crossed.now })
  expect(plan.steps.map(({ address }) => address)).not.toContain(c1)
  expect(plan.findings.map(({ reason }) => reason)).toContain('renewed-by-node')
})

test('a leaf is noted once', () => {
  const lines = [sight(leaves[0]!, before.now)]
  expect([...notedLeaves(withLines(before, lines).ledger)]).toEqual([fingerprintOf(leaves[0]!)])
})
