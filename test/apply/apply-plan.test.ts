import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { applyPlan, collect } from '../../src/apply/apply-plan.js'
import type { ApplyEvent } from '../../src/apply/events.js'
import { readManifest } from '../../src/inventory/manifest.js'
import { sha256 } from '../../src/sha256.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import type { Plan } from '../../src/plan/plan.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { World } from '../world.js'

const manyNodes = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    clients: { "c[0001-1200]": {} }
`

test('every generation holds the trio and a manifest that says so, with modes and a relative link', async () => {
  const world = new World()
  await world.apply()
  expect(world.link('server/global/s1')).toMatch(/^1-[0-9a-f]{8}$/)
  const manifest = readManifest(world.read('identity/server/global/s1/current/manifest.json'))
  if (typeof manifest === 'string') throw new Error(manifest)
  expect(manifest).toMatchObject({ address: 'identity/server/global/s1', generation: 1 })
  for (const name of ['ca.pem', 'cert.pem', 'key.pem'] as const) {
    const text = world.read('identity/server/global/s1/current', name)
    expect(manifest.files[name]).toBe(sha256(text))
  }
  expect(statSync(world.current('server/global/s1', 'key.pem')).mode & 0o777).toBe(0o600)
  expect(statSync(world.path('authority/agent/1/ca-key.pem')).mode & 0o777).toBe(0o400)
  expect(statSync(world.path('ledger.jsonl')).mode & 0o777).toBe(0o600)
})

test('`done` comes after the link turned: whoever waits for it can load the files', async () => {
  const world = new World()
  const ports = world.ports
  const { plan, materials } = await world.planned()
  for await (const event of applyPlan(plan, materials, {
    ...ports,
    issuers: storeIssuers(ports.store),
    clock: () => world.now,
  })) {
    if (event.type === 'done' && event.step.address.startsWith('identity/')) {
      const chain = parseCertificates(world.read(event.step.address, 'current/cert.pem'))
      expect(chain[0]?.serial).toBe(event.detail?.serial)
    }
  }
})

test('a large cluster is made in bounded batches, and an abort stops between steps and loses nothing', async () => {
  const world = new World(manyNodes)
  const controller = new AbortController()
  const ports = world.ports
  const events: ApplyEvent[] = []
  const { plan, materials } = await world.planned()
  for await (const event of applyPlan(plan, materials, {
    ...ports,
    issuers: storeIssuers(ports.store),
    clock: () => world.now,
    signal: controller.signal,
  })) {
    events.push(event)
    if (event.type === 'doing' && event.step.address.endsWith('c0600')) controller.abort()
  }
  expect(events.at(-1)).toMatchObject({ type: 'stopped', done: 602, steps: 1202 })
  expect(readdirSync(world.path('identity/client/global'))).toHaveLength(600)
  // Planning again goes on where it stopped.
  const rest = await world.plan()
  expect(rest.steps).toHaveLength(600)
  expect(rest.steps[0]?.address).toBe('identity/client/global/c0601')
  await world.apply()
  expect(await world.steps()).toEqual([])
  expect(world.read('ledger.jsonl').split('\n')).toHaveLength(1203)
})

test('a configuration that somebody changed meanwhile stops at itself: those before it are written', async () => {
  const world = new World(`version: 1
cluster: acme
regions:
  global:
    clients: { c1: { config: a/c1 }, c2: { config: a/c2 }, c3: { config: a/c3 } }
`)
  const text = (node: string): string => join(world.folder, 'a', node, 'nomad.hcl')
  for (const node of ['c1', 'c2', 'c3']) {
    mkdirSync(join(world.folder, 'a', node), { recursive: true })
    writeFileSync(text(node), 'client { enabled = true }\ntls {}\n')
  }
  const ports = world.ports
  const { plan, materials } = await world.planned()
  writeFileSync(text('c2'), 'client { enabled = true }\n# mine\ntls {}\n')
  const done: string[] = []
  const applying = async (): Promise<void> => {
    for await (const event of applyPlan(plan, materials, {
      ...ports,
      issuers: storeIssuers(ports.store),
      clock: () => world.now,
    })) {
      if (event.type === 'done') done.push(event.step.address)
    }
  }
  await expect(applying()).rejects.toMatchObject({ code: 'ERR_CONFIG_CHANGED' })
  expect(done.filter((address) => address.startsWith('config/'))).toEqual(['config/global/c1'])
  expect(readFileSync(text('c1'), 'utf8')).toContain('ca_file')
  expect(readFileSync(text('c2'), 'utf8')).toBe('client { enabled = true }\n# mine\ntls {}\n')
  expect(readFileSync(text('c3'), 'utf8')).not.toContain('ca_file')
  await world.apply()
  expect(await world.steps()).toEqual([])
})

test.each<[what: string, copied: (plan: Plan) => Plan]>([
  ['a spread', (plan) => ({ ...plan })],
  ['a clone', (plan) => structuredClone(plan)],
  ['JSON', (plan) => JSON.parse(JSON.stringify(plan)) as Plan],
])('a plan is data: a copy is as good, %s', async (_what, copied) => {
  const world = new World()
  const ports = world.ports
  const { plan, materials } = await world.planned()
  await collect(
    applyPlan(copied(plan), materials, {
      ...ports,
      issuers: storeIssuers(ports.store),
      clock: () => world.now,
    }),
  )
  expect(await world.steps()).toEqual([])
})

describe('what is refused', () => {
  test.each<[what: string, changed: (plan: Plan) => Plan]>([
    ['a step less', (plan) => ({ ...plan, steps: plan.steps.slice(1) })],
    ['a step twice', (plan) => ({ ...plan, steps: [...plan.steps, plan.steps[0]!] })],
    [
      'another action',
      (plan) => ({ ...plan, steps: plan.steps.map((step) => ({ ...step, action: 'remove' })) }),
    ],
  ])('a plan with other steps than its materials: %s', async (_what, changed) => {
    const world = new World()
    const ports = world.ports
    const { plan, materials } = await world.planned()
    const run = collect(
      applyPlan(changed(plan), materials, {
        ...ports,
        issuers: storeIssuers(ports.store),
        clock: () => world.now,
      }),
    )
    await expect(run).rejects.toMatchObject({ code: 'ERR_PLAN_INVALID' })
    expect(existsSync(world.path())).toBe(false)
  })

  test('a plan that somebody else overtook', async () => {
    const world = new World()
    const { plan, materials } = await world.planned()
    await world.apply()
    const ports = world.ports
    const run = collect(
      applyPlan(plan, materials, {
        ...ports,
        issuers: storeIssuers(ports.store),
        clock: () => world.now,
      }),
    )
    await expect(run).rejects.toMatchObject({ code: 'ERR_PLAN_STALE' })
  })
})

test('two applies at once: one waits, sees that it was overtaken, and nothing is made twice', async () => {
  const world = new World()
  const results = await Promise.allSettled([world.apply(), world.apply()])
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(world.generations('server/global/s1')).toHaveLength(1)
  expect(await world.steps()).toEqual([])
})
