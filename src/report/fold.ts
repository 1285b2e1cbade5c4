/**
 * Many things that are alike on one line: `identity/client/global/c[001-500]`, in the notation
 * in which the spec itself writes ranges.
 *
 * @module
 */

/** Some things that a report says in one line. */
export interface Group<T> {
  readonly label: string
  readonly members: readonly T[]
}

/** Up to so many alike stand on lines of their own. */
export const foldAbove = 6

/**
 * Groups neighbours-in-kind, in the order of their first member.
 *
 * @param items What is to be said.
 * @param options `keyOf`: what must be equal (beyond the address up to its last `/`) for two items
 *   to be alike; `all`: fold nothing.
 */
export function fold<T extends { readonly address: string }>(
  items: readonly T[],
  options: { readonly keyOf: (item: T) => string; readonly all: boolean },
): readonly Group<T>[] {
  const alone = (item: T): Group<T> => ({ label: item.address, members: [item] })
  if (options.all) return items.map(alone)
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = `${parentOf(item.address)}\n${options.keyOf(item)}`
    const members = groups.get(key)
    if (members === undefined) groups.set(key, [item])
    else members.push(item)
  }
  return [...groups.values()].flatMap((members) => {
    if (members.length <= foldAbove) return members.map(alone)
    const parent = parentOf(members[0]!.address)
    const names = members.map(({ address }) => address.slice(parent.length))
    return [{ label: parent + rangesOf(names), members }]
  })
}

/**
 * Names as ranges: `c001`, `c002`, `c003` is `c[001-003]`. Names without a common shape are the
 * first of them and an ellipsis.
 *
 * @param names At least one.
 */
export function rangesOf(names: readonly string[]): string {
  const shapes = new Map<string, { prefix: string; suffix: string; numbers: string[] }>()
  for (const name of names) {
    const {
      prefix = '',
      digits = '',
      suffix = '',
    } = /^(?<prefix>.*?)(?<digits>[0-9]+)(?<suffix>[^0-9]*)$/.exec(name)?.groups ?? {}
    const key = digits === '' ? name : `${prefix}\n${suffix}`
    const shape = shapes.get(key) ?? { prefix: digits === '' ? name : prefix, suffix, numbers: [] }
    if (digits !== '') shape.numbers.push(digits)
    shapes.set(key, shape)
  }
  const texts: string[] = []
  for (const { prefix, suffix, numbers } of shapes.values()) {
    const runs = runsOf(numbers)
    if (runs.length > 4) {
      return `${names[0]!}, … ${names.at(-1)!}`
    }
    const single = runs.length === 1 && !runs[0]!.includes('-')
    if (numbers.length === 0) texts.push(prefix)
    else texts.push(single ? prefix + runs[0]! + suffix : `${prefix}[${runs.join(',')}]${suffix}`)
  }
  return texts.length > 4 ? `${names[0]!}, … ${names.at(-1)!}` : texts.join(', ')
}

/** `001`, `002`, `003`, `007` as `001-003`, `007`; numbers of another width begin a run of their own. */
function runsOf(numbers: readonly string[]): readonly string[] {
  const sorted = [...numbers].sort((a, b) => Number(a) - Number(b) || a.length - b.length)
  const runs: { first: string; last: string }[] = []
  for (const number of sorted) {
    const run = runs.at(-1)
    if (run !== undefined && follows(run.last, number)) run.last = number
    else runs.push({ first: number, last: number })
  }
  return runs.map(({ first, last }) => (first === last ? first : `${first}-${last}`))
}

function follows(a: string, b: string): boolean {
  if (Number(b) !== Number(a) + 1) return false
  // `9`, `10` go on; `09`, `10` too; `9`, `010` do not.
  return a.length === b.length || (!a.startsWith('0') && !b.startsWith('0'))
}

/** The address up to and including its last `/`; the generation of an authority is a part of its name. */
function parentOf(address: string): string {
  return address.slice(0, address.lastIndexOf('/') + 1)
}
