import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { afterEach, describe, expect, test } from 'vitest'
import { ignoreLine, trackingOf } from '../../src/files/tracked.js'
import { directoryStore } from '../../src/store/directory-store.js'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A repository whose `.gitignore` has these lines; made by hand, as `git init` leaves it. */
function repository(lines: readonly string[] = []): string {
  const root = mkdtempSync(join(tmpdir(), 'nomad-pki-git-'))
  folders.push(root)
  mkdirSync(join(root, '.git/objects'), { recursive: true })
  mkdirSync(join(root, '.git/refs'))
  writeFileSync(join(root, '.git/HEAD'), 'ref: refs/heads/main\n')
  writeFileSync(
    join(root, '.git/config'),
    '[core]\n\trepositoryformatversion = 0\n\tbare = false\n',
  )
  if (lines.length > 0) writeFileSync(join(root, '.gitignore'), `${lines.join('\n')}\n`)
  return root
}

/** Whether git is here to be asked: the other half of each case needs none. */
const programs = hasGit() ? ['git', 'no-such-git'] : ['no-such-git']

function hasGit(): boolean {
  try {
    execFileSync('git', ['--version'])
    return true
  } catch {
    return false
  }
}

const samples = ['authority/a/1/ca-key.pem', 'ledger.jsonl']

describe.each(programs)('asked of %s', (git) => {
  const ask = async (root: string, path = 'pki'): Promise<string | undefined> =>
    (await trackingOf(join(root, path), samples, { git }))?.state

  test.each([
    ['no line', [], 'pki', 'unignored'],
    ['/pki/', ['/pki/'], 'pki', 'ignored'],
    ['pki/', ['pki/'], 'pki', 'ignored'],
    ['pki', ['pki'], 'pki', 'ignored'],
    ['/pki', ['# keys', '', '/pki'], 'pki', 'ignored'],
    ['a line with trailing spaces', ['/pki/  '], 'pki', 'ignored'],
    ['another folder', ['/pk/', '/pki2/', '/a/pki'], 'pki', 'unignored'],
    ['a comment', ['#/pki/'], 'pki', 'unignored'],
    ['taken back', ['/pki/', '!/pki/'], 'pki', 'unignored'],
    ['a folder above', ['/secret/'], 'secret/deep/pki', 'ignored'],
    ['a path', ['/a/b/pki/'], 'a/b/pki', 'ignored'],
    ['a path without a slash before it', ['a/b/pki/'], 'a/b/pki', 'ignored'],
    ['a path without any slash around it', ['a/b/pki'], 'a/b/pki', 'ignored'],
    ['all that is below a path', ['/a/b/pki/**'], 'a/b/pki', 'ignored'],
    ['the end of a path', ['b/pki'], 'a/b/pki', 'unignored'],
    ['the end of a path, as a folder', ['b/pki/'], 'a/b/pki', 'unignored'],
    ['a path that goes further', ['/a/b/pki/x/'], 'a/b/pki', 'unignored'],
    ['a name that a blank ends on purpose', ['/pki\\ '], 'pki', 'unignored'],
    ['lines as Windows ends them', ['/x/\r', '/pki/\r'], 'x', 'ignored'],
    ['a name anywhere', ['pki/'], 'a/b/pki', 'ignored'],
    ['a path elsewhere', ['/b/pki/'], 'a/b/pki', 'unignored'],
    ['the store as the repository', [], '', 'unignored'],
  ] as const)('%s', async (_what, lines, path, expected) => {
    const root = repository(lines)
    expect(await ask(root, path)).toBe(expected)
  })

  test('a .gitignore in between, and one in the store itself', async () => {
    const root = repository()
    mkdirSync(join(root, 'a/pki'), { recursive: true })
    expect(await ask(root, 'a/pki')).toBe('unignored')
    writeFileSync(join(root, 'a/pki/.gitignore'), '*\n')
    expect(await ask(root, 'a/pki')).toBe('ignored')
    rmSync(join(root, 'a/pki/.gitignore'))
    writeFileSync(join(root, 'a/.gitignore'), '/pki/\n')
    expect(await ask(root, 'a/pki')).toBe('ignored')
  })

  test('a .gitignore in between names what is below it, and not all of it', async () => {
    const root = repository()
    mkdirSync(join(root, 'a/b/pki'), { recursive: true })
    for (const [line, expected] of [
      ['/b/', 'ignored'],
      ['b/pki', 'ignored'],
      ['/b/pki/', 'ignored'],
      ['pki', 'ignored'],
      ['/pki/', 'unignored'],
      ['a/b/pki', 'unignored'],
      ['/a/', 'unignored'],
    ] as const) {
      writeFileSync(join(root, 'a/.gitignore'), `${line}\n`)
      expect([line, await ask(root, 'a/b/pki')]).toEqual([line, expected])
    }
    rmSync(join(root, 'a/.gitignore'))
    for (const line of ['*', '/*', '**']) {
      writeFileSync(join(root, 'a/b/pki/.gitignore'), `${line}\n`)
      expect([line, await ask(root, 'a/b/pki')]).toEqual([line, 'ignored'])
    }
  })

  test('no repository, and a .git that is none', async () => {
    const root = mkdtempSync(join(tmpdir(), 'nomad-pki-git-'))
    folders.push(root)
    expect(await ask(root)).toBeUndefined()
    mkdirSync(join(root, '.git'))
    expect(await ask(root)).toBeUndefined()
  })

  test('a link out of the repository leads out of it, and one into it leads into it', async () => {
    const root = repository()
    const outside = mkdtempSync(join(tmpdir(), 'nomad-pki-git-'))
    folders.push(outside)
    symlinkSync(outside, join(root, 'pki'))
    expect(await ask(root)).toBeUndefined()
    mkdirSync(join(root, 'inside'))
    symlinkSync(join(root, 'inside'), join(outside, 'pki'))
    expect(await ask(outside)).toBe('unignored')
  })

  test('folders that mean something to git or to a shell', async () => {
    for (const name of ['with space', '[x]', '#pki', '!pki', "it's", 'a*b', ':(top)']) {
      const root = repository([ignoreLine(name)])
      if (git === 'git') expect([name, await ask(root, name)]).toEqual([name, 'ignored'])
      rmSync(join(root, '.gitignore'))
      expect([name, await ask(root, name)]).toEqual([name, 'unignored'])
    }
  })
})

test('files that are in the index count, whatever is ignored', async () => {
  const root = repository(['/pki/'])
  // Version 2 of the index: a header, one entry of 62 bytes and its path, a checksum that nobody reads here.
  const header = Buffer.concat([Buffer.from('DIRC'), Buffer.from([0, 0, 0, 2, 0, 0, 0, 1])])
  writeFileSync(
    join(root, '.git/index'),
    Buffer.concat([
      header,
      Buffer.alloc(62),
      Buffer.from('pki/ledger.jsonl\0\0'),
      Buffer.alloc(20),
    ]),
  )
  expect((await trackingOf(join(root, 'pki'), samples, { git: 'no-such-git' }))?.state).toBe(
    'tracked',
  )
})

describe('a store that git would track', () => {
  test('is refused before anything is made, with the line that cures it', async () => {
    const root = repository()
    await expect(directoryStore(join(root, 'my pki')).lock()).rejects.toMatchObject({
      code: 'ERR_STORE_TRACKED',
      hint: `add the line /my pki/ to ${root}/.gitignore`,
    })
    writeFileSync(join(root, '.gitignore'), '/my pki/\n')
    const lock = await directoryStore(join(root, 'my pki')).lock()
    await lock.release()
  })

  test('whatever a hook has set', async () => {
    const root = repository()
    env.GIT_DIR = '/nowhere'
    try {
      await expect(directoryStore(join(root, 'pki')).lock()).rejects.toMatchObject({
        code: 'ERR_STORE_TRACKED',
      })
    } finally {
      delete env.GIT_DIR
    }
  })
})
