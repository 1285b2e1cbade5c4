/** What has to be on disk before what: the order of calls, which no reader of the files can see. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Files } from '../../src/files/files.js'
import { placeFile } from '../../src/files/place.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { hastyFiles, watched } from '../store/calls.js'

let base = ''
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-order-'))
})
afterEach(() => {
  rmSync(base, { recursive: true })
})

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** The calls of these kinds, each with its first argument. */
function recorded(kinds: readonly (keyof Files)[]): { files: Files; calls: [string, string][] } {
  const calls: [string, string][] = []
  const files = watched(hastyFiles, (call, [path]) => {
    if (kinds.includes(call)) calls.push([call, String(path)])
  })
  return { files, calls }
}

describe('a configuration that is written over', () => {
  test('its new text is on disk before it has the name, and the name before it is done', async () => {
    writeFileSync(join(base, 'a.hcl'), 'old')
    const { files, calls } = recorded(['syncAll', 'rename'])
    await directoryConfigs(base, { files }).write([
      { path: 'a.hcl', text: 'new', expected: bytes('old') },
    ])
    expect(calls.map(([call]) => call)).toEqual(['syncAll', 'rename', 'syncAll'])
  })

  test.each(['written over', 'replaced'])(
    'one that is %s while the new text is made is left as it is then',
    async (how) => {
      const path = join(base, 'a.hcl')
      writeFileSync(path, 'old')
      let changed = false
      const files = watched(hastyFiles, (call) => {
        if (call !== 'syncAll' || changed) return
        changed = true
        if (how === 'replaced') rmSync(path)
        writeFileSync(path, 'of somebody else')
      })
      await expect(
        directoryConfigs(base, { files }).write([
          { path: 'a.hcl', text: 'new', expected: bytes('old') },
        ]),
      ).rejects.toMatchObject({ code: 'ERR_CONFIG_CHANGED' })
      expect(readFileSync(path, 'utf8')).toBe('of somebody else')
    },
  )
})

test('a new file is on disk before it has its name, and the name before it is placed', async () => {
  const { files, calls } = recorded(['fsync', 'link', 'rename'])
  await placeFile(files, join(base, 'a.tgz'), bytes('x'), 0o600)
  expect(calls.map(([call, path]) => `${call} ${path === base ? 'folder' : 'file'}`)).toEqual([
    'fsync file',
    'link file',
    'fsync folder',
  ])
})
