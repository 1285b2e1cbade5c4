/** Copies of configurations that lie on other hosts: read, written and refused on this disk. */

import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { NomadPkiError } from '../../src/errors.js'
import { readCopy, refuseTrackedCopy, writeCopy } from '../../src/store/config-copies.js'
import { errno, hastyFiles, watched } from './calls.js'
import { folder } from './grounds.js'

let base = ''
beforeEach(() => {
  base = folder()
})
const at = (path: string): string => join(base, path)
const bytes = (text: string): Uint8Array => Buffer.from(text)
const fault = async (run: () => unknown): Promise<NomadPkiError> => {
  try {
    await run()
  } catch (error) {
    if (error instanceof NomadPkiError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
/** A copy as texts. */
const told = (place: string): unknown => {
  const { kind, files, record } = readCopy(hastyFiles, place)
  const text = (one: Uint8Array | undefined): string | undefined =>
    one && Buffer.from(one).toString()
  return [kind, [...files].map(([name, one]) => [name, text(one)]), text(record)]
}

describe('a copy', () => {
  test('of nothing', () => {
    expect(told(at('s1'))).toEqual(['missing', [], undefined])
  })

  test('of a directory: the files that Nomad reads, by name, and the record', async () => {
    const before = readCopy(hastyFiles, at('agents/s1'))
    await writeCopy(hastyFiles, at('agents/s1'), before, {
      kind: 'directory',
      files: new Map([
        ['b.hcl', bytes('b')],
        ['a.json', bytes('{}')],
      ]),
      gone: [],
      record: 'R\n',
    })
    writeFileSync(at('agents/s1/notes.txt'), 'mine')
    expect(told(at('agents/s1'))).toEqual([
      'directory',
      [
        ['a.json', '{}'],
        ['b.hcl', 'b'],
      ],
      'R\n',
    ])
    expect(statSync(at('agents/s1')).mode & 0o777).toBe(0o700)
    for (const name of ['a.json', 'b.hcl', '.pulled'])
      expect([name, statSync(at(`agents/s1/${name}`)).mode & 0o777]).toEqual([name, 0o600])
    expect(readdirSync(at('agents/s1')).sort()).toEqual(['.pulled', 'a.json', 'b.hcl', 'notes.txt'])
  })

  test('of a file: under its own name, the record beside it', async () => {
    await writeCopy(hastyFiles, at('s1.hcl'), readCopy(hastyFiles, at('s1.hcl')), {
      ...{ kind: 'file', files: new Map([['server.hcl', bytes('s')]]), gone: [], record: 'R\n' },
    })
    expect(told(at('s1.hcl'))).toEqual(['file', [['s1.hcl', 's']], 'R\n'])
    expect(readdirSync(base).sort()).toEqual(['.s1.hcl.pulled', 's1.hcl'])
  })

  test('is written over, and loses what the host no longer has', async () => {
    const write = (files: Map<string, Uint8Array>, gone: readonly string[]): Promise<void> =>
      writeCopy(hastyFiles, at('s1'), readCopy(hastyFiles, at('s1')), {
        ...{ kind: 'directory', files, gone, record: `${gone.length}\n` },
      })
    await write(
      new Map([
        ['a.hcl', bytes('1')],
        ['b.hcl', bytes('1')],
      ]),
      [],
    )
    writeFileSync(at('s1/.a.hcl.0a1b2c3d.nomad-pki~'), 'of a killed run')
    await write(new Map([['a.hcl', bytes('2')]]), ['b.hcl'])
    expect(told(at('s1'))).toEqual(['directory', [['a.hcl', '2']], '1\n'])
    expect(readdirSync(at('s1')).sort()).toEqual(['.pulled', 'a.hcl'])
  })

  test.each([
    ['changed', () => writeFileSync(at('s1/a.hcl'), 'theirs'), 'theirs'],
    ['went', () => rmSync(at('s1/a.hcl')), undefined],
  ])('of which a file %s meanwhile is left as it is', async (_what, act, left) => {
    mkdirSync(at('s1'))
    writeFileSync(at('s1/a.hcl'), 'a')
    const was = readCopy(hastyFiles, at('s1'))
    act()
    for (const [files, gone] of [
      [new Map([['a.hcl', bytes('new')]]), []],
      [new Map<string, Uint8Array>(), ['a.hcl']],
    ] as const) {
      const error = await fault(() =>
        writeCopy(hastyFiles, at('s1'), was, { kind: 'directory', files, gone, record: 'R\n' }),
      )
      expect([error.code, error.message, error.hint]).toEqual([
        'ERR_CONFIG_CHANGED',
        `${at('s1/a.hcl')} changed meanwhile`,
        'run the command again',
      ])
    }
    expect(existsSync(at('s1/.pulled'))).toBe(false)
    expect(existsSync(at('s1/a.hcl')) ? readFileSync(at('s1/a.hcl'), 'utf8') : undefined).toBe(left)
  })

  test('is not written over a file that came meanwhile', async () => {
    mkdirSync(at('s1'))
    const was = readCopy(hastyFiles, at('s1'))
    writeFileSync(at('s1/a.hcl'), 'theirs')
    const files = new Map([['a.hcl', bytes('new')]])
    const error = await fault(() =>
      writeCopy(hastyFiles, at('s1'), was, { kind: 'directory', files, gone: [], record: 'R\n' }),
    )
    expect(error.code).toBe('ERR_CONFIG_CHANGED')
    expect(readFileSync(at('s1/a.hcl'), 'utf8')).toBe('theirs')
  })

  test('with a link in it is refused: links are not followed', async () => {
    mkdirSync(at('s1'))
    writeFileSync(at('secret'), 'secret')
    symlinkSync(at('secret'), at('s1/a.hcl'))
    const error = await fault(() => readCopy(hastyFiles, at('s1')))
    expect([error.code, error.hint]).toEqual([
      'ERR_FILE_UNREADABLE',
      'a copy consists of plain files: links are not followed',
    ])
    expect(error.message).toContain(at('s1/a.hcl'))
  })

  test('that cannot be written leaves no file aside, and names the one that failed', async () => {
    const files = watched(hastyFiles, (call, [, to]) => {
      if (call === 'rename' && String(to).endsWith('b.hcl')) throw errno('ENOSPC')
    })
    const fresh = new Map([
      ['a.hcl', bytes('a')],
      ['b.hcl', bytes('b')],
    ])
    const error = await fault(() =>
      writeCopy(files, at('s1'), readCopy(files, at('s1')), {
        ...{ kind: 'directory', files: fresh, gone: [], record: 'R\n' },
      }),
    )
    expect(error.code).toBe('ERR_FILE_UNWRITABLE')
    expect(error.message).toContain(at('s1/b.hcl'))
    expect(readdirSync(at('s1'))).toEqual(['a.hcl'])
  })

  test('is on disk, each file of it before it has its name', async () => {
    const calls: string[] = []
    const files = watched(hastyFiles, (call, [path, to]) => {
      if (call === 'fsync') calls.push(`sync ${path === at('s1') ? 's1' : 'aside'}`)
      if (call === 'rename') calls.push(`name ${String(to).slice(at('s1/').length)}`)
    })
    await writeCopy(files, at('s1'), readCopy(files, at('s1')), {
      ...{ kind: 'directory', files: new Map([['a.hcl', bytes('a')]]), gone: [], record: 'R\n' },
    })
    expect(calls).toEqual(['sync aside', 'name a.hcl', 'sync aside', 'name .pulled', 'sync s1'])
  })
})

describe('a place that git would track is refused', () => {
  beforeEach(() => {
    for (const name of ['objects', 'refs']) mkdirSync(at(`.git/${name}`), { recursive: true })
    writeFileSync(at('.git/HEAD'), 'ref: refs/heads/main\n')
  })

  test.each([
    ['a directory', 'agents/s1', false, '/agents/s1/'],
    ['a file', 'agents/s1.hcl', true, '/agents/s1.hcl'],
  ])('%s, until it is ignored', async (_what, path, isFile, line) => {
    const error = await fault(() => refuseTrackedCopy(at(path), isFile))
    expect([error.code, error.message, error.hint]).toEqual([
      'ERR_REFUSED',
      `git would track ${at(path)}, and a configuration can hold secrets`,
      `add the line ${line} to ${at('.gitignore')}; or name another place as copy:`,
    ])
    writeFileSync(at('.gitignore'), `${line}\n`)
    await refuseTrackedCopy(at(path), isFile)
  })

  test('a directory of which only the record would be tracked', async () => {
    writeFileSync(at('.gitignore'), '*.hcl\n*.json\n')
    expect((await fault(() => refuseTrackedCopy(at('s1'), false))).code).toBe('ERR_REFUSED')
    writeFileSync(at('.gitignore'), '*.hcl\n*.json\n.pulled\n')
    await refuseTrackedCopy(at('s1'), false)
  })

  test('one outside of any repository is not', async () => {
    rmSync(at('.git'), { recursive: true })
    await refuseTrackedCopy(at('s1'), false)
  })
})
