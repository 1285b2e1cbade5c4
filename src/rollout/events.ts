/**
 * What several hosts say at once, as one sequence.
 *
 * @module
 */

/** What several workers say, as one sequence. */
export function events<Value>(): {
  readonly push: (value: Value) => void
  readonly until: (work: Promise<unknown>) => AsyncGenerator<Value, void, undefined>
} {
  const waiting: Value[] = []
  let wake: (() => void) | undefined
  return {
    push(value) {
      waiting.push(value)
      wake?.()
    },
    async *until(work) {
      const state = { ended: false }
      const end = work.finally(() => {
        state.ended = true
        wake?.()
      })
      // Its failure is thrown at the end, after what was said before it.
      end.catch(() => undefined)
      for (;;) {
        yield* waiting.splice(0)
        if (state.ended && waiting.length === 0) break
        await new Promise<void>((resolve) => {
          wake = resolve
          if (state.ended || waiting.length > 0) resolve()
        })
      }
      await end
    },
  }
}
