/**
 * Mutates rooms with StrykerJS and asks the tests that look at each: `npm run mutation:rooms`, or with
 * names of rooms or files. A room below its floor fails.
 *
 *   --sample        each Nth piece of 20 lines, with the room's own N (rooms.mjs)
 *   --every N       the same with another N; --offset M begins elsewhere
 *   --changed N     the lines of the rooms that the last N commits changed
 *   --seconds S     ends after S seconds, and says what was not asked
 *   --as-root       runs as root, which is refused otherwise
 *
 * What is not whole is a sample: it fails where chance doesn't explain that so few mutants died.
 */

import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { cwd, env, exit, getuid } from 'node:process'
import { clearTimeout, setTimeout } from 'node:timers'
import { parseArgs } from 'node:util'
import { leastByChance } from './chance.mjs'
import { changedLines } from './changed.mjs'
import { equivalent } from './equivalent.mjs'
import { refusalOf } from './not-root.mjs'
import { files, rooms } from './rooms.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'boolean', default: false },
    every: { type: 'string' },
    offset: { type: 'string', default: '0' },
    changed: { type: 'string' },
    seconds: { type: 'string' },
    'as-root': { type: 'boolean', default: false },
  },
})
const refusal = refusalOf(getuid?.(), values['as-root'])
if (refusal !== undefined) {
  console.error(refusal)
  exit(1)
}
const whole = !values.sample && values.every === undefined && values.changed === undefined
const ends = values.seconds === undefined ? Infinity : Date.now() + 1000 * Number(values.seconds)
const workers = Number(env.NOMAD_PKI_MUTATION_WORKERS ?? Math.min(4, availableParallelism()))

/** @param {string} folder */
function sources(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path}`)
    .sort()
}

/** Each Nth piece of 20 lines. @param {readonly string[]} paths @param {number} every */
function sampled(paths, every) {
  const length = 20
  let count = Number(values.offset)
  return paths.flatMap((path) => {
    const lines = readFileSync(path, 'utf8').split('\n').length
    const starts = Array.from({ length: Math.ceil(lines / length) }, (_, at) => at * length + 1)
    return starts
      .filter(() => (count += 1) % every === 0)
      .map((start) => `${path}:${start}-${Math.min(start + length - 1, lines)}`)
  })
}

/** @typedef {{ name: string, room: string, pieces: readonly string[], lines: number }} Part */

/** What to mutate, by room. @returns {Part[]} */
function chosen() {
  const names = positionals.length === 0 ? Object.keys(rooms) : positionals
  const parts = names.map((name) => ({
    name,
    room: name.split('/')[1] ?? name,
    paths: name.endsWith('.ts') ? [name] : sources(`src/${name}`),
  }))
  for (const { name, room } of parts)
    if (rooms[room] === undefined) throw new Error(`${name} is not a room of rooms.mjs`)
  if (values.changed !== undefined) {
    const { from, ranges } = changedLines(Number(values.changed))
    console.log(`what changed since ${from}`)
    return parts
      .map(({ name, room, paths }) => {
        const here = ranges.filter(({ path }) => paths.includes(path))
        const lines = here.reduce((sum, { first, last }) => sum + last - first + 1, 0)
        const pieces = here.map(({ path, first, last }) => `${path}:${first}-${last}`)
        return { name, room, pieces, lines }
      })
      .filter(({ pieces }) => pieces.length > 0)
      .sort((a, b) => a.lines - b.lines)
  }
  return parts.map(({ name, room, paths }) => {
    const every = Number(values.every ?? (values.sample ? rooms[room].every : 1))
    return { name, room, pieces: every === 1 ? paths : sampled(paths, every), lines: 0 }
  })
}

/**
 * @typedef {Pick<import('@stryker-mutator/api/core').MutantResult,
 *   'fileName' | 'location' | 'mutatorName' | 'replacement' | 'status'>} Mutant
 */

/** Ends what runs now, with all its workers. @type {(() => void) | undefined} */
let endNow
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    endNow?.()
    exit(1)
  })

/**
 * @param {Part} part
 * @param {number} until
 * @returns {Promise<{ mutants: Mutant[], left: number | undefined }>} `left`: not asked for want of time.
 */
async function mutate({ room, pieces }, until) {
  const work = mkdtempSync(join(tmpdir(), 'nomad-pki-stryker-'))
  const { tests = [], without = [] } = rooms[room]
  const order = { pieces, tests: [`test/${room}/**/*.test.ts`, ...tests], without, workers, work }
  // A group of its own: Stryker's workers have workers.
  const child = fork('test/mutation/mutate-room.mjs', [JSON.stringify(order)], { detached: true })
  endNow = () => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // It has ended.
    }
    rmSync(work, { recursive: true, force: true, maxRetries: 5 })
  }
  /** @type {Mutant[]} */
  const mutants = []
  /** @type {number | undefined} */
  let planned
  child.on('message', (/** @type {{ planned?: number, mutant?: Mutant }} */ message) => {
    if (message.planned !== undefined) planned = message.planned
    if (message.mutant !== undefined) mutants.push(message.mutant)
    if (message.planned !== undefined || mutants.length % 25 === 0)
      console.error(`${room}: ${mutants.length} mutants, ${planned ?? 0} to ask`)
  })
  let late = false
  const timer =
    until === Infinity
      ? undefined
      : setTimeout(
          () => {
            late = true
            endNow?.()
          },
          Math.max(0, until - Date.now()),
        )
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  endNow()
  endNow = undefined
  if (code !== 0 && !late) throw new Error(`StrykerJS failed in ${room}`)
  return { mutants, left: late ? planned && planned - ranOf(mutants) : 0 }
}

/** How many were tried. @param {readonly Mutant[]} mutants */
function ranOf(mutants) {
  return mutants.filter(({ status }) => !['Ignored', 'NoCoverage'].includes(status)).length
}

const met = new Set()

/** @param {Mutant} mutant */
function isEquivalent({ fileName, location, replacement }) {
  const file = relative(cwd(), fileName)
  const line = readFileSync(fileName, 'utf8').split('\n')[location.start.line - 1]?.trim()
  const found = equivalent.find(
    (one) => one.file === file && one.line === line && one.replacement === replacement,
  )
  if (found !== undefined) met.add(found)
  return found !== undefined
}

/** Mutants of a few changed lines stand or fall together: fewer than these say nothing of a share. */
const fewest = 25

/** @type {string[]} */
const table = []
let held = 0
let failed = 0

/**
 * @param {string} name
 * @param {number} floor
 * @param {readonly Mutant[]} mutants
 * @param {boolean} all
 * @param {number} unasked The share of those that a test covers which were not asked.
 */
function judge(name, floor, mutants, all, unasked) {
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
  // What no test covers is known at once: it counts for as large a part as was asked of the others.
  const uncovered = survived.filter(({ status }) => status === 'NoCoverage').length
  const killed = asked.length - living.length
  const counted = killed + survived.length - Math.floor(uncovered * unasked)
  if (values.changed !== undefined && counted < fewest) {
    table.push(
      `not judged: ${killed} of ${counted} mutants of ${name} killed, and a share needs ${fewest}`,
    )
    return
  }
  const least = all ? Math.ceil((counted * floor) / 100) : leastByChance(counted, floor / 100)
  if (killed < least) failed += 1
  else held += 1
  const share = counted === 0 ? 100 : (100 * killed) / counted
  table.push(
    `${killed < least ? '✗' : ' '} ${name.padEnd(28)} ${String(killed).padStart(5)} of ${String(counted).padStart(5)} killed: ${share.toFixed(1).padStart(5)} %, floor ${floor} %`,
  )
}

const parts = chosen()
if (parts.length === 0) console.log('no room of rooms.mjs changed')
for (const [at, part] of parts.entries()) {
  // Each room gets its share of the time that is left, but enough to begin.
  const now = Date.now()
  const share = Math.max(90_000, (ends - now) / (parts.length - at))
  const { mutants, left } = await mutate(part, Math.min(ends, now + share))
  const { name, room, pieces } = part
  if (left === undefined)
    table.push(`not asked for want of time: all ${pieces.length} pieces of ${name}`)
  if (left === undefined) continue
  const unasked = left === 0 ? 0 : left / (ranOf(mutants) + left)
  judge(name, files[name] ?? rooms[room].floor, mutants, whole, unasked)
  if (left > 0) table.push(`not asked for want of time: ${left} mutants of ${name}`)
  if (values.changed !== undefined) continue
  for (const [file, floor] of Object.entries(files)) {
    const here = mutants.filter(({ fileName }) => relative(cwd(), fileName) === file)
    if (file !== name && here.length > 0) judge(file, floor, here, whole, unasked)
  }
}
console.log(table.join('\n'))
if (whole && positionals.length === 0) {
  for (const one of equivalent.filter((known) => !met.has(known))) {
    failed += 1
    console.log(`no mutant survives here any more: ${one.file}: ${one.line}`)
  }
}
console.log(`${held} held, ${failed} below`)
exit(failed === 0 ? 0 : 1)
