// A demonstration: a cluster of two regions is written down, bootstrapped and proven by handshakes, in a
// temporary folder. `npm run demo`; with --keep the folder stays.
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../bin/nomad-pki.js', import.meta.url))
const keep = process.argv.includes('--keep')
const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-demo-'))
const say = (text) => process.stdout.write(`${text}\n`)

/** Runs the command and shows it; anything but the expected exit status ends the demonstration. */
function pki(expected, why, ...args) {
  say(`\n# ${why}\n$ nomad-pki ${args.join(' ')}`)
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [command, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  process.stdout.write(stdout ?? '')
  process.stdout.write(stderr ?? '')
  if (error !== undefined) throw error
  if (status !== expected) throw new Error(`ended with ${status}, expected ${expected}`)
}

const modeOf = (path) => (lstatSync(path).mode & 0o777).toString(8).padStart(4, '0')

/** The folder as a tree: modes, targets of links; a folder of nothing but files on one line. */
function tree(path, indent = '') {
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
  for (const [index, entry] of entries.entries()) {
    const last = index === entries.length - 1
    const at = join(path, entry.name)
    const line = `${entry.isSymbolicLink() ? '    ' : modeOf(at)}  ${indent}${last ? '└── ' : '├── '}${entry.name}`
    if (entry.isSymbolicLink()) {
      say(`${line} → ${readlinkSync(at)}`)
      continue
    }
    if (!entry.isDirectory()) {
      say(line)
      continue
    }
    const inside = readdirSync(at, { withFileTypes: true })
    if (inside.length > 0 && inside.every((item) => item.isFile())) {
      const files = inside.map(({ name }) => `${name} ${modeOf(join(at, name))}`).sort()
      say(`${line}/  { ${files.join(', ')} }`)
      continue
    }
    say(`${line}/`)
    tree(at, `${indent}${last ? '    ' : '│   '}`)
  }
}

try {
  pki(
    0,
    'write the cluster down',
    'init',
    ...['--servers', 'global=3', '--clients', 'global=2'],
    ...['--servers', 'us-west=1', '--clients', 'us-west=1'],
    ...['--operator', 'alice'],
  )
  pki(2, 'what is missing, and why (exit 2: there is work to do)', 'plan')
  pki(0, 'make it so', 'apply', '--yes')
  pki(0, 'a second time there is nothing to do', 'apply', '--yes')
  pki(0, 'prove it: chains, rules, name checks of all pairs, handshakes', 'verify')
  pki(0, 'what expires when', 'status')
  say(`\n# what lies in ${folder}`)
  tree(folder)
  say('\nThe cluster is bootstrapped and proven.')
} catch (error) {
  process.stderr.write(`the demonstration failed: ${error.message}\n`)
  process.exitCode = 1
} finally {
  if (keep) say(`kept: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}
