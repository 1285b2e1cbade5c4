/** Where a store can be, the end of its ledger, and what a killed run left: each with its exact words. */

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NomadPkiError } from '../../src/errors.js'
import { nodeFiles } from '../../src/files/files.js'
import { checkStorePlace, directoryStore } from '../../src/store/directory-store.js'
import { names, stagingName } from '../../src/store/layout.js'
import { appendLedger, ledgerEnd, mendLedger, type LedgerEnd } from '../../src/store/ledger.js'
import { readLedger } from '../../src/inventory/ledger.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { sha256 } from '../../src/sha256.js'
import { hastyFiles, watched } from './calls.js'
import { commit } from './contract.js'
import { filesOf, s1 } from './words.js'

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

  /** Makes the folder `one` with empty entries; one that ends in `/` is a folder. */
  const fill = (entries: readonly string[]): void => {
    mkdirSync(at('one'))
    for (const entry of entries) {
      if (entry.endsWith('/')) mkdirSync(at(`one/${entry}`))
      else writeFileSync(at(`one/${entry}`), '')
    }
  }

  test.each([
    [['ledger.jsonl', 'letter.txt']],
    [['authority/', 'letter.txt']],
    [['.gitignore', 'lost+found/', 'identity/', 'bundle/', 'probe/']],
    [[]],
  ])('can be a folder with %j', async (entries) => {
    fill(entries)
    expect(await check('one')).toBeUndefined()
  })

  test.each([
    [['letter.txt']],
    [['authority', 'letter.txt']],
    [['bundle/', 'letter.txt']],
    [['ledger.jsonl.bak']],
  ])('is not a folder with %j', async (entries) => {
    fill(entries)
    const error = await check('one')
    expect(error?.code).toBe('ERR_STORE_UNWRITABLE')
    const foreign = entries.at(-1)
    expect(error?.message).toBe(`${at('one')} is not a store: it holds "${foreign}"`)
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

describe('what is behind the last line of a ledger is mended', () => {
  const path = (): string => at('ledger.jsonl')
  const issued = { event: 'issued', address: 'store', at: 1 } as unknown as LedgerEvent

  /** A ledger with a line, and what one append says of it. */
  function begun(): LedgerEnd {
    return appendLedger(nodeFiles, path(), ledgerEnd(nodeFiles, path()), [issued])
  }

  test.each([
    ['a line that lacks only its newline', (text: string) => text.slice(0, -1), 2],
    ['half of a line', (text: string) => text.slice(0, 20), 1],
    [
      'a line of another chain',
      (text: string) => text.replace(/"prev":"./, '"prev":"x').trimEnd(),
      1,
    ],
  ])('%s', (_what, torn, lines) => {
    let open = 0
    const files = watched(nodeFiles, (call) => {
      if (call === 'open') open += 1
      if (call === 'close') open -= 1
    })
    const one = begun()
    const first = readFileSync(path(), 'utf8')
    const two = appendLedger(files, path(), one, [issued])
    const second = readFileSync(path(), 'utf8').slice(first.length)
    writeFileSync(path(), first + torn(second))
    const before = ledgerEnd(files, path())
    const after = mendLedger(files, path(), before)
    expect(after).toEqual(lines === 2 ? two : one)
    expect(readFileSync(path(), 'utf8')).toBe(lines === 2 ? first + second : first)
    expect({ ...ledgerEnd(files, path()), torn: after.torn }).toEqual(after)
    expect(open).toBe(0)
    // And the next line follows it.
    appendLedger(files, path(), after, [issued])
    expect(readLedger(readFileSync(path())).lines).toHaveLength(lines + 1)
    expect(readLedger(readFileSync(path())).fault).toBeUndefined()
  })

  test('nothing there is nothing to do', () => {
    const one = begun()
    expect(mendLedger(nodeFiles, path(), one)).toBe(one)
  })
})

describe('what a killed run left is healed', () => {
  const identity = 'identity/server/global/s1'
  const store = (): ReturnType<typeof directoryStore> =>
    directoryStore(at('pki'), { files: hastyFiles })
  const inside = (path: string): string => at(`pki/${path}`)

  /** A store with one authority and two generations, and what its repair says. */
  async function healed(damage: () => void): Promise<readonly string[]> {
    await commit(store(), (batch) => {
      batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
      batch.putGeneration(s1, '1-00000001', filesOf('one'))
      batch.putGeneration(s1, '2-00000002', filesOf('two'))
    })
    damage()
    const open = store()
    const lock = await open.lock()
    const findings = await open.heal()
    await lock.release()
    return findings.map(
      ({ severity, address, reason, message }) => `${severity} ${address} ${reason}: ${message}`,
    )
  }

  /** The name under which a folder is written before it has its own. */
  const stagingOf = (folder: string, final: string): string =>
    stagingName(
      final,
      readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]),
    )

  test('nothing where nothing was left', async () => {
    expect(await healed(() => undefined)).toEqual([])
  })

  test('a generation that was whole gets its name', async () => {
    const place = inside(`${identity}/1-00000001`)
    const said = await healed(() => {
      renameSync(place, inside(`${identity}/${stagingOf(place, '1-00000001')}`))
    })
    expect(said).toEqual([
      `note ${identity} unfinished: ${identity}/1-00000001 was whole, and was put into place`,
    ])
    expect(readdirSync(inside(identity)).sort()).toEqual(['1-00000001', '2-00000002', 'current'])
  })

  test('one that is not whole is removed; what only begins like one too', async () => {
    let staging = ''
    const said = await healed(() => {
      const place = inside(`${identity}/1-00000001`)
      staging = stagingOf(place, '1-00000001')
      writeFileSync(join(place, 'more'), 'x')
      renameSync(place, inside(`${identity}/${staging}`))
      mkdirSync(inside(`${identity}/.next-3-00000003-${'0'.repeat(16)}`))
      writeFileSync(inside(`${identity}/.new-x`), 'x')
      mkdirSync(inside('identity/server/global/.gone-s9'))
    })
    expect([...said].sort()).toEqual(
      [
        `note ${identity} left-over: removed ${identity}/${staging}, which an interrupted run left`,
        `note ${identity} left-over: removed ${identity}/.next-3-00000003-${'0'.repeat(16)}, which an interrupted run left`,
        `note ${identity} left-over: removed ${identity}/.new-x, which an interrupted run left`,
        'note store left-over: removed identity/server/global/.gone-s9, which an interrupted run left',
      ].sort(),
    )
    expect(readdirSync(inside(identity)).sort()).toEqual(['2-00000002', 'current'])
    expect(readdirSync(inside('identity/server/global'))).toEqual(['s1'])
  })

  test('one whose name is taken is left for a person: a key is not thrown away on a guess', async () => {
    let staging = ''
    const said = await healed(() => {
      const place = inside(`${identity}/1-00000001`)
      staging = stagingOf(place, '1-00000001')
      mkdirSync(inside(`${identity}/${staging}`))
      for (const name of readdirSync(place))
        writeFileSync(inside(`${identity}/${staging}/${name}`), readFileSync(join(place, name)))
    })
    expect(said).toEqual([
      `note ${identity} left-over: ${identity}/${staging} is left for you to look at`,
    ])
    expect(readdirSync(inside(identity))).toContain(staging)
  })

  test('an authority gets its name and its line in the ledger; a folder without anything goes', async () => {
    const said = await healed(() => {
      const place = inside('authority/agent/1')
      renameSync(place, inside(`authority/agent/${stagingOf(place, '1')}`))
      mkdirSync(inside('authority/other'))
      mkdirSync(inside('bundle/other'), { recursive: true })
      mkdirSync(inside('identity/server/global/s2'))
    })
    expect(said).toEqual([
      'note authority/agent/1 unfinished: authority/agent/1 was whole, and was put into place',
    ])
    expect(readdirSync(inside('authority'))).toEqual(['agent'])
    expect(readdirSync(inside('authority/agent'))).toEqual(['1'])
    expect(readdirSync(inside('bundle'))).toEqual([])
    expect(readdirSync(inside('identity/server/global'))).toEqual(['s1'])
    const last = readFileSync(inside(names.ledger), 'utf8').trim().split('\n').at(-1)!
    expect(JSON.parse(last)).toMatchObject({
      ...{ event: 'authority', address: 'authority/agent/1', healed: true },
    })
  })

  test('the ledger gets the newline that it lacked, or loses the line that was torn', async () => {
    const ledger = inside(names.ledger)
    const mended = await healed(() => {
      writeFileSync(ledger, '{"seq"', { flag: 'a' })
    })
    expect(mended).toEqual([
      'note store left-over: removed 6 bytes from the ledger: an incomplete last line',
    ])
  })
})

describe('the modes of what a batch writes', () => {
  test('are the same in a folder whose group is inherited: no bit of it goes further', async () => {
    mkdirSync(at('pki'), { mode: 0o700 })
    chmodSync(at('pki'), 0o2700)
    const store = directoryStore(at('pki'), { git: 'ignore' })
    await commit(store, (batch) => {
      batch.putAuthority('agent', 1, { key: 'KEY\n', certificate: 'CA\n' })
      batch.putBundle('agent', 'BUNDLE\n')
      batch.putGeneration(s1, '1-00000001', filesOf('s1 1'))
    })
    const found = readdirSync(at('pki'), { recursive: true, encoding: 'utf8' })
      .filter((path) => lstatSync(at(`pki/${path}`)).isDirectory())
      .map((path) => [path, (statSync(at(`pki/${path}`)).mode & 0o7777).toString(8)])
      .sort()
    expect(found).toEqual([
      ['authority', '700'],
      ['authority/agent', '700'],
      ['authority/agent/1', '700'],
      ['bundle', '700'],
      ['bundle/agent', '700'],
      ['identity', '700'],
      ['identity/server', '700'],
      ['identity/server/global', '700'],
      ['identity/server/global/s1', '700'],
      ['identity/server/global/s1/1-00000001', '700'],
    ])
  })
})
