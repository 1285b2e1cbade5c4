/** The package, not only the code: what `npm` installs resolves, runs, and carries its licences. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { version } from '../src/cli/version.js'
import { buildPackage, runBuilt } from './built.js'

const root = fileURLToPath(new URL('../', import.meta.url))

interface Manifest {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { types: string; default: string }>>
  readonly files: readonly string[]
  readonly dependencies: Readonly<Record<string, string>>
}
const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest

let built = ''
beforeAll(() => {
  built = buildPackage()
})
afterAll(() => {
  fs.rmSync(built, { recursive: true, force: true })
})

function evaluate(script: string): string {
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: built,
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  return run.stdout
}

describe('the package', () => {
  test('its version is the one that the program says', () => {
    expect(version).toBe(manifest.version)
  })

  test('every file that it exports is built', () => {
    const targets = Object.entries(manifest.exports).flatMap(([name, target]) =>
      name.includes('*') ? [] : [typeof target === 'string' ? target : target.default],
    )
    expect(targets.filter((file) => !fs.existsSync(path.join(built, file)))).toEqual([])
    expect(targets).toContain('./dist/index.js')
  })

  test('every file that it lists exists', () => {
    const lost = manifest.files.filter((file) => file !== 'dist' && !fs.existsSync(root + file))
    expect(lost).toEqual([])
  })

  test('the program is five lines that can be executed', () => {
    const file = path.join(root, manifest.bin['nomad-pki']!)
    expect(fs.statSync(file).mode & 0o111).not.toBe(0)
    expect(fs.readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(5)
  })

  test('the bundle exports what src/index.ts names, and needs nothing that is not in it', () => {
    const source = fs.readFileSync(path.join(root, 'src/index.ts'), 'utf8')
    const named = [...source.matchAll(/^export \{([^}]*)\}/gm)]
      .flatMap(([, list]) => list!.split(','))
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
    const names = evaluate(
      "import * as api from './dist/index.js'; console.log(Object.keys(api).join())",
    )
    expect(names.trim().split(',').sort()).toEqual(named.sort())
    expect(named.length).toBeGreaterThan(20)
  })

  test('loading the library loads no parser, no forge, and touches nothing', () => {
    const loaded = evaluate(
      "await import('./dist/index.js'); console.log(process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|FSReq|CloseReq)/.test(name)).length)",
    )
    expect(loaded.trim()).toBe('0')
  })

  test('every dependency that is bundled brings its licence, and all are declared', () => {
    const licences = fs.readFileSync(path.join(built, 'dist/LICENSES.txt'), 'utf8')
    const bundled = [...licences.matchAll(/^([@a-z][^ ]*) \d+\.\d+\.\d+[^ ]* \((.+)\)$/gm)]
    const names = bundled.map(([, name]) => name!)
    for (const name of names.filter((one) => one in manifest.dependencies)) {
      expect(manifest.dependencies).toHaveProperty(name)
    }
    expect(names).toContain('commander')
    expect(names).toContain('yaml')
    for (const [, , licence] of bundled)
      expect(licence).toMatch(/^(MIT|ISC|Apache-2\.0|BlueOak-1\.0\.0|\(BSD-3-Clause .*)$/)
  })

  test('`--version` and `--help` load neither each other nor anything heavy', () => {
    const chunks = (file: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(file)) return seen
      seen.add(file)
      const text = fs.readFileSync(file, 'utf8')
      for (const [, target] of text.matchAll(/(?:from|^import|;import) ?"(\.[^"]+)"/gm)) {
        chunks(path.join(path.dirname(file), target!), seen)
      }
      return seen
    }
    const texts = [...chunks(path.join(built, 'dist/cli.js'))].map((file) =>
      fs.readFileSync(file, 'utf8'),
    )
    expect(texts.join('').length).toBeLessThan(16_000)
    expect(texts.some((text) => text.includes('CommanderError'))).toBe(false)
  })

  test('it runs where it was not built, with a name that needs quotes', async () => {
    const elsewhere = path.join(built, 'it\'s a "folder"')
    for (const name of ['bin', 'dist', 'templates', 'package.json']) {
      fs.cpSync(path.join(built, name), path.join(elsewhere, 'pkg', name), { recursive: true })
    }
    const { status, stderr } = await runBuilt(path.join(elsewhere, 'pkg'), ['init'], {
      cwd: elsewhere,
    })
    expect({ status, error: stderr.includes('error') }).toEqual({ status: 0, error: false })
    expect(fs.existsSync(path.join(elsewhere, 'cluster.yaml'))).toBe(true)
  })
})
