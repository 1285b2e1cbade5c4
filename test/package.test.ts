/** The package, not only the code: what `npm` installs resolves, runs, and carries its licences. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'node:util'
import { runInNewContext } from 'node:vm'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { version } from '../src/cli/version.js'
import { buildPackage, runBuilt } from './built.js'
import { copyFolder } from './copy-folder.js'

const root = fileURLToPath(new URL('../', import.meta.url))

interface Manifest {
  readonly version: string
  readonly engines: { readonly node: string }
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { types: string; default: string }>>
  readonly files: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
/** What is read of a list in CycloneDX's form. */
interface Sbom {
  readonly metadata: { readonly component: { readonly version: string } }
  readonly components: readonly {
    readonly name: string
    readonly version: string
    readonly purl: string
    readonly hashes: readonly unknown[]
  }[]
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
    const lost = manifest.files.filter(
      (file) => file !== 'dist' && !fs.existsSync(path.join(root, file)),
    )
    expect(lost).toEqual([])
  })

  describe('the program asks for the Node that package.json asks for', () => {
    const file = path.join(root, manifest.bin['nomad-pki']!)
    const [major = 0, minor = 0] = manifest.engines.node.match(/\d+/g)!.map(Number)

    /** What it does under a version of Node: the files that it loads, what it says, its exit status. */
    function under(node: string): { loads: string[]; says: string[]; status: unknown } {
      const loads: string[] = []
      const says: string[] = []
      const world = { versions: { node }, exitCode: undefined as unknown }
      const text = fs.readFileSync(file, 'utf8').replace(/^#!.*/, '')
      runInNewContext(text, {
        process: world,
        require: (name: string) => loads.push(name),
        console: { error: (...words: unknown[]) => says.push(format(...words)) },
      })
      return { loads, says, status: world.exitCode }
    }

    test.each([
      `${major}.${minor}.0`,
      `${major}.${minor + 81}.3`,
      `${major + 1}.0.0`,
      '100.0.0-nightly',
    ])('%s goes on', (node) => {
      expect(under(node)).toEqual({ loads: ['./start.js'], says: [], status: undefined })
    })

    test.each(['0.10.48', '4.9.1', '9.99.0', '18.20.8', `${major}.${minor - 1}.3`, `${major}.9.0`])(
      '%s is told which one, and how to get it, in one line',
      (node) => {
        const { loads, says, status } = under(node)
        expect({ loads, status }).toEqual({ loads: [], status: 1 })
        expect(says).toHaveLength(1)
        expect(says[0]).toMatch(/^error: [^\n]*$/)
        expect(says[0]).toContain(`needs Node.js ${major}.${minor} or newer, and this is ${node}:`)
        expect(says[0]).toContain('https://nodejs.org/')
      },
    )

    test('it can be executed', () => {
      expect(fs.statSync(file).mode & 0o111).not.toBe(0)
    })
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

  test('what is bundled is not installed again: the package has no dependencies, and asks for none', async () => {
    expect(manifest.dependencies ?? {}).toEqual({})
    // No node_modules are above it: a package that it asked for would not be found.
    const { metafile } = await build({
      entryPoints: ['index', 'hcl'].map((name) => path.join(built, `dist/${name}.js`)),
      bundle: true,
      write: false,
      metafile: true,
      outdir: path.join(built, 'again'),
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
    })
    const asked = Object.values(metafile.inputs).flatMap(({ imports }) => imports)
    const outside = asked.filter(({ external }) => external).map((one) => one.path)
    expect(outside.filter((name) => !isBuiltin(name))).toEqual([])
    expect(outside).toContain('node:crypto')
    // The command's files are linked: what they ask Node for is not theirs.
    const command = fs
      .readdirSync(path.join(built, 'dist/cli'))
      .map((name) => fs.readFileSync(path.join(built, 'dist/cli', name), 'utf8'))
    const required = command.flatMap((text) => [...text.matchAll(/\brequire\("([^".][^"]*)"\)/g)])
    expect(required.map(([, name]) => name!).filter((name) => !isBuiltin(name))).toEqual([])
    expect(command.join('')).toContain('"node:crypto"')
  })

  test('each package that the sources import is bundled, declared, locked, and brings its licence', () => {
    const imported = new Set(
      fs
        .readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => {
          const text = fs.readFileSync(path.join(root, 'src', name), 'utf8')
          // Examples in comments import this package by its name.
          const code = text.replaceAll(/\/\*[^]*?\*\//g, '')
          return [...code.matchAll(/(?: from |\bimport\()'((?!node:)[a-z@][^']*)'/g)]
        })
        .map(([, name]) => name!.split('/')[0]!),
    )
    expect([...imported]).toEqual(expect.arrayContaining(['commander', 'node-forge', 'yaml']))
    const licences = fs.readFileSync(path.join(built, 'dist/LICENSES.txt'), 'utf8')
    const bundled = [...licences.matchAll(/^([@a-z][^ ]*) (\d+\.\d+\.\d+[^ ]*) \((.+)\)$/gm)]
    const versions = new Map(bundled.map(([, name, found]) => [name!, found!]))
    for (const [, , , licence] of bundled) {
      expect(licence).toMatch(/^(MIT|ISC|Apache-2\.0|BlueOak-1\.0\.0|\(BSD-3-Clause OR .*)$/)
    }
    const { packages } = JSON.parse(
      fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'),
    ) as { packages: Record<string, { version: string; dependencies?: Record<string, string> }> }
    for (const name of imported) expect(manifest.devDependencies).toHaveProperty([name])
    // Whatever else is bundled is what those need.
    const needed = new Set(imported)
    for (const name of needed) {
      const { dependencies = {} } = packages[`node_modules/${name}`]!
      for (const one of Object.keys(dependencies)) needed.add(one)
    }
    expect([...versions.keys()].sort()).toEqual([...needed].sort())
    for (const [name, found] of versions) {
      expect([name, packages[`node_modules/${name}`]!.version]).toEqual([name, found])
    }

    const sbom = JSON.parse(fs.readFileSync(path.join(built, 'dist/sbom.cdx.json'), 'utf8')) as Sbom
    expect(sbom.components.map(({ name, version: found }) => [name, found])).toEqual([...versions])
    expect(sbom.metadata.component.version).toBe(manifest.version)
    for (const { purl, name, hashes } of sbom.components) {
      expect(purl).toBe(`pkg:npm/${name}@${versions.get(name)!}`)
      expect(hashes).toEqual([
        { alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) as string },
      ])
    }
  })

  test('`--version` and `--help` load neither each other nor anything heavy', () => {
    const text = (file: string): string => fs.readFileSync(path.join(built, 'dist', file), 'utf8')
    expect(text('cli.cjs').length).toBeLessThan(16_000)
    expect(text('cli.cjs')).not.toContain('CommanderError')
    expect(text('cli/main.cjs')).toContain('CommanderError')
    // commander, and the table of all commands and options, of which 20 kB cost a start less than 2 %.
    expect(text('cli/main.cjs').length).toBeLessThan(120_000)
  })

  test('`plan` is one file more, and loads what reads configurations of agents where there are some', () => {
    const hook = path.join(built, 'loads.cjs')
    fs.writeFileSync(
      hook,
      `const { Module } = require('node:module'), load = Module._load
       Module._load = function (name, ...more) {
         if (/\\.cjs$/.test(name)) process.stderr.write(\`loads \${name}\\n\`)
         return load.call(this, name, ...more)
       }`,
    )
    const loads = (spec: string): readonly string[] => {
      const folder = fs.mkdtempSync(path.join(built, 'loads-'))
      fs.writeFileSync(path.join(folder, 'cluster.yaml'), spec)
      const { stderr } = spawnSync(
        process.execPath,
        ['--require', hook, path.join(built, 'bin/nomad-pki.js'), 'plan'],
        { cwd: folder, encoding: 'utf8' },
      )
      return [...stderr.matchAll(/^loads (.*)$/gm)].map(([, name]) => name!)
    }
    const files = ['../dist/cli.cjs', './cli/main.cjs', './cli/plan.cjs']
    const spec = 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n'
    expect(loads(spec)).toEqual(files)
    expect(loads(spec.replace('s1: {}', 's1: { config: agents/s1 }'))).toEqual([
      ...files,
      './cli/agents.cjs',
    ])
  })

  test('a part that is loaded late is the same the second time: two PKCS#12 files in one run', async () => {
    const cwd = fs.mkdtempSync(path.join(built, 'twice-'))
    fs.writeFileSync(path.join(cwd, 'pw'), 'correct horse\n')
    await runBuilt(built, ['init', '--servers', 'global=1', '--operator', 'alice'], { cwd })
    await runBuilt(built, ['apply', '--yes'], { cwd })
    for (const name of ['a.p12', 'b.p12']) {
      const line = ['pack', 'alice', '--layout', 'p12', '--out', name, '--password-file', 'pw']
      expect((await runBuilt(built, line, { cwd })).stderr).not.toContain('error')
    }
    const twice = await runBuilt(built, ['inspect', 'a.p12', 'b.p12', '--password-file', 'pw'], {
      cwd,
    })
    expect({ status: twice.status, stderr: twice.stderr }).toEqual({ status: 0, stderr: '' })
    // The empty password is tried first: one file is opened twice, and told in words.
    const asked = await runBuilt(built, ['inspect', 'a.p12', 'b.p12'], { cwd })
    expect(asked.stdout + asked.stderr).toContain('there is no terminal to ask for the password on')
  })

  test('it runs where it was not built, with a name that needs quotes', async () => {
    const elsewhere = path.join(built, 'it\'s a "folder"')
    for (const name of ['bin', 'dist', 'templates', 'package.json']) {
      copyFolder(path.join(built, name), path.join(elsewhere, 'pkg', name))
    }
    const { status, stderr } = await runBuilt(path.join(elsewhere, 'pkg'), ['init'], {
      cwd: elsewhere,
    })
    expect({ status, error: stderr.includes('error') }).toEqual({ status: 0, error: false })
    expect(fs.existsSync(path.join(elsewhere, 'cluster.yaml'))).toBe(true)
  })
})
