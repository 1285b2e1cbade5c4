/** Which lines of `src/` the last commits changed, as the clone knows it: it may hold one commit only. */

import { execFileSync } from 'node:child_process'

/** @param {readonly string[]} words */
const git = (...words) =>
  execFileSync('git', words, { encoding: 'utf8', maxBuffer: 2 ** 28 }).trim()

/** Git's name for a tree without files: compared with it everything is new. */
const nothing = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** @param {number} commits */
export function changedLines(commits) {
  const known = git('rev-list', '--first-parent', `--max-count=${commits + 1}`, 'HEAD').split('\n')
  const from = known.length > 1 ? known.at(-1) : nothing
  const diff = git(
    'diff',
    '--unified=0',
    '--no-ext-diff',
    '--no-color',
    '--no-renames',
    from,
    'HEAD',
    '--',
    'src',
  )
  /** @type {{ path: string, first: number, last: number }[]} */
  const ranges = []
  let path = ''
  for (const line of diff.split('\n')) {
    path = /^\+\+\+ b\/(.+)$/.exec(line)?.[1] ?? path
    const [, start, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    if (start === undefined || count === '0') continue
    ranges.push({ path, first: Number(start), last: Number(start) + Number(count) - 1 })
  }
  return { from: from === nothing ? 'the beginning: this clone holds one commit' : from, ranges }
}
