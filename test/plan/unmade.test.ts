import { expect, test } from 'vitest'
import type { Plan, Step } from '../../src/plan/plan.js'
import type { Finding } from '../../src/diagnostics.js'
import { unmadeFor } from '../../src/plan/unmade.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { World } from '../world.js'

const addresses = [
  'identity/server/global/s1',
  'identity/server/global/s2',
  'identity/operator/global/alice',
  'authority/agent/1',
  'bundle/agent',
  'config/global/s2',
]

async function planOf(severity: Finding['severity']): Promise<Plan> {
  const world = new World(
    'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n',
  )
  const { plan } = makePlan(world.desired, await world.inventory(), { now: world.now })
  const steps = addresses.map((address): Step => ({ ...plan.steps[0]!, address }))
  const findings = addresses.map((address) => ({
    ...{ severity, address, reason: 'incomplete', message: 'wrong' },
  }))
  return { ...plan, steps, findings }
}

const isMeant = (address: string): boolean => address === 'identity/server/global/s1'
const received = [
  'identity/server/global/s1',
  'authority/agent/1',
  'bundle/agent',
  'config/global/s2',
]

test('what is not made for an agent: its own certificate, and all that agents share', async () => {
  const { steps, errors } = unmadeFor(await planOf('error'), isMeant)
  expect(steps).toBe(received.length)
  expect(errors.map(({ address }) => address)).toEqual(received)
})

test('a warning holds nothing', async () => {
  expect(unmadeFor(await planOf('warning'), isMeant).errors).toEqual([])
})
