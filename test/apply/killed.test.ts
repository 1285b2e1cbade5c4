/**
 * The real `apply`, dead at each of its calls that does something, and the next one that goes on:
 * whatever is in the store afterwards is known to the ledger.
 */

import { readdirSync } from 'node:fs'
import { env } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { applyPlan, collect } from '../../src/apply/apply-plan.js'
import { generationsIn } from '../../src/evidence/generations.js'
import type { Files } from '../../src/files/files.js'
import { parseGenerationName } from '../../src/inventory/generation-name.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { day, World } from '../world.js'
import { hastyFiles, mortal } from '../store/calls.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y, trusted: [1] }
regions:
  global:
    servers: { s1: {} }
    clients: { c1: {} }
`
const identities = ['server/global/s1', 'client/global/c1']
const everything = env.NOMAD_PKI_KILL_POINTS === 'all'

async function applyWith(world: World, files: Files): Promise<void> {
  const store = directoryStore(world.path(), { files, git: 'ignore' })
  // As the command does: a plan is made of what is left after mending.
  const lock = await store.lock({ command: 'apply' })
  try {
    await store.heal()
  } finally {
    await lock.release()
  }
  const { plan, materials } = await world.planned()
  await collect(
    applyPlan(plan, materials, {
      ...world.ports,
      store,
      issuers: storeIssuers(store),
      clock: () => world.now,
    }),
  )
}

/** Dies in the N-th call; in this process its lock stays, and is taken away. */
async function killed(world: World, dieAt: number): Promise<number> {
  const { files, calls } = mortal(dieAt, true)
  await applyWith(world, files).catch((error: unknown) => {
    if (calls() < dieAt) throw error
  })
  await hastyFiles.removeTree(world.path('.lock'))
  return calls()
}

async function expectKnown(world: World): Promise<void> {
  expect(await world.steps()).toEqual([])
  const inventory = await world.inventory()
  expect(inventory.findings).toEqual([])
  const made = generationsIn(inventory)
  for (const identity of identities) {
    const told = inventory.ledger.events.flatMap((one) =>
      one.address === `identity/${identity}` &&
      (one.event === 'issued' || one.event === 'refreshed')
        ? [one]
        : [],
    )
    for (const directory of world.generations(identity)) {
      const number = parseGenerationName(directory)?.number
      const known = made.get(`identity/${identity}`)?.find((one) => one.number === number)
      expect(known, directory).toMatchObject({
        issuer: 'authority/agent/1',
        trusted: ['authority/agent/1'],
      })
      expect(known?.fingerprint.startsWith(directory.split('-')[1]!)).toBe(true)
      expect(
        told.filter(({ generation }) => generation === number),
        `${directory} has one line`,
      ).toHaveLength(1)
    }
  }
  expect(readdirSync(world.path()).filter((name) => name.startsWith('.'))).toEqual([])
}

const lives: readonly (readonly [what: string, before: (world: World) => Promise<void>])[] = [
  ['the first', async () => undefined],
  [
    'one that renews all',
    async (world) => {
      await world.apply()
      world.later(200 * day)
    },
  ],
]

describe.each(lives)('an apply that is killed: %s', (_what, before) => {
  let total = 0

  beforeAll(async () => {
    const world = new World(spec)
    await before(world)
    total = await killed(world, Number.POSITIVE_INFINITY)
    await expectKnown(world)
  })

  test('at any call: the next one goes on, and each generation has its line', async () => {
    let points = 0
    for (let dieAt = 1; dieAt <= total; dieAt += everything ? 1 : 3) {
      const world = new World(spec)
      await before(world)
      await killed(world, dieAt)
      await applyWith(world, hastyFiles)
      await expectKnown(world)
      points += 1
    }
    console.log(`kill points of a real apply: ${points}`)
    expect(points).toBeGreaterThan(10)
  }, 3_600_000)

  test('and what the spec asks for changes before the next: what was made still has its line', async () => {
    for (let dieAt = 1; dieAt <= total; dieAt += everything ? 1 : 5) {
      const world = new World(spec)
      await before(world)
      await killed(world, dieAt)
      world.edit('s1: {}', 's1: { ips: [10.0.0.11] }').edit('c1: {}', 'c1: { ips: [10.0.0.12] }')
      await applyWith(world, hastyFiles)
      await expectKnown(world)
    }
  }, 3_600_000)
})

test('a plan of before the mending never makes a number twice: it is refused, and the next one goes on', async () => {
  const fresh = new World(spec)
  await fresh.apply()
  fresh.later(200 * day)
  const total = await killed(fresh, Number.POSITIVE_INFINITY)
  let refused = 0
  for (let dieAt = 1; dieAt <= total; dieAt += 1) {
    const world = new World(spec)
    await world.apply()
    world.later(200 * day)
    await killed(world, dieAt)
    try {
      await world.apply()
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_PLAN_STALE' })
      refused += 1
      await world.apply()
    }
    await expectKnown(world)
  }
  expect(refused).toBeGreaterThan(0)
}, 600_000)
