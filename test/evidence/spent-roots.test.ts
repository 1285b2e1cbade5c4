/** Which roots nobody lives by any more. */

import { describe, expect, test } from 'vitest'
import { spentRoots } from '../../src/evidence/spent-roots.js'
import { MemoryWorld } from '../memory-world.js'
import { day } from '../world.js'

const before = 'agent: { lifetime: 10y }'
const crossed = 'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }'
const spec = `version: 1
cluster: acme
authorities:
  ${before}
regions:
  global:
    servers: { s1: {} }
    clients: { c1: {} }
`

describe('a root that was crossed', () => {
  test.each([
    ['while its leaves live', 80, []],
    // An agent may have the new leaf beside an older ca_file.
    ['once its leaves have ended, and one below the new root lives', 95, []],
    ['once every leaf has ended', 150, ['authority/agent/1', 'authority/agent/2']],
  ])('%s', async (_, days, expected) => {
    const world = new MemoryWorld(spec)
    const began = world.now
    await world.apply()
    world.edit(before, crossed)
    await world.later(50 * day).apply({ renew: ['identity/server/global/s1'] })
    const inventory = await world.inventory()
    const now = began + days * day
    const spent = spentRoots({ inventory, desired: world.desired, judgements: new Map(), now })
    expect([...spent].sort()).toEqual(expected)
  })
})

test('a certificate that the ledger does not have may live by any root', async () => {
  const world = new MemoryWorld(spec)
  await world.apply()
  const inventory = await world.inventory()
  const judgements = new Map([['identity/client/global/c1', { state: 'foreign' as const }]])
  const [now, { desired }] = [world.now + 100 * day, world]
  expect([...spentRoots({ inventory, desired, judgements, now })]).toEqual([])
  expect([...spentRoots({ inventory, desired, judgements: new Map(), now })]).toEqual([
    'authority/agent/1',
  ])
})
