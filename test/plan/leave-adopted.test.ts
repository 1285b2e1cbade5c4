/**
 * Leaving a root that was adopted: agents use it before anything is delivered from here, so the plan
 * refuses to take it from them, and says the stage that goes first.
 */

import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { Override } from '../../src/overrides.js'
import { gateTrust } from '../../src/plan/trust-gate.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { ledgerWith, told } from '../ledger.js'
import { MemoryWorld } from '../memory-world.js'
import { day, start } from '../world.js'

const specOf = (agent: string): string => `version: 1
cluster: acme
authorities:
  agent: ${agent}
regions:
  global:
    servers: { s1: {} }
`

interface Adopted {
  readonly inventory: Inventory
  /** `SHA256:HEX` of each root, by its generation. */
  readonly prints: readonly string[]
}

/** A store that has adopted roots and made nothing: no leaf, no bundle. */
async function adopted(agent = '{}', generations: readonly number[] = [1]): Promise<Adopted> {
  const world = await new MemoryWorld(specOf(agent)).apply()
  const inventory = await world.inventory()
  const roots = [...inventory.authorities.values()]
  const prints = roots.map(({ certificate }) => fingerprintOf(certificate!))
  const events = roots.flatMap(({ address, generation }, at) =>
    generations.includes(generation)
      ? [
          told('authority', address, start, {
            ...{ fingerprint: prints[at], adopted: true, issuer: null },
          }),
        ]
      : [],
  )
  return {
    inventory: {
      ...inventory,
      bundles: new Map(),
      identities: new Map(),
      ledger: ledgerWith(events),
    },
    prints: prints.map((print) => `SHA256:${print}`),
  }
}

interface Judged {
  readonly findings: readonly Finding[]
  readonly trusted: readonly string[]
}

function judge(
  agent: string,
  { inventory }: Adopted,
  overrides: readonly Override[] = [],
  now = start + day,
): Judged {
  const { desired } = new MemoryWorld(specOf(agent))
  const gated = gateTrust(desired, inventory, { now, overrides })
  return { findings: gated.findings, trusted: gated.desired.bundles[0]!.trusted }
}

const leave = (value: string): Override => ({
  code: 'leave-root',
  value,
  reason: 'the key is lost',
})
const [one, two] = ['authority/agent/1', 'authority/agent/2']

describe('an adopted root of which nothing was delivered', () => {
  test.each([
    ['it stays as it is', '{}', [one]],
    ['another is trusted beside it', '{ trusted: [1, 2] }', [one, two]],
    [
      'another signs, and it has certified that one',
      '{ signing: 2, trusted: [1, 2], crossed: true }',
      [one, two],
    ],
  ])('%s: nothing stands against it', async (_what, agent, trusted) => {
    expect(judge(agent, await adopted())).toEqual({ findings: [], trusted })
  })

  test('is replaced at once: refused, with the stage that goes first, and it stays trusted', async () => {
    const world = await adopted()
    const { findings, trusted } = judge('{ signing: 2, trusted: [2] }', world)
    expect(trusted).toEqual([one, two])
    expect(findings).toEqual([
      {
        severity: 'error',
        address: two,
        reason: 'trust-needed',
        message: expect.stringMatching(
          /^agents use authority\/agent\/1 \(CN=.*, SHA256:[0-9a-f]{64}\), which was adopted, and none was seen to trust authority\/agent\/2: agents with the new files and agents with the old ones would refuse each other$/,
        ) as string,
        remedy: `set \`signing: 1, trusted: [1, 2]\` for agent in the spec, apply and deliver it, then: nomad-pki probe; or cut over on purpose: --override leave-root=${world.prints[0]} --reason TEXT`,
      },
    ])
  })

  test('is kept, and another signs that it has not certified: refused just so', async () => {
    const { findings, trusted } = judge('{ signing: 2, trusted: [1, 2] }', await adopted())
    expect(trusted).toEqual([one, two])
    expect(findings).toEqual([
      expect.objectContaining({ severity: 'error', address: two, reason: 'trust-needed' }),
    ])
  })

  test('goes where a person accepts it by its fingerprint, and that is still said', async () => {
    const world = await adopted()
    const { findings, trusted } = judge('{ signing: 2, trusted: [2] }', world, [
      leave(world.prints[0]!),
    ])
    expect(trusted).toEqual([two])
    expect(findings).toEqual([
      expect.objectContaining({
        severity: 'warning',
        address: two,
        message: expect.stringMatching(/, which was adopted: agents with the new files /) as string,
      }),
    ])
  })

  test('does not go by the fingerprint of another root', async () => {
    const { findings, trusted } = judge('{ signing: 2, trusted: [2] }', await adopted(), [
      leave(`SHA256:${'0'.repeat(64)}`),
    ])
    expect(trusted).toEqual([one, two])
    expect(findings.map(({ severity }) => severity)).toEqual(['error'])
  })

  test('that has ended protects nobody', async () => {
    const after = start + 3 * 3650 * day
    const { findings, trusted } = judge('{ signing: 2, trusted: [2] }', await adopted(), [], after)
    expect({ findings, trusted }).toEqual({ findings: [], trusted: [two] })
  })
})

describe('an adopted root below which every certificate has ended that was adopted', () => {
  const s1 = 'identity/server/global/s1'
  const end = start + day / 2

  /** With the line of a certificate of s1 that was adopted, and what was seen of it. */
  async function ended(seen: readonly object[], of = s1): Promise<Adopted> {
    const { inventory, prints } = await adopted()
    const leaf = 'ab'.repeat(32)
    const lines = [
      told('adopted', of, start, {
        ...{ generation: 1, serial: '0a', fingerprint: leaf, notBefore: start - day },
        ...{ notAfter: end, issuer: one, trusted: [one] },
      }),
      ...seen.map((more) =>
        told('observed', of, start, { generation: 1, fingerprint: leaf, trusts: null, ...more }),
      ),
    ]
    return { inventory: { ...inventory, ledger: ledgerWith(lines, inventory.ledger) }, prints }
  }
  const port = (rpc: boolean, at: number): object => ({
    ...{ at, run: at, rpc, endpoint: `10.0.0.1:464${rpc ? 7 : 6}` },
  })
  const found = async (world: Promise<Adopted>): Promise<readonly string[]> =>
    judge('{ signing: 2, trusted: [2] }', await world).findings.map(({ severity }) => severity)

  test('stays where its agent was not seen since: another tool may have renewed it', async () => {
    expect(await found(ended([]))).toEqual(['error'])
    expect(await found(ended([port(false, end - 1), port(true, end - 1)]))).toEqual(['error'])
  })

  test('stays where the spec has an agent of which nothing was adopted', async () => {
    const other = 'identity/server/global/s9'
    expect(await found(ended([port(false, end), port(true, end)], other))).toEqual(['error'])
  })

  test('goes where its agent was seen with the certificate that has ended', async () => {
    expect(await found(ended([port(false, end), port(true, end)]))).toEqual([])
  })
})

describe('two roots that were adopted together', () => {
  const both = async (): Promise<Adopted> => adopted('{ trusted: [1, 2] }', [1, 2])

  test('either may sign: one file held both', async () => {
    expect(judge('{ signing: 2, trusted: [1, 2] }', await both()).findings).toEqual([])
  })

  test('neither leaves the bundle unasked: it is the trust that changes, not who signs', async () => {
    const world = await both()
    const { findings, trusted } = judge('{ signing: 2, trusted: [2] }', world)
    expect(trusted).toEqual([one, two])
    expect(findings).toMatchObject([{ severity: 'error', reason: 'trust-needed' }])
    expect(findings[0]!.remedy).toContain(`leave-root=${world.prints[0]} `)
    expect(findings[0]!.remedy).not.toContain(world.prints[1])
  })

  test('both are left for a third: each has to be accepted', async () => {
    const world = await both()
    const third = '{ signing: 3, trusted: [3] }'
    const all = judge(third, world)
    expect(all.trusted).toEqual([one, two, 'authority/agent/3'])
    expect(all.findings[0]!.remedy).toContain(
      `leave-root=${world.prints[0]} --override leave-root=${world.prints[1]} `,
    )
    const half = judge(third, world, [leave(world.prints[0]!)])
    expect(half.trusted).toEqual([two, 'authority/agent/3'])
    expect(half.findings).toMatchObject([{ severity: 'error' }])
    expect(half.findings[0]!.message).not.toContain(one)
    const none = judge(third, world, world.prints.map(leave))
    expect(none.trusted).toEqual(['authority/agent/3'])
    expect(none.findings.map(({ severity }) => severity)).toEqual(['warning'])
  })
})
