import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import { makePlan } from '../../src/plan/make-plan.js'
import type { Plan } from '../../src/plan/plan.js'
import { day, World } from '../world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
  west: { issuer: agent, lifetime: 3y }
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: {} }
  us-west:
    authority: west
    servers: { w1: {} }
`

/** A cluster of which all leaves are due. */
async function due(): Promise<World> {
  const world = new World(spec)
  await world.apply()
  return world.later(70 * day)
}

async function planWith(
  world: World,
  ...errors: readonly Pick<Finding, 'address' | 'reason'>[]
): Promise<Plan> {
  const inventory = await world.inventory()
  const findings = errors.map((one) => ({ ...one, severity: 'error', message: 'wrong' }) as const)
  const all = { ...inventory, findings: [...inventory.findings, ...findings] }
  return makePlan(world.desired, all, { now: world.now }).plan
}

const going = ({ steps }: Plan): string[] => steps.map(({ address }) => address).sort()
const held = ({ held: all = [] }: Plan): string[] =>
  all.map(({ address, heldBy }) => `${address} by ${heldBy}`).sort()

const [s1, s2, c1, w1] = [
  'identity/server/global/s1',
  'identity/server/global/s2',
  'identity/client/global/c1',
  'identity/server/us-west/w1',
] as const

describe('an error holds its address and what depends on it', () => {
  test('without errors nothing is held', async () => {
    const plan = await planWith(await due())
    expect(going(plan)).toEqual([c1, s1, s2, w1])
    expect(plan.held).toBeUndefined()
  })

  test.each(['store', 'ledger', 'something else'])('%s: everything', async (address) => {
    const plan = await planWith(await due(), { address, reason: 'ledger-broken' })
    expect(going(plan)).toEqual([])
    expect(held(plan)).toEqual([c1, s1, s2, w1].map((one) => `${one} by ${address}`))
  })

  test('a configuration: no leaf', async () => {
    const plan = await planWith(await due(), {
      address: 'config/global/c1',
      reason: 'stanza-differs',
    })
    expect(going(plan)).toEqual([c1, s1, s2, w1])
  })

  test('what a configuration names: it is edited only where its files are made', async () => {
    const withConfig = spec.replace('s1: {}, s2: {}', 's1: { config: a/s1.hcl }, s2: {}')
    const config = 'config/global/s1'
    const fresh = (): World => {
      const world = new World(withConfig)
      mkdirSync(join(world.folder, 'a'))
      writeFileSync(join(world.folder, 'a/s1.hcl'), 'server {}\n')
      return world
    }
    const ofConfig = (plan: Plan): string[] =>
      held(plan).filter((one) => one.startsWith(config) || one.startsWith(s1))
    // Nothing is made yet: the leaf is held, and so is the stanza that would name it.
    const root = { address: 'authority/agent/1', reason: 'key-mismatch' }
    expect(ofConfig(await planWith(fresh(), root))).toEqual([
      `${config} by ${root.address}`,
      `${s1} by ${root.address}`,
    ])
    expect(ofConfig(await planWith(fresh(), { address: s1, reason: 'link-broken' }))).toEqual([
      `${config} by ${s1}`,
      `${s1} by ${s1}`,
    ])
    expect(ofConfig(await planWith(fresh(), { address: s2, reason: 'link-broken' }))).toEqual([])
    // The files are there, and stay: only their renewal is held.
    const world = fresh()
    await world.apply()
    writeFileSync(join(world.folder, 'a/s1.hcl'), 'server {}\n')
    world.later(70 * day)
    const later = await planWith(world, root)
    expect(ofConfig(later)).toEqual([`${s1} by ${root.address}`])
    expect(going(later)).toContain(config)
    const broken = await planWith(world, { address: s1, reason: 'link-broken' })
    expect(ofConfig(broken)).toEqual([`${config} by ${s1}`, `${s1} by ${s1}`])
  })

  test('an identity: itself alone', async () => {
    const plan = await planWith(await due(), { address: s1, reason: 'link-broken' })
    expect(going(plan)).toEqual([c1, s2, w1])
    expect(held(plan)).toEqual([`${s1} by ${s1}`])
  })

  test('a lifetime that does not fit: all that share the terms', async () => {
    const plan = await planWith(await due(), { address: s1, reason: 'beyond-issuer' })
    expect(going(plan)).toEqual([c1, w1])
  })

  test('an intermediate: what it signs', async () => {
    const plan = await planWith(await due(), {
      address: 'authority/west/1',
      reason: 'key-mismatch',
    })
    expect(going(plan)).toEqual([c1, s1, s2])
    expect(held(plan)).toEqual([`${w1} by authority/west/1`])
  })

  test('a root: what it signs, and not what its intermediate signs', async () => {
    const plan = await planWith(await due(), {
      address: 'authority/agent/1',
      reason: 'key-mismatch',
    })
    expect(going(plan)).toEqual([w1])
  })

  test('a root that is not made: its bundle, its intermediate, and all below', async () => {
    const plan = await planWith(new World(spec), {
      address: 'authority/agent/1',
      reason: 'missing',
    })
    expect(going(plan)).toEqual([])
    expect(held(plan)).toHaveLength(7)
  })

  test('an old root in doubt: no change of trust, and nothing under it', async () => {
    const world = await due()
    world.edit(
      'agent: { lifetime: 10y }',
      'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }',
    )
    const plan = await planWith(world, {
      address: 'authority/agent/1',
      reason: 'fingerprint-differs',
    })
    expect(going(plan)).not.toContain('bundle/agent')
    expect(going(plan).filter((address) => address.startsWith('identity/'))).toEqual([])
  })

  test('a bundle: what would carry it, and no authority', async () => {
    const plan = await planWith(new World(spec), {
      address: 'bundle/agent',
      reason: 'trust-needed',
    })
    expect(going(plan)).toEqual(['authority/agent/1', 'authority/west/1'])
    expect(held(plan)).toEqual(
      ['bundle/agent', c1, s1, s2, w1].map((one) => `${one} by bundle/agent`),
    )
  })

  test('an identity that the spec does not name: nothing else', async () => {
    const gone = { address: 'identity/server/global/gone', reason: 'link-broken' }
    expect(going(await planWith(await due(), gone))).toEqual([c1, s1, s2, w1])
  })

  test('while anything is held, no authority is pruned', async () => {
    const world = await due()
    world.edit('agent: { lifetime: 10y }', 'agent: { lifetime: 10y, signing: 2 }')
    const inventory = await world.inventory()
    const error = {
      severity: 'error',
      address: s1,
      reason: 'link-broken',
      message: 'wrong',
    } as const
    const { plan } = makePlan(
      world.desired,
      { ...inventory, findings: [error] },
      { now: world.now, prune: true },
    )
    expect(going(plan)).not.toContain('authority/agent/1')
    expect(held(plan)).toContain(`authority/agent/1 by ${s1}`)
  })
})

test('while anything is held, certificates that the spec no longer names are pruned all the same', async () => {
  const world = await due()
  world.edit(', s2: {}', '')
  const inventory = await world.inventory()
  const findings = [
    { severity: 'error', address: s1, reason: 'link-broken', message: 'wrong' } as const,
  ]
  const options = { now: world.now, prune: true }
  const { plan } = makePlan(world.desired, { ...inventory, findings }, options)
  expect(plan.steps.map(({ action, address }) => `${action} ${address}`)).toContain(`remove ${s2}`)
  expect(held(plan)).toEqual([`${s1} by ${s1}`])
})
