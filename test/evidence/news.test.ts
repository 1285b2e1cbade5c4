import { expect, test } from 'vitest'
import type { Evidence, Members, Receipt, SeenPort } from '../../src/evidence/evidence.js'
import { newsOf, noteLife } from '../../src/evidence/news.js'

const start = 1_800_000_000_000
const nothing: Evidence = { observations: [], receipts: [], members: [], exceptions: [] }
const address = 'identity/server/global/s1'

function seen(rpc: boolean, change: Partial<SeenPort> = {}): SeenPort {
  return {
    address,
    asked: address,
    at: start,
    endpoint: `10.0.0.1:${rpc ? 4647 : 4646}`,
    rpc,
    fingerprint: 'ab'.repeat(32),
    generation: 2,
    trusts: ['authority/agent/1'],
    issuers: ['CN=acme agent root 1'],
    ...change,
  }
}

const before = (at = start): Evidence => ({
  ...nothing,
  observations: [seen(false, { at }), seen(true, { at })],
})
const later = start + noteLife - 1
const receipt: Receipt = {
  ...{ address, generation: 2, fingerprint: 'ab'.repeat(32), archive: null, host: null },
  at: start + 1,
}

test.each<[string, Partial<SeenPort>, Evidence, number]>([
  ['the first time', {}, nothing, 2],
  ['the same again', { at: later }, before(), 0],
  ['the same, and the note grows old', { at: later + 1 }, before(), 2],
  ['another leaf on one port: both are noted', { fingerprint: 'cd'.repeat(32) }, before(), 2],
  ['other trust', { trusts: null }, before(), 2],
  ['a generation that was made of the same leaf', { generation: 3 }, before(), 2],
  ['another agent behind the port', { address: 'identity/server/global/s2' }, before(), 2],
  ['the same after a receipt', { at: later }, { ...before(), receipts: [receipt] }, 2],
  ['a clock that went back', { at: start - 1 }, before(), 2],
])('%s', (_, change, known, lines) => {
  const at = change.at ?? start + 1
  const news = newsOf([seen(true, { at }), seen(false, { at, ...change })], [], known)
  expect(news).toHaveLength(lines)
  expect(news.every(({ event }) => event === 'observed')).toBe(true)
})

test('another agent is noted for itself alone', () => {
  const other = 'identity/server/global/s2'
  const two = seen(true, { address: other, asked: other, endpoint: '10.0.0.2:4647' })
  expect(newsOf([seen(true), seen(false), two], [], before()).map((line) => line.address)).toEqual([
    other,
  ])
})

test('members are noted when they changed, or when the note grows old', () => {
  const members = (change: Partial<Members> = {}): Members => ({
    ...{ region: 'global', at: start, servers: ['s1.global'], clients: [], gone: [] },
    ...change,
  })
  const known: Evidence = { ...nothing, members: [members()] }
  const count = (change: Partial<Members>): number => newsOf([], [members(change)], known).length
  expect(count({ at: later })).toBe(0)
  expect(count({ at: later, leader: 's1.global' })).toBe(1)
  expect(count({ at: later, clients: ['c1'] })).toBe(1)
  expect(count({ at: later, region: 'us-west' })).toBe(1)
  expect(count({ at: later + 1 })).toBe(1)
})
