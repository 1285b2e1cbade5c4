import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import type { FoundKey, Inventory } from '../../src/inventory/inventory.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { told } from '../ledger.js'
import { MemoryWorld } from '../memory-world.js'
import { day, start, World } from '../world.js'

const specOf = (agent: string, more = '', leaf = ''): string => `version: 1
cluster: acme
authorities:
  agent: { ${agent} }
${more}regions:
  global:
    servers: { s1: {${leaf}} }
operators:
  alice: { region: global, lifetime: 24h }
`
const s1 = 'identity/server/global/s1'
const root = 'authority/agent/1'
const of = (findings: readonly Finding[], reason: string): readonly string[] =>
  findings.flatMap((one) =>
    one.reason === reason ? [`${one.severity} ${one.address}: ${one.message}`] : [],
  )

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

describe('a lifetime that the spec changed', () => {
  const differs = async (world: MemoryWorld): Promise<readonly string[]> =>
    of((await world.plan()).findings, 'lifetime-differs')

  test.each([
    // The beginning of a certificate is set back by five minutes.
    ['no longer than a certificate is set back', 90 * 1440 + 10, false],
    ['longer', 90 * 1440 + 11, true],
    ['no shorter than its seconds', 90 * 1440, false],
    ['shorter', 90 * 1440 - 1, true],
  ])('%s', async (_what, minutes, isTold) => {
    const world = await new MemoryWorld(specOf('lifetime: 10y', '', ' lifetime: 90d ')).apply()
    world.edit('lifetime: 90d', `lifetime: ${minutes}m`)
    expect(await differs(world)).toHaveLength(isTold ? 1 : 0)
  })

  test.each([
    ['of ours, without the five minutes', false, '29d23h'],
    ['that another tool made, whole', true, '30d'],
  ])('is told with the life of a certificate %s', async (_what, isAdopted, life) => {
    const minutes = 30 * 1440 - 5
    const world = new MemoryWorld(specOf('lifetime: 10y', '', ` lifetime: ${minutes}m `))
    await world.apply()
    const leaf = (await world.inventory()).identities.get(s1)!.current!.chain[0]!
    const { serial, notAfter } = leaf
    const line = { generation: 1, serial, fingerprint: fingerprintOf(leaf), notAfter, issuer: root }
    if (isAdopted) await world.note(told('adopted', s1, start, line))
    world.edit(`lifetime: ${minutes}m`, 'lifetime: 20d')
    expect(await differs(world)).toEqual([
      expect.stringMatching(`^note ${s1}: it was made for ${life}, the spec says 20d`),
    ])
  })

  test('is not told of an operator: that certificate is made when it is needed', async () => {
    const world = await new MemoryWorld(specOf('lifetime: 10y')).apply()
    expect(await differs(world.edit('lifetime: 24h', 'lifetime: 8h'))).toEqual([])
  })

  test('is not told where the certificate ends with its authority: a new one would end there too', async () => {
    const world = await new MemoryWorld(
      specOf('lifetime: 30d', 'defaults: { beyondIssuer: clamp }\n'),
    ).apply()
    expect(await differs(world)).toEqual([])
  })
})

describe('an authority that is asked to sign', () => {
  const planWith = (
    world: MemoryWorld,
    inventory: Inventory,
    key: FoundKey,
  ): readonly Finding[] => {
    const authorities = new Map(inventory.authorities)
    authorities.set(root, { ...authorities.get(root)!, key })
    return makePlan(world.desired, { ...inventory, authorities }, { now: world.now }).plan.findings
  }

  test.each<[key: FoundKey, says: string, remedy: string]>([
    [
      { state: 'absent' },
      'its key is not in the store',
      'put ca-key.pem of authority/agent/1 into the store (mode 0400), then: nomad-pki apply',
    ],
    [
      { state: 'encrypted' },
      'its key is encrypted',
      'set `signer: encrypted` for agent in the spec, then: nomad-pki apply',
    ],
  ])(
    'and whose key is $state: said once, with the first that needs it',
    async (key, says, remedy) => {
      const world = await new MemoryWorld(specOf('lifetime: 10y', '', '}, s2: {')).apply()
      const inventory = await world.later(70 * day).inventory()
      const findings = planWith(world, inventory, key)
      expect(of(findings, 'incomplete')).toEqual([
        `error ${root}: ${says}, and ${s1} needs its signature`,
      ])
      expect(findings.find(({ reason }) => reason === 'incomplete')!.remedy).toBe(remedy)
    },
  )

  test('and whose key is damaged: what is wrong with the file is said, and not this too', async () => {
    const world = await new MemoryWorld(specOf('lifetime: 10y')).apply()
    const inventory = await world.later(70 * day).inventory()
    const findings = planWith(world, inventory, { state: 'malformed', message: 'it is empty' })
    expect(of(findings, 'incomplete').filter((text) => text.includes('signature'))).toEqual([])
  })

  test('is not asked for its key while nothing is due', async () => {
    const world = await new MemoryWorld(specOf('lifetime: 10y')).apply()
    const findings = planWith(world, await world.inventory(), { state: 'absent' })
    expect(of(findings, 'incomplete')).toEqual([])
  })
})

describe('a life under an authority that ends', () => {
  const beyond = async (world: MemoryWorld): Promise<readonly string[]> =>
    of((await world.plan()).findings, 'beyond-issuer')

  test('fits to the second', async () => {
    const world = await new MemoryWorld(specOf('lifetime: 200d')).apply()
    const end = (await world.inventory()).authorities.get(root)!.certificate!.notAfter
    world.now = end - 90 * day
    expect(await beyond(world)).toEqual([])
    world.now += 1000
    expect(await beyond(world)).toEqual([
      expect.stringMatching(
        /^error identity\/server\/global\/s1: a life of 90d would end after authority\/agent\/1 does \(20.*\); the longest that fits is 89d23h$/,
      ),
    ])
  })

  test('of one that has ended is not the trouble', async () => {
    const world = await new MemoryWorld(specOf('lifetime: 200d')).apply()
    expect(await beyond(world.later(201 * day))).toEqual([])
  })

  test('is clamped where the spec says so', async () => {
    const world = await new MemoryWorld(
      specOf('lifetime: 200d', 'defaults: { beyondIssuer: clamp }\n'),
    ).apply()
    expect(await beyond(world.later(150 * day))).toEqual([])
  })

  test('holds for an intermediate that is to be made', async () => {
    const world = await new MemoryWorld(specOf('lifetime: 4y')).apply()
    world.later(2 * 365 * day)
    world
      .edit('regions:', '  us: { issuer: agent, lifetime: 3y }\nregions:')
      .edit('operators:', '  us: { authority: us, servers: { w1: {} } }\noperators:')
    expect(await beyond(world)).toEqual([
      expect.stringMatching(
        /^error authority\/us\/1: a life of 3y would end after authority\/agent\/1 does /,
      ),
    ])
    expect(await beyond(world.edit('lifetime: 3y', 'lifetime: 1y'))).toEqual([])
  })
})
