/**
 * Versions of Nomad, as far as rules depend on them.
 *
 * @module
 */

/** The version whose keys this room knows, and which is meant where none is given. */
export const knownVersion = '1.11.3'

/**
 * Whether a version is at least another.
 *
 * @param version `1.11.3`, `v1.11`, `1.9.0-beta.1+ent`; what is no version counts as the newest.
 * @param least `1.9.0`
 */
export function isAtLeast(version: string | undefined, least: string): boolean {
  const given = parts(version ?? knownVersion)
  const wanted = parts(least)!
  if (given === undefined) return true
  for (let at = 0; at < 3; at += 1) {
    if (given[at] !== wanted[at]) return given[at]! > wanted[at]!
  }
  return true
}

/** Whether a text is a version. */
export function isVersion(text: string): boolean {
  return parts(text) !== undefined
}

function parts(text: string): readonly number[] | undefined {
  const match = /^v?(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?(?:[-+].*)?$/.exec(text)
  return match === null ? undefined : [1, 2, 3].map((group) => Number(match[group] ?? 0))
}
