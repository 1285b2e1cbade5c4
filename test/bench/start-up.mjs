// How long the command takes to begin, as ratios to `node -e 0`: medians of runs that take turns, because
// other work on the machine slows both. Exits 1 where a bound is missed.
//   node test/bench/start-up.mjs [ROUNDS]     needs dist/ (npm run build)
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const command = join(root, 'bin', 'nomad-pki.js')
const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-start-'))
// NODE_EXTRA_CA_CERTS costs every start of Node 20 some 40 ms (nodejs/node#40524).
// A cache of its own: the first round fills it, as the first start of a user does.
const env = { ...process.env, NO_COLOR: '1', HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
delete env.NODE_EXTRA_CA_CERTS

/** What is started, and how many times `node -e 0` it may take. */
const starts = [
  ['--version', ['--version'], 1.4],
  ['--help', ['--help'], 1.9],
  ['plan of three nodes', ['plan'], 3.5],
]

function milliseconds(args) {
  const begun = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env })
  const took = performance.now() - begun
  if (status !== 0) throw new Error(`node ${args.join(' ')}: exit ${status}\n${stderr}`)
  return took
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]

/** Measures each start. @returns What was started, its median ratio to `node -e 0`, and the bound. */
export function startUp(rounds) {
  try {
    writeFileSync(
      join(folder, 'cluster.yaml'),
      'version: 1\ncluster: bench\nregions:\n  global:\n    servers: { "s[1-3]": {} }\n',
    )
    milliseconds([command, 'init', '--new-store'])
    milliseconds([command, 'apply', '--yes'])
    for (const [, args] of starts) milliseconds([command, ...args])
    const ratios = starts.map(() => [])
    for (let round = 0; round < rounds; round += 1) {
      for (const [at, [, args]] of starts.entries()) {
        // An empty start before and one after: what slows the machine for a moment counts on both sides.
        const before = milliseconds(['-e', '0'])
        const took = milliseconds([command, ...args])
        ratios[at].push((2 * took) / (before + milliseconds(['-e', '0'])))
      }
    }
    return starts.map(([what, , most], at) => ({
      what: `${what} / node -e 0`,
      ratio: median(ratios[at]),
      most,
    }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const rounds = Number(process.argv[2] ?? 41)
  if (!(rounds >= 1)) throw new Error(`invalid ROUNDS ${process.argv[2]}`)
  for (const { what, ratio, most } of startUp(rounds)) {
    const good = ratio <= most
    if (!good) process.exitCode = 1
    console.log(
      `${what.padEnd(32)} ${ratio.toFixed(2)} ×  ≤ ${most}  ${good ? 'reached' : 'MISSED'} (Node ${process.versions.node}, ${rounds} rounds)`,
    )
  }
}
