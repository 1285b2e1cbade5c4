import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyPlan, collect } from '../../src/apply/apply-plan.js'
import { hasErrors } from '../../src/diagnostics.js'
import { readInventory } from '../../src/inventory/read.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { start } from '../world.js'
import { seed } from '../seed.js'

/** Mostly plain, so that one odd thing is not hidden behind another. */
function mostly<T, U>(plain: T, odd: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: odd })
}

/** Texts at the edges of what a name may be. */
const oddName = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._-]{1,4}$/),
  fc.constantFrom(...[62, 63, 64, 65].map((length) => 'n'.repeat(length))),
  fc.constantFrom(
    '.s1',
    '_s',
    's.',
    '-s',
    's-',
    'a..b',
    'xn--a',
    'xn--zz',
    'S1',
    '..',
    '0',
    'true',
  ),
)
const oddRegion = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._-]{1,5}$/),
  fc.constantFrom('global', 'us_west', 'EU', 'eu.west', 'a-', '-a', 'r'.repeat(51), 'r'.repeat(52)),
)
const oddDns = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._*-]{1,12}$/),
  fc.constantFrom(
    ...['{node}.example', '*.example', 'a_b.example', 'server.global.nomad', 'x.nomad', '10.0.0.1'],
    ...['bücher.example', 'ｓerver.global.nomad', 'a..b', `${'l'.repeat(64)}.example`],
    ...[
      `${'l'.repeat(63)}.example`,
      `${'l.'.repeat(126)}a`,
      `${'l.'.repeat(127)}ab`,
      'xn--zz.example',
    ],
  ),
)
const oddAttribute = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  fc.constantFrom(
    ' Acme',
    'Acme ',
    'Acme  Ltd',
    'A &amp; B',
    'Ã¼ber',
    'DE',
    'de',
    '"',
    '\u200b',
    'x'.repeat(64),
    'x'.repeat(65),
    '.',
    '-',
    '\ud800',
  ),
)
const lifetime = fc.constantFrom(
  '1s',
  '1m',
  '1d',
  '90d',
  '3y',
  '10y',
  '11y',
  '100y',
  '7000y',
  '9999y',
)
const node = fc.record({
  names: mostly<string[], string[]>([], fc.array(oddDns, { minLength: 1, maxLength: 2 })),
  ips: mostly<string[], string[]>(
    [],
    fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('::ffff:10.0.0.1')), {
      minLength: 1,
      maxLength: 2,
    }),
  ),
  lifetime: mostly('90d', lifetime),
  key: mostly('ecdsa-p256', fc.constant('ecdsa-p521')),
})
const ranged = fc.constantFrom(
  'c[1-2]',
  `${'n'.repeat(62)}[9-10]`,
  `${'n'.repeat(62)}[8-9]`,
  '.[1-2]',
)
const section = fc
  .tuple(mostly('s1', fc.oneof(oddName, ranged)), node)
  .map(([name, value]) => ({ [name]: value }))
const attribute = mostly<undefined, string>(undefined, oddAttribute)
const authority = fc.record({
  lifetime: mostly('10y', lifetime),
  key: mostly('ecdsa-p256', fc.constant('ed25519')),
  subject: fc.record({
    commonName: mostly<undefined, string>(
      undefined,
      fc.oneof(
        oddAttribute,
        fc.constantFrom('server.global.nomad', 'a {generation}', 'c'.repeat(64), 'c'.repeat(57)),
      ),
    ),
    organization: attribute,
    country: attribute,
    locality: attribute,
    postalCode: attribute,
  }),
})
const specs = fc
  .record({
    cluster: mostly('acme', oddName),
    root: authority,
    beyondIssuer: fc.constantFrom('refuse', 'clamp'),
    west: fc.option(authority, { nil: undefined, freq: 2 }),
    region: mostly('global', oddRegion),
    servers: section,
    clients: section,
    operator: mostly('alice', oddName),
  })
  .map(({ cluster, root, west, beyondIssuer, region, servers, clients, operator }) => ({
    version: 1,
    cluster,
    defaults: { beyondIssuer },
    authorities: { agent: root, ...(west && { west: { ...west, issuer: 'agent' } }) },
    regions: {
      [region]: {
        authority: west === undefined ? 'agent' : 'west',
        servers,
        ...(Object.keys(clients)[0] === Object.keys(servers)[0] ? {} : { clients }),
      },
    },
    operators: { [operator]: { region } },
  }))

describe('what plan accepts, apply makes', () => {
  test('for specs with odd names, subjects and lifetimes', async () => {
    let made = 0
    await fc.assert(
      fc.asyncProperty(specs, async (value) => {
        const { spec, diagnostics } = parseSpec(JSON.stringify(value))
        if (spec === undefined || hasErrors(diagnostics)) return
        const desired = desire(spec)
        const store = memoryStore()
        const ports = { store, configs: memoryConfigs() }
        const { plan, materials } = makePlan(desired, await readInventory(ports), { now: start })
        if (plan.findings.some(({ severity }) => severity === 'error')) return
        await collect(
          applyPlan(plan, materials, {
            ...ports,
            issuers: storeIssuers(store),
            clock: () => start,
          }),
        )
        expect(makePlan(desired, await readInventory(ports), { now: start }).plan.steps).toEqual([])
        made += 1
      }),
      { numRuns: 200, seed },
    )
    // The generator must mean something.
    expect(made).toBeGreaterThan(20)
  }, 120_000)

  test.each(['n'.repeat(64), '.s1', `${'n'.repeat(62)}[9-10]`, '.[1-2]'])(
    'a node named %j is refused with the spec',
    (name) => {
      const { diagnostics } = parseSpec(
        JSON.stringify({
          version: 1,
          cluster: 'acme',
          regions: { global: { servers: { [name]: {} } } },
        }),
      )
      expect(hasErrors(diagnostics)).toBe(true)
    },
  )

  test.each([' Acme', 'Acme ', 'A &amp; B', 'Ã¼ber'])(
    'a subject with the organization %j is refused with the spec',
    (organization) => {
      const { diagnostics } = parseSpec(
        JSON.stringify({
          version: 1,
          cluster: 'acme',
          authorities: { agent: { subject: { organization } } },
          regions: { global: { servers: { s1: {} } } },
        }),
      )
      expect(diagnostics).toContainEqual(expect.objectContaining({ code: 'spec/subject' }))
    },
  )
})
