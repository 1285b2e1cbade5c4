// The main job in one go: bootstraps a demonstration cluster of two regions in a temporary folder with the real command,
// proves it by handshakes, and shows what came of it. `--keep` leaves the folder.
import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const command = join(dirname(dirname(fileURLToPath(import.meta.url))), 'bin', 'nomad-pki.js')
const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-demo-'))
const keep = process.argv.includes('--keep')

function nomadPki(line, allowed = [0]) {
  console.log(`\n$ nomad-pki ${line}`)
  const { status, error } = spawnSync(process.execPath, [command, ...line.split(' ')], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) throw error
  if (!allowed.includes(status)) {
    console.error(`nomad-pki ${line}: exit status ${status}, expected ${allowed.join(' or ')}`)
    process.exitCode = 1
    throw new Error('the demonstration failed')
  }
}

function tree(path, prefix = '') {
  const entries = readdirSync(path).sort()
  for (const [at, name] of entries.entries()) {
    const last = at === entries.length - 1
    const full = join(path, name)
    const stat = lstatSync(full)
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    const shown = stat.isSymbolicLink()
      ? `${name} → ${readlinkSync(full)}`
      : stat.isDirectory()
        ? `${name}/`
        : name
    console.log(
      `${stat.isSymbolicLink() ? '    ' : mode}  ${prefix}${last ? '└── ' : '├── '}${shown}`,
    )
    if (stat.isDirectory()) tree(full, `${prefix}${last ? '    ' : '│   '}`)
  }
}

try {
  nomadPki(
    'init --cluster demo --servers global=3 --clients global=2 --servers us-west=1 --clients us-west=2 --operator alice',
  )
  // us-west gets an intermediate of its own, constrained to it; the agents run beside the store.
  const file = join(folder, 'cluster.yaml')
  const spec = readFileSync(file, 'utf8')
  const edited = spec
    .replace(/^authorities:\n/m, 'authorities:\n  us-west: { issuer: agent, lifetime: 3y }\n')
    .replace(/^ {2}us-west:\n/m, '  us-west:\n    authority: us-west\n')
  if (edited === spec)
    throw new Error('the template has changed: the demonstration could not edit it')
  writeFileSync(file, edited)

  nomadPki('plan', [2])
  nomadPki('apply --yes')
  nomadPki('plan')
  nomadPki('verify')
  nomadPki('status')
  console.log(`\n${folder}`)
  tree(folder)
} finally {
  if (keep) console.log(`\nkept: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}
