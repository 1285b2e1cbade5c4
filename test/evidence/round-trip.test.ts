/** What a probe notes itself is what an import of its file notes, to the last word. */

import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { evidenceIn, type SeenPort } from '../../src/evidence/evidence.js'
import { formatEvidence } from '../../src/evidence/evidence-file.js'
import { generationsIn } from '../../src/evidence/generations.js'
import { importEvidence } from '../../src/evidence/import-evidence.js'
import { newLinesOf, type ProbeSeen } from '../../src/evidence/new-lines.js'
import { recogniser } from '../../src/evidence/recognise.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import type { Desired } from '../../src/cluster/desired.js'
import { withRecognised } from '../../src/evidence/unknown-members.js'
import { World } from '../world.js'
import { seed } from '../seed.js'

const root = 'authority/agent/1'
const agents = ['server/global/s1', 'server/global/s2', 'client/global/c1'].map(
  (name) => `identity/${name}`,
)
let desired: Desired
let inventory: Inventory
let now = 0
let leaves: readonly string[] = []

beforeAll(async () => {
  const world = new World()
  await world.apply()
  world.later(1000)
  await world.apply({ renew: [agents[0]!] })
  desired = world.desired
  inventory = await world.inventory()
  now = world.later(60_000).now
  leaves = [...generationsIn(inventory).values()].flatMap((made) =>
    made.map(({ fingerprint }) => fingerprint),
  )
})

const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,11}$/)
const ago = fc.nat(20_000)
const address = fc.oneof(
  fc.constantFrom(...agents),
  fc.constant('member/global/s9'),
  fc.constant('member/us-west/c7'),
)
const port = { asked: address, host: fc.nat(3), rpc: fc.boolean() }

const seen = fc.record({
  ...port,
  ago,
  leaf: fc.nat(9),
  trusts: fc.option(fc.uniqueArray(fc.constantFrom(root, 'CN=Rogue', 'CN=acme'))),
  issuers: fc.uniqueArray(fc.constantFrom('CN=acme', 'CN=x')),
  accepts: fc.option(fc.constant([root]), { nil: undefined }),
  refuses: fc.option(fc.constant([root]), { nil: undefined }),
  under: fc.boolean(),
})
const silent = fc.record({
  ...port,
  message: fc.string({ maxLength: 1200, unit: fc.constantFrom('a', 'é', ' ', '"') }),
})
const members = fc.record(
  {
    region: fc.constantFrom('global', 'us-west'),
    ago,
    servers: fc.uniqueArray(name),
    clients: fc.uniqueArray(name),
    gone: fc.uniqueArray(name),
    leader: name,
    incomplete: name,
    skew: fc.integer({ min: -9_000_000, max: 9_000_000 }),
    known: fc.uniqueArray(name),
    nodes: fc.array(
      fc.record(
        {
          id: fc.uuid(),
          name,
          kind: fc.constantFrom('server', 'client'),
          status: fc.constantFrom('alive', 'failed', 'left', 'ready', 'down', 'disconnected'),
          endpoint: fc.constantFrom('10.0.0.1:4647', '[::1]:4646'),
          since: fc.nat(),
        },
        { requiredKeys: ['id', 'name', 'kind', 'status'] },
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['region', 'ago', 'servers', 'clients', 'gone'] },
)

const endpointOf = (host: number, rpc: boolean): string => `10.0.0.${host}:464${rpc ? 7 : 6}`

/** As `probeCluster` tells it. */
function sighting(one: typeof seen extends fc.Arbitrary<infer T> ? T : never): SeenPort {
  const { asked, host, rpc, ago: before, leaf, trusts, issuers, accepts, refuses } = one
  const known = recogniser(inventory)
  const fingerprint = leaves[leaf] ?? `${leaf}`.repeat(64)
  const whose = known.leaf(fingerprint)?.address
  return {
    ...{ address: whose ?? asked, asked, at: now - before, endpoint: endpointOf(host, rpc), rpc },
    ...{ fingerprint, generation: known.generation(fingerprint, trusts), trusts, issuers },
    ...(accepts !== undefined && { accepts }),
    ...(refuses !== undefined && { refuses }),
    ...(whose === undefined && one.under && { under: root, serial: '0a0b' }),
  }
}

function sorted(events: readonly LedgerEvent[]): readonly LedgerEvent[] {
  const keyOf = (one: LedgerEvent): string =>
    JSON.stringify([
      one.event,
      'endpoint' in one && [one.endpoint, one.rpc],
      'region' in one && one.region,
    ])
  return [...events].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

test('the lines of a probe are the lines of its file', () => {
  fc.assert(
    fc.property(
      fc.array(seen, { maxLength: 5 }),
      fc.array(silent, { maxLength: 3 }),
      fc.uniqueArray(members, { maxLength: 2, selector: ({ region }) => region }),
      (sightings, silences, regions) => {
        const ports = new Set(sightings.map(({ host }) => host))
        const presented = sightings.map(sighting)
        const wanted = new Set(desired.identities.map((one) => one.address))
        const recognised = new Set(
          presented.flatMap(({ address: whose, asked }) => (wanted.has(whose) ? [asked] : [])),
        )
        const probe: ProbeSeen = {
          at: now - 30_000,
          seen: presented,
          // One port answers or it does not.
          silent: silences
            .filter(({ host }) => !ports.has(host))
            .map(({ asked, host, rpc, message }) => ({
              ...{ address: asked, endpoint: endpointOf(host, rpc), rpc, message },
            })),
          members: regions.map(({ ago: before, ...rest }) =>
            withRecognised({ at: now - before, ...rest }, recognised),
          ),
        }
        const direct = newLinesOf(probe, evidenceIn(inventory.ledger, { now }))
        const text = formatEvidence('acme', probe, now)
        const taken = importEvidence([{ file: 'x.json', text }], { desired, inventory, now })
        expect(taken.diagnostics).toEqual([])
        expect(sorted(taken.events)).toEqual(sorted(direct))
      },
    ),
    { seed, numRuns: 300 },
  )
})

const header = `{"format":"nomad-pki/evidence","version":2,"cluster":"acme","at":1}\n`

test.each([
  ['accepts', { accepts: ['authority/agent/9'] }],
  ['refuses', { refuses: ['CN=acme'] }],
  ['under', { under: 'authority/other/1', serial: '0a' }],
])('%s must name an authority of this store', (key, more) => {
  const one = {
    ...{ event: 'observed', address: agents[0]!, at: now, endpoint: '10.0.0.1:4646', rpc: false },
    ...{ fingerprint: 'ab'.repeat(32), generation: null, trusts: null, ...more },
  }
  const text = `${header}${JSON.stringify(one)}\n`
  const taken = importEvidence([{ file: 'x.json', text }], { desired, inventory, now })
  expect(taken.events).toEqual([])
  expect(taken.diagnostics).toEqual([
    expect.objectContaining({
      code: 'evidence/address',
      message: expect.stringContaining(key) as string,
    }),
  ])
})

test('a file from the future is refused, also by when its probe began', () => {
  const asked = { event: 'silent', address: agents[0]!, at: now, endpoint: '10.0.0.1:4646' }
  const line = { ...asked, rpc: false, message: 'x', run: now + 3_600_000 }
  const text = `${header}${JSON.stringify(line)}\n`
  const taken = importEvidence([{ file: 'x.json', text }], { desired, inventory, now })
  expect(taken.diagnostics).toEqual([expect.objectContaining({ code: 'evidence/time' })])
})
