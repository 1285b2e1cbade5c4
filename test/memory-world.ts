/**
 * A cluster in memory: a spec, its store, a clock, and the verbs plan and apply, for tables and
 * properties that need many of them. Throws on anything unexpected.
 *
 * @module
 */

import { applyPlan, collect } from '../src/apply/apply-plan.js'
import type { Inventory } from '../src/inventory/inventory.js'
import { readInventory } from '../src/inventory/read.js'
import type { LedgerEvent } from '../src/inventory/ledger-events.js'
import type { Store } from '../src/inventory/store.js'
import { storeIssuers } from '../src/issuers/store-issuers.js'
import { makePlan, type MakePlanOptions, type Planned } from '../src/plan/make-plan.js'
import type { Plan } from '../src/plan/plan.js'
import { rotationOf, type Way } from '../src/rotation/stages.js'
import { desire } from '../src/cluster/desire.js'
import type { Desired } from '../src/cluster/desired.js'
import { editAuthorities, type AuthorityEdit } from '../src/cluster/edit-authority.js'
import { parseSpec } from '../src/cluster/parse.js'
import type { ClusterSpec } from '../src/cluster/spec.js'
import { memoryConfigs } from '../src/store/memory-configs.js'
import { memoryStore } from '../src/store/memory-store.js'
import { start } from './world.js'

/** A cluster in memory. */
export class MemoryWorld {
  readonly store: Store
  readonly configs: ReturnType<typeof memoryConfigs> = memoryConfigs()
  now: number = start
  text: string

  constructor(text: string, store: Store = memoryStore()) {
    this.text = text
    this.store = store
  }

  /** The same once more: what is done to it does not touch this one. */
  async fork(): Promise<MemoryWorld> {
    const world = new MemoryWorld(this.text, memoryStore(await this.store.read()))
    world.now = this.now
    return world
  }

  /** The next stage of an authority's rotation, as `rotate authority --next` writes it. */
  async next(name: string, way?: Way): Promise<this> {
    const rotation = rotationOf(this.spec, await this.inventory(), name, { now: this.now, way })!
    return this.take(rotation.next.edits)
  }

  /** Writes what authorities shall say into the spec. */
  take(edits: readonly AuthorityEdit[]): this {
    const { text, diagnostics } = editAuthorities(this.text, edits)
    if (diagnostics.some(({ severity }) => severity === 'error')) {
      throw new Error(JSON.stringify(diagnostics, null, 2))
    }
    this.text = text
    return this
  }

  /** Replaces text in the spec; it must be there. */
  edit(from: string, to: string): this {
    if (!this.text.includes(from)) throw new Error(`the spec does not hold ${from}`)
    this.text = this.text.replace(from, to)
    return this
  }

  later(milliseconds: number): this {
    this.now += milliseconds
    return this
  }

  get spec(): ClusterSpec {
    const { spec, diagnostics } = parseSpec(this.text, { file: 'cluster.yaml' })
    if (spec === undefined) throw new Error(JSON.stringify(diagnostics, null, 2))
    return spec
  }

  get desired(): Desired {
    return desire(this.spec)
  }

  async inventory(): Promise<Inventory> {
    return readInventory(this)
  }

  /** A plan with its materials. */
  async planned(options: Partial<MakePlanOptions> = {}): Promise<Planned> {
    return makePlan(this.desired, await this.inventory(), { now: this.now, ...options })
  }

  async plan(options: Partial<MakePlanOptions> = {}): Promise<Plan> {
    return (await this.planned(options)).plan
  }

  async apply(options: Partial<MakePlanOptions> = {}): Promise<this> {
    const { store, configs } = this
    const { plan, materials } = await this.planned(options)
    await collect(
      applyPlan(plan, materials, {
        store,
        configs,
        issuers: storeIssuers(store),
        clock: () => this.now,
      }),
    )
    return this
  }

  /** Writes lines into the ledger. */
  async note(...events: readonly LedgerEvent[]): Promise<this> {
    const lock = await this.store.lock()
    const batch = this.store.batch()
    for (const event of events) batch.record(event)
    await batch.commit()
    await lock.release()
    return this
  }
}
