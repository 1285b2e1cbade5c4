import { expect, test } from 'vitest'
import { attemptFindings, openAttempts } from '../../src/evidence/attempts.js'
import type { DesiredAuthority } from '../../src/cluster/desired.js'
import type { SignerKind } from '../../src/cluster/signers.js'
import type { FoundAuthority, FoundKey } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { ledgerWith, told } from '../ledger.js'

const address = 'identity/client/global/c1'
const end = 1_000_000
const attempted = (attempt: string, notAfter = end): LedgerEvent =>
  told('attempted', address, 1, {
    attempt,
    issuer: 'authority/agent/1',
    key: 'ab'.repeat(32),
    notAfter,
  })
const made = { generation: 1, serial: '77', fingerprint: 'cd'.repeat(32), notAfter: end }
const open = (...events: readonly LedgerEvent[]): readonly string[] =>
  openAttempts(ledgerWith(events), { now: end - 1 }).map(({ attempt }) => attempt)

test('an attempt is open until a line says what came of it', () => {
  const issued = (detail: object): LedgerEvent =>
    told('issued', address, 2, { ...made, issuer: 'authority/agent/1', ...detail })
  const two = [attempted('01'), attempted('02')]
  expect(open(...two)).toEqual(['01', '02'])
  expect(open(...two, issued({ attempt: '02' }))).toEqual(['01'])
  // A certificate of another attempt closes none, whatever its serial number.
  expect(open(...two, issued({ serial: '01' }))).toEqual(['01', '02'])
  expect(open(...two, told('refused', address, 2, { attempt: '01', message: 'no' }))).toEqual([
    '02',
  ])
  const authority = { fingerprint: made.fingerprint, attempt: '01' }
  expect(open(...two, told('authority', 'authority/agent/2', 2, authority))).toEqual(['02'])
  const cross = { by: 'authority/agent/1', serial: '05', ...authority, notAfter: end }
  expect(open(...two, told('crossed', 'authority/agent/2', 2, cross))).toEqual(['02'])
})

test('a person closes exactly the attempt that is named', () => {
  const override = (code: string, value: string): LedgerEvent =>
    told('override', 'store', 2, { code, value, reason: 'revoked there' })
  const two = [attempted('01'), attempted('02')]
  expect(open(...two, override('attempt', '01'))).toEqual(['02'])
  expect(open(...two, override('copy', '01'))).toEqual(['01', '02'])
})

test('what has ended cannot harm', () => {
  const ledger = ledgerWith([attempted('01'), attempted('02', end + 1)])
  expect(openAttempts(ledger, { now: end }).map(({ attempt }) => attempt)).toEqual(['02'])
})

test('what may exist and was revoked is closed, under its own issuer alone', () => {
  const revoked = (issuer: string): LedgerEvent =>
    told('revoked', address, 2, { serial: '01', issuer, reason: 'superseded' })
  const two = [attempted('01'), attempted('02')]
  expect(open(...two, revoked('authority/agent/1'))).toEqual(['02'])
  expect(open(...two, revoked('authority/agent/2'))).toEqual(['01', '02'])
})

const warned = (signer: SignerKind, state: FoundKey['state']): unknown =>
  attemptFindings(
    { authorities: [{ address: 'authority/agent/1', signer } as DesiredAuthority] },
    {
      ledger: ledgerWith([attempted('0a1b')]),
      authorities: new Map([
        ['authority/agent/1', { key: { state } } as unknown as FoundAuthority],
      ]),
    },
    { now: 2 },
  )

test('the warning names the authority, the key, both dates, and what closes it', () => {
  expect(warned('file', 'absent')).toEqual([
    {
      severity: 'warning',
      address,
      reason: 'maybe-issued',
      message:
        'authority/agent/1 was asked on 1970-01-01T00:00:00Z and no answer is known: a certificate for the key SHA256:abababababababab… may exist until 1970-01-01T00:16:40Z',
      remedy:
        'look for it at the issuer and revoke it there, then: nomad-pki apply --override attempt=0a1b --reason TEXT',
    },
  ])
})

test.each([
  ['command', 'absent'],
  ['ssh-agent', 'absent'],
  ['offline', 'absent'],
  ['encrypted', 'encrypted'],
  ['file', 'present'],
] as const)('a key of ours keeps no register: it is revoked here (%s, %s)', (signer, state) => {
  expect(warned(signer, state)).toMatchObject([
    { remedy: 'nomad-pki revoke --serial 0a1b --authority agent/1 --reason superseded' },
  ])
})

test('a root that an engine may have made twice: nothing there is to be revoked', () => {
  const root = 'authority/agent/1'
  const own: LedgerEvent = { ...attempted('0a1b'), address: root }
  const remedy = (certificate: unknown): unknown =>
    attemptFindings(
      { authorities: [{ address: root, signer: 'engine' } as DesiredAuthority] },
      {
        ledger: ledgerWith([own]),
        authorities: new Map([
          [root, { key: { state: 'absent' }, certificate } as unknown as FoundAuthority],
        ]),
      },
      { now: 2 },
    )[0]?.remedy
  expect(remedy(undefined)).toBe('nomad-pki authority setup agent')
  expect(remedy({})).toMatch(
    /^nothing is to be revoked, least of all the root that is in place: .*\. nomad-pki apply --override attempt=0a1b --reason TEXT$/,
  )
})
