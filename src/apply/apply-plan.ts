/**
 * Makes a plan true, in the order of meaning: authorities and bundles, then each identity, the
 * agents' configuration last, removals after everything. Told as a stream of events; interrupted at
 * any moment, the same plan made anew goes on where this one stopped.
 *
 * ```text
 * lock → heal → [ authorities, bundles, identities: ≤ 1,024 ] barrier, links turn, barrier → … → configurations → removals
 * ```
 *
 * @module
 */

import { kindOf, type AddressKind } from '../address.js'
import type { Issuers } from '../authority/issuers.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { attemptFindings } from '../evidence/attempts.js'
import type { Configs } from '../inventory/configs.js'
import { readLedger } from '../inventory/ledger.js'
import type { Store } from '../inventory/store.js'
import type { PlanMaterials } from '../plan/make-plan.js'
import type { Plan, Step } from '../plan/plan.js'
import { Authorities } from './authorities.js'
import type { ApplyEvent } from './events.js'
import { identityWork } from './identities.js'
import { Flow } from './flow.js'
import { inFlight } from './in-flight.js'
import { removeOrphan } from './removals.js'
import { Signatures } from './signatures.js'

/** They share a barrier; and no more than these are written aside at any moment. */
const configurationsAtOnce = 256

/** What `applyPlan` works with. */
export interface ApplyPorts {
  /** Where keys, certificates and the ledger are. */
  readonly store: Store
  /** Where the agents' configurations are. */
  readonly configs: Configs
  /** The authorities' keys. */
  readonly issuers: Issuers
  /** The time, epoch milliseconds. */
  readonly clock: () => number
  /** Stops at the next step. */
  readonly signal?: AbortSignal | undefined
  /** For the lock's message to others. Default: `apply`. */
  readonly command?: string | undefined
}

/**
 * Does the steps of a plan, in order, under the lock of the store. An error stops it: every step that was
 * reported as `done` stays, and a new plan goes on from there.
 *
 * @param plan What {@link makePlan} gave, or a copy of it. One that was read from a file is compared with a
 * new one (`comparePlans`) and never applied by itself.
 *
 * @param materials What {@link makePlan} gave with it.
 * @param ports The store, the configurations, the issuers and the clock.
 * @returns Events; `done` comes only when the step is on disk and its link has turned.
 * @throws {NomadPkiError} Before the first step: `ERR_PLAN_INVALID` if its steps are not those that the
 * materials belong to; `ERR_PLAN_BLOCKED` if the plan has errors that leave nothing to do; `ERR_PLAN_STALE`
 * if the store changed since; `ERR_LEDGER_BROKEN` if its last line is damaged; `ERR_STORE_LOCKED`,
 * `ERR_STORE_TRACKED`; `ERR_INTERRUPTED` by the signal, while it waits for the lock.
 * @throws {NomadPkiError} Of a disk: `ERR_STORE_UNREADABLE`, `ERR_STORE_UNWRITABLE`, `ERR_CONFIG_CHANGED`,
 * `ERR_FILE_UNWRITABLE`, `ERR_FILE_EXISTS` where another key is in the place.
 * @throws {NomadPkiError} Of an authority's key: `ERR_KEY_ENCRYPTED`, `ERR_KEY_MALFORMED`, `ERR_KEY_MISMATCH`.
 * @throws {NomadPkiError} Of a certificate, with the address that it is for: what `prepare` and `issue`
 * throw: `ERR_NAME_INVALID`, `ERR_KEY_ALGORITHM`, `ERR_BEYOND_ISSUER`, `ERR_NOT_YET_VALID`,
 * `ERR_LINT`, `ERR_ISSUER_REFUSED`, `ERR_ISSUER_UNKNOWN`, `ERR_CORRESPONDENCE`.
 */
export async function* applyPlan(
  plan: Plan,
  materials: PlanMaterials,
  ports: ApplyPorts,
): AsyncGenerator<ApplyEvent, void, void> {
  if (
    plan.steps !== materials.steps &&
    JSON.stringify(plan.steps) !== JSON.stringify(materials.steps)
  ) {
    throw new NomadPkiError(
      'ERR_PLAN_INVALID',
      'the steps of the plan differ from those of its materials',
      {
        hint: 'apply what makePlan gave; compare a saved plan with it (comparePlans)',
      },
    )
  }
  refuseErrors(plan)
  yield { type: 'started', steps: plan.steps.length }
  // What somebody decided is noted, also where nothing is due.
  if (plan.steps.length === 0 && materials.overrides.length === 0) {
    yield { type: 'finished', done: 0 }
    return
  }
  const lock = await ports.store.lock({
    command: ports.command ?? 'apply',
    ...(ports.signal && { signal: ports.signal }),
  })
  try {
    const healed = await ports.store.heal()
    for (const finding of healed) yield { type: 'healed', finding }
    // What was put into place only now was not there when the plan counted generations.
    if (healed.some(({ reason }) => reason === 'unfinished')) throw stale()
    await refuseStale(ports.store, materials)
    await noteOverrides(materials, ports)
    yield* work(plan, materials, ports)
  } finally {
    await lock.release()
  }
}

/** Before anything is done under them. */
async function noteOverrides(
  { overrides }: PlanMaterials,
  { store, clock }: ApplyPorts,
): Promise<void> {
  if (overrides.length === 0) return
  const batch = store.batch()
  for (const { code, value, reason } of overrides) {
    batch.record({ event: 'override', address: 'store', at: clock(), code, value, reason })
  }
  await batch.commit()
}

async function* work(
  plan: Plan,
  materials: PlanMaterials,
  ports: ApplyPorts,
): AsyncGenerator<ApplyEvent, void, void> {
  const flow = new Flow(ports)
  const now = ports.clock()
  const { clock, signal } = ports
  const signatures = new Signatures({ clock, signal, note: (event) => flow.note(event) }, now)
  const authorities = new Authorities(materials, ports.issuers, signatures, now)
  const kinds = sortSteps(plan.steps)

  try {
    for (const step of kinds.authorities) {
      if (flow.stopping) break
      yield { type: 'doing', step }
      try {
        await flow.put(step, (batch) => authorities.work(step, batch))
      } catch (error) {
        // What was certified before the one that fails is worth keeping.
        yield* flow.flush()
        throw about(step, error)
      }
    }
    const identities = identityWork(materials, authorities, signatures, ports)
    yield* inFlight(kinds.identities, { flow, identities, signatures }, about)
  } finally {
    signatures.end()
  }
  const { desired, inventory } = materials
  const ledger = { ...inventory.ledger, events: signatures.lost }
  for (const finding of attemptFindings(desired, { ...inventory, ledger }, { now })) {
    yield { type: 'unanswered', finding }
  }

  for (let at = 0; at < kinds.configs.length && !flow.stopping; at += configurationsAtOnce) {
    const steps = kinds.configs.slice(at, at + configurationsAtOnce)
    for (const step of steps) yield { type: 'doing', step }
    yield* flow.configure(steps, materials)
  }
  for (const step of kinds.removals) {
    if (flow.stopping) break
    yield { type: 'doing', step }
    await flow.put(step, (batch) =>
      removeOrphan(step, batch, { at: ports.clock(), inventory: materials.inventory }),
    )
  }
  yield* flow.flush()
  yield flow.stopping && flow.done < plan.steps.length
    ? { type: 'stopped', done: flow.done, steps: plan.steps.length }
    : { type: 'finished', done: flow.done }
}

function sortSteps(steps: readonly Step[]): {
  readonly authorities: readonly Step[]
  readonly identities: readonly Step[]
  readonly configs: readonly Step[]
  readonly removals: readonly Step[]
} {
  const orphan = (step: Step): boolean => step.reasons[0]?.reason === 'orphan'
  const of = (...kinds: readonly AddressKind[]): readonly Step[] =>
    steps.filter((step) => !orphan(step) && kinds.includes(kindOf(step.address)))
  return {
    authorities: of('authority', 'bundle'),
    identities: of('identity'),
    configs: of('config'),
    removals: steps.filter(orphan),
  }
}

function refuseErrors(plan: Plan): void {
  const errors = plan.findings.filter(({ severity }) => severity === 'error')
  const [first] = errors
  if (first === undefined || plan.steps.length > 0) return
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new NomadPkiError('ERR_PLAN_BLOCKED', `${first.address}: ${first.message}${more}`, {
    address: first.address,
    hint: first.remedy,
  })
}

async function refuseStale(store: Store, { inventory }: PlanMaterials): Promise<void> {
  const ledger = readLedger((await store.readLedger())?.bytes)
  if (ledger.head === inventory.ledger.head) return
  throw stale()
}

function stale(): NomadPkiError {
  return new NomadPkiError('ERR_PLAN_STALE', 'the store changed since the plan was made', {
    hint: 'another run applied, or what a killed run left was put into place: plan again',
  })
}

function about(step: Step, error: unknown): unknown {
  if (!isNomadPkiError(error) || error.address !== undefined) return error
  return new NomadPkiError(error.code, `${step.address}: ${error.message}`, {
    address: step.address,
    hint: error.hint,
    diagnostics: error.diagnostics,
    cause: error,
  })
}

/**
 * Runs {@link applyPlan} to its end and gathers its events, for callers that show no progress.
 *
 * @param events What {@link applyPlan} returned.
 * @returns All events in order.
 * @throws Whatever the events throw; those before it are lost.
 */
export async function collect(events: AsyncIterable<ApplyEvent>): Promise<readonly ApplyEvent[]> {
  const all: ApplyEvent[] = []
  for await (const event of events) all.push(event)
  return all
}
