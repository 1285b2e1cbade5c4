import { describe, expect, test } from 'vitest'
import { comparePlans, formatPlan, parsePlan } from '../../src/plan/plan-file.js'
import { day, World } from '../world.js'

describe('a saved plan', () => {
  test('is read back as it was', async () => {
    const plan = await new World().plan()
    expect(parsePlan(formatPlan(plan))).toEqual(JSON.parse(JSON.stringify(plan)))
  })

  test.each([
    ['', 'not JSON'],
    ['{', 'not JSON'],
    ['[]', 'format'],
    ['{"format":"nomad-pki/status","version":1}', 'format'],
    ['{"format":"nomad-pki/plan","version":2}', 'version'],
    ['{"format":"nomad-pki/plan","version":1}', 'missing'],
    [
      '{"format":"nomad-pki/plan","version":1,"cluster":"a","madeAt":1,"steps":[{"address":"a"}],"orphans":[],"findings":[]}',
      'step 1',
    ],
  ])('%j is none', (text, why) => {
    expect(() => parsePlan(text)).toThrow(why)
  })

  test('fits as long as what is to be done is the same, whatever the time', async () => {
    const world = new World()
    const saved = await world.plan()
    expect(comparePlans(saved, await world.later(day).plan())).toEqual([])
  })

  test('no longer fits when something was done, came, or is done for another reason', async () => {
    const world = new World()
    const saved = await world.plan()
    const more = await world.edit('clients: { c1: {} }', 'clients: { c1: {}, c2: {} }').plan()
    expect(comparePlans(saved, more)).toEqual([
      { address: 'identity/client/global/c2', message: 'new: create (missing)' },
    ])
    await world.apply()
    const done = comparePlans(saved, await world.plan())
    expect(done).toHaveLength(saved.steps.length)
    const due = await world.later(70 * day).plan()
    expect(comparePlans(more, due).map(({ message }) => message)).toContain(
      'was create (missing), is now renew (nearing-expiry)',
    )
  })

  test('is that of its own cluster', async () => {
    const saved = await new World().plan()
    const other = await new World().edit('cluster: acme', 'cluster: other').plan()
    expect(comparePlans(saved, other)).toEqual([
      { address: 'other', message: 'the plan is for the cluster "acme"' },
    ])
  })
})
