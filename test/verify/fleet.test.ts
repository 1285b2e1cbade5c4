/** Several clusters side by side: what they share by mistake, and what those of a federation lack. */

import { beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import { readInventory } from '../../src/inventory/read.js'
import { configPaths } from '../../src/plan/config-files.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { federationFindings, fleetFindings } from '../../src/verify/fleet.js'
import { fleetMember, fleetRoots, type FleetMember } from '../../src/verify/fleet-member.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { fingerprintText, type Certificate } from '../../src/x509/certificate.js'
import { MemoryWorld } from '../memory-world.js'
import { day, start } from '../world.js'

interface Options {
  readonly federation?: string
  readonly region?: string
  readonly extra?: string
}

/** A spec whose root does not have the name of the cluster, as one that two clusters have on purpose. */
function spec(
  cluster: string,
  { federation, region = 'global', extra = '' }: Options = {},
): string {
  return `version: 1
cluster: ${cluster}
${federation === undefined ? '' : `federation: ${federation}\n`}authorities:
  agent: { subject: { commonName: Common root } }
${extra}regions:
  ${region}:
    servers: { s1: {} }
    clients: { c1: {} }
`
}

/** Another cluster that has the authorities of the first. */
async function sharing(first: MemoryWorld, text: string): Promise<MemoryWorld> {
  const { authorities } = await first.store.read()
  const world = new MemoryWorld(
    text,
    memoryStore({ exists: true, authorities, bundles: [], identities: [], findings: [] }),
  )
  return world.apply()
}

async function memberOf(world: MemoryWorld, file?: string): Promise<FleetMember> {
  return fleetMember(world.desired, await world.inventory(), { now: world.now, file })
}

async function between(one: MemoryWorld, other: MemoryWorld): Promise<readonly Finding[]> {
  return fleetFindings([await memberOf(one), await memberOf(other, '../b/cluster.yaml')])
}

const brief = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ severity, reason, address }) => `${severity} ${reason} ${address}`)

let a: MemoryWorld
let root: Certificate
beforeAll(async () => {
  a = await new MemoryWorld(spec('acme')).apply()
  root = (await a.inventory()).authorities.get('authority/agent/1')!.certificate!
})

describe('one root', () => {
  const cases: readonly (readonly [string, Options, Options, readonly string[]])[] = [
    ['one region: one trust domain', {}, {}, ['error trust-domain-shared authority/agent/1']],
    ['two regions, undeclared', {}, { region: 'eu' }, ['warning root-shared authority/agent/1']],
    ['two regions, one federation', { federation: 'w' }, { federation: 'w', region: 'eu' }, []],
    [
      'two regions, two federations',
      { federation: 'w' },
      { federation: 'v', region: 'eu' },
      ['warning root-shared authority/agent/1'],
    ],
    [
      'two regions, declared by one alone',
      { federation: 'w' },
      { region: 'eu' },
      ['warning root-shared authority/agent/1'],
    ],
    [
      'a federation does not excuse one region in two clusters',
      { federation: 'w' },
      { federation: 'w' },
      ['error trust-domain-shared authority/agent/1'],
    ],
    ['regions are literal', {}, { region: 'Global' }, ['warning root-shared authority/agent/1']],
  ]
  test.each(cases)('%s', async (_, first, second, expected) => {
    const one = new MemoryWorld(spec('acme', first), a.store)
    if (first.region !== undefined) await one.apply()
    expect(brief(await between(one, await sharing(a, spec('beta', second))))).toEqual(expected)
  })

  test('the message names both clusters, the root, and the region', async () => {
    const [found] = await between(a, await sharing(a, spec('beta')))
    expect(found).toEqual({
      severity: 'error',
      address: 'authority/agent/1',
      reason: 'trust-domain-shared',
      file: '../b/cluster.yaml',
      message: `the cluster acme and the cluster beta (../b/cluster.yaml) accept the root Common root (${fingerprintText(root)}) and both have the region global: to Nomad they are one cluster, and a server of one can join the other and read its keys`,
      remedy:
        'give one of the two a root of its own: nomad-pki rotate authority agent --way staged --file ../b/cluster.yaml, to its last stage',
    })
  })

  test('the remedy cures it, and the crossed way would not', async () => {
    const outcomes: string[][] = []
    for (const way of ['staged', 'crossed'] as const) {
      const b = await sharing(a, spec('beta'))
      const seen: string[] = []
      for (let stage = 0; stage < (way === 'staged' ? 3 : 2); stage += 1) {
        await (await b.next('agent', stage === 0 ? way : undefined)).apply()
        seen.push(...(await between(a, b)).map(({ reason }) => reason), '-')
      }
      expect(b.spec.authorities[0]).toMatchObject({ signing: 2, trusted: [2] })
      outcomes.push(seen)
    }
    expect(outcomes).toEqual([
      ['trust-domain-shared', '-', 'trust-domain-shared', '-', '-'],
      ['trust-domain-shared', '-', 'trust-domain-shared', '-'],
    ])
  })

  test('a root that has ended is not accepted by anybody', async () => {
    const b = await sharing(a, spec('beta'))
    const now = root.notAfter + 1
    const [one, other] = [a, b].map(async (world) =>
      fleetMember(world.desired, await world.inventory(), { now }),
    )
    expect(fleetFindings([await one!, await other!])).toEqual([])
  })
})

test('clusters with roots of their own have nothing in common, whatever their names', async () => {
  const b = await new MemoryWorld(spec('acme')).apply()
  expect(await between(a, b)).toEqual([])
})

test('a declared federation without a common root cannot work', async () => {
  const one = new MemoryWorld(spec('acme', { federation: 'w' }), a.store)
  const b = await new MemoryWorld(spec('beta', { federation: 'w', region: 'eu' })).apply()
  expect(brief(await between(one, b))).toEqual(['warning federation-apart authority/agent/1'])
})

describe('without a spec', () => {
  test('a ca_file: its regions are not known, so that it is a warning', async () => {
    const [found, ...more] = fleetFindings([
      await memberOf(a),
      fleetRoots([root], { now: start, file: 'ca.pem' }),
    ])
    expect(more).toEqual([])
    expect(found).toMatchObject({ severity: 'warning', reason: 'root-shared', file: 'ca.pem' })
    expect(found!.message).toContain('the regions of the second are not known')
    expect(found!.remedy).toContain('nomad-pki rotate authority agent --way staged, to its last')
  })

  test('a ca_file in a declared federation: it cannot declare one, so that it is a note', async () => {
    const one = new MemoryWorld(spec('acme', { federation: 'w' }), a.store)
    const found = fleetFindings([
      await memberOf(one),
      fleetRoots([root], { now: start, file: 'ca.pem' }),
    ])
    expect(brief(found)).toEqual(['note root-shared authority/agent/1'])
  })

  test('a ca_file with an intermediate of ours accepts what that signed', async () => {
    const text = spec('acme', { extra: '  west: { issuer: agent }\n' }).replace(
      'global:\n',
      'global:\n    authority: west\n',
    )
    const world = await new MemoryWorld(text).apply()
    const west = (await world.inventory()).authorities.get('authority/west/1')!.certificate!
    const found = fleetFindings([
      await memberOf(world),
      fleetRoots([west], { now: start, file: 'ca.pem' }),
    ])
    expect(brief(found)).toEqual(['warning root-shared authority/west/1'])
  })

  test('a store: its identities tell the regions', async () => {
    const b = await sharing(a, spec('beta'))
    const store = fleetMember(undefined, await b.inventory(), { now: start, file: '../b/pki' })
    expect(store).toMatchObject({ kind: 'store', regions: new Set(['global']) })
    expect(brief(fleetFindings([await memberOf(a), store]))).toEqual([
      'error trust-domain-shared authority/agent/1',
    ])
  })
})

describe('keys', () => {
  test('a copied store: each key is named once, with the command that makes new ones', async () => {
    const found = await between(a, await a.fork())
    expect(brief(found)).toEqual([
      'error trust-domain-shared authority/agent/1',
      'error key-shared identity/client/global/c1',
    ])
    expect(found[1]).toMatchObject({
      message:
        'its key is also that of identity/client/global/c1 of the cluster acme (../b/cluster.yaml), and 1 more key alike: a file stolen from one cluster opens the other',
      remedy: 'nomad-pki rotate leaves identity/client/global/c1 identity/server/global/s1',
    })
  })

  test('an intermediate in two clusters, also in a federation', async () => {
    const text = (cluster: string, region: string): string =>
      spec(cluster, { federation: 'w', region, extra: '  west: { issuer: agent }\n' }).replace(
        `${region}:\n`,
        `${region}:\n    authority: west\n`,
      )
    const one = await new MemoryWorld(text('acme', 'global')).apply()
    const two = await sharing(one, text('beta', 'global'))
    const found = await between(one, two)
    expect(brief(found)).toContain('error key-shared authority/west/1')
  })
})

describe('gossip', () => {
  const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
  const withConfig = (text: string): string => text.replace('s1: {}', 's1: { config: s1.hcl }')

  async function withGossip(
    world: MemoryWorld,
    text: string,
    server: string,
  ): Promise<FleetMember> {
    const made = new MemoryWorld(withConfig(text), world.store)
    const configs = memoryConfigs({ 's1.hcl': `server {\n  enabled = true\n${server}\n}\n` })
    const inventory = await readInventory(
      { store: world.store, configs },
      { configs: configPaths(made.desired.configs) },
    )
    return fleetMember(made.desired, inventory, { now: start })
  }

  const cases: readonly (readonly [string, string | undefined, number, number, string[]])[] = [
    ['one key outside a federation', undefined, 1, 1, ['error gossip-shared config/eu/s1']],
    ['two keys outside a federation', undefined, 1, 2, []],
    ['one key in a federation', 'w', 1, 1, []],
    ['two keys in a federation', 'w', 1, 2, ['warning federation-apart config/eu/s1']],
  ]
  test.each(cases)('%s', async (_, federation, first, second, expected) => {
    const f = federation === undefined ? {} : { federation }
    const [one, two] = [spec('acme', { ...f, region: 'eu' }), spec('beta', { ...f, region: 'us' })]
    // A root of its own outside, and the common one inside: gossip alone is judged here.
    const other = await (federation === undefined ? new MemoryWorld(two).apply() : sharing(a, two))
    const found = fleetFindings([
      await withGossip(a, one, `encrypt = "${key(first)}"`),
      await withGossip(other, two, `encrypt = "${key(second)}"`),
    ])
    expect(brief(found)).toEqual(expected)
    expect(JSON.stringify(found)).not.toContain(key(first))
  })

  test('what one spec can know: a server that follows a region elsewhere', async () => {
    const about = async (text: string, server: string): Promise<readonly string[]> => {
      const made = new MemoryWorld(withConfig(text), a.store)
      const configs = memoryConfigs({ 's1.hcl': `server {\n  enabled = true\n${server}\n}\n` })
      const inventory = await readInventory(
        { store: a.store, configs },
        { configs: configPaths(made.desired.configs) },
      )
      const reasons = verifyCluster(made.desired, inventory, { now: start }).map(
        (one) => one.reason,
      )
      const found = brief(federationFindings(made.desired, inventory))
      expect(reasons.includes('federation-undeclared')).toBe(found.length > 0)
      return found
    }
    const follows = 'authoritative_region = "us"'
    expect(await about(spec('acme'), follows)).toEqual([
      'warning federation-undeclared config/global/s1',
    ])
    expect(await about(spec('acme', { federation: 'w' }), follows)).toEqual([])
    expect(await about(spec('acme'), 'authoritative_region = "global"')).toEqual([])
    expect(await about(spec('acme'), '')).toEqual([])
  })
})

test('three clusters: each pair is compared', async () => {
  const b = await new MemoryWorld(spec('beta', { region: 'eu' })).later(day).apply()
  const c = await sharing(b, spec('gamma', { region: 'us' }))
  const found = fleetFindings([
    await memberOf(a),
    await memberOf(b, 'b.yaml'),
    await memberOf(c, 'c.yaml'),
  ])
  expect(found).toMatchObject([{ reason: 'root-shared', file: 'c.yaml' }])
  expect(found[0]!.message).toMatch(
    /^the cluster beta \(b\.yaml\) and the cluster gamma \(c\.yaml\)/,
  )
})
