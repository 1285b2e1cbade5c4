// Makes what a release consists of: the package, the command as one file, the list of what is in them
// (CycloneDX), and their checksums. The same sources, Node and npm give the same bytes, wherever the
// folder is and whatever the umask; nothing is published. `npm run release [-- FOLDER]`
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const out = resolve(process.argv[2] ?? join(root, 'release'))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { name, version } = manifest

function run(program, ...args) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`)
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
// npm packs a file with the mode that it has: those of a clone are of the umask of its day.
const stage = mkdtempSync(join(tmpdir(), 'nomad-pki-release-'))
try {
  for (const each of ['package.json', 'README.md', 'LICENSE', ...manifest.files]) {
    if (each !== 'dist') cpSync(join(root, each), join(stage, each), { recursive: true })
  }
  run(process.execPath, 'build.mjs', join(stage, 'dist'))
  const executable = Object.values(manifest.bin).map((file) => join(stage, file))
  for (const each of readdirSync(stage, { recursive: true }).map((each) => join(stage, each))) {
    const open = lstatSync(each).isDirectory() || executable.includes(each)
    chmodSync(each, open ? 0o755 : 0o644)
  }
  run('npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', out, stage)
  copyFileSync(join(stage, 'dist/sbom.cdx.json'), join(out, `${name}-${version}.cdx.json`))
} finally {
  rmSync(stage, { recursive: true, force: true })
}
run(process.execPath, 'build.mjs', '--single', join(out, `${name}-${version}.cjs`))

const files = ['cdx.json', 'cjs', 'tgz'].map((ending) => `${name}-${version}.${ending}`)
const sums = files.map((file) => {
  chmodSync(join(out, file), file.endsWith('.cjs') ? 0o755 : 0o644)
  return `${createHash('sha256')
    .update(readFileSync(join(out, file)))
    .digest('hex')}  ${file}\n`
})
writeFileSync(join(out, 'SHA256SUMS'), sums.join(''), { mode: 0o644 })
process.stdout.write(sums.join(''))
