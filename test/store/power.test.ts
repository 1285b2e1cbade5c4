/**
 * The power fails: everything before the last barrier is on disk, and of what came after it any
 * part, in any combination. Every `current` must be whole, and the next run must come to its end.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Files } from '../../src/files/files.js'
import { readLedger } from '../../src/inventory/ledger.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { commit, plain } from './contract.js'
import { Disk, pendingIn, survivors, type DiskLog } from './disk.js'
import { live } from './life.js'
import { filesOf, line, s1 } from './words.js'
import { seed } from '../seed.js'

const root = '/pki'

function storeOn(disk: Disk): ReturnType<typeof directoryStore> {
  return directoryStore(root, { files: disk.files, git: 'ignore' })
}

/** What an agent would load through each link, and each bundle; `torn` where that is not whole. */
function loads(files: Files): Map<string, string> {
  const found = new Map<string, string>()
  const walk = (path: string): void => {
    for (const entry of files.list(path)) {
      const below = `${path}/${entry.name}`
      if (entry.isDirectory() && !entry.name.startsWith('.')) walk(below)
      if (path.startsWith(`${root}/bundle/`) && entry.name === 'ca.pem') {
        const text = textOf(files, below)
        found.set(below, /^BUNDLE \d\n$/.test(text) ? text : `torn: ${JSON.stringify(text)}`)
      }
      if (entry.name !== 'current') continue
      const generation = `${path}/${files.readlink(below)}`
      const marks = ['key.pem', 'cert.pem', 'ca.pem'].map((name) => {
        const text = textOf(files, `${generation}/${name}`)
        return /^[a-z]+ (.+)\n$/.exec(text)?.[1]
      })
      const [mark] = marks
      const whole = mark !== undefined && marks.every((other) => other === mark)
      found.set(path, whole ? mark : `torn: ${files.readlink(below)}`)
    }
  }
  if (files.lstat(root) !== undefined) walk(root)
  return found
}

function textOf(files: Files, path: string): string {
  const status = files.lstat(path)
  if (status === undefined) return ''
  const buffer = Buffer.alloc(status.size)
  files.read(files.open(path, 0), buffer, 0, status.size)
  return buffer.toString()
}

function torn(disk: Disk): string[] {
  return [...loads(disk.files)].filter(([, mark]) => mark.startsWith('torn')).map(([path]) => path)
}

async function aLife(syncs: DiskLog['syncs']): Promise<{ log: DiskLog; end: unknown }> {
  const disk = new Disk(syncs)
  const store = storeOn(disk)
  await live(store)
  const { ledger, ...end } = plain(await store.read()) as Record<string, unknown>
  expect(ledger).toBeDefined()
  return { log: disk.log, end }
}

describe('when the power fails', () => {
  test('the model forgets: without barriers a link outlives what it points at', async () => {
    const disk = new Disk()
    const store = directoryStore(root, {
      files: { ...disk.files, syncAll: async () => true },
      git: 'ignore',
    })
    await commit(store, (batch) => {
      batch.putGeneration(s1, '1-00000001', filesOf('s1 1'))
    })
    const { log } = disk
    const lost = survivors(log, log.operations.length, ({ type }) => type !== 'content')
    expect(torn(lost)).toEqual(['/pki/identity/server/global/s1'])
  })
})

describe.each<[where: string, syncs: DiskLog['syncs']]>([
  ['a file system that syncs as a whole', 'all'],
  ['a file system of which each file is synced', 'each'],
])('when the power fails, on %s', (_where, syncs) => {
  test('after every operation, each single loss and each single survivor leaves every link whole', async () => {
    const { log } = await aLife(syncs)
    const { operations } = log
    const sync = syncs === 'all' ? 'barrier' : 'fsync'
    expect(operations.filter(({ type }) => type === sync).length).toBeGreaterThan(12)
    let worlds = 0
    for (let until = 1; until <= operations.length; until += 1) {
      const pending = pendingIn(log, until).length
      // All, none, all but the last few one by one, only one of the last few.
      const choices: ((place: number) => boolean)[] = [() => true, () => false]
      for (let one = Math.max(0, pending - 3); one < pending; one += 1) {
        choices.push((place) => place !== one)
        choices.push((place) => place === one)
      }
      for (const keeps of choices) {
        const disk = survivors(log, until, (_, place) => keeps(place))
        expect({ until, torn: torn(disk) }).toEqual({ until, torn: [] })
        worlds += 1
      }
    }
    console.log(`power failures: ${worlds} worlds over ${operations.length} operations`)
  })

  test('any part of what was not synced may be lost: links stay whole, and the next run comes to the same end', async () => {
    const { log, end } = await aLife(syncs)
    const { operations } = log
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: operations.length }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        async (until, coins) => {
          const disk = survivors(log, until, (_, place) => coins[place % coins.length]!)
          expect(torn(disk)).toEqual([])
          // The lock of before: the machine has started anew since, so nobody holds it.
          await disk.files.removeTree(`${root}/.lock`)
          const store = storeOn(disk)
          await live(store)
          const contents = await store.read()
          const { ledger, ...found } = plain(contents) as Record<string, unknown>
          expect(found).toEqual(end)
          expect(ledger).toBeDefined()
          expect(readLedger(contents.ledger?.bytes).fault).toBeUndefined()
          expect(torn(disk)).toEqual([])
        },
      ),
      { numRuns: 150, seed },
    )
  })

  test('what a batch was said to have done is there, whatever is lost afterwards', async () => {
    const disk = new Disk(syncs)
    const store = storeOn(disk)
    const last = (): Disk => {
      const { log } = disk
      return survivors(log, log.operations.length, () => false)
    }
    for (const number of [1, 2, 3]) {
      await commit(store, (batch) => {
        batch.putGeneration(s1, `${number}-0000000${number}`, filesOf(`s1 ${number}`))
        batch.putBundle('agent', `BUNDLE ${number}\n`)
        batch.putAuthority('agent', number, {
          key: `KEY ${number}\n`,
          certificate: `CA ${number}\n`,
        })
        batch.record(line('issued', 'identity/server/global/s1'))
      })
      const { files } = last()
      expect([...loads(files).values()]).toEqual([`BUNDLE ${number}\n`, `s1 ${number}`])
      expect(textOf(files, `${root}/authority/agent/${number}/ca-key.pem`)).toBe(`KEY ${number}\n`)
      const lines = readLedger(Buffer.from(textOf(files, `${root}/ledger.jsonl`))).lines
      expect(lines).toHaveLength(number)
    }
    await commit(store, (batch) => {
      batch.replaceAuthorityKey('agent', 3, { key: 'LOCKED 3\n', expected: Buffer.from('KEY 3\n') })
      batch.putCross('agent', 2, 1, 'CROSS 1\n')
    })
    const { files } = last()
    expect(textOf(files, `${root}/authority/agent/3/ca-key.pem`)).toBe('LOCKED 3\n')
    expect(textOf(files, `${root}/authority/agent/2/crossed-by-1.pem`)).toBe('CROSS 1\n')
  })

  test('the run after a kill syncs what the killed one had made: no authority is lost, and one more run comes to the end', async () => {
    const { log, end } = await aLife(syncs)
    const { operations } = log
    const at = async (disk: Disk): Promise<Record<string, unknown>> => {
      const { ledger, ...found } = plain(await storeOn(disk).read()) as Record<string, unknown>
      expect(ledger).toBeDefined()
      return found
    }
    /** The key in either of its two forms: it is the same key. */
    const inEitherForm = (found: unknown): unknown =>
      JSON.parse(JSON.stringify(found).replaceAll(' ENCRYPTED', '')) as unknown
    const { authorities } = end as Record<string, unknown>
    for (let until = 1; until <= operations.length; until += 2) {
      // The process died, and the power did not fail: all is there, and some of it is not synced.
      const disk = survivors(log, until, () => true)
      await disk.files.removeTree(`${root}/.lock`)
      await live(storeOn(disk))
      const after = disk.log
      const left = survivors(after, after.operations.length, () => false)
      expect({ until, torn: torn(left) }).toEqual({ until, torn: [] })
      // A last rename may be undone: the state before it, which the next run sees.
      expect({ until, found: inEitherForm((await at(left))['authorities']) }).toEqual({
        until,
        found: inEitherForm(authorities),
      })
      await left.files.removeTree(`${root}/.lock`)
      await live(storeOn(left))
      expect({ until, ...(await at(left)) }).toEqual({ until, ...(end as object) })
    }
  })

  test('the first line of the ledger stays, in a folder that was there before', async () => {
    const disk = new Disk(syncs)
    disk.files.mkdir(root, 0o700)
    await disk.files.fsync('/')
    await disk.files.syncAll('/')
    await commit(storeOn(disk), (batch) => {
      batch.record(line('issued', 'identity/server/global/s1'))
    })
    const { log } = disk
    const left = survivors(log, log.operations.length, () => false)
    const lines = readLedger(Buffer.from(textOf(left.files, `${root}/ledger.jsonl`))).lines
    expect(lines).toHaveLength(1)
  })

  test('a line that is committed alone stays, and waits for no other file', async () => {
    const disk = new Disk(syncs)
    const store = storeOn(disk)
    const { log } = disk
    await live(store)
    for (const address of ['identity/client/global/c8', 'identity/client/global/c9']) {
      const before = log.operations.length
      await commit(store, (batch) => {
        batch.record(line('issued', address))
      })
      const types = log.operations.slice(before).map(({ type }) => type)
      expect(types).not.toContain('barrier')
      const left = survivors(log, log.operations.length, () => false)
      const lines = readLedger(Buffer.from(textOf(left.files, `${root}/ledger.jsonl`))).lines
      expect(lines.at(-1)).toMatchObject({ address })
    }
  })
})
