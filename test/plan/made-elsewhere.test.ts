/** A certificate whose key another store has: nothing is made anew while the agent is known to use it. */

import { expect, test } from 'vitest'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import { makePlan, type MakePlanOptions } from '../../src/plan/make-plan.js'
import type { Plan } from '../../src/plan/plan.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { MemoryWorld } from '../memory-world.js'
import { day } from '../world.js'

const s1 = 'identity/server/global/s1'

/** The certificate of s1 is known and its key is not here; seen: the agent presented it, or another one. */
async function elsewhere(seen?: 'its own' | 'another'): Promise<[MemoryWorld, () => Inventory]> {
  const world = await new MemoryWorld(
    'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n',
  ).apply()
  const inventory = await world.inventory()
  const found = inventory.identities.get(s1)!
  const current = { ...found.current!, key: { state: 'elsewhere' } as const }
  const own = fingerprintOf(current.chain[0]!)
  const line: LedgerEvent = {
    event: 'observed',
    ...{ address: s1, at: world.now, run: world.now, endpoint: '10.0.0.1:4646' },
    ...{ rpc: false, trusts: ['authority/agent/1'], asked: s1 },
    ...(seen === 'another'
      ? { generation: null, fingerprint: 'ab'.repeat(32) }
      : { generation: 1, fingerprint: own }),
  }
  const events = [...inventory.ledger.events]
  if (seen !== undefined) events.push(line, { ...line, rpc: true, endpoint: '10.0.0.1:4647' })
  const identities = new Map([[s1, { ...found, current }]])
  const ledger = { ...inventory.ledger, events }
  return [world, () => ({ ...inventory, identities, ledger })]
}
const planOf = (
  [world, inventory]: Awaited<ReturnType<typeof elsewhere>>,
  options: Partial<MakePlanOptions> = {},
): Plan => makePlan(world.desired, inventory(), { now: world.now, ...options }).plan
const told = (plan: Plan): readonly string[] => [
  ...plan.steps.map(
    ({ action, address, reasons }) =>
      `${action} ${address} ${reasons.map(({ reason }) => reason).join(' ')}`,
  ),
  ...plan.findings.map(({ severity, reason }) => `${severity} ${reason}`),
]

test.each([undefined, 'another'] as const)(
  'seen with %s: it is made anew, with the reason, and verify says so',
  async (seen) => {
    const world = await elsewhere(seen)
    expect(told(planOf(world))).toEqual([`renew ${s1} key-elsewhere`])
    const found = verifyCluster(world[0].desired, world[1](), { now: world[0].now })
    expect(found).toContainEqual(
      expect.objectContaining({ severity: 'error', address: s1, reason: 'key-elsewhere' }),
    )
  },
)

test('its agent has it: nothing is made, and both say whose it is and until when', async () => {
  const world = await elsewhere('its own')
  const plan = planOf(world)
  expect(told(plan)).toEqual(['note key-elsewhere'])
  expect(plan.findings[0]!.message).toMatch(/was made elsewhere, its agent has it.* until 20\d\d-/)
  const found = verifyCluster(world[0].desired, world[1](), { now: world[0].now })
  expect(found.filter(({ address }) => address === s1)).toMatchObject([
    { severity: 'note', reason: 'key-elsewhere' },
  ])
})

test('its agent has it, and it is due: it is made anew for that reason alone', async () => {
  const world = await elsewhere('its own')
  world[0].later(70 * day)
  expect(told(planOf(world))).toEqual([`renew ${s1} nearing-expiry`])
})

test('a person gets a new key of this store; the other one cannot be kept', async () => {
  const asked = { renew: [s1], only: [s1] }
  const world = await elsewhere('its own')
  expect(told(planOf(world, asked))).toEqual([`renew ${s1} requested`])
  expect(told(planOf(world, { ...asked, keepKey: true }))).toEqual(['error key-elsewhere'])
})
