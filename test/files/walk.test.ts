/** Folders that want to be read: links, pipes, large files, many files. */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nodeFiles } from '../../src/files/files.js'
import { walkFiles } from '../../src/files/walk.js'

const made: string[] = []
afterAll(() => {
  for (const one of made) fs.rmSync(one, { recursive: true, force: true })
})

function folder(): string {
  const one = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki walk ')))
  made.push(one)
  return one
}

async function walk(
  start: string,
  options?: Parameters<typeof walkFiles>[2],
): Promise<Readonly<Record<string, string>>> {
  const found = await walkFiles(nodeFiles, start, options)
  return Object.fromEntries(
    found.map((one) => [
      path.relative(fs.realpathSync(start), one.path) || '.',
      'bytes' in one ? `read ${one.bytes.length}` : one.message,
    ]),
  )
}

test('files are read in order; links, pipes and large files are named and not opened', async () => {
  const at = folder()
  const outside = folder()
  fs.writeFileSync(path.join(outside, 'secret'), 'x')
  fs.writeFileSync(path.join(at, 'a'), 'hello')
  fs.mkdirSync(path.join(at, 'sub'))
  fs.writeFileSync(path.join(at, 'sub/b'), '')
  fs.symlinkSync(path.join(outside, 'secret'), path.join(at, 'out'))
  fs.symlinkSync('sub/b', path.join(at, 'in'))
  fs.symlinkSync('nowhere', path.join(at, 'lost'))
  fs.symlinkSync('.', path.join(at, 'loop'))
  execFileSync('mkfifo', [path.join(at, 'pipe')])
  // Two gigabytes that take no room.
  fs.closeSync(fs.openSync(path.join(at, 'large'), 'w'))
  fs.truncateSync(path.join(at, 'large'), 2 ** 31)
  fs.mkdirSync(path.join(at, '.git'))
  fs.writeFileSync(path.join(at, '.git/config'), 'x')
  expect(await walk(at)).toEqual({
    '.git': 'it belongs to git',
    a: 'read 5',
    in: 'it is a link to sub/b, which is read where it lies',
    large: 'it is larger than 1048576 bytes',
    loop: 'it is a link to the folder itself, which is read where it lies',
    lost: 'it is a link that leads nowhere',
    out: `it is a link to ${outside}/secret, outside of the folder`,
    pipe: 'it is not a plain file',
    'sub/b': 'read 0',
  })
})

test('a file whose name is not UTF-8 is named as unread; one that was removed meanwhile is not', async () => {
  const start = folder()
  fs.writeFileSync(path.join(start, 'a'), 'x')
  // The names as Node gives them for bytes that are not UTF-8: there is nothing under that text.
  const files = { ...nodeFiles, names: () => ['a', 'gone.pem', 's\ufffd\ufffd.pem'] }
  const found = await walkFiles(files, start)
  expect(found.map((one) => [path.basename(one.path), 'message' in one])).toEqual([
    ['a', false],
    ['s\ufffd\ufffd.pem', true],
  ])
})

test('limits are said where they are met, and what is excepted is not touched', async () => {
  const at = folder()
  for (let index = 0; index < 6; index += 1) fs.writeFileSync(path.join(at, `f${index}`), '')
  fs.mkdirSync(path.join(at, 'pki'))
  fs.writeFileSync(path.join(at, 'pki/key'), 'x')
  const limits = { bytes: 10, entries: 4, depth: 1 }
  const few = await walk(at, { limits })
  expect(few['.']).toBe('there are more than 4 files and folders; the rest was not looked at')
  const all = await walk(at, { except: [path.join(at, 'pki')] })
  expect(Object.keys(all)).toHaveLength(6)
  fs.mkdirSync(path.join(at, 'x/y/z'), { recursive: true })
  const deep = await walk(at, { limits: { ...limits, entries: 100 } })
  expect(deep['x/y']).toBe('it lies more than 1 folders deep')
})

test('one file can be named, and what is not there is the error of the system', async () => {
  const at = folder()
  fs.writeFileSync(path.join(at, 'a'), 'hello')
  expect(await walk(path.join(at, 'a'))).toEqual({ '.': 'read 5' })
  await expect(walkFiles(nodeFiles, path.join(at, 'no'))).rejects.toThrow('ENOENT')
})
