import { expect, test } from 'vitest'
import { lostAuthority } from '../../src/checks/authority.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { told } from '../ledger.js'
import { MemoryWorld } from '../memory-world.js'
import { smallSpec } from '../world.js'

const root = 'authority/agent/1'
const digest = 'ab'.repeat(32)

/** What is said of a root whose files are gone, where the ledger says this of it since it was made. */
async function said(...since: readonly LedgerEvent[]): Promise<string | undefined> {
  const world = await new MemoryWorld(smallSpec).apply()
  await world.note(...since)
  const contents = await world.store.read()
  const without = new MemoryWorld(smallSpec, memoryStore({ ...contents, authorities: [] }))
  const wanted = without.desired.authorities[0]!
  return lostAuthority(wanted, without.desired, await without.inventory())?.message
}

test.each<[what: string, event: LedgerEvent]>([
  ['probed', told('probe', root, 2, { serial: '01', fingerprint: digest, notAfter: 3 })],
  ['marked', told('compromised', root, 2)],
  [
    'crossed',
    told('crossed', root, 2, {
      ...{ by: 'authority/agent/2', serial: '01', fingerprint: digest, notAfter: 3 },
    }),
  ],
  [
    'asked for once more',
    told('attempted', root, 2, { attempt: '01', issuer: root, key: digest, notAfter: 3 }),
  ],
])('a root that was %s since it was made is missed all the same', async (_what, event) => {
  expect(await said(event)).toMatch(/its files are gone/)
})

test('one that was pruned is not', async () => {
  expect(await said(told('removed', root, 2, { reason: 'orphan' }))).toBeUndefined()
})
