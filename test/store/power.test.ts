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
import { Disk, survivors, type DiskLog } from './disk.js'
import { live } from './life.js'
import { filesOf, line, s1 } from './words.js'
import { seed } from '../seed.js'

const root = '/pki'

function storeOn(disk: Disk): ReturnType<typeof directoryStore> {
  return directoryStore(root, { files: disk.files, git: 'ignore' })
}

/** What an agent would load through each link; the link's text where that is not whole. */
function loads(files: Files): Map<string, string> {
  const found = new Map<string, string>()
  const walk = (path: string): void => {
    for (const entry of files.list(path)) {
      const below = `${path}/${entry.name}`
      if (entry.isDirectory() && !entry.name.startsWith('.')) walk(below)
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

async function aLife(): Promise<{ log: DiskLog; end: unknown }> {
  const disk = new Disk()
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

  test('after every operation, each single loss and each single survivor leaves every link whole', async () => {
    const { log } = await aLife()
    const { operations } = log
    expect(operations.filter(({ type }) => type === 'barrier').length).toBeGreaterThan(12)
    let worlds = 0
    for (let until = 1; until <= operations.length; until += 1) {
      const safe = operations.slice(0, until).findLastIndex(({ type }) => type === 'barrier')
      const pending = until - safe - 1
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
    const { log, end } = await aLife()
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
    const disk = new Disk()
    const store = storeOn(disk)
    for (const number of [1, 2, 3]) {
      await commit(store, (batch) => {
        batch.putGeneration(s1, `${number}-0000000${number}`, filesOf(`s1 ${number}`))
        batch.record(line('issued', 'identity/server/global/s1'))
      })
      const { log } = disk
      const left = survivors(log, log.operations.length, () => false)
      expect([...loads(left.files).values()]).toEqual([`s1 ${number}`])
      const lines = readLedger(Buffer.from(textOf(left.files, `${root}/ledger.jsonl`))).lines
      expect(lines).toHaveLength(number)
    }
  })
})
