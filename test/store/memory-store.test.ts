import { expect, test } from 'vitest'
import { memoryStore } from '../../src/store/memory-store.js'
import { commit, plain, storeContract } from './contract.js'
import { filesOf, line, s1 } from './words.js'

storeContract('a store in memory', () => memoryStore())

test('a store in memory begins with what it is given, and leaves that alone', async () => {
  const first = memoryStore()
  await commit(first, (batch) => {
    batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
    batch.putGeneration(s1, '1-00000001', filesOf('one'))
    batch.putGeneration(s1, '2-00000002', filesOf('two'))
    batch.record(line('issued', 'identity/server/global/s1'))
  })
  const seed = await first.read()
  const second = memoryStore(seed)
  expect(plain(await second.read())).toEqual(plain(seed))
  await commit(second, (batch) => {
    // Of a generation that was not current the seed gives the name alone; that is enough to turn to it.
    batch.turn(s1, '1-00000001')
    batch.record(line('turned', 'identity/server/global/s1'))
  })
  expect((await second.read()).identities[0]?.link).toBe('1-00000001')
  expect(plain(await first.read())).toEqual(plain(seed))
})

test('what was found of modes is cured in memory by repairing them', async () => {
  const finding = { severity: 'error', reason: 'mode-open', message: 'open' } as const
  const store = memoryStore({
    exists: true,
    authorities: [],
    bundles: [],
    identities: [],
    findings: [
      { ...finding, address: 'identity/server/global/s1' },
      { ...finding, address: 'authority/agent/1' },
    ],
  })
  await commit(store, (batch) => {
    batch.repairModes('identity/server/global/s1/2')
  })
  expect((await store.read()).findings.map(({ address }) => address)).toEqual(['authority/agent/1'])
})

test('a store in memory says where a pair is, and that nobody named the one who holds it', async () => {
  const store = memoryStore()
  expect(store.location).toBe('memory')
  expect(store.pathOf(s1)).toBe('memory/identity/server/global/s1/current')
  const lock = await store.lock()
  await expect(store.lock({ wait: 0 })).rejects.toMatchObject({
    code: 'ERR_STORE_LOCKED',
    message: 'the store in memory is held by "nomad-pki" of this process',
  })
  await lock.release()
})
