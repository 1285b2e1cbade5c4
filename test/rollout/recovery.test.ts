/** The order of a recovery. */

import { describe, expect, test } from 'vitest'
import type { Rollout, RolloutNode, RolloutStep } from '../../src/rollout/order.js'
import { isEnough, recoveryOrder, type RecoveryOrder } from '../../src/rollout/recovery.js'

function node(name: string, region = 'global'): RolloutNode {
  const role = name.startsWith('s') ? 'server' : 'client'
  return {
    ...{ address: `identity/${role}/${region}/${name}`, host: name, generation: 2, proven: 1 },
    ...{ leader: false, restart: false, overrides: [], configs: [], receipt: false },
  }
}

function rollout(steps: readonly (readonly [RolloutStep['kind'], string, string])[]): Rollout {
  return {
    steps: steps.map(([kind, region, names], at) => ({
      ...{ number: at + 1, kind, region },
      nodes: names.split(' ').map((name) => node(name, region)),
    })),
    ...{ agents: 9, proven: 0, leaderless: [], notReloaded: [] },
    ...{ missing: [], doubtful: [], excepted: [] },
  }
}

const order = (all: Rollout, more: Partial<RecoveryOrder> = {}): readonly string[] =>
  recoveryOrder(all, {
    ...{ quorumLost: new Set(['global']), allClients: true, overridesFor: () => [], ...more },
  }).steps.map(
    ({ number, kind, region, nodes }) =>
      `${number} ${kind} ${region} ${nodes.map(({ host }) => host).join('+')}`,
  )

const usual = rollout([
  ['server', 'global', 's1'],
  ['server', 'global', 's2'],
  ['server', 'west', 's1'],
  ['clients', 'global', 'c1'],
  ['clients', 'global', 'c2 c3'],
  ['clients', 'west', 'c1'],
])

describe('the order of a recovery', () => {
  test('the quorum first, its servers together; then the clients of a region together', () => {
    expect(order(usual)).toEqual([
      '1 servers global s1+s2',
      '2 server west s1',
      '3 clients global c1+c2+c3',
      '4 clients west c1',
    ])
  })

  test('batches that were asked for stay', () => {
    expect(order(usual, { allClients: false })).toContain('3 clients global c1')
  })

  test('a region that can elect a leader gets one server at a time, whatever the ledger says', () => {
    const together = rollout([['servers', 'global', 's1 s2']])
    expect(order(together, { quorumLost: new Set() })).toEqual([
      '1 server global s1',
      '2 server global s2',
    ])
  })

  test('what installers have to accept is said to each', () => {
    const override = { code: 'new-root', value: 'SHA256:ab', reason: 'recovery' } as const
    const { steps } = recoveryOrder(usual, {
      ...{ quorumLost: new Set(), allClients: true },
      overridesFor: (address) => (address.endsWith('/c1') ? [override] : []),
    })
    const told = steps.flatMap(({ nodes }) => nodes).filter(({ overrides }) => overrides.length > 0)
    expect(told.map(({ host }) => host)).toEqual(['c1', 'c1'])
  })
})

test.each([
  ['all', 's1 s2 s3', 's1 s2 s3', true],
  ['two of three', 's1 s2 s3', 's1 s2', true],
  ['one of three', 's1 s2 s3', 's1', false],
  ['one of two, and the third lives', 's1 s2', 's1', true],
  ['none of two, and the third lives', 's1 s2', '', false],
])('enough servers for a leader: %s', (_, step, fit, said) => {
  const nodes = step.split(' ').map((name) => node(name))
  const fits = new Set(nodes.filter(({ host }) => fit.split(' ').includes(host!)))
  const servers = ['s1', 's2', 's3'].map((name) => node(name).address)
  expect(isEnough({ number: 1, kind: 'servers', region: 'global', nodes }, fits, servers)).toBe(
    said,
  )
})
