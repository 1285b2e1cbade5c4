/**
 * How many may do something at once. Those that wait go on in the order in which they came.
 *
 * @module
 */

/** A number of permits. */
export class Permits {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(number: number) {
    this.#free = number
  }

  /** Does the work with a permit, when there is one. */
  async hold<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
