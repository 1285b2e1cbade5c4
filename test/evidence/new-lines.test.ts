import { expect, test } from 'vitest'
import type { Evidence, Members, Receipt, SeenPort } from '../../src/evidence/evidence.js'
import { newLinesOf, noteLife } from '../../src/evidence/new-lines.js'

const start = 1_800_000_000_000
const nothing: Evidence = {
  ...{ observations: [], silences: [], receipts: [] },
  ...{ members: [], exceptions: [], compromised: [] },
}
const probe = { silent: [], members: [] }
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
])('%s', (_, change, known, count) => {
  const at = change.at ?? start + 1
  const lines = newLinesOf(
    { ...probe, at, seen: [seen(true, { at }), seen(false, { at, ...change })] },
    known,
  )
  expect(lines).toHaveLength(count)
  expect(lines.every(({ event }) => event === 'observed')).toBe(true)
})

test('the same after a generation was made is noted again: what was seen before says nothing of it', () => {
  const two = [seen(false, { at: later }), seen(true, { at: later })]
  const of = (at: number): readonly unknown[] => {
    const one = { number: 2, fingerprint: 'ab'.repeat(32), at, notAfter: later * 2 }
    const made = new Map([[address, [{ ...one, issuer: 'authority/agent/1', trusted: undefined }]]])
    return newLinesOf({ ...probe, at: later, seen: two }, before(), made)
  }
  expect(of(start)).toEqual([])
  expect(of(start + 1)).toHaveLength(2)
})

test('another agent is noted for itself alone', () => {
  const other = 'identity/server/global/s2'
  const two = seen(true, { address: other, asked: other, endpoint: '10.0.0.2:4647' })
  const lines = newLinesOf({ ...probe, at: start, seen: [seen(true), seen(false), two] }, before())
  expect(lines.map((line) => line.address)).toEqual([other])
})

test('members are noted when they changed, or when the note grows old', () => {
  const members = (change: Partial<Members> = {}): Members => ({
    ...{ region: 'global', at: start, servers: ['s1.global'], clients: [], gone: [] },
    ...change,
  })
  const known: Evidence = { ...nothing, members: [members()] }
  const count = (change: Partial<Members>): number =>
    newLinesOf({ ...probe, at: start, seen: [], members: [members(change)] }, known).length
  expect(count({ at: later })).toBe(0)
  expect(count({ at: later, leader: 's1.global' })).toBe(1)
  expect(count({ at: later, clients: ['c1'] })).toBe(1)
  expect(count({ at: later, region: 'us-west' })).toBe(1)
  expect(count({ at: later + 1 })).toBe(1)
})

const silent = { address, endpoint: '10.0.0.1:4647', rpc: true, message: 'nothing listens there' }

test('a port that falls silent is noted, with the port that still answers; the same silence once', () => {
  const at = start + 1000
  const lines = newLinesOf(
    { ...probe, at, seen: [seen(false, { at })], silent: [silent] },
    before(),
  )
  expect(lines.map((one) => 'endpoint' in one && [one.event, one.endpoint, one.run])).toEqual([
    ['observed', '10.0.0.1:4646', at],
    ['silent', '10.0.0.1:4647', at],
  ])
  const known: Evidence = {
    ...nothing,
    observations: [seen(false, { at, run: at })],
    silences: [{ ...silent, at, run: at }],
  }
  const again = {
    ...probe,
    at: at + 5000,
    seen: [seen(false, { at: at + 5000 })],
    silent: [silent],
  }
  expect(newLinesOf(again, known)).toEqual([])
})

test('an agent that moved is noted whole, so that its old address counts no more', () => {
  const at = start + 1000
  const moved = [seen(true, { at }), seen(false, { at, endpoint: '10.0.0.9:4646' })]
  expect(newLinesOf({ ...probe, at, seen: moved }, before())).toHaveLength(2)
})

test('a port that was asked for two agents is noted for the one of the spec', () => {
  const twice = [seen(false), seen(false, { asked: 'member/global/x' })]
  const [line, ...more] = newLinesOf({ ...probe, at: start, seen: twice }, nothing)
  expect(more).toEqual([])
  expect(line).not.toHaveProperty('asked')
})
