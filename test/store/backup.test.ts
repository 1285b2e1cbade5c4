/**
 * What `docs/store.md` promises of backups: taken while somebody writes, put back elsewhere, moved,
 * lost.
 */

import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readLedger } from '../../src/inventory/ledger.js'
import type { Store } from '../../src/inventory/store.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { copyFolder } from '../copy-folder.js'
import { hastyFiles, watched } from './calls.js'
import { commit, plain } from './contract.js'
import { folder } from './grounds.js'
import { faultsOf, snapshot } from './judge.js'
import { live } from './life.js'
import { filesOf, line, s1 } from './words.js'

function at(root: string): Store {
  return directoryStore(root, { files: hastyFiles, git: 'ignore' })
}

async function filled(): Promise<string> {
  const root = join(folder(), 'pki')
  await live(at(root))
  return root
}

test('a copy is a backup: put back elsewhere it is the same store, modes and all', async () => {
  const root = await filled()
  const elsewhere = join(folder(), 'restored here')
  copyFolder(root, elsewhere)
  rmSync(root, { recursive: true })
  const contents = await at(elsewhere).read()
  expect(contents.findings).toEqual([])
  expect(contents.identities.map(({ current }) => current?.directory)).toEqual([
    '3-00000003',
    '3-00000003',
    '3-00000003',
  ])
  await commit(at(elsewhere), (batch) => {
    batch.putGeneration(s1, '4-00000004', filesOf('s1 4'))
    batch.record(line('issued', 'identity/server/global/s1'))
  })
  expect(readLedger((await at(elsewhere).readLedger())?.bytes).fault).toBeUndefined()
})

test('a move is a rename: nothing in a store says where it lies', async () => {
  const root = await filled()
  const before = plain(await at(root).read())
  const elsewhere = join(folder(), 'moved')
  renameSync(root, elsewhere)
  expect(plain(await at(elsewhere).read())).toEqual(before)
  for (const text of Object.values(snapshot(elsewhere))) expect(text).not.toContain(root)
})

test('a copy without its mode bits is told, and mended address by address', async () => {
  const root = await filled()
  const { chmodSync } = await import('node:fs')
  const open = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) continue
      const below = join(path, entry.name)
      if (entry.isDirectory()) open(below)
      chmodSync(below, entry.isDirectory() ? 0o755 : 0o644)
    }
    chmodSync(path, 0o755)
  }
  open(root)
  const { findings } = await at(root).read()
  const addresses = new Set(findings.map(({ address }) => address))
  expect(addresses).toEqual(
    new Set([
      'store',
      'authority/agent/2',
      ...['s1', 's2', 's3'].map((name) => `identity/server/global/${name}`),
    ]),
  )
  await commit(at(root), (batch) => {
    for (const address of addresses) if (address !== 'store') batch.repairModes(address)
  })
  const left = (await at(root).read()).findings
  expect(left.map(({ file }) => file)).toEqual(['ledger.jsonl'])
})

test('a backup that was taken at any moment of a batch heals like a killed run', async () => {
  const whole = await filled()
  const expected = snapshot(whole)
  let total = 0
  await live(
    directoryStore(join(folder(), 'pki'), {
      files: watched(hastyFiles, () => (total += 1)),
      git: 'ignore',
    }),
  )
  for (let moment = 40; moment < total; moment += 31) {
    const root = join(folder(), 'pki')
    const backup = join(folder(), 'pki')
    let calls = 0
    const files = watched(hastyFiles, () => {
      calls += 1
      if (calls === moment) copyFolder(root, backup)
    })
    await live(directoryStore(root, { files, git: 'ignore' }))
    expect(faultsOf(backup)).toEqual([])
    // The lock that was copied is that of this process, which runs: a person removes it.
    rmSync(join(backup, '.lock'), { force: true })
    await live(at(backup))
    expect(snapshot(backup)).toEqual(expected)
  }
})

test('after an older backup is put back, numbers repeat and nothing is overwritten', async () => {
  const root = await filled()
  const backup = join(folder(), 'pki')
  copyFolder(root, backup)
  await commit(at(root), (batch) => {
    batch.putGeneration(s1, '4-00000004', filesOf('s1 4'))
    batch.record(line('issued', 'identity/server/global/s1', { fingerprint: '00000004' }))
  })
  const { head } = readLedger((await at(root).readLedger())?.bytes)
  await commit(at(backup), (batch) => {
    batch.putGeneration(s1, '4-0000000b', filesOf('s1 4 again'))
    batch.record(line('issued', 'identity/server/global/s1', { fingerprint: '0000000b' }))
  })
  // The same number, another leaf: the name tells them apart, and so does the ledger's head.
  expect((await at(backup).read()).identities[0]?.link).toBe('4-0000000b')
  expect(readLedger((await at(backup).readLedger())?.bytes).head).not.toBe(head)
})

test('a lost store is made anew from nothing', async () => {
  const root = await filled()
  const expected = snapshot(root)
  rmSync(root, { recursive: true })
  expect((await at(root).read()).exists).toBe(false)
  await live(at(root))
  expect(snapshot(root)).toEqual(expected)
})
