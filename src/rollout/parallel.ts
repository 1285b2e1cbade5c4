/**
 * Several hosts at once, and what is said of them in one sequence.
 *
 * @module
 */

/** Works on several at once, each as soon as another has ended. */
export async function inParallel<Value>(
  values: readonly Value[],
  width: number,
  work: (value: Value) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < values.length; at = next++) await work(values[at]!)
  }
  const workers = Array.from({ length: Math.min(width, values.length) }, worker)
  // Where one fails the others come to their ends first: each is in the middle of a host.
  await Promise.allSettled(workers)
  await Promise.all(workers)
}

/** What several workers say, as one sequence. */
export function events<Value>(): {
  readonly push: (value: Value) => void
  readonly until: (work: Promise<void>) => AsyncGenerator<Value, void, undefined>
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
