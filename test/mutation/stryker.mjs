/**
 * Mutates whole rooms with StrykerJS and asks the room's own tests: `npm run mutation:rooms`, or with
 * names of rooms or files. `--every N` takes each Nth piece of 20 lines. A room below its floor fails.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { cwd, env, exit } from 'node:process'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'
import { equivalent } from './equivalent.mjs'
import { files, rooms } from './rooms.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { every: { type: 'string', default: '1' }, offset: { type: 'string', default: '0' } },
})
const every = Number(values.every)
const piece = 20

/** Files of a room, or pieces of them. @param {readonly string[]} paths */
function pieces(paths) {
  if (every === 1) return paths
  let count = Number(values.offset)
  return paths.flatMap((path) => {
    const lines = readFileSync(path, 'utf8').split('\n').length
    const starts = Array.from({ length: Math.ceil(lines / piece) }, (_, at) => at * piece + 1)
    return starts
      .filter(() => (count += 1) % every === 0)
      .map((start) => `${path}:${start}-${Math.min(start + piece - 1, lines)}`)
  })
}

/** @param {string} folder */
function sources(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path}`)
    .sort()
}

/** @param {string} room @param {readonly string[]} paths */
async function mutate(room, paths) {
  const work = mkdtempSync(join(tmpdir(), 'nomad-pki-stryker-'))
  env.NOMAD_PKI_MUTATED_TESTS = [`test/${room}/**/*.test.ts`, ...(rooms[room]?.tests ?? [])].join()
  try {
    return await new Stryker({
      mutate: pieces(paths),
      testRunner: 'vitest',
      plugins: ['@stryker-mutator/vitest-runner', './test/mutation/prose.mjs'],
      ignorers: ['prose'],
      vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
      coverageAnalysis: 'perTest',
      // What a module computes as it is loaded can't be changed between two tests.
      ignoreStatic: true,
      concurrency: 1,
      timeoutMS: 20_000,
      disableTypeChecks: true,
      // One is wanted, and none of them gives the table.
      reporters: ['json'],
      jsonReporter: { fileName: join(work, 'report.json') },
      logLevel: 'warn',
      tempDirName: work,
    }).runMutationTest()
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const met = new Set()

/** @param {import('@stryker-mutator/api/core').MutantResult} mutant */
function isEquivalent({ fileName, location, replacement }) {
  const file = relative(cwd(), fileName)
  const line = readFileSync(fileName, 'utf8').split('\n')[location.start.line - 1]?.trim()
  const found = equivalent.find(
    (one) => one.file === file && one.line === line && one.replacement === replacement,
  )
  if (found !== undefined) met.add(found)
  return found !== undefined
}

/** @type {string[]} */
const table = []
let failed = 0

/**
 * @param {string} name
 * @param {number} floor
 * @param {readonly import('@stryker-mutator/api/core').MutantResult[]} mutants
 */
function judge(name, floor, mutants) {
  const asked = mutants.filter(
    ({ status }) => !['Ignored', 'CompileError', 'RuntimeError'].includes(status),
  )
  const living = asked.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
  const survived = living.filter((one) => !isEquivalent(one))
  for (const { status, fileName, location, mutatorName, replacement } of survived) {
    const { line, column } = location.start
    const where = `${relative(cwd(), fileName)}:${line}:${column}`
    console.log(`${status} ${where} ${mutatorName} ${JSON.stringify(replacement).slice(0, 100)}`)
  }
  const counted = asked.length - (living.length - survived.length)
  const share = counted === 0 ? 100 : (100 * (counted - survived.length)) / counted
  if (share < floor) failed += 1
  table.push(
    `${share < floor ? '✗' : ' '} ${name.padEnd(28)} ${share.toFixed(1).padStart(5)} % of ${String(counted).padStart(5)} killed, at least ${floor} %`,
  )
}

const chosen = positionals.length === 0 ? Object.keys(rooms) : positionals
for (const name of chosen) {
  const room = name.split('/')[1] ?? name
  const paths = name.endsWith('.ts') ? [name] : sources(`src/${name}`)
  const mutants = await mutate(room, paths)
  judge(name, files[name] ?? rooms[room]?.floor ?? 0, mutants)
  for (const [file, floor] of Object.entries(files)) {
    if (file === name || !paths.includes(file)) continue
    judge(
      file,
      floor,
      mutants.filter(({ fileName }) => relative(cwd(), fileName) === file),
    )
  }
}
console.log(table.join('\n'))
if (every === 1 && positionals.length === 0) {
  for (const one of equivalent.filter((known) => !met.has(known))) {
    failed += 1
    console.log(`no mutant survives here any more: ${one.file}: ${one.line}`)
  }
}
exit(failed === 0 ? 0 : 1)
