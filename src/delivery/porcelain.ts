/**
 * What `install.sh --porcelain` says to programs: a line for each moment as it comes, and the line that it ends with.
 *
 * @module
 */

/** How an installation ended, and what is in place then: the keys and values of docs/delivery.md. */
export interface InstallerLine {
  /** Its exit status. */
  readonly status: number
  /** `installed`, `unchanged`, `planned`, `refused` and others. */
  readonly result: string
  /** Why it is not 0; `undefined` where it is. */
  readonly reason: string | undefined
  /** Whether this run changed anything on the node. */
  readonly changed: boolean
  /** `3-9f2c41ab`, what was in place before; `undefined`: nothing. */
  readonly before: string | undefined
  /** What was to be put in place. */
  readonly wanted: string | undefined
  /** What is in place now. */
  readonly generation: string | undefined
  /** What the receipt says of it: `switched`, `reloaded`, `proven`. */
  readonly state: string | undefined
  /** `not-told`, `told`, `died` and others. */
  readonly agent: string
  /** What went wrong, for people; empty where nothing did. */
  readonly message: string
}

/** Something happened on a node. */
export interface InstallerMoment {
  /** `switched`: the link leads to the new files. `reloaded`: the agent was told to load them. */
  readonly what: 'switched' | 'reloaded'
  /** `3-9f2c41ab`, what is in place. */
  readonly generation: string
}

/**
 * Reads a line that says that something happened.
 *
 * @returns `undefined` for every other line.
 */
export function readMoment(line: string): InstallerMoment | undefined {
  const [, what, generation] =
    /^moment=(switched|reloaded) ([0-9]{1,9}-[0-9a-f]{8})$/.exec(line) ?? []
  return what === undefined || generation === undefined
    ? undefined
    : { what: what as InstallerMoment['what'], generation }
}

/** Takes the lines of an installer as they come, and tells what happened. */
export function momentsTo(
  tell: (what: InstallerMoment['what'], generation: string) => void,
): (line: string) => void {
  return (line) => {
    const moment = readMoment(line)
    if (moment !== undefined) tell(moment.what, moment.generation)
  }
}

/**
 * Reads the line that it ends with.
 *
 * @returns `undefined` for every other line: the installer was killed before it could say how it ended.
 */
export function readPorcelain(line: string): InstallerLine | undefined {
  const [, pairs, message] = /^porcelain=1 (.*?) message=(.*)$/.exec(line) ?? []
  if (pairs === undefined || message === undefined) return undefined
  const values = new Map(
    pairs.split(' ').map((pair) => {
      const at = pair.indexOf('=')
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
  const of = (name: string): string | undefined => {
    const value = values.get(name)
    return value === '-' ? undefined : value
  }
  return {
    status: Number(of('status') ?? Number.NaN),
    ...{ result: of('result') ?? 'failed', reason: of('reason') },
    changed: of('changed') === 'yes',
    ...{ before: of('before'), wanted: of('wanted'), generation: of('generation') },
    ...{ state: of('state'), agent: of('agent') ?? 'not-told', message },
  }
}
