import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { env } from 'node:process'
import { afterAll, expect, test } from 'vitest'
import { makePrivateFolder, removePrivateFolder } from '../../src/files/private-folder.js'

// Elsewhere than /tmp, which is where it goes if the path would be too long.
const before = env.TMPDIR
const elsewhere = mkdtempSync('/tmp/nomad-pki-elsewhere-')
env.TMPDIR = elsewhere
afterAll(() => {
  if (before === undefined) delete env.TMPDIR
  else env.TMPDIR = before
  rmSync(elsewhere, { recursive: true })
})

/** What `mkdtemp` puts behind the beginning of a name has six letters. */
const length = Buffer.byteLength(join(elsewhere, 'npki-XXXXXX'))

test.each([
  ['just room for its path', length, elsewhere],
  ['more room than that', 4096, elsewhere],
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
