/** What a release consists of: made twice in two places, compared, and used as a stranger would. */

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { version } from '../src/cli/version.js'
import { readTar } from '../src/delivery/tar.js'
import { copyFolder } from './copy-folder.js'

const root = fileURLToPath(new URL('../', import.meta.url))
const base = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-release '))
afterAll(() => {
  fs.rmSync(base, { recursive: true, force: true })
})

const file = (ending: string): string => `nomad-pki-${version}.${ending}`
const names = ['SHA256SUMS', file('cdx.json'), file('cjs'), file('tgz')]

/** A folder with the sources, and the release that was made in it. */
async function release(name: string, umask: string, zone: string): Promise<string> {
  const sources = path.join(base, name)
  fs.mkdirSync(sources)
  for (const entry of fs.readdirSync(root)) {
    if (['.git', 'coverage', 'dist', 'node_modules', 'release', 'test'].includes(entry)) continue
    copyFolder(path.join(root, entry), path.join(sources, entry))
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(sources, 'node_modules'))
  const script = `umask ${umask}; chmod -R u=rwX,go= docs; exec node release.mjs`
  const child = spawn('sh', ['-c', script], {
    cwd: sources,
    env: { ...process.env, TZ: zone },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const status = await new Promise((resolve) => child.on('close', resolve))
  expect({ status, said }).toEqual({ status: 0, said: '' })
  return path.join(sources, 'release')
}

let first = ''
let second = ''
beforeAll(async () => {
  const made = [release('one', '022', 'UTC'), release('Änderung zwei', '077', 'Asia/Kathmandu')]
  const [one = '', two = ''] = await Promise.all(made)
  first = one
  second = two
}, 240_000)

test('two runs make the same bytes, in another folder and under another umask', () => {
  expect(fs.readdirSync(first).sort()).toEqual(names)
  for (const name of names) {
    const [one, two] = [first, second].map((folder) => fs.readFileSync(path.join(folder, name)))
    expect([name, one!.equals(two!)]).toEqual([name, true])
  }
})

test('SHA256SUMS is about all of them', () => {
  const sums = fs.readFileSync(path.join(first, 'SHA256SUMS'), 'utf8').trimEnd().split('\n')
  expect(sums).toEqual(
    names.slice(1).map((name) => {
      const sum = createHash('sha256').update(fs.readFileSync(path.join(first, name)))
      return `${sum.digest('hex')}  ${name}`
    }),
  )
})

test('the package has what it runs on, types that need no package, and no more', () => {
  const tar = gunzipSync(fs.readFileSync(path.join(first, file('tgz'))))
  const packed = readNames(tar)
  expect(packed).toEqual(
    expect.arrayContaining(
      [
        ...[
          'bin/nomad-pki.js',
          'bin/start.js',
          'bin/package.json',
          'dist/cli.cjs',
          'dist/index.js',
        ],
        ...[
          'dist/types/index.d.ts',
          'dist/types/hcl/index.d.ts',
          'dist/schemas/spec.json',
          'dist/schemas/ledger.json',
          'dist/schemas/evidence.json',
        ],
        ...['dist/LICENSES.txt', 'dist/sbom.cdx.json', 'templates/install.sh', 'LICENSE'],
        ...['README.md', 'docs/guide.md'],
      ].map((name) => `package/${name}`),
    ),
  )
  // Declarations that nothing public refers to; the spec's parser knows the types of `yaml`.
  expect(packed).not.toContain('package/dist/types/spec/yaml.d.ts')
  expect(packed.filter((name) => /^package\/(src|test|node_modules|\.)/.test(name))).toEqual([])
})

test('the list of contents is the one in the package', () => {
  const bom = JSON.parse(fs.readFileSync(path.join(first, file('cdx.json')), 'utf8')) as {
    bomFormat: string
    components: unknown[]
  }
  expect(bom.bomFormat).toBe('CycloneDX')
  expect(bom.components.length).toBeGreaterThan(4)
})

test('the single file does all without a package, and leaves nothing behind', () => {
  const home = path.join(base, 'a home')
  const temporary = path.join(base, 'tmp')
  for (const folder of [home, temporary]) fs.mkdirSync(folder)
  const program = path.join(home, 'nomad-pki')
  fs.copyFileSync(path.join(first, file('cjs')), program)
  fs.chmodSync(program, 0o755)
  const run = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: home,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], TMPDIR: temporary },
    })
    expect({ args, status, stderr }).toMatchObject({ args, status: 0 })
    return stdout
  }
  expect(run('--version')).toBe(`${version}\n`)
  run('init', '--servers', 'global=1', '--operator', 'alice')
  run('apply', '--yes')
  run('verify')
  run('pack', 's1', '--out', 's1.tar.gz')
  run('install', 's1.tar.gz', '--tls', 'tls', '--reload', 'none')
  expect(run('env', 'alice')).toContain('NOMAD_CACERT')
  expect(run('completion', 'bash')).toContain('complete')
  expect(fs.readlinkSync(path.join(home, 'tls/current'))).toMatch(/^1-/)
  const archive = readTar(fs.readFileSync(path.join(home, 's1.tar.gz')))
  const installer = archive.find((entry) => entry.path.endsWith('/install.sh'))
  expect(Buffer.from(installer!.bytes)).toEqual(
    fs.readFileSync(path.join(root, 'templates/install.sh')),
  )
  expect(fs.readdirSync(temporary)).toEqual([])
  expect(fs.readFileSync(program, 'utf8')).toContain('Permission is hereby granted')
})

test('the recipe for an image takes what a release has, a Node that is new enough, and no root', () => {
  const lines = fs
    .readFileSync(path.join(root, 'templates/Containerfile'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' '))
  const verbs = lines.map(([verb]) => verb!)
  expect(verbs).toEqual(['FROM', 'COPY', 'WORKDIR', 'USER', 'ENTRYPOINT'])
  const [, pattern = ''] = lines[1]!
  const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replace('*', '.*')}$`)
  expect(fs.readdirSync(first).filter((name) => expression.test(name))).toEqual([file('cjs')])
  expect(Number(/node:(\d+)/.exec(lines[0]![1]!)?.[1])).toBeGreaterThanOrEqual(22)
  expect(lines[3]![1]).toBe('node')
})

test('README names the files of this version', () => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  for (const name of names.slice(1)) expect(readme).toContain(`\`${name}\``)
})

/** Names in a tar archive of plain files. */
function readNames(tar: Uint8Array): string[] {
  const text = (at: number, length: number): string =>
    Buffer.from(tar.subarray(at, at + length))
      .toString('utf8')
      .replace(/\0.*$/s, '')
  const found: string[] = []
  for (let at = 0; at + 512 <= tar.length && text(at, 100) !== '';) {
    const prefix = text(at + 345, 155)
    found.push(`${prefix === '' ? '' : `${prefix}/`}${text(at, 100)}`)
    at += 512 + Math.ceil(Number.parseInt(text(at + 124, 12), 8) / 512) * 512
  }
  return found
}
