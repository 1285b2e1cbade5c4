/**
 * Two regions under two roots, in one store: agents of the one neither trust the other's root nor need
 * it, so they hold no gate of its rotation.
 */

import { expect, test } from 'vitest'
import { note } from '../../src/inventory/note.js'
import { underLock } from '../../src/cli/under-lock.js'
import { gateOf } from '../../src/rotation/gate-of.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { World } from '../world.js'
import { probed } from './lines.js'

const specText = (agent: string): string => `version: 1
cluster: acme
authorities:
  agent: { ${agent} }
  west: { lifetime: 10y }
regions:
  global: { authority: agent, servers: { s1: {} } }
  us-west: { authority: west, servers: { w1: {} } }
operators:
  alice: { region: us-west }
`

const [s1, w1] = ['identity/server/global/s1', 'identity/server/us-west/w1']
const stages = [
  'lifetime: 10y',
  'lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true',
  'lifetime: 10y, signing: 2, trusted: [2], crossed: true',
]

async function probe(world: World, addresses: readonly string[]): Promise<void> {
  const { now: at, store } = world.later(1000)
  const shown = addresses.map((address, host) => ({ address, at, host: `10.0.0.${host + 1}` }))
  const lines = probed(await world.inventory(), shown)
  const members = addresses.map((address) => {
    const [, , region, name] = address.split('/')
    const lists = { servers: [`${name!}.${region!}`], clients: [], gone: [] }
    return { event: 'members' as const, address: 'cluster', at, region: region!, ...lists }
  })
  await underLock(store, 'test', () => note(store, [...lines, ...members]))
}

const gate = async (world: World, agent: string): Promise<ReturnType<typeof gateOf>> => {
  const { spec } = parseSpec(specText(agent), { file: 'cluster.yaml' })
  const inventory = await world.inventory()
  const rotation = rotationOf(spec!, inventory, 'agent', world)
  return gateOf(rotation!, world.desired, inventory, world)
}

test('the rotation of one root waits for its own agents alone', async () => {
  const world = new World(specText(stages[0]!))
  await world.apply()
  await probe(world, [s1, w1])
  world.later(1000).edit(stages[0]!, stages[1]!)
  await world.apply()
  // The other region was last asked long ago; its operator has a certificate of its own root.
  world.later(2 * 86_400_000)
  expect(await gate(world, stages[1]!)).toMatchObject({
    open: false,
    agents: 1,
    holds: [{ address: s1 }, { address: 'member/global' }],
    notes: [],
  })
  await probe(world, [s1])
  expect(await gate(world, stages[1]!)).toMatchObject({ open: true, agents: 1, proven: 1 })

  world.edit(stages[1]!, stages[2]!)
  expect((await world.plan()).findings).toEqual([])
  await world.apply()
  await probe(world, [s1])
  expect(await gate(world, stages[2]!)).toBeUndefined()
})
