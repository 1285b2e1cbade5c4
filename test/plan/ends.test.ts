/**
 * Everything that can end, at each stage of a rotation, on the day before, on the day and on the day
 * after: nothing that no longer signs stops a renewal, the end is told, and each fix that is printed
 * cures what it is printed for.
 */

import { beforeAll, describe, expect, test } from 'vitest'
import { checkContext } from '../../src/checks/context.js'
import { statusOfSchedule } from '../../src/cli/status.js'
import type { Finding } from '../../src/diagnostics.js'
import { makeSchedule } from '../../src/plan/schedule.js'
import { deadlinesOf } from '../../src/rotation/deadlines.js'
import { dueLeaves } from '../../src/rotation/due.js'
import { gateOf } from '../../src/rotation/gate-of.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { MemoryWorld } from '../memory-world.js'
import { day, start } from '../world.js'

const text = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 400d }
  west: { issuer: agent, lifetime: 250d }
regions:
  global:
    servers: { s1: {} }
    clients: { c1: {} }
  us-west:
    authority: west
    servers: { w1: {} }
operators:
  alice: { region: global, lifetime: 30d }
`

/** How often a stage is taken, and which way. */
const stages = {
  'at rest': [0, 'crossed'],
  'crossed, stage 1': [1, 'crossed'],
  'crossed, dropped': [2, 'crossed'],
  'staged, stage 1': [1, 'staged'],
  'staged, stage 2': [2, 'staged'],
  'staged, dropped': [3, 'staged'],
} as const
type StageName = keyof typeof stages

/** A cluster whose stage is taken on day 100; a timer renews leaves on the way. */
async function begun(stage: StageName): Promise<MemoryWorld> {
  const [times, way] = stages[stage]
  const world = await new MemoryWorld(text).apply()
  await runUntil(world, start + 100 * day)
  for (let done = 0; done < times; done += 1) {
    await (await world.next('agent', way)).apply()
    world.later(day)
  }
  return world
}

async function due(world: MemoryWorld): Promise<readonly string[]> {
  const { desired, now } = world
  const inventory = await world.inventory()
  return dueLeaves(desired, inventory, checkContext(desired, inventory, { now }))
}

async function renewDue(world: MemoryWorld): Promise<void> {
  const renew = await due(world)
  // What its own authority holds back by its end waits for the operator: `check` looks at that.
  const { steps } = await world.plan({ only: renew, renew })
  if (steps.length > 0) await world.apply({ only: renew, renew })
}

async function runUntil(world: MemoryWorld, end: number): Promise<void> {
  while (world.now + 20 * day < end) {
    world.later(20 * day)
    await renewDue(world)
  }
  world.now = end
}

/** What ends and when: `true`: only because nothing is renewed on the way. */
async function endsOf(
  world: MemoryWorld,
): Promise<readonly (readonly [string, number, boolean])[]> {
  const { authorities, identities } = await world.inventory()
  return [
    ...[...authorities].flatMap(([address, { certificate, crossed }]) => [
      [address, certificate!.notAfter, false] as const,
      ...[...crossed].map(
        ([by, cross]) => [`${address} crossed by ${by}`, cross.notAfter, false] as const,
      ),
    ]),
    ...[...identities].map(
      ([address, { current }]) => [address, current!.chain[0]!.notAfter, true] as const,
    ),
  ]
}

async function findingsOf(world: MemoryWorld): Promise<readonly Finding[]> {
  const { desired, now } = world
  const renew = await due(world)
  return [
    ...(await world.plan()).findings,
    ...(await world.plan({ only: renew, renew })).findings,
    ...verifyCluster(desired, await world.inventory(), { now }),
  ].filter(({ severity }) => severity !== 'note')
}

const nameOf = ({ address, reason }: Finding): string => `${address} ${reason}`
const numbers = (list: string): number[] => list.split(',').map(Number)

/** Does what a remedy says; `false` for one that is neither a command nor an edit of an authority. */
async function follow(world: MemoryWorld, remedy: string): Promise<boolean> {
  const [, set, name] = /set `(signing[^`]*)` for ([\w-]+) in the spec/.exec(remedy) ?? []
  const [, gone, of] = /^take ([0-9]+) out of `trusted` of ([\w-]+)/.exec(remedy) ?? []
  const [, root] =
    /^take authority\/agent\/([0-9]+) out of `trusted` in the spec/.exec(remedy) ?? []
  const [, shorter] = /^set `lifetime: (\S+)`.* raise `signing` of agent$/.exec(remedy) ?? []
  const [, leaf] = /^nomad-pki rotate leaves (\S+)$/.exec(remedy) ?? []
  if (set !== undefined) {
    const signing = /signing: ([0-9]+)/.exec(set)?.[1]
    const trusted = /trusted: \[([^\]]*)\]/.exec(set)?.[1]
    world.take([
      {
        name: name!,
        ...(signing !== undefined && { signing: Number(signing) }),
        ...(trusted !== undefined && { trusted: numbers(trusted) }),
        ...(set.includes('crossed: true') && { crossed: true }),
      },
    ])
  } else if (gone !== undefined || root !== undefined) {
    const authority = world.spec.authorities.find((one) => one.name === (of ?? 'agent'))!
    const number = Number(gone ?? root)
    const trusted = authority.trusted.filter((generation) => generation !== number)
    world.take([{ name: authority.name, trusted }])
  } else if (shorter !== undefined) {
    world.edit('lifetime: 250d', `lifetime: ${shorter}`)
  } else if (leaf !== undefined) {
    await world.apply({ only: [leaf], renew: [leaf] })
    return true
  } else if (!/^nomad-pki apply( \S+)?$/.test(remedy)) return false
  // A successor that would outlive its root is told before anything is made, with a fix of its own.
  const again = (await world.plan()).findings.find(
    (one) => one.address.startsWith('authority/west/') && one.reason === 'beyond-issuer',
  )
  if (again !== undefined) return follow(world, again.remedy!)
  await world.apply()
  return true
}

async function nextOf(
  world: MemoryWorld,
  name: string,
): Promise<NonNullable<ReturnType<typeof rotationOf>>> {
  return rotationOf(world.spec, await world.inventory(), name, { now: world.now })!
}

/** Authorities that sign leaves or stand above one that does. */
function signersOf({ desired }: MemoryWorld): ReadonlySet<string> {
  return new Set(desired.authorities.filter(({ signing }) => signing).map(({ address }) => address))
}

async function check(world: MemoryWorld, thing: string, end: number): Promise<void> {
  const { desired, spec, now } = world
  const inventory = await world.inventory()
  const signers = signersOf(world)
  const ended = (address: string): boolean =>
    (inventory.authorities.get(address)?.certificate?.notAfter ?? Infinity) <= now

  // The timer: what is due and can be signed is renewed.
  const renew = await due(world)
  const plan = await world.plan({ only: renew, renew })
  const planned = new Set(plan.steps.map(({ address }) => address))
  for (const { address, profile } of desired.identities) {
    if (!renew.includes(address) || planned.has(address)) continue
    const { issuer } = profile
    const above = desired.authorities.find((one) => one.address === issuer.address)!.issuer
    const left =
      Math.min(
        ...[issuer.address, ...(above === undefined ? [] : [above.address])].map(
          (one) => inventory.authorities.get(one)?.certificate?.notAfter ?? -Infinity,
        ),
      ) - now
    // Only what signs it can stop it: by its end, or because the whole life does not fit.
    expect(
      left,
      `${address} is held: ${plan.findings.map(({ message }) => message).join('; ')}`,
    ).toBeLessThan(profile.lifetime)
  }

  const whole = await world.plan()
  const findings = await findingsOf(world)
  const authorityErrors = findings.filter(
    ({ severity, address }) => severity === 'error' && address.startsWith('authority/'),
  )
  for (const { address } of authorityErrors) expect(signers).toContain(address)

  const schedule = makeSchedule(desired, inventory, { now })
  const deadlines = deadlinesOf({ spec, desired, inventory, schedule })
  const exit = statusOfSchedule(schedule, deadlines, false)
  const rotation = await nextOf(world, 'agent')
  // Never delivered: no gate is asked, and the next stage is named.
  if (rotation.next.gate === undefined) {
    expect(gateOf(rotation, desired, inventory, { now })).toBeUndefined()
  }
  expect(rotation.next.edits).not.toEqual([])

  // The end is told of what the spec names.
  const wanted = [...desired.authorities, ...desired.identities].some(
    ({ address }) => address === thing,
  )
  if (wanted && now >= end + 1000) {
    expect(exit, `status about the end of ${thing}`).toBe(2)
    const words = [
      ...findings,
      ...whole.steps.flatMap(({ address, reasons }) =>
        reasons.map(({ reason }) => ({ address, reason })),
      ),
    ].filter(({ address }) => address === thing)
    expect(
      words.map(({ reason }) => reason),
      thing,
    ).toContain('expired')
  }

  // Each fix that is printed cures.
  const held = new Set(
    findings.flatMap((one) => (one.reason === 'beyond-issuer' ? [one.address] : [])),
  )
  for (const finding of findings) {
    const { remedy, address, reason } = finding
    const key = `${nameOf(finding)} ${remedy ?? ''}`
    if (tried.has(key) || remedy === undefined || remedy.startsWith('nomad-pki probe')) continue
    tried.add(key)
    // What hangs from an authority that has ended is cured by its successor, which has its own fix.
    const hangs = address.startsWith('identity/') && (held.has(address) || [...signers].some(ended))
    const copy = await world.fork()
    const done = hangs
      ? false
      : await follow(copy, remedy).catch((error: unknown) => {
          throw new Error(`${thing}, ${nameOf(finding)}: ${remedy}`, { cause: error })
        })
    if (!done) continue
    const left = await findingsOf(copy)
    expect(left.map(nameOf), `${thing}: ${remedy}\n${finding.message}`).not.toContain(
      `${address} ${reason}`,
    )
    cured += 1
  }
  cells += 1
}

/** Each fix is tried once in a stage. */
const tried = new Set<string>()
let cells = 0
let cured = 0

describe.each(Object.keys(stages) as StageName[])('%s', (stage) => {
  let first: MemoryWorld
  beforeAll(async () => {
    tried.clear()
    first = await begun(stage)
  })

  test('what ends while a timer renews', async () => {
    const world = await first.fork()
    const ends = (await endsOf(world)).filter(([, , neglected]) => !neglected)
    for (const [thing, end] of [...ends].sort((a, b) => a[1] - b[1])) {
      for (const at of [end - day, end, end + day]) {
        if (at < world.now) continue
        await runUntil(world, at)
        await check(world, thing, end)
      }
    }
  })

  test('what ends because nobody renews it', async () => {
    const ends = (await endsOf(first)).filter(([, , neglected]) => neglected)
    for (const [thing, end] of ends) {
      for (const at of [end - day, end, end + day]) {
        const world = await first.fork()
        world.now = at
        await check(world, thing, end)
      }
    }
  })
})

test('the table is not empty', () => {
  expect(cells).toBeGreaterThan(120)
  expect(cured).toBeGreaterThan(20)
})
