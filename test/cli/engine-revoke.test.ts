/** Revocation and the engine: the ledger and the engine say the same, whoever began; against an engine in this process. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { colons } from '../../src/engine/certificates.js'
import { fingerprintOf, type Certificate } from '../../src/x509/certificate.js'
import { copyFolder } from '../copy-folder.js'
import {
  copyRoot,
  engineSpec,
  leafIn,
  ledgerIn,
  fromNothing,
  withToken,
} from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let made = ''
let place = ''
let signed = 0
const run = (line: string, more?: Record<string, string>): Promise<Said> =>
  withToken(engine, place, line, more)
const ledger = (): string => ledgerIn(place)
const leafOf = (identity: string): Certificate => leafIn(place, identity)
const thereOf = (address: string): string => colons(leafOf(address).serial)
const asked = (): number => engine.calls.filter((call) => call.path === 'pki/nomad/revoke').length

beforeAll(async () => {
  engine = await fakeEngine({ clock: () => now })
  made = folder()
  const spec = engineSpec(engine, {
    region: {
      domains: '[acme.internal]',
      clients: '{ c1: { names: [c1.acme.internal] }, c2: {} }',
    },
  })
  fs.writeFileSync(path.join(made, 'cluster.yaml'), spec)
  await fromNothing(engine, made)
  signed = engine.signed.length
})
beforeEach(() => {
  engine.script = () => undefined
  engine.revoked.clear()
  engine.listed = undefined
  ;(engine.signed as string[]).length = signed
  place = folder()
  copyFolder(made, place)
})
afterAll(() => engine.close())

test('a leaf of the engine: in the ledger, then in the engine by its serial number, and once more changes nothing', async () => {
  // A run that is killed after the call has noted it, so the next one asks again.
  const noted: boolean[] = []
  engine.script = ({ path: one }) => {
    if (one === 'pki/nomad/revoke') noted.push(ledger().includes('"event":"revoked"'))
    return undefined
  }
  const { stdout, stderr, status } = await run('revoke c1 --reason key-compromise')
  expect([stderr, status]).toEqual(['', 0])
  expect(noted).toEqual([true])
  expect(stdout).toContain(`revoked in the engine: pki/nomad/cert/${thereOf('client/us-west/c1')}`)
  // Its list is the engine's: none is made here, and none is missed.
  expect(stdout).toContain('the engine makes the revocation list: pki/nomad/issuer/us-west-1/crl')
  expect(stdout).not.toContain('no revocation list of')
  expect([...engine.revoked]).toEqual([thereOf('client/us-west/c1')])
  const lines = ledger()
  expect((await run('revoke c1 --reason key-compromise')).status).toBe(0)
  expect(ledger()).toBe(lines)
  const verified = await run('verify --long')
  expect(verified.stdout).not.toMatch(/engine-|it has no revocation list/)
})

test('--dry-run asks the engine nothing', async () => {
  const calls = engine.calls.length
  const { stdout } = await run('revoke c1 --dry-run')
  expect(stdout).toContain('would be revoked in the engine: pki/nomad/cert/')
  expect(engine.calls).toHaveLength(calls)
})

test.each<[string, () => void, RegExp]>([
  [
    'no right to',
    () =>
      (engine.script = ({ path: one }) =>
        one === 'pki/nomad/revoke'
          ? { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied'] } }
          : undefined),
    /could not be revoked in the engine: .*no policy of the token allows pki\/nomad\/revoke/,
  ],
  [
    'an answer that is lost each time',
    () =>
      (engine.script = ({ path: one }) =>
        one === 'pki/nomad/revoke' ? { status: 502 } : undefined),
    /not known to be revoked in the engine: .*HTTP 502/,
  ],
])(
  '%s: the ledger has it, exit 1, verify tells, and `revoke` alone ends it',
  async (_, fault, said) => {
    fault()
    const { stdout, status } = await run('revoke c1')
    expect(stdout).toMatch(said)
    expect(stdout).toContain('when the cause is gone: nomad-pki revoke')
    expect(status).toBe(1)
    expect(ledger()).toContain('"event":"revoked"')
    engine.script = () => undefined
    const found = await run('verify --long')
    expect(found.stdout).toMatch(/it is revoked here, and pki\/nomad\/cert\/\S+ is not/)
    expect((await run('revoke')).status).toBe(0)
    expect(engine.revoked.size).toBe(1)
    expect((await run('verify --long')).stdout).not.toContain('engine-')
  },
)

test('an answer that is lost once is asked for again: to revoke twice is to revoke once', async () => {
  let lost = 0
  engine.script = ({ path: one }) =>
    one === 'pki/nomad/revoke' && lost++ === 0 ? { status: 0, cut: true } : undefined
  expect((await run('revoke c1')).status).toBe(0)
  expect(lost).toBe(2)
})

test('without a token: noted, and what to do', async () => {
  const before = asked()
  const { stdout, status } = await run('revoke c1', { BAO_TOKEN: '' })
  expect(stdout).toContain('could not be revoked in the engine')
  expect(stdout).toContain('set BAO_TOKEN')
  expect(status).toBe(1)
  expect(asked()).toBe(before)
  // The same line again: it is in the ledger already, and the engine is asked all the same.
  expect((await run('revoke c1')).status).toBe(0)
  expect([...engine.revoked]).toEqual([thereOf('client/us-west/c1')])
})

test('what the engine does not have: said, and revoked by the certificate where it is here', async () => {
  engine.script = ({ path: one, body }) =>
    one === 'pki/nomad/revoke' && 'serial_number' in body
      ? {
          status: 400,
          body: { errors: [`certificate with serial ${String(body.serial_number)} not found.`] },
        }
      : one === 'pki/nomad/revoke'
        ? { status: 200, body: { data: { state: 'revoked' } } }
        : undefined
  expect((await run('revoke c1')).stdout).toContain('revoked in the engine: ')
  const { stdout, status } = await run('revoke --serial 5f3a --authority us-west')
  expect(stdout).toContain('it does not have this certificate')
  expect(status).toBe(1)
})

test('the next generation is a file: what the first one signed is looked at and revoked in the engine all the same', async () => {
  const spec = path.join(place, 'cluster.yaml')
  const text = fs.readFileSync(spec, 'utf8')
  const moved = 'mount: pki/nomad }, signing: 2, signer: { 1: engine, 2: file }'
  fs.writeFileSync(spec, text.replace('mount: pki/nomad }', moved))
  const [old, there] = [leafOf('client/us-west/c1').serial, thereOf('client/us-west/c1')]
  expect((await run('apply --yes')).status).toBe(0)
  expect(leafOf('client/us-west/c1').serial).not.toBe(old)
  engine.revoked.add(there)
  expect((await run('verify --long')).stdout).toContain(
    `pki/nomad/cert/${there} is revoked in the engine, and the ledger does not say so`,
  )
  engine.revoked.clear()
  const { stdout, status } = await run(`revoke ${old}`)
  expect(stdout).toContain(`revoked in the engine: pki/nomad/cert/${there}`)
  expect(status).toBe(0)
  expect([...engine.revoked]).toEqual([there])
})

test('revoked in both, and a list that is older: a note, with what makes the list anew', async () => {
  expect((await run('revoke c1')).status).toBe(0)
  engine.listed = new Set()
  const { stdout } = await run('verify --long')
  expect(stdout).toMatch(/cert\/\S+ is revoked, and the list of the engine does not name it yet/)
  expect(stdout).toContain('bao read pki/nomad/crl/rotate')
  expect(stdout).not.toMatch(/it is revoked here, and \S+ is not/)
})

test('a pin of what neither the store nor the engine has: no other intermediate is made in its place', async () => {
  const spec = path.join(place, 'cluster.yaml')
  const pin = `SHA256:${'0'.repeat(64)}`
  fs.writeFileSync(
    spec,
    fs
      .readFileSync(spec, 'utf8')
      .replace('mount: pki/nomad }', `mount: pki/other }, fingerprint: "${pin}"`),
  )
  fs.rmSync(path.join(place, 'pki/authority/us-west'), { recursive: true })
  const { stderr, status } = await run('authority setup us-west')
  expect(stderr).toContain(`the spec has ${pin} for authority/us-west/1`)
  expect(status).toBe(1)
  expect(fs.existsSync(path.join(place, 'pki/authority/us-west'))).toBe(false)
})

test('revoked in the engine by hand: verify names the command that notes it', async () => {
  engine.revoked.add(thereOf('client/us-west/c1'))
  const { stdout } = await run('verify --long')
  expect(stdout).toContain('is revoked in the engine, and the ledger does not say so')
  const cure = `revoke SHA256:${fingerprintOf(leafOf('client/us-west/c1'))}`
  expect(stdout).toContain(`nomad-pki ${cure}`)
  expect((await run(cure)).status).toBe(0)
  expect((await run('verify --long')).stdout).not.toContain('the ledger does not say so')
})

test('a certificate that this store did not ask for is named; either remedy ends it', async () => {
  const theirs = folder()
  const own = place
  copyFolder(made, theirs)
  place = theirs
  expect((await run('rotate leaves c1 --yes')).status).toBe(0)
  const serial = leafOf('client/us-west/c1').serial
  place = own
  const { stdout } = await run('verify --long')
  expect(stdout).toContain(
    `pki/nomad/cert/${colons(serial)} is not of this store: client of us-west, c1.acme.internal`,
  )
  const cure = `revoke --serial ${serial} --authority us-west/1`
  expect(stdout).toContain(`nomad-pki adopt --engine; else: nomad-pki ${cure}`)
  const adopted = folder()
  copyFolder(own, adopted)
  expect((await run(cure)).status).toBe(0)
  expect((await run('verify --long')).stdout).not.toContain('is not of this store')
  engine.revoked.clear()
  place = adopted
  expect((await run('adopt --engine')).status).toBe(0)
  expect((await run('verify --long')).stdout).not.toContain('is not of this store')
})

test('five hundred of the unknown are read, and it is said that there are more', async () => {
  const many = Array.from({ length: 600 }, (_, at) =>
    colons(`5e${at.toString(16).padStart(38, '0')}`),
  )
  engine.script = ({ method, path: one }) =>
    method === 'LIST' && one === 'pki/nomad/certs'
      ? { status: 200, body: { data: { keys: many } } }
      : undefined
  const before = engine.calls.length
  const { stdout } = await run('verify --long')
  expect(stdout).toContain(
    '600 certificates of pki/nomad are unknown here or differ, and 500 of them were read',
  )
  const reads = engine.calls.slice(before).filter((call) => call.path.startsWith('pki/nomad/cert/'))
  expect(reads).toHaveLength(500)
  expect(stdout).toContain('bao write pki/nomad/tidy tidy_cert_store=true')
  // What is wrong with each is not told five hundred times.
  expect(stdout.match(/it is listed, and is not there/g)).toHaveLength(20)
  expect(stdout).toContain('480 more answers that are not the certificate')
})

test('an answer that was lost is found in the engine, with the command that revokes it', async () => {
  // The engine signs, and the answer does not come: the second one leaves the first open.
  let cut = false
  engine.script = ({ path: one }) => {
    if (!one.includes('/sign/') || cut) return undefined
    cut = true
    return { status: 0, cut: true }
  }
  await run('rotate leaves c1 --yes')
  const { stdout } = await run('verify --long')
  expect(stdout).toMatch(/pki\/nomad\/cert\/\S+ is what authority\/us-west\/1 made for it on/)
  const [, cure] = /(revoke --serial \w+ --authority us-west\/1 --reason superseded)/.exec(stdout)!
  expect((await run(cure!)).status).toBe(0)
})

test('adopt --engine does not say what a list has that it did not read', async () => {
  engine.revoked.add(thereOf('client/us-west/c1'))
  const fresh = folder()
  fs.copyFileSync(path.join(place, 'cluster.yaml'), path.join(fresh, 'cluster.yaml'))
  copyRoot(place, fresh)
  place = fresh
  engine.script = ({ path: one }) => (one.endsWith('/crl') ? { status: 500 } : undefined)
  const { stdout } = await run('adopt root --engine')
  expect(stdout).toContain('calls it revoked, and the list of its issuer was not read')
  expect(ledger()).not.toContain('"event":"revoked"')
})

test('adopt --engine: the word of the engine alone does not revoke; its signed list does', async () => {
  engine.revoked.add(thereOf('client/us-west/c1'))
  engine.listed = new Set()
  const fresh = folder()
  fs.copyFileSync(path.join(place, 'cluster.yaml'), path.join(fresh, 'cluster.yaml'))
  copyRoot(place, fresh)
  place = fresh
  const { stdout, status } = await run('adopt root --engine')
  expect(stdout).toContain(
    'the engine calls it revoked, and the list that its issuer signed does not have it',
  )
  expect(status).toBe(0)
  expect(ledger()).not.toContain('"event":"revoked"')
  engine.listed = undefined
  expect((await run('adopt root --engine')).status).toBe(0)
  expect(ledger()).toContain('"event":"revoked"')
})
