import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { rolloutDocument, rolloutText } from '../../src/report/rollout.js'
import { plainStyle } from '../../src/report/style.js'
import {
  parseBatch,
  planRollout,
  type Rollout,
  type RolloutOptions,
} from '../../src/rollout/order.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { seed } from '../seed.js'
import { ledgerWith } from '../ledger.js'

const spec = (global: string, west = ''): string => `version: 1
cluster: acme
regions:
  global: ${global}
${west === '' ? '' : `  us-west: ${west}\n`}operators:
  alice: { region: global }
`
const fleet = '{ servers: { "s[1-3]": {} }, clients: { "c[01-12]": {} } }'

/** What the commands of an order are written with. */
const newPlace = {
  fileFlag: '',
  tls: '/etc/nomad-tls',
  unit: 'nomad.service',
  unapplied: 0,
  errors: [],
}

/** A ledger in which every agent was made twice. */
class Fleet {
  readonly desired
  readonly #events: LedgerEvent[] = []

  constructor(text: string) {
    const { spec: parsed, diagnostics } = parseSpec(text)
    if (parsed === undefined) throw new Error(JSON.stringify(diagnostics))
    this.desired = desire(parsed)
    for (const generation of [1, 2]) {
      for (const { address } of this.desired.identities) this.#made(address, generation)
    }
  }

  #made(address: string, generation: number): void {
    this.#events.push({
      event: 'issued',
      address,
      at: generation,
      generation,
      serial: '0a',
      fingerprint: `${address} ${generation}`,
      notAfter: 1000,
      issuer: 'authority/agent/1',
      trusted: ['authority/agent/1'],
    })
  }

  got(identity: string, generation: number, at = 10): this {
    const address = `identity/${identity}`
    const fingerprint = `${address} ${generation}`
    const receipt = { generation, fingerprint, archive: null, host: null }
    this.#events.push({ event: 'received', address, at, ...receipt })
    return this
  }

  /** Seen at its API with a generation; `null`: it asked for no certificate, so its trust is not seen. */
  seen(identity: string, generation: number, trusts: readonly string[] | null): this {
    const address = `identity/${identity}`
    this.#events.push({
      ...{ event: 'observed', address, at: 12, rpc: false, endpoint: `${identity}:4646` },
      ...{ fingerprint: `${address} ${generation}`, generation, trusts },
    })
    return this
  }

  silent(identity: string): this {
    const message = 'nothing listens there'
    this.#events.push({
      ...{ event: 'silent', address: `identity/${identity}`, at: 15, rpc: false },
      ...{ endpoint: '10.0.0.1:4646', message },
    })
    return this
  }

  stanza(address: string, at: number): this {
    this.#events.push({ event: 'stanza', address, at, restart: ['http'] })
    return this
  }

  members(region: string, servers: string[], clients: string[], leader?: string): this {
    const more: Record<string, string> = leader === undefined ? {} : { leader }
    this.#events.push({
      event: 'members',
      address: 'cluster',
      at: 10,
      ...{ region, servers, clients, gone: [], ...more },
    })
    return this
  }

  rollout(options: Partial<RolloutOptions> & { size?: string } = {}): Rollout {
    const { size = '50%', ...rest } = options
    const inventory = {
      ledger: ledgerWith(this.#events),
      identities: new Map(),
      authorities: new Map(),
    } as unknown as Inventory
    return planRollout(this.desired, inventory, { now: 20, batch: parseBatch(size)!, ...rest })
  }

  /** `global s1`, `global c01+c02` */
  steps(options: Partial<RolloutOptions> & { size?: string } = {}): string[] {
    return this.rollout(options).steps.map(
      ({ region, nodes }) =>
        `${region} ${nodes.map(({ host, leader }) => `${host ?? 'each'}${leader ? '*' : ''}`).join('+')}`,
    )
  }
}

describe('certificates that have ended', () => {
  const servers = (ended: number): string[] => {
    const fleet3 = new Fleet(spec('{ servers: { "s[1-3]": {} }, clients: { c1: {} } }'))
    for (let number = 1; number <= ended; number += 1) fleet3.got(`server/global/s${number}`, 1)
    return fleet3.steps({ now: 2000 })
  }

  test('a quorum is lost: all servers of the region together, then the clients', () => {
    expect(servers(3)).toEqual(['global s1+s2+s3', 'global c1'])
    expect(servers(2)).toEqual(['global s1+s2+s3', 'global c1'])
  })

  test('a quorum is left: one after the other', () => {
    expect(servers(1)).toEqual(['global s1', 'global s2', 'global s3', 'global c1'])
  })
})

test('what has the newest and fell silent is not delivered again, and is not done', () => {
  const fleet1 = new Fleet(spec('{ servers: { s1: {} } }')).got('server/global/s1', 2)
  const { steps, proven, doubtful } = fleet1.silent('server/global/s1').rollout()
  expect({ steps, proven }).toEqual({ steps: [], proven: 0 })
  expect(doubtful).toMatchObject([{ state: 'silent', message: 'nothing listens there' }])
  expect(rolloutText(fleet1.rollout(), plainStyle, newPlace)).toMatch(
    /^server\/global\/s1 is not proven \(silent\): nothing listens there.*\nnothing to deliver, and not finished: 0 of 1 agent/,
  )
})

describe('a stanza that only a restart takes up', () => {
  const text = spec('{ servers: { s1: { config: a/s1 } }, clients: { c1: { config: a/c1 } } }')

  test('planned: the costs and the commands say restart, and of the others reload', () => {
    const restarts = new Set(['config/global/s1'])
    const said = rolloutText(new Fleet(text).rollout({ restarts }), plainStyle, newPlace)
    expect(said).toContain(
      'costs: one restart of each of 1 agent, one reload (SIGHUP, no restart) of each of 1 agent;',
    )
    // The configuration is edited here and read there: files first, then it, then the agent.
    expect(said).toMatch(
      /on s1: .*--reload none\)\n {3}copy a\/s1 to s1, over what its agent reads\n {3}on s1: systemctl restart nomad\n/,
    )
    expect(said).toContain('no archive carries them: copy each to its node')
    expect(said).toMatch(/on c1: .*--reload nomad\)$/m)
    const many = new Fleet(
      spec(
        '{ clients: { "c[01-12]": { config: { paths: [all, "a/{node}.hcl"], write: "a/{node}.hcl" } } } }',
      ),
    )
    const all = many.desired.configs.map(({ address }) => address)
    expect(
      rolloutText(many.rollout({ restarts: new Set(all), size: '100%' }), plainStyle, newPlace),
    ).toMatch(
      /on each: .*--reload none\)\n {3}copy to each its configuration .*\n {3}on each: systemctl restart nomad\n/,
    )
  })

  test('a change that a reload takes up has to reach the node too', () => {
    const edits = new Set(['config/global/s1'])
    const planned = new Fleet(text).got('server/global/s1', 2).rollout({ edits })
    expect(planned.steps[0]!.nodes).toMatchObject([{ restart: false, configs: ['a/s1'] }])
    const { steps } = rolloutDocument(planned, { ...newPlace, cluster: 'acme', at: 20 })
    expect(steps).toMatchObject([{ nodes: [{ load: 'systemctl reload nomad' }] }, {}])
    // Proven after it was written: nothing is left to do there.
    const world = new Fleet(text).got('server/global/s1', 2).stanza('config/global/s1', 15)
    expect(world.steps()).toEqual(['global s1', 'global c1'])
    expect(world.rollout().proven).toBe(1)
    expect(world.got('server/global/s1', 2, 16).steps()).toEqual(['global c1'])
  })

  test('an agent that was seen first and told after the edit has its configuration', () => {
    const seen = new Fleet(text).seen('client/global/c1', 2, ['authority/agent/1'])
    const edited = seen.stanza('config/global/c1', 14)
    expect(edited.steps()).toEqual(['global s1', 'global c1'])
    expect(edited.got('client/global/c1', 2, 16).steps()).toEqual(['global s1'])
  })

  test('agents that read the store read their configuration here', () => {
    const here = text.replace('cluster: acme', 'cluster: acme\nnode: { tls: store }')
    const order = new Fleet(here).rollout({ restarts: new Set(['config/global/s1']) })
    expect(order.steps[0]!.nodes).toMatchObject([{ restart: true, configs: [] }])
    const said = rolloutText(order, plainStyle, { ...newPlace, tls: undefined })
    expect(said).not.toContain('copy')
    expect(said).toContain('on s1: systemctl restart nomad')
  })

  test('written: until the agent was proven after it', () => {
    const world = new Fleet(text).got('server/global/s1', 1).stanza('config/global/s1', 15)
    world.stanza('config/global/c1', 5).got('client/global/c1', 1)
    const nodes = world.rollout().steps.flatMap((step) => step.nodes)
    expect(nodes.map(({ host, restart }) => [host, restart])).toEqual([
      ['s1', true],
      ['c1', false],
    ])
  })
})

describe('the order', () => {
  test('servers one at a time, region by region, then clients in batches', () => {
    const world = new Fleet(spec(fleet, '{ servers: { w1: {} }, clients: { d1: {} } }'))
    expect(world.steps()).toEqual([
      'global s1',
      'global s2',
      'global s3',
      'us-west w1',
      'global c01+c02+c03+c04+c05+c06',
      'global c07+c08+c09+c10+c11+c12',
      'us-west d1',
    ])
    expect(world.rollout().steps.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(world.rollout().leaderless).toEqual(['global'])
  })

  test('the leader comes last, whoever says who it is', () => {
    const world = new Fleet(spec(fleet)).members('global', ['s1.global'], [], 's1.global')
    expect(world.steps().slice(0, 3)).toEqual(['global s2', 'global s3', 'global s1*'])
    expect(world.rollout().leaderless).toEqual([])
    const said = { leaders: ['identity/server/global/s2'] }
    expect(world.steps(said).slice(0, 3)).toEqual(['global s1', 'global s3', 'global s2*'])
  })

  test('regions with several servers to reload and nobody known to lead are named', () => {
    const pair = '{ servers: { a: {}, b: {} } }'
    const world = new Fleet(spec(pair, pair))
    expect(world.rollout().leaderless).toEqual(['global', 'us-west'])
    const leaders = ['identity/server/us-west/b']
    expect(world.rollout({ leaders }).leaderless).toEqual(['global'])
    world.members('global', ['a.global', 'b.global'], [], 'b.global')
    expect(world.rollout().leaderless).toEqual(['us-west'])
    // The leader is known, and has its certificate: what is left can go in any order.
    const many = new Fleet(spec('{ servers: { "s[1-3]": {} } }'))
    many.members('global', ['s1.global'], [], 's1.global').got('server/global/s1', 2)
    expect(many.steps()).toEqual(['global s2', 'global s3'])
    expect(many.rollout().leaderless).toEqual([])
    // One server is left: nobody comes after it.
    const one = new Fleet(spec(pair)).got('server/global/a', 2)
    expect(one.rollout().leaderless).toEqual([])
  })

  test('agents that a reload does not reach are named while they are to be delivered', () => {
    const world = new Fleet(
      spec('{ servers: { s1: { config: a/s1 }, s2: { config: a/s2 } }, clients: { c1: {} } }'),
    )
    expect(world.rollout().notReloaded).toEqual([])
    const notReloaded = new Set(['config/global/s1'])
    const order = world.rollout({ notReloaded })
    expect(order.notReloaded).toEqual(['identity/server/global/s1'])
    const nodes = order.steps.flatMap((step) => step.nodes)
    expect(nodes.map(({ host, restart }) => [host, restart])).toEqual([
      ['s1', true],
      ['s2', false],
      ['c1', false],
    ])
    expect(world.got('server/global/s1', 2).rollout({ notReloaded }).notReloaded).toEqual([])
  })

  test('agents that were seen and asked for no certificate are proven by receipts', () => {
    const world = new Fleet(spec('{ clients: { "c[1-3]": {} } }'))
    world.seen('client/global/c1', 1, null).seen('client/global/c2', 1, ['authority/agent/1'])
    const nodes = world.rollout({ size: '3' }).steps.flatMap((step) => step.nodes)
    expect(nodes.map(({ host, receipt }) => [host, receipt])).toEqual([
      ['c1', true],
      ['c2', false],
      ['c3', false],
    ])
  })

  test('what has the older generation and fell silent is delivered', () => {
    const world = new Fleet(spec('{ servers: { s1: {} } }')).got('server/global/s1', 1)
    expect(world.silent('server/global/s1').steps()).toEqual(['global s1'])
    expect(world.rollout().doubtful).toEqual([])
  })

  test('an agent that is server and client goes with the servers', () => {
    const world = new Fleet(spec('{ combined: { a1: {}, a2: {} }, clients: { c1: {} } }'))
    expect(world.steps()).toEqual(['global a1', 'global a2', 'global c1'])
  })

  test('what is proven drops out, and batches stay as large as they were', () => {
    const world = new Fleet(spec(fleet)).got('server/global/s1', 2).got('server/global/s2', 1)
    for (const name of ['c01', 'c02', 'c03', 'c04', 'c05', 'c06', 'c08']) {
      world.got(`client/global/${name}`, 2)
    }
    expect(world.steps()).toEqual(['global s2', 'global s3', 'global c07+c09+c10+c11+c12'])
    const { agents, proven } = world.rollout()
    expect([agents, proven]).toEqual([15, 8])
  })

  test('many hosts with one identity: those that Nomad names, or each, whoever they are', () => {
    const world = new Fleet(spec('{ servers: { s1: {} }, clients: { shared: true } }'))
    expect(world.steps()).toEqual(['global s1', 'global each'])
    world.members('global', ['s1.global'], ['n1', 'n2', 'n3'])
    expect(world.steps()).toEqual(['global s1', 'global n1', 'global n2', 'global n3'])
    expect(world.steps({ size: '2' })).toEqual(['global s1', 'global n1+n2', 'global n3'])
  })

  test.each<[text: string, size: number | undefined]>([
    ['10%', 1],
    ['100%', 12],
    ['30%', 3],
    ['1', 1],
    ['5', 5],
    ['1000', 12],
    ['0', undefined],
    ['0%', undefined],
    ['101%', undefined],
    ['-1', undefined],
    ['ten', undefined],
    ['', undefined],
  ])('a batch of %j', (text, size) => {
    const batch = parseBatch(text)
    expect(batch === undefined).toBe(size === undefined)
    if (batch === undefined) return
    const { steps } = new Fleet(spec(fleet)).rollout({ batch })
    expect(steps.find(({ kind }) => kind === 'clients')!.nodes).toHaveLength(size!)
  })

  test('following it to its end delivers everything once, from whatever it stopped at', () => {
    const text = spec(fleet, '{ servers: { w1: {}, w2: {} }, clients: { d1: {} } }')
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(30), { maxLength: 20 }),
        (size, done) => {
          const world = new Fleet(text)
          const agents = world.desired.identities.filter(
            ({ profile }) => profile.role !== 'operator',
          )
          const before = new Set(done.map((at) => agents[at % agents.length]!.address))
          for (const address of before) world.got(address.slice('identity/'.length), 2)
          const reached: string[] = []
          const { steps } = world.rollout({ size: String(size) })
          for (const { kind, region, nodes } of steps) {
            expect(nodes.length).toBeLessThanOrEqual(kind === 'server' ? 1 : size)
            for (const { address } of nodes) {
              expect(address.split('/')[2]).toBe(region)
              reached.push(address)
              world.got(address.slice('identity/'.length), 2)
            }
          }
          const kinds = steps.map(({ kind }) => kind)
          expect(kinds).toEqual([...kinds].sort().reverse())
          expect([...reached].sort()).toEqual(
            agents
              .map(({ address }) => address)
              .filter((address) => !before.has(address))
              .sort(),
          )
          expect(world.rollout().steps).toEqual([])
        },
      ),
      { seed, numRuns: 50 },
    )
  })
})

describe('as text', () => {
  const place = {
    fileFlag: '',
    tls: '/etc/nomad.d/tls',
    unit: 'nomad.service',
    unapplied: 0,
    errors: [],
  }

  test('each step has its commands', () => {
    const world = new Fleet(spec('{ servers: { s1: {} }, clients: { "c[1-9]": {} } }'))
    const text = rolloutText(world.rollout({ size: '100%' }), plainStyle, place)
    expect(text).toContain(`1  global: server s1: generation 2, none proven yet
   nomad-pki pack server/global/s1 --out global-s1-2.tar.gz
   on s1: echo 'FINGERPRINT  global-s1-2.tar.gz' | sha256sum -c - && tar -xzf global-s1-2.tar.gz && (cd nomad-pki && sh install.sh --tls /etc/nomad.d/tls --archive ../global-s1-2.tar.gz --reload nomad)
   then: nomad-pki probe server/global/s1
   until it exits 0: nomad operator autopilot health -region global`)
    expect(text).toContain(
      "nomad-pki pack $(printf 'client/global/%s ' c1 c2 c3 c4 c5 c6 c7 c8 c9) --out-dir .",
    )
    expect(text).toContain('rpc error: EOF')
  })

  test('two nodes of one name do not share an archive', () => {
    const world = new Fleet(spec('{ servers: { a: {} } }', '{ servers: { a: {} } }'))
    const text = rolloutText(world.rollout(), plainStyle, place)
    expect(text).toContain('--out global-a-2.tar.gz')
    expect(text).toContain('--out us-west-a-2.tar.gz')
  })

  test('many hosts with one identity have one archive', () => {
    const world = new Fleet(spec('{ servers: { shared: true }, clients: { shared: true } }'))
    world.members('global', ['s1.global'], ['n1', 'n2', 'n3'])
    const text = rolloutText(world.rollout({ size: '100%' }), plainStyle, place)
    expect(text).toContain(`2  global: 3 clients n[1-3]: generation 2, none proven yet
   nomad-pki pack client/global/shared --out global-client-shared-2.tar.gz
   on n[1-3]: echo 'FINGERPRINT  global-client-shared-2.tar.gz' | sha256sum -c - && tar -xzf global-client-shared-2.tar.gz && (cd nomad-pki && sh install.sh --tls /etc/nomad.d/tls --archive ../global-client-shared-2.tar.gz --reload nomad)
   then: nomad-pki probe client/global/shared`)
    expect(text).toContain('--out global-server-shared-2.tar.gz')
  })

  test('agents that read the store itself are only reloaded', () => {
    const world = new Fleet(spec('{ servers: { s1: {} } }'))
    const text = rolloutText(world.rollout(), plainStyle, { ...place, tls: undefined })
    expect(text).toContain('on s1: systemctl reload nomad')
    expect(text).not.toContain('pack')
  })

  test('what was not applied comes first', () => {
    const world = new Fleet(spec('{ servers: { s1: {} } }')).got('server/global/s1', 2)
    const text = rolloutText(world.rollout(), plainStyle, { ...place, unapplied: 2 })
    expect(text).toBe(
      'first: nomad-pki apply (2 steps of the plan)\nnothing to deliver yet: 1 of 1 agent has the newest generation that was made',
    )
  })
})
