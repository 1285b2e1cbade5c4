/** The example of docs/proof.md, done line by line: each line says there what comes of it here. */

import fs from 'node:fs'
import { expect, test } from 'vitest'
import { counted, fellSilent, observed } from '../../src/evidence/evidence.js'
import { judgeAll } from '../../src/evidence/judge.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { told } from '../ledger.js'
import { World } from '../world.js'
import { parseSpec } from '../../src/cluster/parse.js'

const [, block = ''] =
  /## An example[^]*?```text\n([^]*?)```/.exec(
    fs.readFileSync(new URL('../../docs/proof.md', import.meta.url), 'utf8'),
  ) ?? []
const lines = block.trimEnd().split('\n')

const specWith = (authority: string): string => `version: 1
cluster: acme
authorities: { agent: { ${authority} } }
regions: { global: { servers: { s1: {}, s2: {} }, clients: { c1: {} } } }
`
const before = specWith('lifetime: 10y')
const both = specWith('lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true')
const last = specWith('lifetime: 10y, signing: 2, trusted: [2], crossed: true')

const agents = ['server/global/s1', 'server/global/s2', 'client/global/c1'] as const
type Agent = (typeof agents)[number]

const world = new World(before)

/** Sets the clock to a time of the example's day. */
function at(time: string): void {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  world.now = tenOClock + (hour - 10) * 3_600_000 + minute * 60_000
}
let tenOClock = 0

async function note(events: readonly LedgerEvent[]): Promise<void> {
  const { store } = world
  const lock = await store.lock()
  const batch = store.batch()
  for (const event of events) batch.record(event)
  await batch.commit()
  await lock.release()
}

/** The leaf of an agent's generation. */
async function leafOf(agent: Agent, generation: number): Promise<string> {
  const { events } = (await world.inventory()).ledger
  const line = events.find(
    (one) =>
      (one.event === 'issued' || one.event === 'refreshed') &&
      one.address === `identity/${agent}` &&
      one.generation === generation,
  )
  return (line as { readonly fingerprint: string }).fingerprint
}

/** One probe of some agents, all ports. */
async function probe(
  generation: number,
  trusts: readonly number[],
  asked: readonly Agent[] = agents,
): Promise<void> {
  const seen = []
  for (const agent of asked) {
    const fingerprint = await leafOf(agent, generation)
    for (const port of agent.startsWith('server') ? [4646, 4647] : [4646]) {
      seen.push(
        observed({
          address: `identity/${agent}`,
          ...{ at: world.now, run: world.now, generation, fingerprint, rpc: port === 4647 },
          endpoint: `10.0.0.${agents.indexOf(agent) + 1}:${port}`,
          trusts: trusts.map((root) => `authority/agent/${root}`),
        }),
      )
    }
  }
  const members = { servers: ['s1.global', 's2.global'], clients: ['c1'], gone: [] }
  await note([...seen, counted({ region: 'global', at: world.now, ...members })])
}

async function states(): Promise<Record<string, string>> {
  const judged = judgeAll(await world.inventory(), { now: world.now })
  return Object.fromEntries([...judged].map(([address, { state }]) => [address.slice(-2), state]))
}

/** The agents that the plan waits for. */
async function heldBy(): Promise<string[]> {
  const { findings } = await world.plan()
  const refused = findings.filter(({ reason }) => reason === 'trust-needed')
  return refused.map(({ message }) => message.slice(message.indexOf('first: ') + 7))
}

const proven = { s1: 'proven', s2: 'proven', c1: 'proven' }

/** What is done at each line, and what must come of it, in the order of the page. */
const done: readonly (readonly [time: string, says: RegExp, act: () => Promise<void>])[] = [
  [
    '10:00',
    /probe .*proven$/,
    async () => {
      await probe(2, [1, 2])
      expect(await states()).toEqual(proven)
    },
  ],
  [
    '11:00',
    /nothing listens.*c1 silent$/,
    async () => {
      const silence = { endpoint: '10.0.0.3:4646', rpc: false, message: 'nothing listens there' }
      const moment = { at: world.now, run: world.now }
      await note([fellSilent({ address: 'identity/client/global/c1', ...moment, ...silence })])
      expect(await states()).toEqual({ ...proven, c1: 'silent' })
    },
  ],
  [
    '11:05',
    /trusted: \[2\].*refused: c1 holds it$/,
    async () => {
      world.edit(both, last)
      expect(await heldBy()).toEqual([expect.stringContaining('client/global/c1')])
    },
  ],
  [
    '11:30',
    /generation 1 .*c1 lagging$/,
    async () => {
      await probe(1, [1], ['client/global/c1'])
      expect(await states()).toEqual({ ...proven, c1: 'lagging' })
    },
  ],
  [
    '11:40',
    /receipt .*c1 proven, not seen since$/,
    async () => {
      const fingerprint = await leafOf('client/global/c1', 2)
      const detail = { generation: 2, fingerprint, archive: null, host: 'c1', state: 'reloaded' }
      await note([told('received', 'identity/client/global/c1', world.now, detail)])
      expect(await states()).toEqual(proven)
    },
  ],
  [
    '11:41',
    /apply .*refused: a receipt alone$/,
    async () => {
      expect(await heldBy()).toEqual([expect.stringMatching(/client\/global\/c1.*not seen/)])
    },
  ],
  [
    '11:42',
    /probe .*proven: apply goes on$/,
    async () => {
      await probe(2, [1, 2])
      expect(await states()).toEqual(proven)
      expect(await heldBy()).toEqual([])
    },
  ],
  [
    '12:00',
    /generation 3 .*all lagging$/,
    async () => {
      await world.apply()
      expect(await states()).toEqual({ s1: 'lagging', s2: 'lagging', c1: 'lagging' })
    },
  ],
  [
    '12:30',
    /probe .*proven: the rotation has ended$/,
    async () => {
      await probe(3, [2])
      expect(await states()).toEqual(proven)
      const rotation = rotationOf(parseSpec(last).spec!, await world.inventory(), 'agent', {
        now: world.now,
      })!
      expect(['carrying', 'settled']).toContain(rotation.position)
    },
  ],
]

test('the example of docs/proof.md is so', async () => {
  await world.apply()
  world.later(3_600_000)
  world.edit(before, both)
  await world.apply()
  tenOClock = world.now + 3_600_000
  expect(lines).toHaveLength(done.length)
  for (const [index, [time, says, act]] of done.entries()) {
    expect(lines[index]!.slice(0, 5)).toBe(time)
    expect(lines[index]).toMatch(says)
    at(time)
    await act()
  }
})
