import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execPath, getuid } from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import type { ConfigContents, Configs } from '../../src/inventory/configs.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { errno, hastyFiles, watched } from './calls.js'
import { mkfifoSync } from './fs.js'
import { folder } from './grounds.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

function texts({ kind, files }: ConfigContents): unknown {
  return [kind, files.map(({ name, bytes: content }) => [name, Buffer.from(content).toString()])]
}

describe.each([
  [
    'on directories',
    (files: Readonly<Record<string, string>>): Configs => {
      const base = folder()
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(base, path, '..'), { recursive: true })
        writeFileSync(join(base, path), text)
      }
      return directoryConfigs(base, { files: hastyFiles })
    },
  ],
  ['in memory', memoryConfigs],
] as const)('configurations %s', (_where, make) => {
  test('a directory is all the files at its top, in byte order; a file is itself; nothing is missing', async () => {
    const configs = make({
      'agents/s1/b.hcl': 'b',
      'agents/s1/a.json': 'a',
      'agents/s1/Z.hcl': 'Z',
      'agents/s1/ﬀ.hcl': 'BMP',
      'agents/s1/😀.hcl': 'beyond',
      'agents/s1/notes.txt': 'n',
      'agents/s1/deeper/c.hcl': 'c',
      'agents/c1.hcl': 'c1',
    })
    expect(texts(await configs.read('agents/s1'))).toEqual([
      'directory',
      [
        ['Z.hcl', 'Z'],
        ['a.json', 'a'],
        ['b.hcl', 'b'],
        ['notes.txt', 'n'],
        ['ﬀ.hcl', 'BMP'],
        ['😀.hcl', 'beyond'],
      ],
    ])
    expect(texts(await configs.read('./agents/s1/'))).toEqual(
      texts(await configs.read('agents/s1')),
    )
    expect(texts(await configs.read('agents/c1.hcl'))).toEqual(['file', [['c1.hcl', 'c1']]])
    expect(texts(await configs.read('agents/s9'))).toEqual(['missing', []])
  })

  test('what was read is written over; what was not there is made', async () => {
    const configs = make({ 'agents/s1/a.hcl': 'a' })
    const [file] = (await configs.read('agents/s1')).files
    await configs.write([
      { path: file!.path, text: 'A', expected: file!.bytes },
      { path: 'agents/s1/tls.hcl', text: 'tls', expected: undefined },
    ])
    expect(texts(await configs.read('agents/s1'))).toEqual([
      'directory',
      [
        ['a.hcl', 'A'],
        ['tls.hcl', 'tls'],
      ],
    ])
  })

  test('one that says what is wanted by now is done: an interrupted run was there before', async () => {
    const configs = make({ 'agents/s1/a.hcl': 'new', 'agents/s2/a.hcl': 'a2' })
    await configs.write([
      { path: 'agents/s1/a.hcl', text: 'new', expected: bytes('a') },
      { path: 'agents/s2/a.hcl', text: 'new', expected: bytes('a2') },
    ])
    expect(texts(await configs.read('agents/s1'))).toEqual(['directory', [['a.hcl', 'new']]])
    expect(texts(await configs.read('agents/s2'))).toEqual(['directory', [['a.hcl', 'new']]])
  })

  test.each([
    ['changed', 'agents/s1/a.hcl', bytes('before')],
    ['appeared', 'agents/s1/a.hcl', undefined],
    ['went', 'agents/s1/b.hcl', bytes('b')],
  ])(
    'one that %s meanwhile is not written, nor any other of the same call',
    async (_how, path, expected) => {
      const configs = make({ 'agents/s1/a.hcl': 'a', 'agents/s2/a.hcl': 'a2' })
      await expect(
        configs.write([
          { path: 'agents/s2/a.hcl', text: 'new', expected: bytes('a2') },
          { path, text: 'new', expected },
        ]),
      ).rejects.toMatchObject({ code: 'ERR_CONFIG_CHANGED' })
      expect(texts(await configs.read('agents/s2'))).toEqual(['directory', [['a.hcl', 'a2']]])
      expect(texts(await configs.read('agents/s1'))).toEqual(['directory', [['a.hcl', 'a']]])
    },
  )
})

describe('on a disk', () => {
  test('mode and owner stay, links are followed and stay, nothing else is left', async () => {
    const base = folder()
    mkdirSync(join(base, 'real'))
    const real = join(base, 'real/server.hcl')
    writeFileSync(real, 'old')
    chmodSync(real, 0o640)
    const root = getuid?.() === 0
    if (root) chownSync(real, 1234, 4321)
    mkdirSync(join(base, 'agent'))
    symlinkSync('../real/server.hcl', join(base, 'agent/server.hcl'))
    const configs = directoryConfigs(base, { files: hastyFiles })
    await configs.write([{ path: 'agent/server.hcl', text: 'new', expected: bytes('old') }])
    expect(lstatSync(join(base, 'agent/server.hcl')).isSymbolicLink()).toBe(true)
    expect(readFileSync(real, 'utf8')).toBe('new')
    const { mode, uid, gid } = statSync(real)
    expect(mode & 0o7777).toBe(0o640)
    expect([uid, gid]).toEqual(root ? [1234, 4321] : [getuid?.(), statSync(base).gid])
    expect(readdirSync(join(base, 'agent'))).toEqual(['server.hcl'])
    expect(readdirSync(join(base, 'real'))).toEqual(['server.hcl'])
  })

  test('a new file is 0644 in a directory that is made for it, under any umask', async () => {
    const base = folder()
    // A worker has no umask of its own: a program of its own shows what one does.
    const script = join(base, 'makes.mjs')
    await build({
      stdin: {
        contents: `
          import { directoryConfigs } from './src/store/directory-configs.js'
          process.umask(0o077)
          await directoryConfigs(process.argv[2]).write([
            { path: 'agents/new/tls.hcl', text: 'tls', expected: undefined },
          ])`,
        resolveDir: fileURLToPath(new URL('../../', import.meta.url)),
      },
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
      },
      logLevel: 'error',
    })
    execFileSync(execPath, [script, base])
    const modeOf = (name: string): number => statSync(join(base, name)).mode & 0o777
    expect(modeOf('agents/new/tls.hcl')).toBe(0o644)
    expect(modeOf('agents/new')).toBe(0o755)
    expect(modeOf('agents')).toBe(0o755)
  })

  test('what is written aside has no name that Nomad reads', async () => {
    const base = folder()
    const asides: string[] = []
    const files = watched(hastyFiles, (call, [from]) => {
      if (call === 'rename') asides.push(String(from))
    })
    await directoryConfigs(base, { files }).write([
      { path: 'tls.hcl', text: 'a', expected: undefined },
      { path: 'b.json', text: 'b', expected: undefined },
      { path: `${'x'.repeat(250)}.hcl`, text: 'c', expected: undefined },
    ])
    expect(asides).toHaveLength(3)
    for (const aside of asides) expect(aside).toMatch(/~$/)
  })

  test('killed or failing at any call, each file is the old one or the new one, whole', async () => {
    const names = ['a.hcl', 'b.hcl', 'c.json']
    let total = Number.POSITIVE_INFINITY
    for (let dieAt = 1; dieAt <= total; dieAt += 1) {
      const base = folder()
      writeFileSync(join(base, 'a.hcl'), 'old a.hcl')
      writeFileSync(join(base, 'b.hcl'), 'old b.hcl')
      let calls = 0
      const files = watched(hastyFiles, () => {
        calls += 1
        if (calls >= dieAt) throw errno('EIO')
      })
      const outcome = await directoryConfigs(base, { files })
        .write(
          names.map((name) => ({
            path: name,
            text: `new ${name}`,
            expected: name === 'c.json' ? undefined : bytes(`old ${name}`),
          })),
        )
        .then(
          () => 'done',
          () => 'failed',
        )
      for (const name of names) {
        const path = join(base, name)
        const text = existsSync(path) ? readFileSync(path, 'utf8') : 'nothing'
        expect(text).toMatch(name === 'c.json' ? /^(nothing|new c\.json)$/ : name)
        expect(text).toMatch(/^(old|new|nothing)/)
      }
      for (const name of readdirSync(base)) expect(name).toMatch(/^[abc]\.(hcl|json)$|~$/)
      if (outcome === 'done') total = calls
    }
    expect(total).toBeGreaterThan(20)
  })

  test.each(['ENOSPC', 'EROFS', 'EACCES'])(
    '%s is told, and leaves nothing behind',
    async (code) => {
      const base = folder()
      writeFileSync(join(base, 'a.hcl'), 'old')
      const files = watched(hastyFiles, (call, [path]) => {
        if (
          call === 'write' ||
          (code === 'EROFS' && call === 'open' && String(path).endsWith('~'))
        ) {
          throw errno(code)
        }
      })
      await expect(
        directoryConfigs(base, { files }).write([
          { path: 'a.hcl', text: 'new', expected: bytes('old') },
        ]),
      ).rejects.toMatchObject({
        code: 'ERR_FILE_UNWRITABLE',
        message: expect.stringContaining(`(${code})`) as string,
      })
      expect(readdirSync(base)).toEqual(['a.hcl'])
      expect(readFileSync(join(base, 'a.hcl'), 'utf8')).toBe('old')
    },
  )

  test('a link to a directory and a name that is not UTF-8 are told', async () => {
    const base = folder()
    mkdirSync(join(base, 'conf.d'))
    symlinkSync('conf.d', join(base, 'conf'))
    const configs = directoryConfigs(base, { files: hastyFiles })
    expect(texts(await configs.read('.'))).toEqual(['directory', []])
    symlinkSync('conf.d', join(base, 'b.hcl'))
    await expect(configs.read('.')).rejects.toMatchObject({
      code: 'ERR_FILE_UNREADABLE',
      message: expect.stringContaining('b.hcl: it is a link to a directory') as string,
    })
    rmSync(join(base, 'b.hcl'))
    writeFileSync(
      Buffer.concat([Buffer.from(join(base, 'a')), Buffer.from([0xff]), Buffer.from('.hcl')]),
      '',
    )
    await expect(configs.read('.')).rejects.toMatchObject({
      code: 'ERR_FILE_UNREADABLE',
      message: expect.stringContaining('its name is not UTF-8') as string,
    })
  })

  test('pipes, dangling links and directories called .hcl', async () => {
    const base = folder()
    mkfifoSync(join(base, 'notes'))
    symlinkSync('nowhere', join(base, 'old.bak'))
    mkdirSync(join(base, 'conf.hcl'))
    writeFileSync(join(base, 'a.hcl'), 'a')
    const configs = directoryConfigs(base, { files: hastyFiles })
    expect(texts(await configs.read('.'))).toEqual(['directory', [['a.hcl', 'a']]])
    symlinkSync('nowhere', join(base, 'b.hcl'))
    await expect(configs.read('.')).rejects.toMatchObject({ code: 'ERR_FILE_UNREADABLE' })
    await expect(
      configs.write([{ path: 'b.hcl', text: 'b', expected: undefined }]),
    ).rejects.toMatchObject({
      code: 'ERR_FILE_UNWRITABLE',
      message: expect.stringContaining('a link to nowhere, which is not there') as string,
    })
  })
})
