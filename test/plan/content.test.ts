import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { comparePlans, contentOf, formatPlan, parsePlan } from '../../src/plan/plan-file.js'
import type { Plan } from '../../src/plan/plan.js'
import { planText } from '../../src/report/plan.js'
import { plainStyle } from '../../src/report/style.js'
import { World } from '../world.js'

const of = (plan: Plan, address: string): Record<string, string> =>
  Object.fromEntries(contentOf(plan.steps.find((step) => step.address === address)!))

describe('what a step certifies or writes', () => {
  test('a root, a bundle, an agent and its stanza', async () => {
    const plan = await new World().plan()
    expect(of(plan, 'authority/agent/1')).toMatchObject({
      key: 'ecdsa-p256',
      lifetime: '10y',
      issuer: 'itself',
    })
    expect(of(plan, 'bundle/agent')).toEqual({ trusted: 'authority/agent/1' })
    const [server] = plan.steps.filter(({ address }) => address.startsWith('identity/server/'))
    expect(of(plan, server!.address)).toMatchObject({
      subject: expect.stringMatching(/^CN=server\./) as string,
      names: expect.stringContaining('localhost') as string,
      ips: expect.stringContaining('127.0.0.1') as string,
      key: 'ecdsa-p256',
      lifetime: '90d',
      issuer: 'authority/agent/1',
      trusted: 'authority/agent/1',
    })
    const [config] = plan.steps.filter(({ address }) => address.startsWith('config/'))
    if (config !== undefined) {
      expect(of(plan, config.address)['tls']).toContain('verify_server_hostname = true')
    }
  })

  test('issuers and roots that are there are named with their fingerprint', async () => {
    const world = new World()
    await world.apply()
    const plan = await world.edit('clients: { c1: {} }', 'clients: { c1: {}, c2: {} }').plan()
    expect(of(plan, 'identity/client/global/c2')).toMatchObject({
      issuer: expect.stringMatching(/^authority\/agent\/1 SHA256:[0-9a-f]{64}$/) as string,
      trusted: expect.stringMatching(/^authority\/agent\/1 SHA256:[0-9a-f]{64}$/) as string,
    })
  })

  test('stands in the long text and in the file, and comes back', async () => {
    const plan = await new World().plan()
    const text = planText(plan, plainStyle, { all: true, now: plan.madeAt })
    expect(text).toMatch(/^ {5}lifetime: 10y$/m)
    expect(text).toMatch(/^ {5}names: .*localhost/m)
    expect(planText(plan, plainStyle, { all: false, now: plan.madeAt })).not.toContain('names:')
    expect(comparePlans(parsePlan(formatPlan(plan)), plan)).toEqual([])
  })
})

describe('what is reviewed, value by value', () => {
  const withUs = (us: string): World =>
    new World()
      .edit('regions:', `  us: { issuer: agent, lifetime: 3y${us} }\nregions:`)
      .edit(
        'clients: { c1: {} }',
        'clients: { c1: {} }\n  us: { authority: us, servers: { w1: {} } }',
      )

  test('a root says its whole subject, and that it signs itself', async () => {
    const plan = await new World()
      .edit(
        'agent: { lifetime: 10y }',
        'agent: { lifetime: 10y, beyondIssuer: clamp, subject: { commonName: Acme CA, organization: Acme } }',
      )
      .plan()
    expect(of(plan, 'authority/agent/1')).toEqual({
      subject: 'organization=Acme, commonName=Acme CA',
      key: 'ecdsa-p256',
      // Nothing is above a root that could end sooner.
      lifetime: '10y',
      issuer: 'itself',
    })
  })

  test('an intermediate says what it may sign for, its issuer, and where its life is cut', async () => {
    expect(of(await withUs('').plan(), 'authority/us/1')).toEqual({
      subject: expect.stringMatching(/^commonName=/) as string,
      key: 'ecdsa-p256',
      lifetime: '3y',
      issuer: 'authority/agent/1',
      regions: 'us',
    })
    const clamped = await withUs(', beyondIssuer: clamp').plan()
    expect(of(clamped, 'authority/us/1')['lifetime']).toBe('3y, or until its issuer ends')
  })

  test('a leaf that is cut where its issuer ends says so', async () => {
    const plan = await new World()
      .edit('regions:', 'defaults: { beyondIssuer: clamp }\nregions:')
      .plan()
    expect(of(plan, 'identity/client/global/c1')['lifetime']).toBe('90d, or until its issuer ends')
  })

  test('a cross-certificate says which roots make it; a bundle names what is there and what is not', async () => {
    const world = new World()
    await world.apply()
    world.edit('lifetime: 10y', 'lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true')
    const plan = await world.plan()
    const cross = plan.steps.find(({ action }) => action === 'cross')!
    const root1 = expect.stringMatching(/^authority\/agent\/1 SHA256:[0-9a-f]{64}$/) as string
    expect(cross.content).toEqual({ certifiedBy: [root1] })
    expect(plan.steps.find(({ address }) => address === 'bundle/agent')!.content).toEqual({
      trusted: [root1, 'authority/agent/2'],
    })
  })

  test('a refreshed generation says which leaf stays, under which issuer, and what it trusts then', async () => {
    const world = new World()
    await world.apply()
    world.edit('lifetime: 10y', 'lifetime: 10y, trusted: [1, 2]')
    const { steps } = await world.plan()
    const step = steps.find(({ address }) => address === 'identity/client/global/c1')!
    expect([step.action, step.content]).toEqual([
      'refresh',
      {
        leaf: expect.stringMatching(/^SHA256:[0-9a-f]{64}$/) as string,
        issuer: expect.stringMatching(/^authority\/agent\/1 SHA256:/) as string,
        trusted: [expect.stringMatching(/^authority\/agent\/1 SHA256:/), 'authority/agent/2'],
      },
    ])
  })

  test('a generation that is finished says its leaf, and no more; repairs and removals say nothing', async () => {
    const world = new World()
    await world.apply()
    rmSync(world.path('identity/client/global/c1/current'))
    chmodSync(world.current('server/global/s1', 'key.pem'), 0o644)
    world.edit(', s3: {}', '')
    const { steps } = await world.plan({ prune: true })
    expect(steps.map(({ action, content }) => [action, content])).toEqual([
      ['repair', undefined],
      ['finish', { leaf: expect.stringMatching(/^SHA256:/) as string }],
      ['remove', undefined],
    ])
  })
})

describe('a reviewed plan does not fit what would be certified otherwise', () => {
  test.each([
    [
      'a longer root',
      'agent: { lifetime: 10y }',
      'agent: { lifetime: 50y }',
      'authority/agent/1',
      'lifetime was 10y, is now 50y',
    ],
    [
      'another key',
      'agent: { lifetime: 10y }',
      'agent: { lifetime: 10y, key: rsa-4096 }',
      'authority/agent/1',
      'key was ecdsa-p256, is now rsa-4096',
    ],
    [
      'a name more',
      'clients: { c1: {} }',
      'clients: { c1: { names: [admin.example] } }',
      'identity/client/global/c1',
      /^names was client\.global\.nomad, localhost, is now client\.global\.nomad, localhost, admin\.example$/,
    ],
    [
      'an address more',
      'clients: { c1: {} }',
      'clients: { c1: { ips: [10.9.9.9] } }',
      'identity/client/global/c1',
      /^ips was 127\.0\.0\.1, ::1, is now 127\.0\.0\.1, ::1, 10\.9\.9\.9$/,
    ],
    [
      'a longer leaf',
      'clients: { c1: {} }',
      'clients: { c1: { lifetime: 5y } }',
      'identity/client/global/c1',
      'lifetime was 90d, is now 5y',
    ],
    [
      'a weaker stanza',
      'regions:',
      'node: { stanza: { verify_server_hostname: false } }\nregions:',
      'config/global/c9',
      /tls was .*verify_server_hostname = true.* is now .*verify_server_hostname = false/,
    ],
  ])('%s', async (_, from, to, address, message) => {
    const world = new World()
    if (address.startsWith('config/')) {
      world.edit('clients: { c1: {} }', 'clients: { c1: {}, c9: { config: agents/c9.hcl } }')
    }
    const saved = parsePlan(formatPlan(await world.plan()))
    const differences = comparePlans(saved, await world.edit(from, to).plan())
    expect(differences).toContainEqual({
      address,
      message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    })
  })

  describe('an edit of a configuration', () => {
    const aWorld = (): World => {
      const world = new World().edit('{ c1: {} }', '{ c1: { config: agents/c1.hcl } }')
      mkdirSync(join(world.folder, 'agents'))
      writeFileSync(join(world.folder, 'agents/c1.hcl'), 'name = "c1"\n')
      return world
    }

    test.each([
      [
        'of a file that is gone since',
        (file: string) => rmSync(file),
        'file was agents/c1.hcl, is now agents/c1.hcl, a new file',
      ],
      [
        'of a block that changed since',
        (file: string) => writeFileSync(file, 'name = "c1"\ntls { http = true }\n'),
        expect.stringMatching(
          /^changes was http: false becomes true, .*, is now rpc: false/,
        ) as string,
      ],
    ])('%s', async (_what, tamper, message) => {
      const world = aWorld()
      const saved = parsePlan(formatPlan(await world.plan()))
      tamper(join(world.folder, 'agents/c1.hcl'))
      expect(comparePlans(saved, await world.plan())).toContainEqual({
        address: 'config/global/c1',
        message,
      })
    })

    test('fits another checkout of the same spec', async () => {
      const saved = parsePlan(formatPlan(await aWorld().plan()))
      expect(comparePlans(saved, await aWorld().plan())).toEqual([])
    })
  })

  test('a plan that does not say what it certifies does not fit', async () => {
    const plan = await new World().plan()
    const steps = plan.steps.map((step) => ({ ...step, content: undefined }))
    expect(comparePlans({ ...plan, steps }, plan)).toHaveLength(plan.steps.length)
  })
})
