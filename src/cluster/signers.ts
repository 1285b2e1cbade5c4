/**
 * Where the keys of an authority's generations are.
 *
 * @module
 */

/**
 * The kinds of places that an authority's key can be in: a file of the store; the same, encrypted; an ssh-agent; a
 * command that signs; another machine; Vault or OpenBao.
 */
export const signerKinds = [
  'file',
  'encrypted',
  'ssh-agent',
  'command',
  'offline',
  'engine',
] as const

/** Where an authority's key is. */
export type SignerKind = (typeof signerKinds)[number]

/**
 * Where the key of each generation is. One kind counts for all; in a map a generation without an entry has that of
 * the nearest lower one, so that a new generation begins where the newest is. An authority with `engine` has them there
 * where nothing else is said.
 *
 * @param entry The authority as written.
 * @param generations Those that the spec needs.
 */
export function signersOf(
  {
    signer,
    engine,
  }: {
    readonly signer?: SignerKind | ReadonlyMap<string, SignerKind>
    readonly engine?: unknown
  },
  generations: readonly number[],
): Readonly<Record<number, SignerKind>> {
  const written =
    typeof signer === 'object'
      ? [...signer].map(([key, kind]) => [Number(key), kind] as const).sort(([a], [b]) => a - b)
      : []
  const all = typeof signer === 'string' ? signer : engine === undefined ? 'file' : 'engine'
  return Object.fromEntries(
    generations.map((generation) => [
      generation,
      written.findLast(([from]) => from <= generation)?.[1] ?? all,
    ]),
  )
}
