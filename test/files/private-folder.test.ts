import { existsSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { makePrivateFolder, removePrivateFolder } from '../../src/files/private-folder.js'

/** What `mkdtemp` puts behind the beginning of a name has six letters. */
const length = Buffer.byteLength(join(tmpdir(), 'npki-XXXXXX'))

test.each([
  ['room for its path', length, tmpdir()],
  ['more room than that', 4096, tmpdir()],
  ['less room than that', length - 1, '/tmp'],
])('a folder of its own, with %s', (_, most, above) => {
  const folder = makePrivateFolder(most)
  try {
    expect(dirname(folder)).toBe(above)
    expect(basename(folder)).toMatch(/^npki-.{6}$/)
    expect(statSync(folder).mode & 0o7777).toBe(0o700)
    writeFileSync(join(folder, 'socket'), '')
  } finally {
    removePrivateFolder(folder)
  }
  expect(existsSync(folder)).toBe(false)
  // Once more is not an error.
  removePrivateFolder(folder)
})
