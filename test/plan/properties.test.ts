import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyPlan, collect } from '../../src/apply/apply-plan.js'
import { readInventory } from '../../src/inventory/read.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { start } from '../world.js'
import { seed } from '../seed.js'

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/).filter((text) => text !== 'shared')
const regionName = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,10}$/)
const address = fc.ipV4().map((ip) => ip.replace(/^(0|127)\./, '10.'))
const nodeOptions = fc.record(
  {
    ips: fc.uniqueArray(address, { maxLength: 3 }),
    names: fc.uniqueArray(fc.domain(), { maxLength: 2 }),
  },
  { requiredKeys: [] },
)
const nodes = fc.dictionary(name, nodeOptions, { maxKeys: 4 })
const region = fc.record({
  intermediate: fc.boolean(),
  servers: nodes,
  clients: fc.oneof(nodes, fc.constant({ shared: true })),
  combined: nodes,
})
const specs = fc
  .record({
    key: fc.constantFrom('ecdsa-p256', 'ecdsa-p384'),
    rootKey: fc.constantFrom('ecdsa-p256', 'ed25519'),
    regions: fc.uniqueArray(fc.tuple(regionName, region), {
      minLength: 1,
      maxLength: 3,
      selector: ([text]) => text.toLowerCase(),
    }),
    operators: fc.uniqueArray(name, { maxLength: 2 }),
  })
  .map(({ key, rootKey, regions, operators }) => {
    const first = regions[0]![0]
    return JSON.stringify({
      version: 1,
      cluster: 'prop',
      authorities: {
        agent: { key: rootKey, lifetime: '10y' },
        ...Object.fromEntries(
          regions
            .filter(([, { intermediate }]) => intermediate)
            .map(([text]) => [`ca-${text}`, { issuer: 'agent', lifetime: '3y' }]),
        ),
      },
      defaults: { key },
      regions: Object.fromEntries(
        regions.map(([text, { intermediate, servers, clients, combined }]) => [
          text,
          {
            authority: intermediate ? `ca-${text}` : 'agent',
            ...(intermediate && { domains: namesOf(servers, clients, combined) }),
            servers: { ...servers, always: {} },
            ...(Object.keys(clients).length > 0 && { clients }),
            ...(Object.keys(combined).length > 0 && { combined }),
          },
        ]),
      ),
      ...(operators.length > 0 && {
        operators: Object.fromEntries(operators.map((text) => [text, { region: first }])),
      }),
    })
  })

/** An intermediate may name only its region and what the spec declares: declare what the nodes use. */
function namesOf(...sections: readonly object[]): string[] {
  const all = sections.flatMap((section) =>
    Object.values(section as Record<string, unknown>).flatMap((node) =>
      typeof node === 'object' && node !== null && 'names' in node ? (node.names as string[]) : [],
    ),
  )
  return [...new Set(all)]
}

describe('for any sound spec', () => {
  test('apply, then plan, is empty; what was made is true; issuers stand before what they sign', async () => {
    let tried = 0
    await fc.assert(
      fc.asyncProperty(specs, async (text) => {
        const { spec } = parseSpec(text)
        // Two nodes of one name in a region, and the like: the parser has refused it with reasons.
        if (spec === undefined) return
        tried += 1
        const desired = desire(spec)
        const store = memoryStore()
        const ports = { store, configs: memoryConfigs() }
        const { plan, materials } = makePlan(desired, await readInventory(ports), { now: start })
        const order = plan.steps.map((step) => step.address)
        expect(new Set(order).size).toBe(order.length)
        for (const authority of desired.authorities) {
          if (authority.issuer === undefined) continue
          expect(order.indexOf(authority.issuer.address)).toBeLessThan(
            order.indexOf(authority.address),
          )
        }
        await collect(
          applyPlan(plan, materials, {
            ...ports,
            issuers: storeIssuers(store),
            clock: () => start,
          }),
        )
        const after = await readInventory(ports)
        expect(makePlan(desired, after, { now: start }).plan.steps).toEqual([])
        const errors = verifyCluster(desired, after, { now: start }).filter(
          ({ severity }) => severity === 'error',
        )
        expect(errors).toEqual([])
      }),
      { numRuns: 60, seed },
    )
    // The generator must mean something: most of what it makes is sound.
    expect(tried).toBeGreaterThan(30)
  })
})
