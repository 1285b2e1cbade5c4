/**
 * A server that came back from an old image after a compromised rotation: it takes its newest archive,
 * and nobody is told to trust the old root again. The repair of a split is for a cluster that is split.
 */

import { beforeAll, expect, test } from 'vitest'
import { fingerprintText } from '../../src/x509/certificate.js'
import type { SeenPort } from '../../src/evidence/evidence.js'
import { judgeAll } from '../../src/evidence/judge.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import { halfRotations } from '../../src/rotation/half-rotated.js'
import { MemoryWorld } from '../memory-world.js'
import { probed, withLines } from './lines.js'

const servers = ['s1', 's2', 's3'].map((name) => `identity/server/global/${name}`)
let world: MemoryWorld
let inventory: Inventory

beforeAll(async () => {
  world = await new MemoryWorld(`version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: {}, s2: {}, s3: {} }
`).apply()
  await world.note({ event: 'compromised', address: 'authority/agent/1', at: world.now })
  for (let stage = 0; stage < 3; stage += 1) {
    await (await world.later(60_000).next('agent', 'staged')).apply()
  }
  world.later(60_000)
  inventory = await world.inventory()
})

/** What a probe sees where the first `old` servers have their first generation. */
function seen(old: number): Inventory {
  const { now: at } = world
  return withLines(
    inventory,
    servers.flatMap((address, index) =>
      probed(inventory, [
        { address, at, host: `10.0.0.${index}`, generation: index < old ? 1 : undefined },
      ]),
    ),
  )
}

function repairs(old: number): ReturnType<typeof halfRotations> {
  const ports = seen(old)
    .ledger.lines.filter(({ event }) => event === 'observed')
    .map((line) => ({ ...line, asked: line.address }) as unknown as SeenPort)
  const { spec, desired, now } = world
  return halfRotations({ spec, desired, inventory, seen: ports, now })
}

test('the one that lags gets its newest archive, with the override named', () => {
  const judged = judgeAll(seen(1), { now: world.now }).get(servers[0]!)!
  const root = inventory.authorities.get('authority/agent/2')!.certificate!
  expect(judged.state).toBe('lagging')
  expect(judged.remedy).toBe(
    `deliver generation ${judged.newest.number} (install with --override new-root=${fingerprintText(root)} --reason TEXT), reload, then: nomad-pki probe ${servers[0]!}`,
  )
  expect(repairs(1)).toEqual([])
})

test('a cluster that is split has a repair, which never names the compromised root', () => {
  const [repair, ...more] = repairs(2)
  expect(more).toEqual([])
  expect(repair!.sides.length).toBe(2)
  expect(repair!.edits.flatMap(({ trusted = [] }) => trusted)).not.toContain(1)
  expect(repairs(0)).toEqual([])
})
