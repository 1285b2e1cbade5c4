import { describe, expect, test } from 'vitest'
import type { Evidence, Observation } from '../../src/evidence/evidence.js'
import { evidenceIn } from '../../src/evidence/evidence.js'
import { judgeGate, type GateVerdict } from '../../src/evidence/gate.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { day, World } from '../world.js'
import { told } from '../ledger.js'

const one = 'agent: { lifetime: 10y }'
const two = 'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }'
const spec = (clients = 'c1: {}', agent = one, west = ''): string => `version: 1
cluster: acme
authorities:
  ${agent}
  us-west: { issuer: agent, lifetime: 3y${west} }
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { ${clients} }
  us-west:
    authority: us-west
    servers: { w1: {} }
operators:
  alice: { region: global }
`

const both = ['authority/agent/1', 'authority/agent/2']
const hour = 3_600_000

/** A cluster in the first stage of a crossed rotation, and what is known of it. */
class Rotating extends World {
  readonly evidence = {
    observations: [] as Observation[],
    receipts: [] as Evidence['receipts'][number][],
    members: [] as Evidence['members'][number][],
    exceptions: [] as Evidence['exceptions'][number][],
    silences: [] as Evidence['silences'][number][],
    compromised: [] as Evidence['compromised'][number][],
  }
  readonly #clients: string

  constructor(clients?: string) {
    super(spec(clients))
    this.#clients = spec(clients)
  }

  static async begun(
    clients?: string,
    options: { readonly only?: readonly string[] } = {},
  ): Promise<Rotating> {
    const world = new Rotating(clients)
    await world.apply()
    world.later(hour)
    world.edit(world.#clients, spec(clients, two, ', signing: 2'))
    await world.apply(options)
    world.later(hour)
    return world
  }

  /** An agent shows a generation: its newest, unless another one is named. */
  async see(
    identity: string,
    port: number,
    trusts: readonly string[] | null = both,
    { generation, at = this.now }: { generation?: number; at?: number } = {},
  ): Promise<void> {
    const lines = (await this.inventory()).ledger.events.flatMap((line) =>
      line.address === `identity/${identity}` && line.event === 'issued' ? [line] : [],
    )
    const line = generation === undefined ? lines.at(-1)! : lines[generation - 1]!
    this.evidence.observations.push({
      address: `identity/${identity}`,
      at,
      endpoint: `10.0.0.1:${port}`,
      rpc: port % 10 === 7,
      fingerprint: line.fingerprint,
      generation: line.generation,
      trusts,
    })
  }

  async seeAll(): Promise<void> {
    for (const [at, identity] of [
      'server/global/s1',
      'server/global/s2',
      `client/global/${this.#clients.includes('shared: true') ? 'shared' : 'c1'}`,
      'server/us-west/w1',
    ].entries()) {
      await this.see(identity, 4646 + at * 10)
      if (identity.startsWith('server')) await this.see(identity, 4647 + at * 10)
    }
    this.tell('global', ['s1.global', 's2.global'], ['c1'])
    this.tell('us-west', ['w1.us-west'], [])
  }

  tell(region: string, servers: string[], clients: string[], at: number = this.now): void {
    this.evidence.members.push({ region, at, servers, clients, gone: [] })
  }

  async judge(): Promise<GateVerdict> {
    const inventory = await this.inventory()
    const text = spec(undefined, two, ', signing: 2')
    const rotation = rotationOf(parseSpec(text).spec!, inventory, 'agent', { now: this.now })!
    return judgeGate(rotation.next.gate!, {
      desired: this.desired,
      inventory,
      evidence: this.evidence,
      now: this.now,
      authority: 'authority/agent/2',
    })
  }

  async holds(): Promise<string[]> {
    const { holds, open } = await this.judge()
    expect(open).toBe(holds.length === 0)
    return holds.map(({ address, message }) => `${address}: ${message}`)
  }
}

test('without any evidence everybody is named, and every region', async () => {
  const world = await Rotating.begun()
  expect(await world.holds()).toEqual([
    'identity/server/global/s1: it was never seen',
    'identity/server/global/s2: it was never seen',
    'identity/client/global/c1: it was never seen',
    'identity/server/us-west/w1: it was never seen',
    'member/global: Nomad was never asked for the members of this region',
    'member/us-west: Nomad was never asked for the members of this region',
  ])
})

test('everybody seen with the new leaf and the new trust, an intermediate between or not: open', async () => {
  const world = await Rotating.begun()
  await world.seeAll()
  expect(await world.holds()).toEqual([])
  expect(await world.judge()).toMatchObject({ open: true, proven: 4, agents: 4 })
})

describe('what holds it', () => {
  test.each<[string, (world: Rotating) => Promise<void> | void, string]>([
    [
      'an agent that still presents its old leaf',
      (world) => world.see('server/global/s2', 4656, both, { generation: 1 }),
      'identity/server/global/s2: its ports disagree: 10.0.0.1:4656 presents generation 1, 10.0.0.1:4657 presents generation 2',
    ],
    [
      'one port that was not reloaded, the other was',
      (world) => world.see('server/global/s1', 4647, both, { generation: 1 }),
      'identity/server/global/s1: its ports disagree: 10.0.0.1:4646 presents generation 2, 10.0.0.1:4647 presents generation 1',
    ],
    [
      'trust that is not there: a corrupt second certificate',
      (world) => world.see('server/global/s1', 4646, ['authority/agent/1']),
      'identity/server/global/s1: 10.0.0.1:4646 does not trust authority/agent/2',
    ],
    [
      'a leaf that nobody knows',
      (world) => {
        const seen = world.evidence.observations.at(-1)!
        world.evidence.observations.push({
          ...seen,
          fingerprint: 'ab'.repeat(32),
          generation: null,
        })
      },
      'identity/server/us-west/w1: 10.0.0.1:4677 presents a leaf that the ledger does not have (SHA-256 abababababababab…)',
    ],
    [
      'an endpoint that is somebody else by now',
      async (world) => world.see('server/global/s1', 4666),
      'identity/client/global/c1: it was never seen',
    ],
    [
      'a server of which only the HTTP port was seen',
      (world) => {
        const { observations } = world.evidence
        observations.splice(
          observations.findIndex(({ rpc }) => rpc),
          1,
        )
      },
      'identity/server/global/s1: its RPC port was not seen, and may have loaded different files than its HTTP port',
    ],
    [
      'trust that cannot be seen, without a receipt',
      (world) => world.see('client/global/c1', 4666, null),
      'identity/client/global/c1: it presents the leaf of generation 2 and asks for no certificate: a probe cannot see which roots it trusts, a receipt of its installer can prove them',
    ],
    [
      'a server that neither spec nor store know',
      (world) => {
        world.tell('global', ['s1.global', 's2.global', 'rogue.global'], ['c1'])
      },
      'member/global/rogue: Nomad has a server of this name, and neither spec nor store know it',
    ],
    [
      'a region that gossip names and the spec does not have',
      (world) => {
        world.tell('eu', ['e1.eu'], [])
      },
      'member/eu: gossip names a region eu, and the spec does not have it',
    ],
    [
      'a region of which the clients are not known',
      (world) => {
        const at = world.now
        world.evidence.members.push({
          ...{ region: 'us-west', at, servers: ['w1.us-west'], clients: [], gone: [] },
          incomplete: 'no token',
        })
      },
      'member/us-west: not all members of this region are known: no token',
    ],
    [
      'a client that nobody knows',
      (world) => {
        world.tell('us-west', ['w1.us-west'], ['x9'])
      },
      'member/us-west/x9: Nomad has a client of this name, and neither spec nor store know it',
    ],
  ])('%s', async (_, change, expected) => {
    const world = await Rotating.begun()
    await world.seeAll()
    await change(world)
    expect(await world.holds()).toEqual([expected])
  })

  test('evidence of yesterday', async () => {
    const world = await Rotating.begun()
    await world.seeAll()
    world.later(25 * hour)
    expect(await world.holds()).toEqual([
      ...['server/global/s1', 'server/global/s2', 'client/global/c1', 'server/us-west/w1'].map(
        (identity) => `identity/${identity}: it was last asked 1d1h ago; evidence holds for 1d`,
      ),
      'member/global: Nomad was last asked for the members of this region 1d1h ago',
      'member/us-west: Nomad was last asked for the members of this region 1d1h ago',
    ])
  })

  test('evidence of tomorrow: a clock that is wrong proves nothing', async () => {
    const world = await Rotating.begun()
    await world.seeAll()
    world.later(-90 * 60_000)
    expect((await world.holds()).length).toBe(6)
  })

  test('what is made and not of this stage: somebody must apply first', async () => {
    const world = new Rotating()
    await world.apply()
    world.edit(spec(), spec(undefined, two, ', signing: 2'))
    expect((await world.holds())[0]).toBe(
      'identity/server/global/s1: its generation 1 is not of this stage',
    )
  })
})

test('a server that left holds it as long as the spec has it, with what ends that', async () => {
  const world = await Rotating.begun()
  await world.seeAll()
  world.evidence.observations = world.evidence.observations.filter(
    ({ address }) => !address.endsWith('/s2'),
  )
  const gone = { region: 'global', servers: ['s1.global'], clients: ['c1'], gone: ['s2.global'] }
  world.evidence.members.push({ ...gone, at: world.now })
  const { holds, open } = await world.judge()
  expect(open).toBe(false)
  expect(holds).toEqual([
    {
      address: 'identity/server/global/s2',
      message: 'it was never seen; Nomad says that it left global',
      remedy:
        'if it stays away: nomad-pki remove server global/s2; or: --except identity/server/global/s2 --reason "…"',
    },
  ])
  // Back again under its name, it is asked as any other.
  world.later(1000).tell('global', ['s1.global', 's2.global'], ['c1'])
  expect((await world.judge()).holds).toEqual([
    expect.objectContaining({ message: 'it was never seen' }),
  ])
  // Seen with what the stage needs before it left, it holds nothing.
  await world.see('server/global/s2', 4656)
  await world.see('server/global/s2', 4657)
  world.later(1000).evidence.members.push({ ...gone, at: world.now })
  expect((await world.judge()).open).toBe(true)
  // Out of the spec it holds nothing either, as long as it stays away.
  world.edit('s1: {}, s2: {}', 's1: {}')
  expect((await world.judge()).holds).toEqual([])
  world.later(1000).tell('global', ['s1.global', 's2.global'], ['c1'])
  expect((await world.judge()).holds).toEqual([
    expect.objectContaining({ address: 'member/global/s2' }),
  ])
})

test('a receipt does where trust cannot be seen, if it is of what is presented', async () => {
  const world = await Rotating.begun()
  await world.seeAll()
  await world.see('client/global/c1', 4666, null)
  const seen = world.evidence.observations.at(-1)!
  const receipt = { address: seen.address, at: world.now, archive: null, host: 'c1' }
  world.evidence.receipts.push({ ...receipt, generation: 1, fingerprint: seen.fingerprint })
  expect(await world.holds()).toHaveLength(1)
  world.evidence.receipts.push({ ...receipt, generation: 2, fingerprint: seen.fingerprint })
  expect(await world.holds()).toEqual([])
})

test('a shared leaf counts as long as it lives; who answers for it is written down', async () => {
  const world = await Rotating.begun('shared: true')
  await world.seeAll()
  world.tell('global', ['s1.global', 's2.global'], ['c1', 'c2', 'anything'])
  const [hold, ...more] = await world.holds()
  expect(more).toEqual([])
  expect(hold).toMatch(
    /^identity\/client\/global\/shared: many hosts share it, and its generation 1, which lives until /,
  )
  world.evidence.exceptions.push({
    address: 'identity/client/global/shared',
    at: world.now,
    authority: 'authority/agent/1',
    reason: 'of another rotation',
  })
  expect(await world.holds()).toHaveLength(1)
  world.evidence.exceptions.push({
    address: 'identity/client/global/shared',
    at: world.now,
    authority: 'authority/agent/2',
    reason: 'all hosts were made anew',
  })
  expect(await world.holds()).toEqual([])
  expect((await world.judge()).excepted).toEqual([
    { address: 'identity/client/global/shared', reason: 'all hosts were made anew' },
  ])
})

test('a shared leaf that has ended holds nothing', async () => {
  const world = await Rotating.begun('shared: true')
  world.later(89 * day)
  await world.apply()
  await world.seeAll()
  world.tell('global', ['s1.global', 's2.global'], [])
  expect((await world.holds()).filter((line) => line.includes('shared'))).toHaveLength(1)
  world.later(2 * day)
  expect((await world.holds()).filter((line) => line.includes('shared'))).toEqual([])
})

test('people are told, and nobody waits for them', async () => {
  const world = await Rotating.begun()
  await world.seeAll()
  expect((await world.judge()).notes).toEqual([])
})

test('a person with a certificate of the old root is told with what renews it, and the gate is open', async () => {
  const agents = ['server/global/s1', 'server/global/s2', 'client/global/c1', 'server/us-west/w1']
  const world = await Rotating.begun(undefined, {
    only: agents.map((agent) => `identity/${agent}`),
  })
  await world.seeAll()
  const { open, notes } = await world.judge()
  expect(notes).toEqual([
    'identity/operator/global/alice has a certificate of the old root: nomad-pki apply identity/operator/global/alice',
  ])
  expect(open).toBe(true)
})

test('evidence is lines of the ledger; what lacks something counts for nothing', async () => {
  const world = new World()
  await world.apply()
  const { store } = world
  const lock = await store.lock()
  const batch = store.batch()
  const [address, at] = ['identity/server/global/s1', world.now]
  const observed = { endpoint: 'h:1', rpc: true }
  const seen = { ...observed, fingerprint: 'ab', generation: 1, trusts: ['authority/agent/1'] }
  batch.record(told('observed', address, at, seen))
  batch.record(told('observed', address, at, observed))
  const receipt = { generation: 1, fingerprint: 'ab', archive: null }
  batch.record(told('received', address, at, receipt))
  batch.record({
    event: 'members',
    address: 'cluster',
    at,
    region: 'global',
    servers: [],
    clients: ['c'],
  })
  batch.record({ event: 'excepted', address, at, authority: 'authority/agent/2', reason: 'gone' })
  await batch.commit()
  await lock.release()
  const inventory = await world.inventory()
  const place = { seq: expect.any(Number) as number, prev: expect.any(String) as string }
  const line = (event: string, about = address): object => ({ ...place, event, address: about, at })
  expect(evidenceIn(inventory.ledger, { now: world.now })).toEqual({
    observations: [
      {
        ...line('observed'),
        endpoint: 'h:1',
        rpc: true,
        fingerprint: 'ab',
        generation: 1,
        trusts: ['authority/agent/1'],
      },
    ],
    receipts: [
      { ...line('received'), generation: 1, fingerprint: 'ab', archive: null, host: null },
    ],
    members: [
      { ...line('members', 'cluster'), region: 'global', servers: [], clients: ['c'], gone: [] },
    ],
    exceptions: [{ ...line('excepted'), authority: 'authority/agent/2', reason: 'gone' }],
    silences: [],
    compromised: [],
  })
  const leaf = inventory.identities.get(address)!.current!.chain[0]!
  expect(fingerprintOf(leaf)).toBe(
    inventory.ledger.lines.find((made) => made.address === address)!.fingerprint,
  )
})

test('a receipt alone opens no gate: its installer said so, and nobody saw it', async () => {
  const world = await Rotating.begun()
  await world.seeAll()
  const { observations, receipts } = world.evidence
  const [seen] = observations.filter(({ address }) => address === 'identity/client/global/c1')
  observations.splice(observations.indexOf(seen!), 1)
  const { address, fingerprint, generation } = seen!
  receipts.push({
    address,
    fingerprint,
    generation: generation!,
    at: world.now,
    archive: null,
    host: 'c1',
  })
  const { open, holds } = await world.judge()
  expect(open).toBe(false)
  expect(holds).toMatchObject([{ address, remedy: `nomad-pki probe ${address}` }])
})

test('a server with an older leaf of this stage has to show it at its RPC port, too', async () => {
  const s1 = 'server/global/s1'
  const world = await Rotating.begun()
  await world.apply({ renew: [`identity/${s1}`] })
  await world.seeAll()
  const { observations } = world.evidence
  observations.splice(
    0,
    observations.length,
    ...observations.filter(({ address }) => address !== `identity/${s1}`),
  )
  await world.see(s1, 4646, both, { generation: 2 })
  expect((await world.judge()).holds.map(({ address }) => address)).toEqual([`identity/${s1}`])
  await world.see(s1, 4647, both, { generation: 2 })
  expect(await world.holds()).toEqual([])
})
