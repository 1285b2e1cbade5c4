/**
 * Batches: steps are put into one until it is full, then all of it becomes true together, and only
 * then are they told as done.
 *
 * @module
 */

import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { Configs } from '../inventory/configs.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { note } from '../inventory/note.js'
import type { Store, StoreBatch } from '../inventory/store.js'
import type { PlanMaterials } from '../plan/make-plan.js'
import type { Step } from '../plan/plan.js'
import type { ApplyEvent, StepDetail } from './events.js'

/** A barrier costs about as much as a hundred identities; a batch this large hides it and still stops quickly. */
const batchSteps = 1_024
/** With RSA keys a batch is full long before: nobody should lose more than this to a power failure. */
const batchMilliseconds = 2_000

/** What a flow works with. */
export interface FlowPorts {
  readonly store: Store
  readonly configs: Configs
  readonly clock: () => number
  readonly signal?: AbortSignal | undefined
}

/** The batches of one apply. */
export class Flow {
  /** How many steps are done. */
  done = 0
  readonly #ports: FlowPorts
  #batch: StoreBatch | undefined
  #waiting: { readonly step: Step; readonly detail: StepDetail | undefined }[] = []
  #begun = 0
  /** The commit that is under way: one at a time. */
  #turn: Promise<unknown> = Promise.resolve()
  #notes: LedgerEvent[] = []
  #noting: Promise<void> | undefined

  constructor(ports: FlowPorts) {
    this.#ports = ports
  }

  /** Whether somebody asked to stop. */
  get stopping(): boolean {
    return this.#ports.signal?.aborted === true
  }

  /** Whether the batch should be committed. */
  get full(): boolean {
    return (
      this.#waiting.length >= batchSteps ||
      (this.#waiting.length > 0 && this.#ports.clock() - this.#begun >= batchMilliseconds)
    )
  }

  /** Puts a step's work into the batch. */
  async put(
    step: Step,
    work: (batch: StoreBatch) => Promise<StepDetail | undefined> | StepDetail | undefined,
  ): Promise<void> {
    if (this.#batch === undefined) {
      this.#batch = this.#ports.store.batch()
      this.#begun = this.#ports.clock()
    }
    const detail = await work(this.#batch)
    this.#waiting.push({ step, detail })
  }

  /**
   * Makes a line of the ledger durable, before this resolves. Lines that come while another commit is
   * under way share the next.
   */
  note(event: LedgerEvent): Promise<void> {
    this.#notes.push(event)
    this.#noting ??= this.#inTurn(async () => {
      const events = this.#notes
      this.#notes = []
      this.#noting = undefined
      await note(this.#ports.store, events)
    })
    return this.#noting
  }

  /** Makes the batch true. */
  async commit(): Promise<readonly ApplyEvent[]> {
    const [batch, waiting] = [this.#batch, this.#waiting]
    this.#batch = undefined
    this.#waiting = []
    if (batch === undefined || waiting.length === 0) return []
    await this.#inTurn(() => batch.commit())
    this.done += waiting.length
    return waiting.map(({ step, detail }) => ({ type: 'done', step, detail }))
  }

  /** Makes the batch true and tells what is done. */
  async *flush(): AsyncGenerator<ApplyEvent, void, void> {
    yield* await this.commit()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Writes agents' configurations: the files that they name are there by now. */
  async *configure(
    steps: readonly Step[],
    materials: PlanMaterials,
  ): AsyncGenerator<ApplyEvent, void, void> {
    const edits = steps.map((step) => {
      const edit = materials.edits.get(step.address)
      if (edit !== undefined) return { step, edit }
      throw new NomadPkiError('ERR_INTERNAL', `no edit is planned for ${step.address}`)
    })
    const { configs, store, clock } = this.#ports
    // Noted before it is written: of what a kill leaves out nobody would know that a node needs it.
    if (edits.length > 0) {
      const batch = store.batch()
      for (const { step, edit } of edits) {
        const { address } = step
        batch.record({ event: 'stanza', address, at: clock(), restart: edit.restart })
      }
      await batch.commit()
    }
    try {
      await configs.write(edits.map(({ edit }) => edit))
    } catch (error) {
      if (edits.length < 2 || !isNomadPkiError(error)) throw error
      // One of them was changed meanwhile: the others before it are written all the same.
      for (const { step } of edits) yield* this.configure([step], materials)
      return
    }
    for (const { step, edit } of edits) {
      this.done += 1
      yield { type: 'done', step, detail: { path: edit.path } }
    }
  }
}
