/** What is seen of a store and its spec without reading them. */

import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { directoryStore } from '../../src/store/directory-store.js'
import { stampOf, type StoreStamp } from '../../src/store/stamp.js'
import { errno, hastyFiles, watched } from './calls.js'
import { commit } from './contract.js'
import { folder } from './grounds.js'
import { line } from './words.js'

let base = ''
beforeEach(() => {
  base = folder()
})
const spec = (): string => join(base, 'cluster.yaml')
const root = (): string => join(base, 'pki')
const store = (): ReturnType<typeof directoryStore> =>
  directoryStore(root(), { files: hastyFiles, git: 'ignore' })
const stamp = (files = hastyFiles): StoreStamp => stampOf(root(), spec(), files)

test('of what is not there', () => {
  expect(stamp()).toEqual({ text: 'absent\nabsent\nfree', holder: undefined })
})

test('stays while nothing changes, and differs after the spec, the ledger or the lock did', async () => {
  const seen: string[] = []
  const differs = (): void => {
    const { text } = stamp()
    expect(stamp().text).toBe(text)
    expect(seen).not.toContain(text)
    seen.push(text)
  }
  differs()
  writeFileSync(spec(), 'version: 1\n')
  differs()
  appendFileSync(spec(), '# more\n')
  differs()
  await commit(store(), (batch) => {
    batch.record(line('issued', 'store'))
  })
  differs()
  await commit(store(), (batch) => {
    batch.record(line('issued', 'store'))
  })
  differs()
  const lock = await store().lock({ command: 'nomad-pki apply' })
  differs()
  const { holder } = stamp()
  expect(holder?.command).toBe('nomad-pki apply')
  expect(Math.abs(holder!.since - Date.now())).toBeLessThan(60_000)
  await lock.release()
  expect(stamp()).toEqual({ text: seen.at(-2), holder: undefined })
})

test('what cannot be looked at is hidden, and no error', () => {
  writeFileSync(spec(), 'version: 1\n')
  const files = watched(hastyFiles, (call, [path]) => {
    if (String(path).startsWith(root()) || call === 'open') throw errno('EACCES')
  })
  expect(stamp(files).text).toMatch(/^\d+ 11 [\d.]+\nhidden\nfree$/)
})

test('a lock that cannot be read has no holder', async () => {
  await (await store().lock()).release()
  writeFileSync(join(root(), '.lock'), 'no lock of ours')
  expect(stamp().holder).toBeUndefined()
})
