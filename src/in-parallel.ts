/**
 * Several at once: hosts, ports, calls of an engine.
 *
 * @module
 */

/**
 * Works on several values at once, each as soon as another has ended.
 *
 * After a failure no further value is begun. Those at work come to their ends first, because each may be in the
 * middle of a host; then the first failure is thrown.
 *
 * @param values What to work on. They are begun in their order.
 * @param width How many at once, at most. Less than 1, or NaN, counts as 1, so that no value is left out.
 * @param work Does one. A result is kept at the place of its value.
 * @returns The results, in the order of the values.
 */
export async function inParallel<Value, Result>(
  values: readonly Value[],
  width: number,
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const failures: unknown[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < values.length && failures.length === 0; at = next++) {
      try {
        results[at] = await work(values[at]!)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  const workers = width >= 1 ? Math.min(width, values.length) : 1
  await Promise.all(Array.from({ length: workers }, worker))
  if (failures.length > 0) throw failures[0]
  return results
}
