/**
 * The groups of the public API, as `src/index.ts` has them: `// ── title`, then what belongs to it.
 *
 * @module
 */

/** One group. */
export interface Section {
  readonly title: string
  /** What is exported, types included, in the order of the file. */
  readonly names: readonly string[]
  /** The lines of the file below the title. */
  readonly text: string
}

/** Takes the text of `src/index.ts` apart. */
export function sections(text: string): readonly Section[] {
  return text
    .split(/^\/\/ ── /m)
    .slice(1)
    .map((part) => {
      const [title = '', ...rest] = part.split('\n')
      const body = rest.join('\n')
      return { title, names: namesIn(body), text: body.trim() }
    })
}

/** What a text that only names exports, types included, in its order. */
export function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    .flatMap(([, list]) => list!.split(','))
    .map((name) =>
      name
        .trim()
        .replace(/^type /, '')
        .replace(/^.* as /, ''),
    )
    .filter((name) => name !== '')
}
