/** What a start loads, and where compiled code is kept. */

import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { folder } from './cli.js'

const source = fileURLToPath(new URL('../../src/', import.meta.url))

/** Files that are loaded with a file, by the imports of values. */
function loadedWith(first: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    if (!name.endsWith('.ts')) return
    const code = fs.readFileSync(path.join(source, name), 'utf8')
    for (const [, target] of code.matchAll(/^(?:import|export) (?!type)[^']*?from '([^']+)'/gm)) {
      const near = path.join(path.dirname(name), target!).replace(/\.js$/, '.ts')
      visit(target!.startsWith('.') ? near : target!)
    }
  }
  visit(first)
  return seen
}

test('--help loads the parser, the table of commands and what prints errors, and nothing else', () => {
  const rooms = [...loadedWith('cli/main.ts')].filter(
    (name) => !/^(cli|report)\/|^[^/]*$/.test(name),
  )
  expect(rooms).toEqual(['plan/needs-work.ts'])
  const packages = [...loadedWith('cli/main.ts')].filter((name) => !name.endsWith('.ts'))
  expect(packages.sort()).toEqual(['commander', 'node:fs', 'node:path', 'node:url'])
})

describe('compiled code', () => {
  const { cacheFolder } = createRequire(import.meta.url)('../../bin/cache-folder.js') as {
    cacheFolder: (env: Readonly<Record<string, string>>, user: number) => string | undefined
  }
  const me = process.getuid!()

  /** A home as it is usual: 0755, in a folder that only this user can write. */
  function home(): string {
    const made = path.join(folder(), 'home')
    fs.mkdirSync(made, { mode: 0o755 })
    return fs.realpathSync(made)
  }

  test('is kept in a folder of this user, made with mode 0700', () => {
    const HOME = home()
    const kept = path.join(HOME, '.cache/nomad-pki/compiled')
    expect(cacheFolder({ HOME }, me)).toBe(kept)
    expect(fs.statSync(kept).mode & 0o777).toBe(0o700)
    expect(cacheFolder({ HOME }, me)).toBe(kept)
    const XDG_CACHE_HOME = path.join(HOME, 'elsewhere')
    expect(cacheFolder({ HOME, XDG_CACHE_HOME }, me)).toBe(
      path.join(XDG_CACHE_HOME, 'nomad-pki/compiled'),
    )
  })

  test.each(['.', '.cache', '.cache/nomad-pki', '.cache/nomad-pki/compiled'])(
    'is not kept where others can write %s',
    (open) => {
      for (const mode of [0o777, 0o775, 0o1777]) {
        const HOME = home()
        const place = path.join(HOME, open)
        fs.mkdirSync(place, { recursive: true })
        fs.chmodSync(place, mode)
        const sticky = mode === 0o1777 && open !== '.cache/nomad-pki/compiled'
        // As in /tmp: others make files of their own there, and cannot replace this one.
        expect([mode, cacheFolder({ HOME }, me) !== undefined]).toEqual([mode, sticky])
      }
    },
  )

  test('is not kept where others can enter: Node makes folders in it under the umask', () => {
    const HOME = home()
    const kept = path.join(HOME, '.cache/nomad-pki/compiled')
    fs.mkdirSync(kept, { recursive: true })
    fs.chmodSync(kept, 0o755)
    expect(cacheFolder({ HOME }, me)).toBeUndefined()
    fs.chmodSync(kept, 0o700)
    expect(cacheFolder({ HOME }, me)).toBe(kept)
  })

  test('is not kept in a home of somebody else, and nothing is made there', () => {
    const HOME = home()
    expect(cacheFolder({ HOME }, me + 1)).toBeUndefined()
    expect(fs.readdirSync(HOME)).toEqual([])
  })

  test('is not kept behind a link into a folder that others can write', () => {
    const HOME = home()
    const shared = path.join(HOME, 'shared')
    fs.mkdirSync(shared)
    fs.chmodSync(shared, 0o777)
    fs.mkdirSync(path.join(shared, 'cache'))
    fs.symlinkSync(path.join(shared, 'cache'), path.join(HOME, '.cache'))
    expect(cacheFolder({ HOME }, me)).toBeUndefined()
    expect(fs.readdirSync(path.join(shared, 'cache'))).toEqual([])
  })

  test.each([
    ['there is no home', {}],
    ['the home is relative', { HOME: 'home' }],
    ['a file is in the way', { HOME: fileURLToPath(import.meta.url) }],
    ['the user chose a folder for Node', { HOME: '/tmp', NODE_COMPILE_CACHE: '/tmp/x' }],
    ['the user wants none', { HOME: '/tmp', NODE_DISABLE_COMPILE_CACHE: '1' }],
  ])('is not kept where %s', (_, env) => {
    expect(cacheFolder(env, me)).toBeUndefined()
  })

  test('Node is given that folder, never one of its own choice', () => {
    const start = fs.readFileSync(path.join(source, '../bin/start.js'), 'utf8')
    expect([...start.matchAll(/enableCompileCache\((.*?)\)/g)].map(([, given]) => given)).toEqual([
      'folder',
    ])
  })
})
