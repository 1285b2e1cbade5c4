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

/** Chooses commands to be killed, and when. */
export class Stops {
  readonly done: Stop[] = []
  readonly #random: () => number
  readonly #chosen: Set<number>
  readonly #usual: Map<string, number>
  #commands = 0

  /**
   * @param count How many of them.
   * @param among How many commands there will be.
   * @param usual How long a command takes, by its kind, milliseconds; is filled on the way.
   */
  constructor(count: number, among: number, random: () => number, usual: Map<string, number>) {
    this.#random = random
    this.#usual = usual
    this.#chosen = new Set(
      shuffled(
        Array.from({ length: among }, (_, index) => index),
        random,
      ).slice(0, count),
    )
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
    const number = this.#commands
    this.#commands += 1
    const usual = this.#usual.get(kind)
    const killed = this.#chosen.has(number)
    if (killed && usual === undefined) this.#later(number)
    const start = performance.now()
    if (!killed || usual === undefined) {
      const outcome = await run(program, args, options)
      const took = performance.now() - start
      this.#usual.set(kind, Math.min(took, usual ?? Infinity))
      return outcome
    }
    const after = Math.round(usual * (0.15 + 0.85 * this.#random()))
    const outcome = await run(program, args, { ...options, killAfter: after })
    if (outcome.killed !== true) {
      // It was faster than ever: the next one has to do.
      this.#later(number)
      return outcome
    }
    this.done.push({ what: kind, after })
    return undefined
  }

  #later(number: number): void {
    let next = number + 1
    while (this.#chosen.has(next)) next += 1
    this.#chosen.add(next)
  }
}
