/**
 * What each command says and how it exits, held against the one judgement over random histories: none
 * may say proven, open or due where the judgement of an agent speaks against it.
 */

import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  statusOfFindings,
  statusOfGate,
  statusOfPlan,
  statusOfRollout,
  statusOfSchedule,
  statusOfVerdicts,
} from '../../src/cli/status.js'
import { copiesIn } from '../../src/evidence/copies.js'
import { wasDelivered } from '../../src/evidence/delivered.js'
import { evidenceIn } from '../../src/evidence/evidence.js'
import { judgeNoted } from '../../src/evidence/judge-agents.js'
import { judgeAll } from '../../src/evidence/judge.js'
import type { Judgement } from '../../src/evidence/judgement.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { EventOf, LedgerEvent } from '../../src/inventory/ledger-events.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { makeSchedule } from '../../src/plan/schedule.js'
import { probeText } from '../../src/report/probe.js'
import { rolloutText } from '../../src/report/rollout.js'
import { rotationText } from '../../src/report/rotation.js'
import { statusText } from '../../src/report/status.js'
import { plainStyle } from '../../src/report/style.js'
import { verifySummary } from '../../src/report/verify.js'
import { deadlinesOf } from '../../src/rotation/deadlines.js'
import { gateOf } from '../../src/rotation/gate-of.js'
import { planRollout, usualBatch } from '../../src/rollout/order.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { agentProof } from '../../src/verify/agents.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { MemoryWorld } from '../memory-world.js'
import { day } from '../world.js'
import { probed, withLines } from './lines.js'
import { seed } from '../seed.js'

const hour = 3_600_000
const agents = [
  'identity/server/global/s1',
  'identity/server/global/s2',
  'identity/client/global/c1',
] as const
const edits = [
  'agent: { lifetime: 10y }',
  'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }',
  'agent: { lifetime: 10y, signing: 2, trusted: [2], crossed: true }',
] as const

/** A store after some stage, and the spec of the next one. */
interface Stage {
  readonly world: MemoryWorld
  readonly inventory: Inventory
  /** The spec of the next stage; absent after the last. */
  readonly next: MemoryWorld | undefined
  /** The first generation of this stage. */
  readonly first: number
}

const stages: Stage[] = []

/** At rest, crossed, dropped; in each stage the leaves are renewed once. */
beforeAll(async () => {
  for (const last of edits.keys()) {
    const world = new MemoryWorld(`version: 1
cluster: acme
authorities:
  ${edits[0]}
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: {} }
`)
    for (let at = 0; at <= last; at += 1) {
      if (at > 0) world.edit(edits[at - 1]!, edits[at]!)
      await world.later(hour).apply()
      await world.later(hour).apply({ renew: agents })
    }
    const after = edits[last + 1]
    const next = after === undefined ? undefined : new MemoryWorld(world.text)
    next?.edit(edits[last]!, after!)
    stages.push({ world, inventory: await world.inventory(), next, first: last * 2 + 1 })
  }
})

const agent = fc.nat(agents.length - 1)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('see' as const), agent, back: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('all' as const), back: fc.constant(0) }) },
  fc.record({
    do: fc.constant('trust' as const),
    agent,
    trusts: fc.constantFrom(null, ['authority/agent/1'], ['authority/agent/2', 'CN=Rogue']),
  }),
  fc.record({ do: fc.constant('stranger' as const), agent }),
  fc.record({ do: fc.constant('silent' as const), agent }),
  fc.record({ do: fc.constant('receipt' as const), agent, back: fc.nat(2) }),
  fc.record({ do: fc.constant('except' as const), agent }),
  fc.record({ do: fc.constant('compromised' as const) }),
  fc.record({ do: fc.constant('wait' as const), days: fc.constantFrom(0.1, 2) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
const histories = fc.record({
  stage: fc.nat(edits.length - 1),
  steps: fc.array(step, { maxLength: 8 }),
  after: fc.constantFrom(0.01, 2, 100),
})

const made = ({ ledger }: Inventory, address: string, back: number): EventOf<'issued'> => {
  const all = ledger.events.flatMap((one) =>
    one.address === address && one.event === 'issued' ? [one] : [],
  )
  return all[Math.max(0, all.length - 1 - back)]!
}

/** The lines of a history, and when it ends. */
function play({ inventory, world }: Stage, steps: readonly Step[]): [LedgerEvent[], number] {
  const events: LedgerEvent[] = []
  let { now } = world
  for (const one of steps) {
    now += 60_000
    const see = (number: number, back: number): void => {
      const address = agents[number]!
      const { generation } = made(inventory, address, back)
      const host = `10.0.0.${number}`
      events.push(...probed(inventory, [{ address, generation, at: now, host }]))
    }
    if (one.do === 'wait') now += one.days * day
    else if (one.do === 'see') see(one.agent, one.back)
    else if (one.do === 'all') {
      for (const number of agents.keys()) see(number, one.back)
      events.push({
        ...{ event: 'members', address: 'cluster', at: now, region: 'global' },
        ...{ servers: ['s1.global', 's2.global'], clients: ['c1'], gone: [] },
      })
    } else if (one.do === 'compromised') {
      events.push({ event: 'compromised', address: 'authority/agent/1', at: now })
    } else {
      const address = agents[one.agent]!
      const shown = { address, at: now, host: `10.0.0.${one.agent}` }
      if (one.do === 'trust') events.push(...probed(inventory, [{ ...shown, trusts: one.trusts }]))
      if (one.do === 'stranger') events.push(...probed(inventory, [{ ...shown, generation: -1 }]))
      if (one.do === 'silent') events.push(...probed(inventory, [{ ...shown, generation: 0 }]))
      if (one.do === 'except') {
        const authority = inventory.authorities.has('authority/agent/2') ? 2 : 1
        const coming = `authority/agent/${authority}`
        events.push({ event: 'excepted', address, at: now, authority: coming, reason: 'burned' })
      }
      if (one.do === 'receipt') {
        const { generation, fingerprint } = made(inventory, address, one.back)
        const receipt = { generation, fingerprint, archive: null, host: null }
        events.push({ event: 'received', address, at: now, ...receipt })
      }
    }
  }
  return [events, now]
}

const isGood = ({ state }: Judgement): boolean => state === 'proven'
const isCovered = ({ state }: Judgement): boolean => state === 'proven' || state === 'excepted'

/** What the gate may take for granted of one agent: seen within a day, with a leaf of this stage. */
function passes(
  { state, basis, at, known }: Judgement,
  { first, now, excepted }: { first: number; now: number; excepted: boolean },
): boolean {
  // An exception is not needed for one that is proven, but where a receipt alone says so it counts.
  if (state === 'excepted' || (state === 'proven' && excepted)) return true
  if (basis !== 'seen' || at === undefined || now - at > day) return false
  return state === 'proven' || (state === 'lagging' && (known?.number ?? 0) >= first)
}

const counts = { good: 0, open: 0, planned: 0, foreign: 0, expired: 0, over: 0 }

describe('what every command says and how it exits', () => {
  test('never says more than the judgement', () => {
    fc.assert(
      fc.property(histories, ({ stage: number, steps, after }) => {
        const stage = stages[number]!
        const { world, first } = stage
        const [events, end] = play(stage, steps)
        const inventory = withLines(stage.inventory, events)
        const now = Math.round(end + after * day)
        const { desired, spec } = world
        const judged = judgeAll(inventory, { now })
        const all = agents.map((address) => judged.get(address)!)
        const excepted = new Set(
          events.flatMap(({ event, address }) => (event === 'excepted' ? [address] : [])),
        )
        const lets = (one: Judgement): boolean =>
          passes(one, { first, now, excepted: excepted.has(one.address) })
        const delivered = wasDelivered(evidenceIn(inventory.ledger, { now }))
        const goodAll = all.every(isGood)
        const coveredAll = all.every(isCovered)
        const goodSum = all.filter(isGood).length
        const style = plainStyle
        counts.good += Number(goodAll)
        counts.foreign += Number(all.some(({ state }) => state === 'foreign'))
        counts.expired += Number(all.some(({ state }) => state === 'expired'))

        const verdicts = judgeNoted(inventory, agents, { now })
        const probe = probeText(
          {
            ...{
              cluster: 'acme',
              at: now,
              verdicts,
              cost: { handshakes: 0, noted: 0 },
              halfRotated: [],
              revoked: [],
            },
            copies: copiesIn(inventory, { now }),
          },
          style,
          { all: true, fileFlag: '' },
        )
        expect(statusOfVerdicts(verdicts) === 0).toBe(goodAll)
        expect(probe).toContain(`${goodSum} of 3 agents proven`)

        const rollout = planRollout(desired, inventory, { now, batch: usualBatch })
        const place = {
          fileFlag: '',
          tls: '/etc/nomad-tls',
          unit: 'nomad.service',
          unapplied: 0,
          errors: [],
        }
        expect(statusOfRollout(rollout, 0) === 0).toBe(coveredAll)
        expect(statusOfRollout(rollout, 1)).toBe(2)
        expect(rollout.proven).toBe(goodSum)
        if (!coveredAll) {
          expect(rolloutText(rollout, style, place)).not.toMatch(/nothing to deliver: /)
        }

        const schedule = makeSchedule(desired, inventory, { now })
        const deadlines = deadlinesOf({ spec, desired, inventory, schedule })
        const status = statusText(schedule, style, {
          ...{ cluster: 'acme', all: true, deadlines, ledgerHead: '', ledgerLines: 1 },
        })
        const wrong = all.some(({ state }) => !['proven', 'excepted', 'unknown'].includes(state))
        if (wrong) {
          expect(statusOfSchedule(schedule, deadlines, false)).toBe(2)
          expect(status).not.toMatch(/nothing is due|no certificate is due/)
        }

        const rotation = rotationOf(spec, inventory, 'agent', { now })!
        const gate = gateOf(rotation, desired, inventory, { now })
        const said = rotationText({ rotation, gate, agents: 3 }, style, { flags: '' })
        const waits = rotation.next.gate !== undefined
        const lacking = waits
          ? all.some((one) => !lets(one))
          : all.some(({ state }) => state === 'foreign')
        if (lacking) {
          expect(statusOfGate(gate)).toBe(3)
          expect(said).not.toMatch(/gate: open|has ended|no rotation is under way/)
        }
        counts.open += Number(waits && gate?.open === true)

        if (stage.next !== undefined && delivered) {
          const { plan } = makePlan(stage.next.desired, inventory, { now })
          const drops = number === 1
          const held = plan.findings.some(({ reason }) => reason === 'trust-needed')
          // Where every certificate has ended nobody can lose anything.
          const over = [...inventory.identities.values()].every(
            ({ current }) => current!.chain[0]!.notAfter <= now,
          )
          counts.over += Number(drops && over)
          if (drops && !over && all.some((one) => !lets(one))) {
            expect(statusOfPlan(plan)).toBe(2)
            expect(held).toBe(true)
            expect(plan.steps.some(({ address }) => address === 'bundle/agent')).toBe(false)
          }
          counts.planned += Number(drops && !held)
        }

        const findings = verifyCluster(desired, inventory, { now })
        const proof = agentProof(desired, inventory, { now })
        const verify = verifySummary(
          findings,
          { cluster: 'acme', desired, handshakes: 0, proof, at: now, now },
          style,
        )
        if (delivered) {
          expect(verify).toContain(`${goodSum} of 3 agents proven`)
          for (const { address, state } of all) {
            const own = findings.filter((one) => one.address === address)
            const bad = state === 'foreign' || state === 'expired'
            if (bad) expect(own.map(({ severity }) => severity)).toContain('error')
            if (state !== 'proven') expect(own).not.toEqual([])
          }
          if (all.some(({ state }) => state === 'foreign' || state === 'expired')) {
            expect(statusOfFindings(findings, false)).toBe(2)
          }
        } else expect(verify).not.toMatch(/agents? proven/)
      }),
      { seed, numRuns: 300 },
    )
    // The histories must mean something.
    for (const [what, number] of Object.entries(counts)) {
      expect(number, what).toBeGreaterThan(4)
    }
  })
})
