/** A new file that never stands over another one, and what killed processes leave beside it. */

import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pid } from 'node:process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asideOf, leftAsides, replaceFiles, sweepAsides } from '../../src/files/aside.js'
import { barrier, Touched } from '../../src/files/barrier.js'
import { createFile } from '../../src/files/create.js'
import { describeFault, errnoOf, hintOfFault, shellPath, shownPath } from '../../src/files/fault.js'
import type { Files } from '../../src/files/files.js'
import { placeFile, placeFiles } from '../../src/files/place.js'
import { isRunning, thisProcess } from '../../src/files/running.js'
import { NomadPkiError } from '../../src/errors.js'
import { errno, hastyFiles, watched } from '../store/calls.js'

let base = ''
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-place-'))
})
afterEach(() => {
  rmSync(base, { recursive: true })
})

const at = (name: string): string => join(base, name)
const bytes = (text: string): Uint8Array => Buffer.from(text)
const modeOf = (path: string): number => statSync(path).mode & 0o7777
/** The real calls, with one that fails. */
const failing = (call: keyof Files, code: string): Files =>
  watched(hastyFiles, (one) => {
    if (one === call) throw errno(code)
  })
const fault = async (run: Promise<unknown>): Promise<NomadPkiError> => {
  try {
    await run
  } catch (error) {
    if (error instanceof NomadPkiError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('a file is placed', () => {
  test('with its bytes and its mode, and nothing beside it', async () => {
    expect(await placeFile(hastyFiles, at('a.key'), bytes('secret'), 0o600)).toBe('placed')
    expect(readFileSync(at('a.key'), 'utf8')).toBe('secret')
    expect(modeOf(at('a.key'))).toBe(0o600)
    expect(readdirSync(base)).toEqual(['a.key'])
  })

  test('once: the second time it is the same, and no call writes', async () => {
    await placeFile(hastyFiles, at('a'), bytes('x'), 0o644)
    const only = watched(hastyFiles, (call) => {
      if (['link', 'rename', 'write', 'fsync'].includes(call)) throw new Error(call)
    })
    expect(await placeFile(only, at('a'), bytes('x'), 0o644)).toBe('same')
  })

  test.each<[string, () => void]>([
    ['other bytes', () => writeFileSync(at('a'), 'y', { mode: 0o644 })],
    ['more bytes', () => writeFileSync(at('a'), 'xx', { mode: 0o644 })],
    [
      'another mode',
      () => {
        writeFileSync(at('a'), 'x')
        chmodSync(at('a'), 0o640)
      },
    ],
    ['a folder', () => mkdirSync(at('a'))],
    [
      'a link to the same',
      () => {
        writeFileSync(at('b'), 'x')
        symlinkSync(at('b'), at('a'))
      },
    ],
  ])('never over %s', async (_, make) => {
    make()
    const before = readdirSync(base)
    const error = await fault(placeFile(hastyFiles, at('a'), bytes('x'), 0o644))
    expect(error.code).toBe('ERR_FILE_EXISTS')
    expect(error.message).toBe(`${at('a')} exists already`)
    expect(error.hint).toBe('remove it, or give another name: nothing is written over')
    expect(readdirSync(base)).toEqual(before)
  })

  test('never over one that came in between', async () => {
    const files = watched(hastyFiles, (call) => {
      if (call === 'fsync' && !existsSync(at('a'))) writeFileSync(at('a'), 'of somebody else')
    })
    expect((await fault(placeFile(files, at('a'), bytes('x'), 0o644))).code).toBe('ERR_FILE_EXISTS')
    expect(readFileSync(at('a'), 'utf8')).toBe('of somebody else')
    expect(readdirSync(base)).toEqual(['a'])
  })

  test.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])(
    'by a rename where there are no hard links (%s), and not over what came in between',
    async (code) => {
      expect(await placeFile(failing('link', code), at('a'), bytes('x'), 0o644)).toBe('placed')
      expect(readFileSync(at('a'), 'utf8')).toBe('x')
      expect(readdirSync(base)).toEqual(['a'])
      const raced = watched(hastyFiles, (call) => {
        if (call !== 'link') return
        writeFileSync(at('b'), 'of somebody else')
        throw errno(code)
      })
      const error = await fault(placeFile(raced, at('b'), bytes('x'), 0o644))
      expect(error.code).toBe('ERR_FILE_EXISTS')
      expect(readFileSync(at('b'), 'utf8')).toBe('of somebody else')
    },
  )

  test.each<[keyof Files, string]>([
    ['open', 'ENOSPC'],
    ['write', 'ENOSPC'],
    ['fsync', 'EIO'],
    ['link', 'EIO'],
  ])('or nothing of it is there: %s fails', async (call, code) => {
    const error = await fault(placeFile(failing(call, code), at('a'), bytes('x'), 0o644))
    expect(error.code).toBe('ERR_FILE_UNWRITABLE')
    expect(error.message).toBe(`can't write ${at('a')}: ${describeFault(errno(code))}`)
    // Nothing is kept, so no run goes on.
    expect(error.hint).toBe(
      code === 'ENOSPC' ? 'free some space and run the same command again' : undefined,
    )
    expect(readdirSync(base)).toEqual([])
  })

  test('where its folder is not there, that is told', async () => {
    const error = await fault(placeFile(hastyFiles, at('none/a'), bytes('x'), 0o644))
    expect(error.message).toBe(
      `can't write ${at('none/a')}: there is no such file or directory (ENOENT)`,
    )
  })
})

describe('several files', () => {
  const three = (): { path: string; bytes: Uint8Array; mode: number }[] =>
    ['a', 'b', 'c'].map((name) => ({ path: at(name), bytes: bytes(name), mode: 0o644 }))

  test('are placed in their order; those that are there stay', async () => {
    await placeFile(hastyFiles, at('b'), bytes('b'), 0o644)
    expect(await placeFiles(hastyFiles, three())).toEqual(['placed', 'same', 'placed'])
    expect(readdirSync(base)).toEqual(['a', 'b', 'c'])
  })

  test('leave nothing new where a name is taken', async () => {
    writeFileSync(at('c'), 'of somebody else')
    const error = await fault(placeFiles(hastyFiles, three()))
    expect(error.message).toBe(`${at('c')} exists already`)
    expect(readdirSync(base)).toEqual(['c'])
  })

  test('tell which one cannot be looked at', async () => {
    const error = await fault(placeFiles(failing('lstat', 'EACCES'), three()))
    expect(error.code).toBe('ERR_FILE_UNWRITABLE')
    expect(error.message).toBe(`can't write ${at('a')}: permission denied (EACCES)`)
    expect(error.hint).toBe('run as the user that owns it')
  })
})

describe('what is written aside', () => {
  test('has a name of its own that begins with a point and holds the process', () => {
    const names = [asideOf('/x/client.hcl'), asideOf('/x/client.hcl')]
    for (const name of names)
      expect(name).toMatch(new RegExp(`^/x/\\.client\\.hcl\\.${pid}-[0-9a-f]{8}\\.nomad-pki~$`))
    expect(names[0]).not.toBe(names[1])
  })

  test('has room where the name is long', () => {
    const long = asideOf(`/x/${'ü'.repeat(101)}`)
    expect(Buffer.byteLength(long)).toBeLessThan(255)
    expect(long).toContain(`/x/.${Buffer.from('ü'.repeat(25)).toString('hex')}.`)
    expect(asideOf(`/x/${'a'.repeat(200)}`)).toContain('a'.repeat(200))
  })

  // The largest number that a kernel gives is 4194304.
  const gone = 99_999_999
  test.each([
    [`.a.hcl.${gone}-0123abcd.nomad-pki~`, true],
    ['.a.hcl.0123abcd.nomad-pki~', true],
    [`.a.hcl.${pid}-0123abcd.nomad-pki~`, false],
    ['.a.hcl.1-0123abcd.nomad-pki~', false],
    [`.a.hcl.0${gone}-0123abcd.nomad-pki~`, false],
    ['.a.hcl.0123abc.nomad-pki~', false],
    ['.a.hcl.0123abcg.nomad-pki~', false],
    ['.a.hcl.nomad-pki~', false],
    [`.a.hcl.${gone}-0123abcd.nomad-pki~.bak`, false],
    ['a.hcl~', false],
    ['a.hcl', false],
  ])('%s of a killed process: %s', (name, left) => {
    writeFileSync(at(name), 'x')
    expect(leftAsides(hastyFiles, base)).toEqual(left ? [at(name)] : [])
    sweepAsides(hastyFiles, base)
    expect(existsSync(at(name))).toBe(!left)
  })

  test('a folder that is not there has nothing in it', () => {
    expect(leftAsides(hastyFiles, at('none'))).toEqual([])
  })
})

describe('files are replaced', () => {
  const replace = (
    path: string,
    text: string,
    expected: string | undefined,
    files: Files = hastyFiles,
  ): Promise<void> =>
    replaceFiles(files, [
      { path, bytes: bytes(text), expected: expected === undefined ? undefined : bytes(expected) },
    ])

  test('with the mode that they had; a new one is readable, and its folder is made', async () => {
    writeFileSync(at('a'), 'old')
    chmodSync(at('a'), 0o4640)
    await replace(at('a'), 'new', 'old')
    expect(readFileSync(at('a'), 'utf8')).toBe('new')
    expect(modeOf(at('a'))).toBe(0o4640)
    await replace(at('x/y/b'), 'new', undefined)
    expect(modeOf(at('x/y/b'))).toBe(0o644)
    expect(modeOf(at('x/y'))).toBe(0o755)
    expect(readdirSync(base)).toEqual(['a', 'x'])
  })

  test('behind a link: the link stays', async () => {
    writeFileSync(at('real'), 'old')
    symlinkSync('real', at('a'))
    await replace(at('a'), 'new', 'old')
    expect(readFileSync(at('real'), 'utf8')).toBe('new')
    expect(readdirSync(base)).toEqual(['a', 'real'])
    symlinkSync('none', at('b'))
    const error = await fault(replace(at('b'), 'new', undefined))
    expect(error.message).toBe(`can't write ${at('b')}: it is a link to none, which is not there`)
    expect(error.hint).toBe('remove the link, or make what it points at')
  })

  test('only where they hold what was read; what is there already is nothing to do', async () => {
    writeFileSync(at('a'), 'new')
    const only = watched(hastyFiles, (call) => {
      if (call === 'rename' || call === 'write') throw new Error(call)
    })
    await replace(at('a'), 'new', 'old', only)
    for (const [path, expected] of [
      [at('a'), 'old'],
      [at('a'), undefined],
      [at('none'), 'old'],
    ] as const) {
      const error = await fault(replace(path, 'newer', expected))
      expect(error.code).toBe('ERR_CONFIG_CHANGED')
      expect(error.message).toBe(`${path} is not what was read`)
    }
    expect(readdirSync(base)).toEqual(['a'])
  })

  test('what is not a plain file is refused', async () => {
    mkdirSync(at('a'))
    const error = await fault(replace(at('a'), 'new', undefined))
    expect(error.code).toBe('ERR_FILE_UNWRITABLE')
    expect(error.message).toBe(`can't write ${at('a')}: it is not a plain file`)
  })

  test('one that has the same size and another time was changed', async () => {
    writeFileSync(at('a'), 'old')
    const files = watched(hastyFiles, (call) => {
      if (call === 'syncAll') writeFileSync(at('a'), 'new')
    })
    expect((await fault(replace(at('a'), 'abc', 'old', files))).code).toBe('ERR_CONFIG_CHANGED')
    expect(readdirSync(base)).toEqual(['a'])
  })

  test('a failure leaves nothing beside them and names the one', async () => {
    writeFileSync(at('a'), 'old')
    writeFileSync(at('b'), 'old')
    let renames = 0
    const files = watched(hastyFiles, (call) => {
      if (call === 'rename' && (renames += 1) === 2) throw errno('EIO')
    })
    const both = ['a', 'b'].map((name) => ({
      ...{ path: at(name), bytes: bytes('new'), expected: bytes('old') },
    }))
    const error = await fault(replaceFiles(files, both))
    expect(error.message).toContain(`can't write ${at('b')}: `)
    expect(readdirSync(base)).toEqual(['a', 'b'])
    expect(readFileSync(at('b'), 'utf8')).toBe('old')
    const full = await fault(replaceFiles(failing('write', 'ENOSPC'), both.slice(1)))
    expect(full.hint).toBe(
      'free some space and run the same command again: it goes on where it stopped',
    )
    expect(readdirSync(base)).toEqual(['a', 'b'])
  })

  test('the owner cannot be kept: that is told, and nothing changes', async () => {
    writeFileSync(at('a'), 'old')
    const { uid } = statSync(at('a'))
    const error = await fault(replace(at('a'), 'new', 'old', failing('fchmod', 'EPERM')))
    expect(error.message).toBe(
      `can't keep the owner of ${at('a')}: it belongs to user ${uid}, and this runs as user ${uid}`,
    )
    expect(error.hint).toBe('run as its owner, or as root')
    expect(readdirSync(base)).toEqual(['a'])
  })

  test.each([
    ['auto', true, ['syncAll', 'rename', 'syncAll']],
    ['auto', false, ['syncAll', 'fsync', 'rename', 'syncAll', 'fsync']],
    ['fsync', true, ['fsync', 'rename', 'fsync']],
  ] as const)(
    'with barrier %s, where the whole disk can be synced: %s',
    async (kind, can, order) => {
      writeFileSync(at('a'), 'old')
      const calls: string[] = []
      const files = watched(
        { ...hastyFiles, syncAll: async () => can, fsync: async () => undefined },
        (call) => {
          if (['syncAll', 'fsync', 'rename'].includes(call)) calls.push(call)
        },
      )
      await replaceFiles(
        files,
        [{ path: at('a'), bytes: bytes('new'), expected: bytes('old') }],
        kind,
      )
      expect(calls).toEqual(order)
    },
  )
})

test('folders that are made have their mode under any umask; those that are there keep theirs', async () => {
  mkdirSync(at('x'), { mode: 0o700 })
  await hastyFiles.makeTree(at('x/y/z'), 0o777)
  await hastyFiles.makeTree(at('x/y/z'), 0o700)
  expect(['x', 'x/y', 'x/y/z'].map((name) => modeOf(at(name)))).toEqual([0o700, 0o777, 0o777])
})

describe('a barrier', () => {
  const synced = async (
    kind: 'auto' | 'fsync' | undefined,
    can: boolean,
    code?: string,
  ): Promise<string[]> => {
    const touched = new Touched()
    // Noted more than once, synced once.
    for (const path of ['/a', '/a/bb/c', '/a/bb', '/a']) touched.add(path)
    const paths: string[] = []
    const files: Files = {
      ...hastyFiles,
      syncAll: async (path) => (paths.push(`all of ${path}`), can),
      fsync: async (path) => {
        paths.push(path)
        if (code !== undefined) throw errno(code)
      },
    }
    await barrier(files, '/place', touched, kind)
    expect(touched.take()).toEqual([])
    return paths
  }

  test('is one call, or the deepest first', async () => {
    expect(await synced(undefined, true)).toEqual(['all of /place'])
    expect(await synced('auto', false)).toEqual(['all of /place', '/a/bb/c', '/a/bb', '/a'])
    expect(await synced('fsync', true)).toEqual(['/a/bb/c', '/a/bb', '/a'])
  })

  test('passes over what is gone, and over nothing else', async () => {
    expect(await synced('fsync', true, 'ENOENT')).toHaveLength(3)
    await expect(synced('fsync', true, 'EIO')).rejects.toMatchObject({ code: 'EIO' })
  })
})

describe('a new file', () => {
  test('is written whole where a call takes a part, and closed', () => {
    let open = 0
    const files: Files = {
      ...hastyFiles,
      open: (...args) => ((open += 1), hastyFiles.open(...args)),
      close: (fd) => {
        open -= 1
        hastyFiles.close(fd)
      },
      write: (fd, all, from) => hastyFiles.write(fd, all.subarray(0, from + 1), from),
    }
    createFile(files, at('a'), bytes('abc'), 0o640)
    expect(readFileSync(at('a'), 'utf8')).toBe('abc')
    expect(modeOf(at('a'))).toBe(0o640)
    expect(open).toBe(0)
    expect(() => createFile(files, at('a'), bytes('x'), 0o640)).toThrow(/EEXIST/)
    linkSync(at('a'), at('b'))
    expect(readFileSync(at('b'), 'utf8')).toBe('abc')
  })
})

describe('an error of the system in words', () => {
  test.each([
    ['ENOSPC', 'the disk is full (ENOSPC)', 'free some space and run the same command again'],
    ['EACCES', 'permission denied (EACCES)', 'run as the user that owns it'],
    ['ELOOP', 'it is a symbolic link (ELOOP)', undefined],
    ['EWHATEVER', 'EWHATEVER', undefined],
  ])('%s', (code, said, hint) => {
    expect(describeFault(errno(code))).toBe(said)
    expect(hintOfFault(errno(code), false)).toBe(hint)
    expect(hintOfFault(errno(code))).toBe(
      code === 'ENOSPC' ? `${hint!}: it goes on where it stopped` : hint,
    )
  })

  test('our own errors and what is no error have no such code', () => {
    expect(errnoOf(new NomadPkiError('ERR_INTERNAL', 'x'))).toBeUndefined()
    expect(errnoOf({ code: 'EIO' })).toBeUndefined()
    expect(errnoOf(new Error('x'))).toBeUndefined()
    expect(errnoOf(Object.assign(new Error('x'), { code: 5 }))).toBeUndefined()
    expect(describeFault(new Error('as it is'))).toBe('as it is')
    expect(describeFault('text')).toBe('text')
    expect(hintOfFault('text')).toBeUndefined()
  })

  test('paths for people and for shells', () => {
    expect(shownPath('/a b/ü')).toBe('/a b/ü')
    for (const odd of ['\u0000', '\n', '\u007f', '\u009f', '\u2028'])
      expect(shownPath(`/a${odd}`)).toBe(JSON.stringify(`/a${odd}`))
    expect(shellPath('/a-b_c/d.e:f@g%h+i=j,k')).toBe('/a-b_c/d.e:f@g%h+i=j,k')
    expect(shellPath('/a b')).toBe("'/a b'")
    expect(shellPath("/a'b")).toBe("'/a'\\''b'")
    expect(shellPath('')).toBe("''")
  })
})

describe('whether a process runs', () => {
  const self = thisProcess()
  test.each([
    ['this one', {}, 'running'],
    ['an earlier one of its number', { start: '1' }, 'gone'],
    ['one without its start', { start: undefined }, 'running'],
    ['one of a number that nobody has', { pid: 99_999_999 }, 'gone'],
    ['one of another user', { pid: 1, start: undefined }, 'running'],
    ['a number that is none', { pid: 1.5 }, 'unknown'],
    ['a group', { pid: 0 }, 'unknown'],
    ['one on another host', { host: 'elsewhere' }, 'unknown'],
    ['one in another container', { space: 'pid:[1]' }, 'unknown'],
  ] as const)('%s: %s', (_, change, answer) => {
    expect(isRunning({ ...self, ...change }, self)).toBe(answer)
  })

  test('after a restart it is gone, where numbers are those of the host', () => {
    const host = { ...self, boot: 'now', space: 'pid:[4026531836]' }
    const inside = { ...self, boot: 'now', space: 'pid:[4026539999]' }
    expect(isRunning({ ...host, boot: 'before' }, host)).toBe('gone')
    expect(isRunning({ ...inside, boot: 'before' }, inside)).toBe('unknown')
    expect(isRunning({ ...host, boot: undefined }, host)).toBe('running')
    expect(isRunning(host, { ...host, boot: undefined })).toBe('running')
  })
})
