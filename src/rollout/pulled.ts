/**
 * What is between a configuration on its host and the copy of it here: what a pull takes, what it leaves, and what a
 * rollout puts back.
 *
 * @module
 */

import { sha256 } from '../sha256.js'
import type { ConfigPut } from './config-scripts.js'

/** What was pulled last. */
export interface Pulled {
  /** Absolute path on the host. */
  readonly path: string
  readonly kind: 'directory' | 'file'
  /** SHA-256 (hex) by name, of what the host had. */
  readonly sums: ReadonlyMap<string, string>
}

/** What becomes of one file. */
export interface PullStep {
  readonly name: string
  /**
   * `take`: the host's is new; `gone`: the host has it no longer; `same`: both agree; `keep`: it was edited here alone;
   * `conflict`: it was changed on both sides.
   */
  readonly action: 'take' | 'gone' | 'same' | 'keep' | 'conflict'
}

const format = 'nomad-pki/pulled'

/** The record of a pull, as it is kept beside the copy. */
export function formatPulled({ path, kind, sums }: Pulled): string {
  const files = Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${JSON.stringify({ format, version: 1, path, kind, files }, undefined, 2)}\n`
}

/**
 * Reads the record of a pull.
 *
 * @returns `undefined` for what is not one.
 */
export function parsePulled(bytes: Uint8Array): Pulled | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { format: said, version, path, kind, files } = value as Record<string, unknown>
  if (said !== format || version !== 1 || typeof path !== 'string') return undefined
  if ((kind !== 'directory' && kind !== 'file') || typeof files !== 'object' || files === null) {
    return undefined
  }
  const sums = new Map<string, string>()
  for (const [name, text] of Object.entries(files)) {
    if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text) || name.includes('/')) {
      return undefined
    }
    sums.set(name, text)
  }
  return { path, kind, sums }
}

/**
 * Compares the three: host, copy and last pull. A file that is missing here is taken: to remove it here is how a person
 * gives the host's the preference.
 *
 * @param host What the host has, by name.
 * @param copy What is here, by name.
 * @param pulled What was pulled last.
 * @returns By name, in order.
 */
export function planPull(
  host: ReadonlyMap<string, Uint8Array>,
  copy: ReadonlyMap<string, Uint8Array>,
  pulled: Pulled | undefined,
): readonly PullStep[] {
  const names = new Set([...host.keys(), ...copy.keys(), ...(pulled?.sums.keys() ?? [])])
  return [...names].sort().flatMap((name): readonly PullStep[] => {
    const there = sum(host.get(name))
    const here = sum(copy.get(name))
    const before = pulled?.sums.get(name)
    if (there === here) return there === undefined ? [] : [{ name, action: 'same' }]
    if (here === undefined) return [{ name, action: 'take' }]
    if (here === before) return [{ name, action: there === undefined ? 'gone' : 'take' }]
    return [{ name, action: there === before ? 'keep' : 'conflict' }]
  })
}

/**
 * Finds the files of a copy that its host does not have as they are here.
 *
 * @param path Absolute path on the host.
 * @returns In order of their names. What the host has and this copy lacks stays there.
 */
export function putsOf(
  path: string,
  { kind, sums }: Pulled,
  copy: ReadonlyMap<string, Uint8Array>,
): readonly ConfigPut[] {
  return [...copy].flatMap(([name, bytes]) => {
    // The copy of a file may have another name than the file.
    const expected = kind === 'file' ? [...sums.values()][0] : sums.get(name)
    if (sha256(bytes) === expected) return []
    return [{ target: kind === 'file' ? path : `${path}/${name}`, expected, bytes }]
  })
}

/** What the record says once all of them are in place. */
export function withPuts(
  { kind, sums, path }: Pulled,
  copy: ReadonlyMap<string, Uint8Array>,
): Pulled {
  const own = [...sums.keys()][0]
  const placed = [...copy].map(
    ([name, bytes]) => [kind === 'file' && own !== undefined ? own : name, sha256(bytes)] as const,
  )
  return { path, kind, sums: new Map([...sums, ...placed]) }
}

function sum(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : sha256(bytes)
}
