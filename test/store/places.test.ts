/** Where a store can be, the end of its ledger, and what a killed run left: each with its exact words. */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NomadPkiError } from '../../src/errors.js'
import { nodeFiles } from '../../src/files/files.js'
import { checkStorePlace } from '../../src/store/directory-store.js'
import { ledgerEnd } from '../../src/store/ledger.js'
import { sha256 } from '../../src/sha256.js'

let base = ''
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-places-'))
})
afterEach(() => {
  rmSync(base, { recursive: true })
})
const at = (name: string): string => join(base, name)
const fault = async (run: () => unknown): Promise<NomadPkiError | undefined> => {
  try {
    await run()
    return undefined
  } catch (error) {
    if (error instanceof NomadPkiError) return error
    throw error
  }
}

describe('a place for a store', () => {
  const check = (name: string, willBeIgnored = false): Promise<NomadPkiError | undefined> =>
    fault(() => checkStorePlace(at(name), { willBeIgnored }))

  test.each(['pki', 'a/b/pki', 'empty'])('is %s, and nothing is made', async (name) => {
    mkdirSync(at('empty'))
    expect(await check(name)).toBeUndefined()
    expect(readdirSync(base)).toEqual(['empty'])
    expect(readdirSync(at('empty'))).toEqual([])
  })

  test('is not below a file', async () => {
    writeFileSync(at('file'), 'x')
    const error = await check('file/pki')
    expect(error?.code).toBe('ERR_STORE_UNWRITABLE')
    expect(existsSync(at('file/pki'))).toBe(false)
  })

  test('is not a file, nor a folder of something else', async () => {
    writeFileSync(at('file'), 'x')
    expect((await check('file'))?.code).toBe('ERR_STORE_UNWRITABLE')
    mkdirSync(at('other'))
    writeFileSync(at('other/letter.txt'), 'x')
    const error = await check('other')
    expect(error?.code).toBe('ERR_STORE_UNWRITABLE')
    expect(error?.hint).toBe(
      'name an empty folder, or one that is not there, as `store` in the spec',
    )
    symlinkSync('nowhere', at('link'))
    const link = await check('link')
    expect(link?.code).toBe('ERR_STORE_UNWRITABLE')
    expect(link?.hint).toBe('move it away, or name another folder as `store` in the spec')
  })

  test('is one that git leaves alone, or will', async () => {
    for (const name of ['objects', 'refs']) mkdirSync(at(`.git/${name}`), { recursive: true })
    writeFileSync(at('.git/HEAD'), 'ref: refs/heads/main\n')
    const error = await check('pki')
    expect(error?.code).toBe('ERR_STORE_TRACKED')
    expect(error?.hint).toMatch(/^add the line \/pki\/ to .*\/\.gitignore$/)
    expect(await check('pki', true)).toBeUndefined()
    // The repository itself is not one that a line of its own would cure.
    expect((await check('', true))?.message).toContain('is a git repository itself')
    writeFileSync(at('.gitignore'), '/pki/\n')
    expect(await check('pki')).toBeUndefined()
  })
})

describe('the end of a ledger', () => {
  const end = (text?: string): ReturnType<typeof ledgerEnd> => {
    if (text !== undefined) writeFileSync(at('ledger.jsonl'), text)
    return ledgerEnd(nodeFiles, at('ledger.jsonl'))
  }
  const none = '0'.repeat(64)
  const line = (seq: number): string => JSON.stringify({ seq, prev: none, event: 'x' })

  test('of none, and of one without a whole line', () => {
    expect(end()).toEqual({ size: 0, head: none, seq: 0, torn: new Uint8Array(), exists: false })
    expect(end('')).toMatchObject({ size: 0, head: none, seq: 0, exists: true })
    const torn = end('{"seq"')
    expect(torn).toMatchObject({ size: 0, head: none, seq: 0, exists: true })
    expect(Buffer.from(torn.torn).toString()).toBe('{"seq"')
  })

  test('is its last line, and what was torn off behind it', () => {
    const one = end(`${line(1)}\n`)
    expect(one).toMatchObject({ size: line(1).length + 1, seq: 1, exists: true })
    expect(one.torn).toHaveLength(0)
    expect(one.head).toBe(sha256(line(1)))
    const two = end(`${line(1)}\n${line(2)}\n{"s`)
    expect(two).toMatchObject({ size: line(1).length + line(2).length + 2, seq: 2 })
    expect(two.head).toBe(sha256(line(2)))
    expect(Buffer.from(two.torn).toString()).toBe('{"s')
  })

  test.each([
    '\n',
    '{\n',
    'null\n',
    '1\n',
    '{}\n',
    `{"seq":0,"prev":"${none}"}\n`,
    `{"seq":1.5,"prev":"${none}"}\n`,
    `{"seq":"1","prev":"${none}"}\n`,
    '{"seq":1}\n',
    '{"seq":1,"prev":1}\n',
    `{"prev":"${none}"}\n`,
    `${line(1)}\n\n`,
  ])('that is damaged is told: %j', async (text) => {
    const error = await fault(() => end(text))
    expect(error?.code).toBe('ERR_LEDGER_BROKEN')
    expect(error?.message).toBe(`the last line of ${at('ledger.jsonl')} is damaged`)
    expect(error?.hint).toBe(
      'restore the file from a backup, or move it away: then a new ledger begins',
    )
  })

  test('that cannot be read is not taken for none', async () => {
    mkdirSync(at('ledger.jsonl'))
    const error = await fault(() => end())
    expect(error?.code).toBe('ERR_STORE_UNREADABLE')
    expect(error?.message).toBe(`can't read ${at('ledger.jsonl')}: it is not a plain file`)
  })
})
