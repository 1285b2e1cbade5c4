/**
 * Kills our own tool, `kill -9`, at random places, and has the same command go on.
 *
 * @module
 */
import { shuffled } from './random.js'
import { type Outcome, run, type RunOptions } from './run.js'

/** Something that was killed. */
export interface Stop {
  readonly what: string
  /** Milliseconds after its start. */
  readonly after: number
}

/** How many commands of each kind there will be. */
export type Commands = Readonly<Record<string, number>>

/** How long a command takes here, by its kind, milliseconds: what was seen last. */
const usual = new Map<string, number>()

/** Chooses commands to be killed, as many of each kind as can be, and the moment. */
export class Stops {
  readonly done: Stop[] = []
  readonly #random: () => number
  readonly #chosen = new Map<string, Set<number>>()
  readonly #begun = new Map<string, number>()
  readonly #among: Commands
  #resumes: string | undefined

  constructor(count = 0, among: Commands = {}, random: () => number = () => 0) {
    this.#random = random
    this.#among = among
    const places = Object.entries(among).map(([kind, number]) => ({
      kind,
      numbers: shuffled(
        Array.from({ length: number }, (_, index) => index),
        random,
      ),
    }))
    const order = shuffled(places, random)
    for (let made = 0; made < count;) {
      const before = made
      for (const { kind, numbers } of order) {
        const number = made < count ? numbers.pop() : undefined
        if (number === undefined) continue
        this.#choose(kind, number)
        made += 1
      }
      if (made === before) throw new Error(`there are not ${count} commands to be killed`)
    }
  }

  /**
   * Runs a command; if its turn has come, kills it in its midst.
   *
   * @returns `undefined` where it was killed: the caller looks at what is there, and runs it again.
   */
  async run(
    kind: string,
    program: string,
    args: readonly string[],
    options: RunOptions,
  ): Promise<Outcome | undefined> {
    const number = this.#begun.get(kind) ?? 0
    this.#begun.set(kind, number + 1)
    const expected = usual.get(kind)
    const killed = this.#chosen.get(kind)?.has(number) === true
    const start = performance.now()
    if (!killed || expected === undefined) {
      if (killed) this.#later(kind, number)
      // Measured as those that are killed run: on a busy machine others take several times as long.
      const outcome = await run(program, args, { ...options, ownGroup: true })
      // One that goes on after a kill has less to do than others.
      if (this.#resumes !== kind) usual.set(kind, performance.now() - start)
      this.#resumes = undefined
      return outcome
    }
    const after = Math.round(expected * (0.15 + 0.85 * this.#random()))
    const outcome = await run(program, args, { ...options, killAfter: after })
    if (outcome.killed !== true) {
      // It was faster than before, on a machine with less to do: the next one has to do.
      usual.set(kind, performance.now() - start)
      this.#later(kind, number)
      return outcome
    }
    this.done.push({ what: kind, after })
    this.#resumes = kind
    return undefined
  }

  /** Has the next command of a kind killed: for one that was done before its moment, with none left in its place. */
  killNext(kind: string): void {
    this.#choose(kind, this.#begun.get(kind) ?? 0)
  }

  #choose(kind: string, number: number): void {
    this.#chosen.set(kind, (this.#chosen.get(kind) ?? new Set()).add(number))
  }

  /** The next one of its kind, or, where there is none, of any other. */
  #later(kind: string, number: number): void {
    for (const other of [kind, ...Object.keys(this.#among)]) {
      const from = other === kind ? number + 1 : (this.#begun.get(other) ?? 0)
      for (let next = from; next < (this.#among[other] ?? 0); next += 1) {
        if (this.#chosen.get(other)?.has(next) === true) continue
        this.#choose(other, next)
        return
      }
    }
  }
}
