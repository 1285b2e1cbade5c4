import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Files, nodeFiles } from '../../src/files/files.js'
import { lookAt } from '../../src/files/look.js'

let base = ''
beforeAll(() => {
  base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'nomad-pki-look-')))
  const at = (name: string): string => path.join(base, name)
  fs.mkdirSync(at('real/deep'), { recursive: true })
  fs.writeFileSync(at('real/deep/f'), 'x')
  fs.symlinkSync('real', at('relative'))
  fs.symlinkSync(at('real/deep'), at('absolute'))
  fs.symlinkSync('deep/f', at('real/file'))
  fs.symlinkSync('../real/./deep/', at('real/up'))
  fs.symlinkSync('nowhere', at('dangling'))
  fs.symlinkSync('loop', at('loop'))
})
afterAll(() => {
  fs.rmSync(base, { recursive: true, force: true })
})

function look(name: string): string {
  const { state, path: end, way } = lookAt(nodeFiles, `${base}/${name}`)
  const own = way
    .map((seen) => seen.path)
    .filter((at) => at.startsWith(base))
    .map((at) => at.slice(base.length))
  return `${state} ${end.slice(base.length)} by ${own.join(' ')}`
}

describe('links are followed one after the other, and every directory counts', () => {
  test.each([
    ['real/deep/f', 'found /real/deep/f by  /real /real/deep'],
    ['real//deep/./f', 'found /real/deep/f by  /real /real/deep'],
    ['real/deep/../deep/f', 'found /real/deep/f by  /real /real/deep'],
    ['relative/deep/f', 'found /real/deep/f by  /real /real/deep'],
    ['absolute/f', 'found /real/deep/f by  /real /real/deep'],
    ['relative/file', 'found /real/deep/f by  /real /real/deep'],
    ['real/up/f', 'found /real/deep/f by  /real /real/deep'],
    ['real/deep', 'found /real/deep by  /real'],
    ['real/deep/', 'found /real/deep by  /real'],
    ['dangling', 'missing /nowhere by '],
    ['loop', 'missing /loop by '],
    ['real/none/f', 'missing /real/none by  /real'],
    ['real/deep/f/g', 'missing /real/deep/f by  /real /real/deep'],
    ['real/deep/f/', 'missing /real/deep/f by  /real /real/deep'],
    ['real/\0', 'missing /real/\0 by  /real'],
    [`real/${'x'.repeat(300)}`, `missing /real/${'x'.repeat(300)} by  /real`],
  ])('%j', (name, expected) => {
    expect(look(name)).toBe(expected)
  })

  test('the same file as the system finds', () => {
    for (const name of ['absolute/f', 'relative/file', 'real/up/f']) {
      const { path: end, status } = lookAt(nodeFiles, `${base}/${name}`)
      expect(end).toBe(fs.realpathSync(`${base}/${name}`))
      expect(status?.ino).toBe(fs.statSync(`${base}/${name}`).ino)
    }
    expect(lookAt(nodeFiles, '/').path).toBe('/')
    expect(lookAt(nodeFiles, '/../..').path).toBe('/')
  })

  test('a directory that bars the way hides what is behind it', () => {
    const barred: Files = {
      ...nodeFiles,
      lstat(at) {
        if (!at.startsWith(`${base}/real/`)) return nodeFiles.lstat(at)
        throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
      },
    }
    expect(lookAt(barred, `${base}/real/deep/f`)).toMatchObject({
      state: 'hidden',
      path: `${base}/real/deep`,
    })
  })
})
