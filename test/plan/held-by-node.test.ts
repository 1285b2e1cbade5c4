/** A key that is on its node: no plan makes one in its place unless a person asks for that. */

import { describe, expect, test } from 'vitest'
import type { DesiredIdentity } from '../../src/cluster/desired.js'
import type { Finding } from '../../src/diagnostics.js'
import type { FoundLeafKey, Inventory } from '../../src/inventory/inventory.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { makePlan, type MakePlanOptions } from '../../src/plan/make-plan.js'
import { heldByNode } from '../../src/plan/held-by-node.js'
import type { Plan, Step } from '../../src/plan/plan.js'
import { encodeName } from '../../src/x509/name.js'
import { makeRequest, parseRequest } from '../../src/x509/request.js'
import { MemoryWorld } from '../memory-world.js'
import { day } from '../world.js'

const specOf = (held: 'node' | 'store', tls = '/etc/nomad-tls'): string => `version: 1
cluster: acme
defaults: { keyHeld: ${held} }
node: { tls: ${tls} }
regions:
  global:
    servers: { s1: {} }
`
const s1 = 'identity/server/global/s1'

/** A cluster whose s1 holds its own key, as the store tells it. */
async function onNode(
  held: 'node' | 'store',
  key: FoundLeafKey = { state: 'node' },
): Promise<readonly [MemoryWorld, Inventory]> {
  const world = await new MemoryWorld(specOf('store')).apply()
  world.text = specOf(held)
  const inventory = await world.inventory()
  const found = inventory.identities.get(s1)!
  const identities = new Map([[s1, { ...found, current: { ...found.current!, key } }]])
  return [world, { ...inventory, identities }]
}

const planOf = (
  [world, inventory]: readonly [MemoryWorld, Inventory],
  options: Partial<MakePlanOptions> = {},
): Plan => makePlan(world.desired, inventory, { now: world.now, ...options }).plan
const steps = (plan: Plan): readonly string[] =>
  plan.steps.map(({ action, address }) => `${action} ${address}`)
const findings = (plan: Plan): readonly string[] =>
  plan.findings.map(({ severity, reason, message }) => `${severity} ${reason}: ${message}`)

describe('the spec says that nodes hold their keys', () => {
  test('a first certificate waits for a request, and the rest is made', async () => {
    const world = new MemoryWorld(specOf('node'))
    const plan = await world.plan()
    expect(steps(plan)).toEqual(['create authority/agent/1', 'write bundle/agent'])
    expect(plan.findings).toEqual([
      {
        severity: 'warning',
        address: s1,
        reason: 'request-needed',
        message:
          'ecdsa-p256, 90d. It waits for a request: the spec says that its node holds its key',
        remedy: `by ssh: nomad-pki rollout --collect server/global/s1; or on the node: nomad-pki request ${s1} --tls /etc/nomad-tls --out s1.csr; then here, with that file: nomad-pki sign s1.csr`,
      },
    ])
  })

  test('the folder of the node stands in the command as a shell takes it', async () => {
    const [finding] = (await new MemoryWorld(specOf('node', '"/opt/my tls"')).plan()).findings
    expect(finding!.remedy).toContain("--tls '/opt/my tls' --out")
  })

  test('a renewal waits, and one with a request is made with the key of the request', async () => {
    const world = await onNode('node')
    expect(steps(planOf(world))).toEqual([])
    world[0].later(70 * day)
    const due = planOf(world)
    expect(steps(due)).toEqual([])
    expect(findings(due)).toEqual([expect.stringMatching(/^warning request-needed: .* It waits/)])
    const subject = encodeName({ commonName: 's1' })
    const request = parseRequest(makeRequest({ subject, key: generateKeySync('ecdsa-p256') }))
    const asked = planOf(world, { requests: new Map([[s1, request]]) })
    expect(steps(asked)).toEqual([`renew ${s1}`])
    expect(asked.steps[0]!.content?.['publicKey']).toMatch(/^SHA256:/)
    expect(findings(asked)).toEqual([])
  })
})

describe('the spec says that the store holds keys, and the node has its own', () => {
  test('while nothing is due the difference is told, with both ways out', async () => {
    const plan = planOf(await onNode('store'))
    expect(steps(plan)).toEqual([])
    expect(plan.findings).toMatchObject([
      {
        severity: 'warning',
        reason: 'key-held',
        remedy: `for a key that is made here and delivered: nomad-pki rotate leaves ${s1}; to leave it on the node: keyHeld: node in the spec`,
      },
    ])
  })

  test('a renewal that is due is an error: the key would change under the agent', async () => {
    const world = await onNode('store')
    world[0].later(70 * day)
    const plan = planOf(world)
    expect(steps(plan)).toEqual([])
    expect(findings(plan)).toEqual([
      expect.stringMatching(
        /^error request-needed: .*\. Its key is on its node, and the spec does not say keyHeld: node$/,
      ),
    ])
    expect(plan.findings[0]!.remedy).toMatch(/^keyHeld: node in the spec, .* rotate leaves /)
  })

  test('whoever asks for this very identity gets a key that is made here; the old one cannot be kept', async () => {
    const asked = { renew: [s1], only: [s1] }
    expect(steps(planOf(await onNode('store'), asked))).toEqual([`renew ${s1}`])
    const kept = planOf(await onNode('store'), { ...asked, keepKey: true })
    expect(steps(kept)).toEqual([])
    expect(findings(kept)).toEqual([expect.stringMatching(/^error request-needed: /)])
  })

  test('the newest generation counts: one that a killed run made is looked at, not the running one', async () => {
    const [world, inventory] = await onNode('store', { state: 'absent' })
    const found = inventory.identities.get(s1)!
    const unfinished = { ...found.current!, key: { state: 'node' } as const }
    const identities = new Map([[s1, { ...found, unfinished }]])
    world.later(70 * day)
    expect(findings(planOf([world, { ...inventory, identities }]))).toEqual([
      expect.stringMatching(/^error request-needed: /),
    ])
  })
})

test('a key that is in the store needs no request, and nothing is told', async () => {
  const world = await new MemoryWorld(specOf('store')).apply()
  expect((await world.plan()).findings).toEqual([])
  expect(steps(await world.later(70 * day).plan())).toEqual([`renew ${s1}`])
})

test('only what certifies waits for the request of a node', () => {
  const of = (action: Step['action']): Finding | undefined =>
    heldByNode(
      { address: s1, action, reasons: [{ reason: 'missing', message: 'why' }] },
      { profile: { keyHeld: 'node' } } as Pick<DesiredIdentity, 'profile'>,
      undefined,
      { tls: undefined, named: false },
    )
  const actions = [
    'create',
    'renew',
    'refresh',
    'finish',
    'cross',
    'repair',
    'write',
    'remove',
  ] as const
  expect(actions.filter((action) => of(action) !== undefined)).toEqual(['create', 'renew'])
})
