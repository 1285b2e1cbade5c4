/**
 * The gate in the plan: what takes trust from an agent that needs it is refused however it was asked
 * for.
 */

import { describe, expect, test } from 'vitest'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { unfinished } from '../../src/plan/trust-gate.js'
import type { Override } from '../../src/overrides.js'
import { day, World } from '../world.js'

const hour = 3_600_000
const first = 'agent: { lifetime: 10y }'
const staged1 = 'agent: { lifetime: 10y, trusted: [1, 2] }'
const staged2 = 'agent: { lifetime: 10y, signing: 2, trusted: [1, 2] }'
const crossed = 'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }'
const dropped = 'agent: { lifetime: 10y, signing: 2, trusted: [2], crossed: true }'

const names = ['server/global/s1', 'server/global/s2', 'client/global/c1'] as const

class Gated extends World {
  agent = first

  constructor() {
    super(`version: 1
cluster: acme
authorities:
  ${first}
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: {} }
`)
  }

  static async rolledOut(agent: string): Promise<Gated> {
    const world = new Gated()
    await world.apply()
    await world.seeAll()
    world.write2(agent)
    await world.apply()
    world.later(hour)
    return world
  }

  write2(agent: string): this {
    this.edit(this.agent, agent)
    this.agent = agent
    return this
  }

  async note(...events: LedgerEvent[]): Promise<void> {
    const { store } = this
    const lock = await store.lock()
    const batch = store.batch()
    for (const event of events) batch.record(event)
    await batch.commit()
    await lock.release()
  }

  /** Agents show what was made for them last, or another generation. */
  async seeAll(generations: Partial<Record<(typeof names)[number], number>> = {}): Promise<void> {
    const { ledger } = await this.inventory()
    this.later(1000)
    const run = this.now
    const events = names.flatMap((name, index) => {
      const made = ledger.events.flatMap((one) =>
        one.address === `identity/${name}` && (one.event === 'issued' || one.event === 'refreshed')
          ? [one]
          : [],
      )
      const line = made[(generations[name] ?? made.length) - 1]!
      const ports = name.startsWith('client') ? [false] : [false, true]
      return ports.map((rpc): LedgerEvent => ({
        event: 'observed',
        address: `identity/${name}`,
        ...{ at: this.now, run, rpc, endpoint: `10.0.0.${index}:464${rpc ? 7 : 6}` },
        fingerprint: line.fingerprint,
        generation: line.generation,
        trusts: line.trusted!,
      }))
    })
    const members: LedgerEvent = {
      ...{ event: 'members', address: 'cluster', at: this.now, region: 'global' },
      ...{ servers: ['s1.global', 's2.global'], clients: ['c1'], gone: [] },
    }
    await this.note(...events, members)
  }

  async errors(overrides: readonly Override[] = []): Promise<string[]> {
    const { findings } = await this.plan({ overrides })
    return findings
      .filter(({ severity }) => severity === 'error')
      .map(({ address, reason, message }) => `${address} ${reason}: ${message}`)
  }
}

describe('two clones of the spec and one store', () => {
  test('an older spec cannot undo a stage that the agents have', async () => {
    const world = await Gated.rolledOut(staged1)
    await world.seeAll()
    world.write2(staged2)
    await world.apply()
    await world.seeAll()
    // The other admin has not pulled: its spec is of the stage before, or of before the rotation.
    world.write2(first)
    expect(await world.errors()).toEqual([
      expect.stringMatching(
        /^bundle\/agent trust-needed: authority\/agent\/2 is no longer trusted, and every agent must have a leaf of authority\/agent\/1 /,
      ),
    ])
    // Both stay trusted, so leaves of the old root are taken by all.
    expect(await world.steps()).toEqual(
      names.map((name) => `renew identity/${name} (issuer-changed)`),
    )
    expect(await world.write2(staged1).errors()).toEqual([])
  })

  test('an older spec removes no node that the newer one added', async () => {
    const world = await Gated.rolledOut(crossed)
    world.edit('s2: {}', 's2: {}, s3: {}')
    await world.apply()
    world.edit('s2: {}, s3: {}', 's2: {}')
    expect(await world.steps()).toEqual([])
    expect((await world.plan()).orphans).toEqual([
      expect.objectContaining({ address: 'identity/server/global/s3' }),
    ])
  })
})

describe('a root that leaves the bundle', () => {
  test('is refused while one agent has its old leaf, whoever wrote it; renewals go on', async () => {
    const world = await Gated.rolledOut(crossed)
    await world.seeAll({ 'server/global/s2': 1 })
    world.write2(dropped)
    expect(await world.errors()).toEqual([
      'bundle/agent trust-needed: authority/agent/1 is no longer trusted, and every agent must have a leaf of authority/agent/2 and trust it first: identity/server/global/s2: 10.0.0.1:4646 presents generation 1, not 2',
    ])
    expect(await world.steps()).toEqual([])
    const { findings } = await world.plan()
    expect(findings.find(({ severity }) => severity === 'error')!.remedy).toContain(
      'nomad-pki rotate authority agent --except identity/server/global/s2 --reason',
    )
    expect(await world.steps({ renew: ['identity/client/global/c1'] })).toEqual([
      'renew identity/client/global/c1 (requested)',
    ])
  })

  test('goes once everybody was seen, or is answered for', async () => {
    const world = await Gated.rolledOut(crossed)
    await world.seeAll({ 'server/global/s2': 1 })
    world.write2(dropped)
    await world.note({
      event: 'excepted',
      address: 'identity/server/global/s2',
      at: world.now,
      authority: 'authority/agent/2',
      reason: 'it burned down',
    })
    expect(await world.errors()).toEqual([])
    const other = await Gated.rolledOut(crossed)
    await other.seeAll()
    expect(await other.write2(dropped).errors()).toEqual([])
    expect((await other.steps()).length).toBe(4)
  })

  test('what passed the gate is not judged again when its evidence grows old', async () => {
    const world = await Gated.rolledOut(crossed)
    await world.seeAll()
    await world.write2(dropped).apply()
    world.later(3 * day)
    expect(await world.errors()).toEqual([])
  })

  test('an agent that fell silent holds it', async () => {
    const world = await Gated.rolledOut(crossed)
    await world.seeAll()
    world.later(1000)
    await world.note({
      ...{ event: 'silent', address: 'identity/client/global/c1', at: world.now },
      ...{ endpoint: '10.0.0.2:4646', rpc: false, message: 'nothing listens there' },
    })
    expect((await world.write2(dropped).errors())[0]).toContain(
      'identity/client/global/c1: nothing listens there',
    )
  })

  test('a cluster that was never probed is told what it lacks, and goes on', async () => {
    const world = new Gated()
    await world.apply()
    await world.write2(crossed).apply()
    world.write2(dropped)
    expect(await world.errors()).toEqual([])
    const { findings } = await world.plan()
    expect(findings.map(({ severity, reason }) => [severity, reason])).toEqual([
      ['warning', 'trust-needed'],
    ])
    await world.apply()
    expect((await world.plan()).findings).toEqual([])
  })
})

describe('a root that signs for the first time', () => {
  test('is refused while an agent does not trust it', async () => {
    const world = await Gated.rolledOut(staged1)
    await world.seeAll({ 'client/global/c1': 1 })
    expect(await world.write2(staged2).errors()).toEqual([
      'authority/agent/2 trust-needed: authority/agent/2 signs from now on, and every agent must trust it first: identity/client/global/c1: 10.0.0.2:4646 does not trust authority/agent/2',
    ])
    expect(await world.steps()).toEqual([])
    await world.seeAll()
    expect(await world.errors()).toEqual([])
  })

  test('a swap in one edit is refused before a root is made', async () => {
    const world = new Gated()
    await world.apply()
    await world.seeAll()
    world.write2('agent: { lifetime: 10y, signing: 2, trusted: [2] }')
    const [error] = await world.errors()
    expect(error).toMatch(/^authority\/agent\/2 trust-needed: /)
    expect(await world.steps()).toEqual([])
  })
})

describe('a compromised root', () => {
  const mark = { event: 'compromised', address: 'authority/agent/1' } as const

  async function ended(): Promise<Gated> {
    const world = await Gated.rolledOut(staged1)
    await world.note({ ...mark, at: world.now })
    await world.seeAll()
    await world.write2(staged2).apply()
    world.later(hour)
    await world.seeAll()
    await world.write2('agent: { lifetime: 10y, signing: 2, trusted: [2] }').apply()
    return world
  }

  test('goes through its stages; it signs until the next one does', async () => {
    const world = await Gated.rolledOut(staged1)
    await world.note({ ...mark, at: world.now })
    expect(await world.errors()).toEqual([])
  })

  test.each([
    ['trusted again', staged2],
    ['signing again', first],
  ])('is not %s because a spec says so', async (_, agent) => {
    const world = await ended()
    const [error] = await world.write2(agent).errors()
    expect(error).toMatch(/^authority\/agent\/1 compromised: the spec trusts authority\/agent\/1/)
    expect(await world.steps()).toEqual([])
    const reinstate = { code: 'reinstate', value: 'authority/agent/1', reason: 'a drill' } as const
    expect((await world.errors([reinstate])).some((one) => one.includes('compromised'))).toBe(false)
  })

  test('a rotation has not ended before each agent refused a certificate of it', async () => {
    const world = await ended()
    world.later(hour)
    await world.seeAll()
    const state = async (): Promise<string[] | undefined> =>
      unfinished('agent', world.desired, await world.inventory(), { now: world.now })?.holds.map(
        ({ address, message }) => `${address}: ${message}`,
      )
    expect(await state()).toEqual(
      names.map(
        (name, index) =>
          `identity/${name}: 10.0.0.${index}:4646 was not seen to refuse a certificate of authority/agent/1, which is compromised`,
      ),
    )
    const { ledger } = await world.inventory()
    const seen = ledger.events.flatMap((one) => (one.event === 'observed' ? [one] : [])).slice(-5)
    world.later(1000)
    await world.note(
      ...seen.map(({ event, address, endpoint, rpc, fingerprint, generation, trusts }) => ({
        ...{ event, address, at: world.now, run: world.now },
        ...{ endpoint, rpc, fingerprint, generation, trusts },
        refuses: ['authority/agent/1'],
      })),
    )
    expect(await state()).toBeUndefined()
    // A later handshake that offers nothing takes nothing back.
    await world.seeAll()
    expect(await state()).toBeUndefined()
  })
})
