import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { day, smallSpec, World } from '../world.js'

const s1 = 'identity/server/global/s1'

describe('from nothing', () => {
  test('authorities come first, bundles next, then every identity in the order of the spec', async () => {
    const steps = await new World().steps()
    expect(steps).toEqual([
      'create authority/agent/1 (missing)',
      'write bundle/agent (missing)',
      'create identity/server/global/s1 (missing)',
      'create identity/server/global/s2 (missing)',
      'create identity/server/global/s3 (missing)',
      'create identity/client/global/c1 (missing)',
    ])
  })

  test('applying and planning again leaves nothing to do', async () => {
    const world = new World()
    await world.apply()
    expect(await world.steps()).toEqual([])
    expect((await world.plan()).findings).toEqual([])
  })
})

describe('each reason, by really producing it', () => {
  const cases: readonly (readonly [
    reason: string,
    expected: readonly string[],
    tamper: (world: World) => void,
  ])[] = [
    ['missing', [`create ${s1} (missing)`], (w) => rmSync(w.path(s1), { recursive: true })],
    [
      'link-broken: it points nowhere',
      [`renew ${s1} (link-broken)`],
      (w) => {
        unlinkSync(w.path(s1, 'current'))
        symlinkSync('7-00000000', w.path(s1, 'current'))
        rmSync(w.path(s1, w.generations('server/global/s1')[0]!), { recursive: true })
      },
    ],
    [
      'unfinished: the link was never made',
      [`finish ${s1} (unfinished)`],
      (w) => unlinkSync(w.path(s1, 'current')),
    ],
    [
      'incomplete: no key',
      [`renew ${s1} (incomplete)`],
      (w) => unlinkSync(w.current('server/global/s1', 'key.pem')),
    ],
    [
      'incomplete: a truncated certificate',
      [`renew ${s1} (incomplete)`],
      (w) => w.write(w.read(s1, 'current/cert.pem').slice(0, 300), s1, 'current/cert.pem'),
    ],
    [
      'key-mismatch',
      [`renew ${s1} (key-mismatch)`],
      (w) => {
        copyFileSync(
          w.current('server/global/s2', 'key.pem'),
          w.current('server/global/s1', 'key.pem'),
        )
        chmodSync(w.current('server/global/s1', 'key.pem'), 0o600)
      },
    ],
    [
      'mode-open',
      [`repair ${s1} (mode-open)`],
      (w) => chmodSync(w.current('server/global/s1', 'key.pem'), 0o644),
    ],
    [
      'trust-changed',
      [`refresh ${s1} (trust-changed)`],
      (w) => w.write(w.read(s1, 'current/ca.pem') + '\n', s1, 'current/ca.pem'),
    ],
    [
      'bundle-stale',
      ['write bundle/agent (bundle-stale)'],
      (w) => w.write('nothing\n', 'bundle/agent/ca.pem'),
    ],
    [
      'bundle missing',
      ['write bundle/agent (missing)'],
      (w) => rmSync(w.path('bundle/agent'), { recursive: true }),
    ],
    ['names-differ', [`renew ${s1} (names-differ)`], (w) => w.edit('10.0.0.11', '10.0.0.12')],
    [
      'key-algorithm',
      [
        `renew ${s1} (key-algorithm)`,
        'renew identity/server/global/s2 (key-algorithm)',
        'renew identity/server/global/s3 (key-algorithm)',
        'renew identity/client/global/c1 (key-algorithm)',
      ],
      (w) => w.edit('regions:', 'defaults: { key: ecdsa-p384 }\nregions:'),
    ],
  ]
  test.each(cases)('%s', async (_reason, expected, tamper) => {
    const world = new World()
    await world.apply()
    tamper(world)
    expect(await world.steps()).toEqual(expected)
    await world.apply()
    expect(await world.steps()).toEqual([])
  })

  test('nearing-expiry begins at renewBefore, and not a second earlier', async () => {
    const world = new World()
    await world.apply()
    expect(await world.later(60 * day).steps()).toEqual([])
    const steps = await world.later(1000).steps()
    expect(steps).toHaveLength(4)
    expect(steps[0]).toBe(`renew ${s1} (nearing-expiry)`)
    await world.apply()
    expect(await world.steps()).toEqual([])
    expect(world.generations('server/global/s1')).toHaveLength(2)
  })

  test('expired', async () => {
    const world = new World()
    await world.apply()
    expect(await world.later(91 * day).steps()).toContain(`renew ${s1} (expired)`)
  })

  test('issuer-changed and chain: a region moves behind an intermediate', async () => {
    const world = new World()
    await world.apply()
    world
      .edit('regions:', '  us: { issuer: agent, lifetime: 3y }\nregions:')
      .edit('  global:\n', '  global:\n    authority: us\n')
    const steps = await world.steps()
    expect(steps).toContain('create authority/us/1 (missing)')
    expect(steps).toContain(`renew ${s1} (issuer-changed)`)
    await world.apply()
    expect(await world.steps()).toEqual([])
  })

  test('chain-broken: the intermediate was cut off, and comes back with the same key', async () => {
    const world = new World(
      smallSpec
        .replace('regions:', '  us: { issuer: agent, lifetime: 3y }\nregions:')
        .replace('  global:\n', '  global:\n    authority: us\n'),
    )
    await world.apply()
    const whole = world.read(s1, 'current/cert.pem')
    const key = world.read(s1, 'current/key.pem')
    const end = '-----END CERTIFICATE-----\n'
    world.write(whole.slice(0, whole.indexOf(end) + end.length), s1, 'current/cert.pem')
    expect(await world.steps()).toEqual([`refresh ${s1} (chain-broken)`])
    await world.apply()
    expect(world.read(s1, 'current/cert.pem')).toBe(whole)
    expect(world.read(s1, 'current/key.pem')).toBe(key)
  })
})

describe('each step says why, in words', () => {
  const why = async (world: World, options = {}): Promise<readonly string[]> =>
    (await world.plan(options)).steps.map(
      ({ action, reasons }) => `${action}: ${reasons.map(({ message }) => message).join('; ')}`,
    )

  test('what is made', async () => {
    const world = new World(
      smallSpec
        .replace('regions:', '  us: { issuer: agent, lifetime: 3y }\nregions:')
        .replace('  global:\n', '  global:\n    authority: us\n')
        .replace(', s2: {}, s3: {}', ''),
    )
    expect(await why(world)).toEqual([
      'create: root, ecdsa-p256, 10y',
      'create: intermediate under agent, ecdsa-p256, 3y',
      'write: it will hold authority/agent/1',
      'create: ecdsa-p256, 90d',
      'create: ecdsa-p256, 90d',
    ])
  })

  test('a folder of an identity with nothing in it is the same as none', async () => {
    const world = new World()
    await world.apply()
    rmSync(world.path(s1), { recursive: true })
    mkdirSync(world.path(s1))
    expect(await why(world)).toEqual(['create: ecdsa-p256, 90d'])
  })

  test('a link that leads to nothing says to what', async () => {
    const world = new World()
    await world.apply()
    rmSync(world.path(s1), { recursive: true })
    mkdirSync(world.path(s1))
    symlinkSync('7-00000000', world.path(s1, 'current'))
    expect(await why(world)).toEqual(['renew: current points at "7-00000000"'])
  })

  test('a key of an authority whose certificate was not made is finished with that key', async () => {
    const world = new World()
    await world.apply()
    const key = world.read('authority/agent/1/ca-key.pem')
    const other = new World()
    mkdirSync(other.path('authority/agent/1'), { recursive: true, mode: 0o700 })
    other.write(key, 'authority/agent/1/ca-key.pem')
    chmodSync(other.path('authority/agent/1/ca-key.pem'), 0o400)
    const { steps } = await other.plan()
    expect([steps[0]!.action, ...steps[0]!.reasons]).toEqual([
      'create',
      { reason: 'unfinished', message: 'its key was made, its certificate was not' },
    ])
    await other.apply()
    expect(other.read('authority/agent/1/ca-key.pem')).toBe(key)
  })

  test('generations that the spec keeps no longer', async () => {
    const world = new World()
    for (let at = 0; at < 3; at += 1) {
      await world.apply({ renew: [s1] })
      world.later(day)
    }
    world.edit('regions:', 'defaults: { keep: 1 }\nregions:')
    expect(await why(world)).toEqual(['remove: 3 generations, the spec keeps 1'])
    await world.apply()
    expect(world.generations('server/global/s1')).toHaveLength(1)
    expect(world.link('server/global/s1')).toMatch(/^3-/)
  })

  test('what was asked for comes last, behind what is wrong', async () => {
    const world = new World()
    await world.apply()
    expect(await why(world, { renew: [s1] })).toEqual(['renew: a new generation was asked for'])
    world.later(61 * day)
    const { steps } = await world.plan({ renew: [s1], only: [s1] })
    expect(steps[0]!.reasons.map(({ reason }) => reason)).toEqual(['nearing-expiry', 'requested'])
  })

  test.each<[reason: string, keeps: true | undefined, tamper: (world: World) => void]>([
    ['nothing is wrong', true, () => undefined],
    ['its names differ', true, (w) => w.edit('10.0.0.11', '10.0.0.12')],
    [
      'its kind differs',
      undefined,
      (w) => w.edit('regions:', 'defaults: { key: ecdsa-p384 }\nregions:'),
    ],
    ['it is gone', undefined, (w) => unlinkSync(w.current('server/global/s1', 'key.pem'))],
  ])('a key is kept unless it is the trouble: %s', async (_reason, keeps, tamper) => {
    const world = new World()
    await world.apply()
    tamper(world)
    const { steps } = await world.plan({ renew: [s1], only: [s1], keepKey: true })
    expect(steps.map(({ action, keepKey }) => [action, keepKey])).toEqual([['renew', keeps]])
    expect((await world.plan({ renew: [s1], only: [s1] })).steps[0]!.keepKey).toBeUndefined()
  })
})

describe('what the plan leaves alone', () => {
  const withOperator = `${smallSpec}operators:\n  alice: { region: global, lifetime: 24h }\n`
  const alice = 'identity/operator/global/alice'

  test("an operator's first certificate is made, an expired one is not work, and asking renews it", async () => {
    const world = new World(withOperator)
    expect(await world.steps()).toContain(`create ${alice} (missing)`)
    await world.apply()
    world.later(2 * day)
    expect(await world.steps()).toEqual([])
    expect(await world.steps({ only: [alice] })).toEqual([`renew ${alice} (expired)`])
    await world.apply({ only: [alice] })
    expect(await world.steps({ only: [alice] })).toEqual([])
  })

  test('what the spec no longer names is shown, and removed only when told', async () => {
    const world = new World()
    await world.apply()
    world.edit(', s3: {}', '')
    const plan = await world.plan()
    expect(plan.steps).toEqual([])
    expect(plan.orphans.map(({ address }) => address)).toEqual(['identity/server/global/s3'])
    await world.apply({ prune: true })
    expect(readdirSync(world.path('identity/server/global'))).toEqual(['s1', 's2'])
    expect((await world.plan()).orphans).toEqual([])
  })

  test('an authority that was pruned and is named again is made anew, not called lost', async () => {
    const withIntermediate = smallSpec
      .replace('regions:', '  us: { issuer: agent, lifetime: 3y }\nregions:')
      .replace('  global:\n', '  global:\n    authority: us\n')
    const world = new World(withIntermediate)
    await world.apply()
    world.edit('  us: { issuer: agent, lifetime: 3y }\n', '').edit('    authority: us\n', '')
    await world.apply({ prune: true })
    expect(readdirSync(world.path('authority'))).toEqual(['agent'])
    world
      .edit('regions:', '  us: { issuer: agent, lifetime: 3y }\nregions:')
      .edit('  global:\n', '  global:\n    authority: us\n')
    expect(await world.steps()).toContain('create authority/us/1 (missing)')
    await world.apply()
    expect(await world.steps()).toEqual([])
  })

  test('generations beyond `keep` go with the renewal that makes them surplus', async () => {
    const world = new World()
    for (let year = 0; year < 5; year += 1) {
      await world.apply()
      world.later(80 * day)
    }
    expect(world.generations('server/global/s1').map((name) => name.split('-')[0])).toEqual([
      '3',
      '4',
      '5',
    ])
    expect(world.link('server/global/s1')).toMatch(/^5-/)
  })
})

describe('an authority whose key others can read', () => {
  test('is repaired, and that is no reason to stop', async () => {
    const world = new World()
    await world.apply()
    chmodSync(world.path('authority/agent/1/ca-key.pem'), 0o644)
    expect(await world.steps()).toEqual(['repair authority/agent/1 (mode-open)'])
    await world.apply()
    expect(statSync(world.path('authority/agent/1/ca-key.pem')).mode & 0o777).toBe(0o400)
    expect(await world.steps()).toEqual([])
  })
})

describe('what no step can cure stops the apply, before anything is written', () => {
  test('the files of an authority that the ledger knows are gone', async () => {
    const world = new World()
    await world.apply()
    rmSync(world.path('authority/agent'), { recursive: true })
    const before = world.generations('server/global/s1')
    await expect(world.apply()).rejects.toMatchObject({
      code: 'ERR_PLAN_BLOCKED',
      address: 'authority/agent/1',
    })
    expect(world.generations('server/global/s1')).toEqual(before)
  })

  test('the certificate of an authority is empty', async () => {
    const world = new World()
    await world.apply()
    world.write('', 'authority/agent/1/ca.pem')
    await expect(world.apply()).rejects.toMatchObject({
      code: 'ERR_PLAN_BLOCKED',
      message: expect.stringContaining('ca.pem holds no certificate') as string,
    })
  })

  test('`current` is a directory, and no link that could be turned', async () => {
    const world = new World()
    await world.apply()
    unlinkSync(world.path(s1, 'current'))
    mkdirSync(world.path(s1, 'current'))
    const { findings } = await world.plan()
    expect(findings).toMatchObject([
      {
        severity: 'error',
        address: s1,
        reason: 'link-broken',
        remedy: expect.stringMatching(/^move it away/) as string,
      },
    ])
  })

  test('the ledger was edited by hand: the line is named', async () => {
    const world = new World()
    await world.apply()
    world.write(world.read('ledger.jsonl').replace('"issued"', '"iSsued"'), 'ledger.jsonl')
    const { findings } = await world.plan()
    expect(findings).toMatchObject([
      {
        severity: 'error',
        reason: 'ledger-broken',
        message: expect.stringMatching(/^line 4 /) as string,
      },
    ])
    await expect(world.apply()).rejects.toMatchObject({ code: 'ERR_PLAN_BLOCKED' })
  })

  test('a clock before the beginning of the root', async () => {
    const world = new World()
    await world.apply()
    world.later(-30 * day)
    expect((await world.plan()).findings).toMatchObject([
      { severity: 'error', reason: 'not-yet-valid' },
    ])
  })

  test('a leaf that would outlive its root is refused with the longest life that fits, or clamped', async () => {
    const world = new World(smallSpec.replace('lifetime: 10y', 'lifetime: 100d'))
    await world.apply()
    world.later(61 * day)
    const { findings } = await world.plan()
    expect(findings.find(({ severity }) => severity === 'error')).toMatchObject({
      reason: 'beyond-issuer',
      message: expect.stringContaining('the longest that fits is 39d') as string,
    })
    world.edit('regions:', 'defaults: { beyondIssuer: clamp }\nregions:')
    await world.apply()
    expect(await world.steps()).toEqual([])
  })
})

test.each<
  readonly [
    what: string,
    finding: Pick<Finding, 'reason' | 'severity'>,
    link: boolean,
    steps: number,
  ]
>([
  ['a link that cannot be read', { reason: 'link-broken', severity: 'error' }, false, 0],
  ['a link that points nowhere', { reason: 'link-broken', severity: 'error' }, true, 1],
  ['a link that is only odd', { reason: 'link-broken', severity: 'warning' }, false, 1],
  ['something left over', { reason: 'left-over', severity: 'error' }, false, 1],
])('%s: whether another certificate is made', async (_, finding, link, steps) => {
  const world = new World()
  await world.apply()
  const inventory = await world.inventory()
  const { current, link: text, ...rest } = inventory.identities.get(s1)!
  expect(current).toBeDefined()
  const wrong = { ...finding, address: s1, message: 'wrong' }
  const found = { ...rest, findings: [wrong], ...(link && { link: text }) }
  const identities = new Map(inventory.identities).set(s1, found)
  const { plan } = makePlan(world.desired, { ...inventory, identities }, { now: world.now })
  const all = [...plan.steps, ...(plan.held ?? [])]
  expect(all.map(({ address }) => address)).toEqual(steps === 0 ? [] : [s1])
})
