/** The configurations under `test/corpus/agents/`, and a random source that repeats itself. */

import fs from 'node:fs'

/** A file of the corpus. */
export interface Sample {
  readonly name: string
  readonly text: string
}

const folder = new URL('../corpus/agents/', import.meta.url)

/** All of them, in order of their names. */
export const corpus: readonly Sample[] = ['generated/', 'hand/'].flatMap((sub) =>
  fs
    .readdirSync(new URL(sub, folder))
    .sort()
    .map((name) => ({ name, text: fs.readFileSync(new URL(sub + name, folder), 'utf8') })),
)

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const fragments = [
  ...Array.from('{}[]",=\\$#/*<-.+0189eExX_ \n\r\t'),
  '${', '}', '"${"', '<<E\n', '<<-E\n', 'E\n', '\nE\n', '\n  E\n', '\r\n', '/*', '*/', '//', '"\\u0041"', '"\\x41"', '"\\101"', '"\\777"',
  '\\"', 'true', 'false', 'null', '0x1F', '0755', '08', '1e', '1e3', '-1', '.5', '5.', '10MB', 'é', 'Ⅷ', '٣', '\ufffd', '\u{1f389}', 'a b = 1', 'a = ', '= 1', 'tls { }', 'tls = { http = true }',
] // prettier-ignore

/** A text with one to three random injuries. */
export function mutate(text: string, next: () => number): string {
  let out = text
  const rounds = 1 + Math.floor(next() * 3)
  for (let round = 0; round < rounds; round += 1) {
    const at = Math.floor(next() * (out.length + 1))
    const length = next() < 0.7 ? Math.floor(next() * 4) : Math.floor(next() * 60)
    const insert = fragments[Math.floor(next() * fragments.length)]!
    switch (Math.floor(next() * 4)) {
      case 0:
        out = out.slice(0, at) + insert + out.slice(at)
        break
      case 1:
        out = out.slice(0, at) + out.slice(at + length)
        break
      case 2:
        out = out.slice(0, at) + insert + out.slice(at + length)
        break
      default: {
        const to = Math.floor(next() * (out.length + 1))
        out = out.slice(0, to) + out.slice(at, at + length) + out.slice(to)
      }
    }
  }
  // Half a surrogate pair is no text, and would not reach a judge as itself.
  return out.replaceAll(/\p{Surrogate}/gu, '\ufffd')
}
