/** Agents that use another authority today: whose, which agents, and whether moving them cuts them off. */

import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import type { FilesInUse, Inventory } from '../../src/inventory/inventory.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { generateKeySync } from '../../src/keys/generate.js'
import type { Override } from '../../src/overrides.js'
import { foreignAuthorities } from '../../src/plan/foreign-authority.js'
import { fingerprintText, type Certificate } from '../../src/x509/certificate.js'
import { aCluster } from '../builders.js'
import { MemoryWorld } from '../memory-world.js'
import { start } from '../world.js'

const world = (agent = '{ lifetime: 10y }'): MemoryWorld =>
  new MemoryWorld(`version: 1
cluster: acme
authorities:
  agent: ${agent}
regions:
  global:
    servers: { s1: { config: a/s1.hcl }, s2: { config: a/s2.hcl }, s3: { config: a/s3.hcl } }
`)

interface Foreign {
  readonly root: Certificate
  readonly chain: readonly Certificate[]
}

/** Another authority, and a leaf under it. */
async function foreign(): Promise<Foreign> {
  const cluster = await aCluster(start).withServer('s1').build()
  return { root: cluster.root(), chain: [cluster.leaf('identity/server/global/s1')] }
}

const inUse = (
  inventory: Inventory,
  agents: Readonly<Record<string, Partial<FilesInUse>>>,
): Inventory => ({
  ...inventory,
  inUse: new Map(
    Object.entries(agents).map(([name, found]) => [
      `config/global/${name}`,
      { path: 'a/ca.pem', roots: [], chain: [], ...found },
    ]),
  ),
})

function judge(
  { desired }: MemoryWorld,
  inventory: Inventory,
  overrides: readonly Override[] = [],
): readonly Finding[] {
  return foreignAuthorities(desired, desired.configs, inventory, overrides)
}

const brief = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ severity, address, message }) => `${severity} ${address}: ${message}`)
const leave = (root: Certificate): Override => ({
  ...{ code: 'leave-root', value: fingerprintText(root), reason: 'the key is lost' },
})

describe('before anything is made here', () => {
  test('everything waits: one error, on the authority that would be made', async () => {
    const { root, chain } = await foreign()
    const before = world()
    const inventory = inUse(await before.inventory(), {
      s1: { roots: [root], chain },
      s2: { roots: [root], chain },
    })
    expect(judge(before, inventory)).toEqual([
      {
        severity: 'error',
        address: 'authority/agent/1',
        reason: 'foreign-authority',
        message: `2 agents (config/global/s1, …) use another authority today: CN=test agent 1, ${fingerprintText(root)} (a/ca.pem); agents with the new files and agents with the old ones would refuse each other`,
        remedy: `before apply: nomad-pki adopt FOLDER, with the folder that holds its certificate and key (docs/take-over.md); or cut over on purpose: --override leave-root=${fingerprintText(root)} --reason TEXT`,
        file: 'a/ca.pem',
      },
    ])
  })

  test.each([
    ['they were not looked at', undefined],
    ['there are none', {}],
  ])('nothing is said where %s', async (_what, agents) => {
    const before = world()
    const inventory = await before.inventory()
    expect(judge(before, agents === undefined ? inventory : inUse(inventory, agents))).toEqual([])
  })

  test('a file that cannot be read here is a warning for each agent that names it', async () => {
    const before = world()
    const inventory = inUse(await before.inventory(), {
      s1: { path: '/etc/nomad.d/ca.pem' },
      s2: { path: '/etc/nomad.d/ca.pem' },
      s3: { path: '/opt/ca.pem' },
    })
    const findings = judge(before, inventory)
    expect(findings.map(({ severity, address, file }) => [severity, address, file])).toEqual([
      ['warning', 'config/global/s1', '/etc/nomad.d/ca.pem'],
      ['warning', 'config/global/s2', '/etc/nomad.d/ca.pem'],
      ['warning', 'config/global/s3', '/opt/ca.pem'],
    ])
    expect(findings[0]!.message).toMatch(/^the agent trusts \/etc\/nomad\.d\/ca\.pem, which cannot/)
  })
})

describe('where an authority was made here', () => {
  test('the agents that use another are named, and the generation that is free', async () => {
    const { root, chain } = await foreign()
    const made = await world().apply()
    const ours = (await made.inventory()).authorities.get('authority/agent/1')!.certificate!
    const inventory = inUse(await made.inventory(), {
      s1: { roots: [root], chain },
      s2: { roots: [ours] },
      s3: { roots: [root], chain },
    })
    const findings = judge(made, inventory)
    expect(findings.map(({ severity, address }) => [severity, address])).toEqual([
      ['error', 'config/global/s1'],
      ['error', 'config/global/s3'],
    ])
    expect(findings[0]!.remedy).toMatch(
      /\/authority\/agent\/2\/ca\.pem .*, then set `signing: 2, trusted: \[2\]` for agent in the spec; or cut over/,
    )
  })

  test('one agent is called by its name', async () => {
    const { root, chain } = await foreign()
    const made = await world().apply()
    const inventory = inUse(await made.inventory(), { s2: { roots: [root], chain } })
    expect(brief(judge(made, inventory))).toEqual([
      expect.stringMatching(
        /^error config\/global\/s2: config\/global\/s2 uses another authority today: CN=/,
      ),
    ])
  })

  test('a root that was made again with its key and name is the same authority', async () => {
    const key = generateKeySync('ecdsa-p256')
    const subject = { commonName: 'acme' }
    const [first, again] = await Promise.all(
      [start, start + 1000].map(async (now) =>
        createRoot({ subject, key, lifetime: 1e10 }, { now }),
      ),
    )
    const made = await world().apply()
    const inventory = await made.inventory()
    const own = inventory.authorities.get('authority/agent/1')!
    const authorities = new Map([[own.address, { ...own, certificate: first!.certificate }]])
    const agents = { s1: { roots: [again!.certificate] } }
    expect(judge(made, inUse({ ...inventory, authorities }, agents))).toEqual([])
    // The name alone makes it no kin, and neither does the key.
    const named = await createRoot(
      { subject, key: generateKeySync('ecdsa-p256'), lifetime: 1e10 },
      { now: start },
    )
    const keyed = await createRoot(
      { subject: { commonName: 'b' }, key, lifetime: 1e10 },
      { now: start },
    )
    for (const { certificate } of [named, keyed]) {
      const other = { s1: { roots: [certificate] } }
      expect(judge(made, inUse({ ...inventory, authorities }, other))).toHaveLength(1)
    }
  })
})

describe('an agent that trusts ours as well as another', () => {
  const trusting = async (chain: 'foreign' | 'ours'): Promise<readonly Finding[]> => {
    const other = await foreign()
    const made = await world().apply()
    const inventory = await made.inventory()
    const own = inventory.authorities.get('authority/agent/1')!.certificate!
    const leaf = inventory.identities.get('identity/server/global/s1')!.current!.chain
    return judge(
      made,
      inUse(inventory, {
        s1: { roots: [own, other.root], chain: chain === 'ours' ? leaf : other.chain },
      }),
    )
  }

  test('and presents the other: it is cut off', async () => {
    expect(brief(await trusting('foreign'))).toEqual([
      expect.stringMatching(/^error config\/global\/s1: .* uses another authority today/),
    ])
  })

  test('and presents ours: it only stops to trust the other', async () => {
    expect(brief(await trusting('ours'))).toEqual([
      expect.stringMatching(
        /^warning config\/global\/s1: config\/global\/s1 would no longer trust CN=test agent 1, SHA256:[0-9a-f]{64} \(a\/ca\.pem\)$/,
      ),
    ])
  })
})

test.each([
  ['one of several others made its leaf', true, 'b'],
  ['it trusts only others, and presents ours', false, 'ours'],
] as const)('an agent is cut off where %s', async (_, trustsOurs, presents) => {
  const [a, b] = [await foreign(), await foreign()]
  const made = await world().apply()
  const inventory = await made.inventory()
  const own = inventory.authorities.get('authority/agent/1')!.certificate!
  const [leaf] = inventory.identities.get('identity/server/global/s1')!.current!.chain
  const roots = [...(trustsOurs ? [own] : []), a.root, b.root]
  // What stands behind the leaf is of nobody else.
  const chain = presents === 'b' ? [...b.chain, own] : [leaf!]
  expect(judge(made, inUse(inventory, { s1: { roots, chain } }))[0]!.severity).toBe('error')
})

describe('leaving it on purpose', () => {
  const both = async (): Promise<readonly [MemoryWorld, Inventory, readonly Foreign[]]> => {
    const [a, b] = [await foreign(), await foreign()]
    const made = await world().apply()
    const roots = [a.root, b.root]
    // The leaf is of the second: that one is named first.
    return [made, inUse(await made.inventory(), { s1: { roots, chain: b.chain } }), [a, b]]
  }

  test('needs the fingerprint of each root that is left, the one that signs first', async () => {
    const [made, inventory, [a, b]] = await both()
    const [error] = judge(made, inventory)
    expect(error!.severity).toBe('error')
    expect(error!.remedy).toContain(
      `--override leave-root=${fingerprintText(b!.root)} --override leave-root=${fingerprintText(a!.root)} --reason`,
    )
    expect(judge(made, inventory, [leave(a!.root)])[0]!.severity).toBe('error')
    const [left] = judge(made, inventory, [leave(a!.root), leave(b!.root)])
    expect([left!.severity, left!.message]).toEqual(['warning', error!.message])
  })
})
