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

  const step = { address: 'bundle/agent', action: 'write', reasons: [{ reason: 'missing' }] }
  const withStep = (more: unknown): string =>
    JSON.stringify({
      ...{ format: 'nomad-pki/plan', version: 1, cluster: 'a', madeAt: 1 },
      ...{ steps: [step, more], orphans: [], findings: [] },
    })

  test.each([
    ['no reasons', { ...step, reasons: [] }],
    ['two reasons', { ...step, reasons: [{ reason: 'missing' }, { reason: 'x', message: 'y' }] }],
    ['no content', { ...step, content: {} }],
    ['texts and lists', { ...step, content: { key: 'rsa', names: ['a', 'b'], none: [] } }],
  ])('a step with %s is one', (_what, good) => {
    expect(parsePlan(withStep(good)).steps).toEqual([step, good])
  })

  test.each([
    ['is nothing', null],
    ['is a text', 'write'],
    ['is a list', [step]],
    ['has no address', { ...step, address: undefined }],
    ['has a number for its address', { ...step, address: 1 }],
    ['has no action', { ...step, action: undefined }],
    ['has no reasons', { ...step, reasons: undefined }],
    ['has one reason alone', { ...step, reasons: { reason: 'missing' } }],
    ['has a reason that is a text', { ...step, reasons: [{ reason: 'missing' }, 'missing'] }],
    ['has a reason that is nothing', { ...step, reasons: [null] }],
    ['has a reason without a code', { ...step, reasons: [{ message: 'missing' }] }],
    ['has a text as its content', { ...step, content: 'rsa' }],
    ['has a list as its content', { ...step, content: ['rsa'] }],
    ['has nothing as its content', { ...step, content: null }],
    ['has a number in its content', { ...step, content: { key: 'rsa', bits: 2048 } }],
    ['has a number in a list of its content', { ...step, content: { names: ['a', 1] } }],
    ['has an object in its content', { ...step, content: { names: { length: 0 } } }],
  ])('a step that %s is none', (_what, bad) => {
    expect(() => parsePlan(withStep(bad))).toThrow(
      expect.objectContaining({
        code: 'ERR_PLAN_INVALID',
        message: expect.stringMatching(/^not a saved plan: .*step 2/) as string,
        hint: 'nomad-pki plan --out FILE writes one',
      }),
    )
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
