import { expect, test } from 'vitest'
import { day, World } from '../world.js'

test('a changed lifetime is told, with the day from which it counts', async () => {
  const world = new World()
  await world.apply()
  expect((await world.plan()).findings).toEqual([])
  world.edit('clients: { c1: {} }', 'clients: { c1: { lifetime: 30d, renewBefore: 10d } }')
  const { steps, findings } = await world.plan()
  expect(steps).toEqual([])
  expect(findings).toEqual([
    expect.objectContaining({
      severity: 'note',
      address: 'identity/client/global/c1',
      reason: 'lifetime-differs',
      message: expect.stringMatching(
        /^it was made for 90d, the spec says 30d: that takes effect with its renewal, from 2027-/,
      ) as string,
      remedy: 'for a new one now: nomad-pki rotate leaves identity/client/global/c1',
    }),
  ])
  await world.apply({ renew: ['identity/client/global/c1'] })
  expect((await world.later(day).plan()).findings).toEqual([])
})
