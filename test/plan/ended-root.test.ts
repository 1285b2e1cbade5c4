/**
 * An authority that has ended: what it holds up, and that the fix that is printed cures it.
 */

import { describe, expect, test } from 'vitest'
import { day, World } from '../world.js'

const first = 'agent: { lifetime: 400d }'
const next = {
  crossed: 'agent: { lifetime: 400d, signing: 2, trusted: [1, 2], crossed: true }',
  staged: 'agent: { lifetime: 400d, signing: 2, trusted: [1, 2] }',
} as const

const text = `version: 1
cluster: acme
authorities:
  ${first}
regions:
  global:
    servers: { s1: {} }
    clients: { c1: {} }
`

/** The old root has ended; root 2 is healthy and signs. */
async function oldEnded(way: keyof typeof next): Promise<World> {
  const world = new World(text)
  await world.apply()
  world.later(350 * day)
  world.edit(first, next[way])
  await world.apply()
  world.later(51 * day)
  return world
}

describe.each(['crossed', 'staged'] as const)('%s, and the old root has ended', (way) => {
  test('renewals go on, and nothing is an error', async () => {
    const world = await oldEnded(way)
    const plan = await world.plan({ renew: ['identity/client/global/c1'] })
    expect(
      plan.findings.map(({ severity, address, reason }) => [severity, address, reason]),
    ).toEqual([['warning', 'authority/agent/1', 'expired']])
    expect(plan.steps.map(({ address }) => address)).toContain('identity/client/global/c1')
    await world.apply({ renew: ['identity/client/global/c1'] })
  })

  test('the fix that is printed takes it out', async () => {
    const world = await oldEnded(way)
    const [finding] = (await world.plan()).findings
    expect(finding!.remedy).toBe(
      'take 1 out of `trusted` of agent in the spec, then: nomad-pki apply',
    )
    world.edit('trusted: [1, 2]', 'trusted: [2]')
    expect((await world.plan()).findings).toEqual([])
    await world.apply()
    expect(await world.steps()).toEqual([])
  })
})

test('the only root has ended: the fix that is printed begins another', async () => {
  const world = new World(text)
  await world.apply()
  world.later(401 * day)
  const error = (await world.plan()).findings.find(({ severity }) => severity === 'error')
  expect(error).toMatchObject({ address: 'authority/agent/1', reason: 'expired' })
  const [, said = ''] = /^set `(.*)` for agent in the spec/.exec(error!.remedy!)!
  expect(said).toBe('signing: 2, trusted: [2]')
  world.edit(first, `agent: { lifetime: 400d, ${said} }`)
  expect((await world.plan()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
  await world.apply()
  expect(await world.steps()).toEqual([])
})
