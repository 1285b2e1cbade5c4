/**
 * Breaks the code once for each of the named mutants, in a copy, and asks their tests: one that passes
 * them all survived. `npm run mutation`, or with words of which a mutant's text holds one. Root has to say
 * `--as-root`.
 */

import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { cwd, env, execPath, exit, getuid } from 'node:process'
import { parseArgs } from 'node:util'
import { mutants } from './mutants.mjs'
import { refusalOf } from './not-root.mjs'

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { 'as-root': { type: 'boolean', default: false } },
})
const refusal = refusalOf(getuid?.(), values['as-root'])
if (refusal !== undefined) {
  console.error(refusal)
  exit(1)
}

const root = cwd()
const copy = mkdtempSync(join(tmpdir(), 'nomad-pki-mutation-'))

/** @param {readonly string[]} tests */
function ask(tests) {
  const { status, stdout, stderr, error } = spawnSync(
    execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--bail', '1', ...tests],
    {
      cwd: copy,
      env: { ...env, NO_COLOR: '1' },
      encoding: 'utf8',
      timeout: 600_000,
      killSignal: 'SIGKILL',
    },
  )
  if (error !== undefined && status === null && !('code' in error && error.code === 'ETIMEDOUT'))
    throw error
  return { passed: status === 0, said: `${stdout}${stderr}` }
}

let killed = 0
let survived = 0
try {
  cpSync(root, copy, {
    recursive: true,
    filter: (path) => !['node_modules', '.git'].includes(basename(path)),
  })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const chosen = mutants.filter(
    ({ what, file }) =>
      words.length === 0 || words.some((word) => `${file} ${what}`.includes(word)),
  )
  const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))]
  for (const test of tests)
    if (!existsSync(join(root, test))) throw new Error(`there is no ${test}`)
  /** @type {Set<string>} */
  const sound = new Set()
  for (const { what, file, from, to, tests: judges } of chosen) {
    if (!sound.has(judges.join())) {
      const { passed, said } = ask(judges)
      if (!passed) throw new Error(`the tests fail without a change:\n${said.slice(-4000)}`)
      sound.add(judges.join())
    }
    const path = join(copy, file)
    const text = readFileSync(path, 'utf8')
    const [before, ...after] = text.split(from)
    if (after.length !== 1) throw new Error(`${file} holds ${after.length} times: ${from}`)
    writeFileSync(path, `${before}${to}${after[0]}`)
    const { passed } = ask(judges)
    writeFileSync(path, text)
    if (passed) survived += 1
    else killed += 1
    console.log(`${passed ? 'SURVIVED' : 'killed  '}  ${file}: ${what}`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${killed} killed, ${survived} survived`)
exit(survived === 0 ? 0 : 1)
