import { expect, test } from 'vitest'
import { generationsIn } from '../../src/evidence/generations.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { World } from '../world.js'

const address = 'identity/server/global/s1'
const line = (
  event: 'issued' | 'turned',
  generation: number,
  fingerprint: string,
): LedgerEvent => ({
  event,
  address,
  at: generation,
  generation,
  serial: '0a',
  fingerprint,
  notBefore: 1,
  notAfter: 9,
  issuer: 'authority/agent/1',
  trusted: ['authority/agent/1'],
})

test('a generation that only a `turned` line tells was made: no other line was written before the kill', async () => {
  const world = new World()
  await world.apply()
  const { store } = world
  const lock = await store.lock({ command: 'apply' })
  const batch = store.batch()
  batch.record(line('turned', 2, 'bb'))
  batch.record(line('issued', 3, 'cc'))
  batch.record(line('turned', 3, 'cc'))
  await batch.commit()
  await lock.release()
  const made = generationsIn(await world.inventory()).get(address)
  expect(made?.map(({ number }) => number)).toEqual([1, 2, 3])
  expect(made?.[1]).toMatchObject({ fingerprint: 'bb', issuer: 'authority/agent/1' })
})
