/**
 * What `verify` says of running agents: the judgement of `probe` and `status`, in the same words.
 */

import { beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import { judgeAll } from '../../src/evidence/judge.js'
import { withoutPorts } from '../../src/evidence/state-words.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { Desired } from '../../src/cluster/desired.js'
import { makeSchedule } from '../../src/plan/schedule.js'
import { statusText } from '../../src/report/status.js'
import { plainStyle } from '../../src/report/style.js'
import { agentProof } from '../../src/verify/agents.js'
import { sharingCost } from '../../src/verify/sharing.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { probed, withLines, type Shown } from '../evidence/lines.js'
import { day, World } from '../world.js'

const s1 = 'identity/server/global/s1'
const c1 = 'identity/client/global/c1'

let now = 0
let desired: Desired
let rotated: Inventory

beforeAll(async () => {
  const world = new World(`version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: {} }
    clients: { c1: {} }
`)
  await world.apply()
  world.later(day)
  await world.apply({ renew: [s1] })
  now = world.later(day).now
  desired = world.desired
  rotated = await world.inventory()
})

const about = (inventory: Inventory, at = now): readonly Finding[] =>
  verifyCluster(desired, inventory, { now: at }).filter(({ reason }) => reason === 'not-proven')

const seen = (...shown: readonly Omit<Shown, 'at'>[]): Inventory =>
  withLines(
    rotated,
    shown.flatMap((one, index) => probed(rotated, [{ host: `10.0.0.${index}`, ...one, at: now }])),
  )

describe('verify about running agents', () => {
  test('says nothing before the first delivery, also where nobody answered', () => {
    for (const inventory of [rotated, seen({ address: s1, generation: 0 })]) {
      expect(about(inventory)).toEqual([])
      expect(agentProof(desired, inventory, { now })).toEqual({
        ...{ agents: 2, proven: 0, delivered: false },
      })
    }
  })

  test('says nothing of what is proven', () => {
    const inventory = seen({ address: s1 }, { address: c1 })
    expect(about(inventory)).toEqual([])
    expect(agentProof(desired, inventory, { now })).toEqual({
      ...{ agents: 2, proven: 2, delivered: true },
    })
  })

  test.each<[string, Omit<Shown, 'at'>, string]>([
    ['foreign', { address: s1, generation: -1 }, 'error'],
    ['foreign', { address: s1, trusts: ['authority/agent/1', 'CN=Rogue'] }, 'error'],
    ['lagging', { address: s1, generation: 1 }, 'warning'],
    ['silent', { address: s1, generation: 0 }, 'warning'],
    ['lagging', { address: s1, trusts: [] }, 'warning'],
  ])('names one that is %s: %j', (word, shown, severity) => {
    const inventory = seen(shown, { address: c1 })
    const judged = judgeAll(inventory, { now }).get(s1)!
    expect(about(inventory)).toEqual([
      {
        ...{ severity, address: s1, reason: 'not-proven' },
        message: `the agent is ${word}: ${withoutPorts(judged)}`,
        remedy: judged.remedy,
      },
    ])
    expect(agentProof(desired, inventory, { now }).proven).toBe(1)
  })

  test('an agent that was never seen is a note', () => {
    expect(about(seen({ address: c1 }))).toMatchObject([
      { severity: 'note', address: s1, message: 'the agent is unknown: it was never seen' },
    ])
  })

  test('a leaf that has ended is an error, and said once where it is the newest', () => {
    const later = now + 100 * day
    const inventory = seen({ address: s1, generation: 1 }, { address: c1 })
    const errors = verifyCluster(desired, inventory, { now: later })
      .filter(({ severity }) => severity === 'error')
      .map(({ address, reason }) => `${address} ${reason}`)
    expect(errors.filter((one) => one.startsWith(c1))).toEqual([`${c1} expired`])
    expect(errors).toContain(`${s1} not-proven`)
  })
})

test('status says once, and short, what sharing costs', async () => {
  const world = new World(`version: 1
cluster: acme
regions:
  global:
    servers: { s1: {} }
    clients: { shared: true }
  west:
    servers: { s1: {} }
    clients: { shared: true }
`)
  const text = async (): Promise<string> => {
    const inventory = await world.inventory()
    const schedule = makeSchedule(world.desired, inventory, { now: world.now })
    return statusText(schedule, plainStyle, {
      ...{ cluster: 'acme', all: false, ledgerHead: inventory.ledger.head, ledgerLines: 1 },
    })
  }
  // Nothing is shared before it is made.
  expect(await text()).not.toContain('share one key')
  await world.apply()
  expect((await text()).split('\n').filter((line) => line.includes('share one key'))).toEqual([
    `many hosts share one key: client/global/shared, client/west/shared: ${sharingCost}`,
  ])
  world.edit('    clients: { shared: true }\n', '').edit('    clients: { shared: true }\n', '')
  expect(await text()).not.toContain('share one key')
})
