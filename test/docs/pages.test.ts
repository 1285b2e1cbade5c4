import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { copyFolder } from '../copy-folder.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const copy = fs.mkdtempSync(path.join(tmpdir(), "nomad-pki's pages "))
afterAll(() => fs.rmSync(copy, { recursive: true, force: true }))

/** Runs docs.mjs of a folder. */
function docs(folder: string, ...words: readonly string[]) {
  const run = spawnSync(process.execPath, [path.join(folder, 'docs.mjs'), ...words], {
    encoding: 'utf8',
  })
  return { status: run.status, said: run.stdout, hint: run.stderr }
}

test('a page that differs is named and not touched by --check, and written without it', () => {
  for (const name of fs.readdirSync(root)) {
    if (['.git', 'node_modules', 'dist', 'release'].includes(name)) continue
    copyFolder(path.join(root, name), path.join(copy, name))
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  const stale = path.join(copy, 'docs/errors.md')
  const right = fs.readFileSync(stale, 'utf8')
  fs.appendFileSync(stale, 'a line by hand\n')
  fs.rmSync(path.join(copy, 'docs/lint.md'))

  const two = ['docs/errors.md', 'docs/lint.md']
  expect(docs(copy, '--check', ...two)).toEqual({
    status: 1,
    said: 'docs/errors.md is not what its sources say\ndocs/lint.md is not what its sources say\n',
    hint: 'to write them: npm run docs\n',
  })
  expect(fs.readFileSync(stale, 'utf8')).toBe(`${right}a line by hand\n`)
  expect(fs.existsSync(path.join(copy, 'docs/lint.md'))).toBe(false)

  expect(docs(copy, ...two)).toEqual({
    status: 0,
    said: 'docs/errors.md is written\ndocs/lint.md is written\n',
    hint: '',
  })
  expect(fs.readFileSync(stale, 'utf8')).toBe(right)
  expect(docs(copy, '--chekc')).toMatchObject({ status: 64, said: '' })
}, 300_000)
