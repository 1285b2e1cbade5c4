/** The revocation list of a root whose key is on another machine: asked for, signed there, taken here. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { prepareList, type ListContent } from '../../src/authority/revocation-list.js'
import {
  answerFile,
  parseAnswerFile,
  parseRequestFile,
  requestFile,
} from '../../src/issuers/offline-file.js'
import { generateKey } from '../../src/keys/generate.js'
import { algorithmOf } from '../../src/keys/algorithms.js'
import { pemBlocks } from '../../src/keys/pem.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { signBytes } from '../../src/keys/sign.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { parseCrl } from '../../src/x509/crl.js'
import { assembleCertificate } from '../../src/x509/encode.js'
import { isSignedBy } from '../../src/x509/signature.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000

const specOf = (signer: string): string => `version: 1
cluster: acme
authorities:
  agent: { signer: ${signer} }
  global: { issuer: agent }
regions:
  global:
    authority: global
    servers: { s1: {} }
`

let store = ''
let key = ''
const run = (place: string, line: string, at = now): Promise<Said> =>
  cli(place, line.split(' '), { now: at })
const good = async (place: string, line: string, at = now): Promise<Said> => {
  const said = await run(place, line, at)
  expect(said.status, `${line}\n${said.stderr}`).toBe(0)
  return said
}
const textOf = (place: string, name: string): string =>
  fs.readFileSync(path.join(place, name), 'utf8')
const carry = (from: string, to: string, name: string): void =>
  fs.copyFileSync(path.join(from, name), path.join(to, name))
const crl = 'pki/authority/agent/1/crl.pem'
const derOf = (place: string): Uint8Array => pemBlocks(textOf(place, crl))[0]!.der
const findings = async (at = now): Promise<string> =>
  (await run(store, 'verify --offline', at)).stdout

/** Nothing of the store has changed. */
async function refused(place: string, line: string, message: RegExp, at = now): Promise<void> {
  const before = [textOf(place, 'pki/ledger.jsonl'), fs.existsSync(path.join(place, crl))]
  const { status, stdout, stderr } = await run(place, line, at)
  expect([1, 3, 64]).toContain(status)
  expect(stdout + stderr).toMatch(message)
  expect([textOf(place, 'pki/ledger.jsonl'), fs.existsSync(path.join(place, crl))]).toEqual(before)
}

/** Asks, signs and brings the answer. */
async function signed(name: string, at = now): Promise<void> {
  await good(store, `authority request agent --out ${name}.request`, at)
  carry(store, key, `${name}.request`)
  await good(key, `authority accept ${name}.request --out ${name}.answer --yes`, at)
  carry(key, store, `${name}.answer`)
}

beforeEach(async () => {
  ;[store, key] = ['offline', 'file'].map((signer) =>
    folder({ 'cluster.yaml': specOf(signer) }),
  ) as [string, string]
  for (const place of [store, key]) await good(place, 'init --new-store')
  await signed('first')
  await good(store, 'authority accept first.answer --yes')
  await good(store, 'apply --yes')
})

test('an answer in a file with a space is named as a shell reads it', async () => {
  await revoke('4bad')
  await good(store, 'authority request agent --out agent.request')
  carry(store, key, 'agent.request')
  const words = ['authority', 'accept', 'agent.request', '--out', 'my answer', '--yes']
  const { stderr } = await cli(key, words, { now })
  expect(stderr).toMatch(/on the machine of the store: nomad-pki authority accept 'my answer'\n$/)
})

const revoke = (serial: string, more = '', at = now): Promise<Said> =>
  run(store, `revoke --serial ${serial} --authority agent/1 --reason key-compromise${more}`, at)

describe('revoke under a root whose key is on another machine', () => {
  test('prints the commands that have the list signed, and they do', async () => {
    const dry = await revoke('4bad', ' --dry-run')
    expect(dry.stdout).toMatch(/to have the list signed:\n {2}here: nomad-pki authority request/)
    const said = await revoke('4bad')
    expect(said.status).toBe(1)
    expect(said.stdout).toMatch(/no revocation list of authority\/agent\/1: the key of .* another/)
    const json = JSON.parse((await run(store, 'revoke --json')).stdout) as {
      readonly lists: readonly { readonly ask: string }[]
    }
    expect(json.lists[0]!.ask).toBe('nomad-pki authority request agent --out agent.request')
    expect(await findings()).toMatch(
      /has no revocation list[\s\S]*nomad-pki authority request agent --out agent\.request/,
    )
    // As they are printed.
    const lines = [
      ...said.stdout
        .split('cheapest cure')[0]!
        .matchAll(/^ {2}(here|on the machine|here, with).*: nomad-pki (.*)$/gm),
    ]
    expect(lines).toHaveLength(3)
    for (const [at, [, , line]] of lines.entries()) {
      const name = line!.split(' ')[2]!
      if (at === 1) carry(store, key, name)
      if (at === 2) carry(key, store, name)
      await good(at === 1 ? key : store, at === 0 ? line! : `${line!} --yes`)
    }
    const [root] = parseCertificates(textOf(store, 'pki/authority/agent/1/ca.pem'))
    const list = parseCrl(derOf(store))
    expect(isSignedBy(list, root!.publicKey)).toBe(true)
    expect(list.entries).toMatchObject([{ serial: '4bad', reason: 'key-compromise' }])
    expect(list.nextUpdate! - list.thisUpdate).toBe(180 * day)
    expect(await findings()).not.toContain('revocation list')
    expect((await good(store, 'authority request --out none')).stderr).toMatch(/nothing waits/)
    // The machine of the key keeps it, and owes its readers nothing.
    expect(derOf(key)).toEqual(derOf(store))
    expect((await run(key, 'verify --offline', now + 200 * day)).stdout).not.toContain(
      'its revocation',
    )
  })

  test('says in words what the list is, on both files', async () => {
    await revoke('4bad')
    await revoke('00ff01', '', now + 1500)
    await signed('a', now + 2000)
    const request = textOf(store, 'a.request')
    expect(request).toMatch(/asks for one revocation list\. The key of agent signs it\./)
    expect(request).toMatch(/1\. authority\/agent\/1: its revocation list\n {3}number +1; higher/)
    expect(request).toMatch(
      / {5}serial 4bad, since 20.* \(key-compromise\)\n {5}serial ff01, since/,
    )
    expect(request).toMatch(
      /software that reads lists refuses these certificates; Nomad reads none/,
    )
    const answer = textOf(store, 'a.answer')
    expect(answer).toMatch(/signed one revocation list for the cluster acme/)
    expect(answer).toMatch(/revokes +2 certificates/)
    expect((await good(store, 'authority accept a.answer --yes', now + 3000)).stderr).toMatch(
      /copy .*authority\/agent\/1\/crl\.pem to software that reads lists/,
    )
  })

  test('goes with certificates in one request', async () => {
    await revoke('4bad')
    const text = specOf('offline').replace('issuer: agent', 'issuer: agent, signing: 2')
    fs.writeFileSync(path.join(store, 'cluster.yaml'), text)
    await signed('a')
    expect(textOf(store, 'a.request')).toMatch(/asks for one certificate and one revocation list/)
    expect((await good(store, 'authority accept a.answer --yes')).stderr).toMatch(/2 taken/)
    await good(store, 'apply --yes')
    expect(await findings()).not.toContain('revocation list')
  })

  test('asks for the next list before this one ends, and when more is revoked', async () => {
    await revoke('4bad')
    await signed('a')
    // The same request, as long as nothing changed; and the same list, signed once.
    await good(store, 'authority request --out b.request', now + day)
    expect(textOf(store, 'b.request')).toBe(textOf(store, 'a.request'))
    await good(key, 'authority accept a.request --out again.answer --yes')
    expect(parseAnswerFile(fs.readFileSync(path.join(key, 'again.answer'))).lists).toEqual(
      parseAnswerFile(fs.readFileSync(path.join(key, 'a.answer'))).lists,
    )
    // In the same second, and not in it.
    await revoke('4bae', '', now + 300)
    await good(store, 'authority accept a.answer --yes', now + 400)
    expect(await findings(now + 500)).toMatch(/something was revoked since its revocation list/)
    await signed('c', now + 1000)
    await good(store, 'authority accept c.answer --yes', now + 2000)
    expect(parseCrl(derOf(store))).toMatchObject({
      number: '02',
      entries: [{}, { serial: '4bae' }],
    })
    expect(await findings(now + 149 * day)).not.toContain('revocation list')
    expect(await findings(now + 151 * day)).toMatch(/its revocation list ends on/)
    await signed('d', now + 151 * day)
    await good(store, 'authority accept d.answer --yes', now + 151 * day)
    expect(await findings(now + 181 * day)).not.toContain('revocation list')
  })

  test('where the machine of the key has another list of that number, its entries are taken over', async () => {
    await revoke('4bad')
    await good(store, 'authority request --out a.request')
    carry(store, key, 'a.request')
    await run(key, 'revoke --serial 77 --authority agent/1')
    await refused(
      key,
      'authority accept a.request --out a.answer --yes',
      /asks for revocation list 1 of .*, and the store here has list 1[\s\S]*copy .*crl\.pem/,
    )
    carry(key, store, crl)
    await signed('b')
    await good(store, 'authority accept b.answer --yes')
    expect([...parseCrl(derOf(store)).revoked].sort()).toEqual(['4bad', '77'])
  })

  test('the person at the key sees an authority in the list, and what left it', async () => {
    await revoke('4bad')
    await signed('a')
    const [low] = parseCertificates(textOf(store, 'pki/authority/global/1/ca.pem'))
    const request = parseRequestFile(fs.readFileSync(path.join(store, 'a.request')))
    const [asked] = request.lists
    const entries = [{ serial: low!.serial, at: request.madeAt, reason: 'superseded' } as const]
    fs.writeFileSync(
      path.join(key, 'x'),
      requestFile({ ...request, lists: [{ ...asked!, number: 2, entries }] }),
    )
    const { stdout } = await good(key, 'authority accept x --out y --dry-run')
    expect(stdout).toMatch(
      /list 1 of authority\/agent\/1 revokes 4bad \(20.*\), and this one does not/,
    )
    expect(stdout).toContain('has the serial number of authority/global/1: software that reads')
  })
})

describe('an answer with a list is refused', () => {
  const hour = 3_600_000
  type Change = (content: ListContent) => Partial<ListContent>
  const contents: readonly (readonly [string, Change, RegExp])[] = [
    ['of another number', () => ({ number: 2 }), /its number is 2, and 1 was asked for/],
    ['without an entry', () => ({ entries: [] }), /it lacks 4bad, which is revoked/],
    [
      'with one more',
      ({ entries }) => ({ entries: [...entries, { ...entries[0]!, serial: '4bae' }] }),
      /it revokes 4bae, which was not asked for/,
    ],
    [
      'with another reason',
      ({ entries }) => ({ entries: [{ ...entries[0]!, reason: 'superseded' }] }),
      /it says of an entry, or beside the entries, something else/,
    ],
    ['that began later', ({ thisUpdate }) => ({ thisUpdate: thisUpdate + hour }), /its dates/],
    ['that lives longer', ({ nextUpdate }) => ({ nextUpdate: nextUpdate + hour }), /its dates/],
  ]
  const rootOf = (): NonNullable<ReturnType<typeof parseCertificates>[0]> =>
    parseCertificates(textOf(key, 'pki/authority/agent/1/ca.pem'))[0]!
  const rootKey = (): ReturnType<typeof parsePrivateKey> =>
    parsePrivateKey(textOf(key, 'pki/authority/agent/1/ca-key.pem'))

  const give = async (lists: readonly Uint8Array[]): Promise<void> => {
    const answer = parseAnswerFile(fs.readFileSync(path.join(store, 'a.answer')))
    fs.writeFileSync(path.join(store, 'forged'), answerFile({ ...answer, lists }))
  }
  const made = (tbs: Uint8Array, by = rootKey(), identifier?: Uint8Array): Uint8Array =>
    assembleCertificate(
      tbs,
      identifier ?? algorithmOf(by.algorithm).signatureIdentifier,
      signBytes(by, tbs),
    )
  const contentOf = (): ListContent => {
    const { number, thisUpdate, nextUpdate, entries } = parseCrl(derOf(key))
    return {
      number: Number.parseInt(number!, 16),
      ...{ thisUpdate, nextUpdate: nextUpdate! },
      entries: entries as ListContent['entries'],
    }
  }
  beforeEach(async () => {
    await revoke('4bad')
    await signed('a')
  })

  test.each(contents)('%s, though the right key signed it', async (_name, change, message) => {
    const content = contentOf()
    await give([made(prepareList(rootOf(), { ...content, ...change(content) }))])
    await refused(store, 'authority accept forged --yes', message)
    await good(store, 'authority accept a.answer --yes')
  })

  test('by another key, of another issuer, with another algorithm, or not a list', async () => {
    const [low] = parseCertificates(textOf(store, 'pki/authority/global/1/ca.pem'))
    const tbs = prepareList(rootOf(), contentOf())
    const der = derOf(key)
    const sha384 = algorithmOf('ecdsa-p384').signatureIdentifier
    const wrong: readonly (readonly [Uint8Array, RegExp])[] = [
      [made(tbs, await generateKey('ecdsa-p256')), /its signature is not by the key of this auth/],
      [made(tbs, await generateKey('rsa-2048')), /its signature is not by the key of this auth/],
      [made(prepareList(low!, contentOf())), /its issuer is CN=acme global.*, and CN=acme agent/],
      [made(tbs, rootKey(), sha384), /its signature is not by the key|in another way/],
      [Buffer.concat([der, Buffer.of(0)]), /not a certificate revocation list/],
      [der.subarray(0, 40), /not a certificate revocation list/],
      [rootOf().der, /not a certificate revocation list|its issuer/],
      [new Uint8Array(), /not a certificate revocation list/],
    ]
    for (const [list, message] of wrong) {
      await give([list])
      await refused(store, 'authority accept forged --yes', message)
    }
    const text = textOf(store, 'a.answer')
    fs.writeFileSync(path.join(store, 'forged'), withData(text, { lists: [] }))
    await refused(store, 'authority accept forged --yes', /it answers 0 of 1 that were asked for/)
    const twice = [der, der].map((one) => Buffer.from(one).toString('base64'))
    fs.writeFileSync(path.join(store, 'forged'), withData(text, { lists: twice }))
    await refused(store, 'authority accept forged --yes', /lists has 2 entries, more than 1/)
  })

  test('to an earlier request, twice, of another store, or where the key is here again', async () => {
    const elsewhere = folder({ 'cluster.yaml': specOf('offline') })
    await good(elsewhere, 'init --new-store')
    carry(store, elsewhere, 'a.answer')
    await refused(elsewhere, 'authority accept a.answer --yes', /a request of another store/)
    fs.writeFileSync(path.join(store, 'cluster.yaml'), specOf('file'))
    await refused(store, 'authority accept a.answer --yes', /no longer says that the key of/)
    fs.writeFileSync(path.join(store, 'cluster.yaml'), specOf('offline'))
    await refused(store, 'authority accept a.answer --yes', /31d old/, now + 31 * day)
    await good(store, 'authority accept a.answer --yes')
    await refused(store, 'authority accept a.answer --yes', /it was taken already, on 20/)
    await revoke('4bae', '', now + 5000)
    await signed('b', now + 6000)
    await refused(
      store,
      'authority accept a.answer --yes',
      /it answers an earlier request: the revocation list of authority\/agent\/1 was asked for again/,
      now + 7000,
    )
    await good(store, 'authority accept b.answer --yes', now + 7000)
    expect(parseCrl(derOf(store)).entries).toHaveLength(2)
  })
})

test('a request for a list that no list can be is refused where it is read', async () => {
  await revoke('4bad')
  await good(store, 'authority request --out a.request')
  const request = parseRequestFile(fs.readFileSync(path.join(store, 'a.request')))
  const list = request.lists[0]!
  const [entry] = list.entries
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ ...list, number: 0 }, /number is not a number from 1 on/],
    [{ ...list, number: 1.5 }, /number is not a number from 1 on/],
    [{ ...list, address: 'authority/other/1' }, /is to sign a list, and it is not in the request/],
    [{ ...list, lifetime: 0 }, /lifetime is nothing/],
    [{ ...list, entries: [entry, entry] }, /a serial number twice/],
    [{ ...list, entries: [{ ...entry, serial: '-1' }] }, /serial is "-1"/],
    [{ ...list, entries: [{ ...entry, serial: '' }] }, /serial is not text/],
    [{ ...list, entries: [{ ...entry, at: 1.5 }] }, /not a moment in whole seconds/],
    [{ ...list, entries: [{ ...entry, reason: 'ca-compromise' }] }, /reason is unknown/],
    [{ ...list, entries: Array.from({ length: 10_001 }, () => entry) }, /more than 10000/],
  ]
  for (const [one, message] of wrong) {
    const file = withData(requestFile(request), { lists: [one] })
    expect(() => parseRequestFile(Buffer.from(file))).toThrow(message)
  }
  const twice = { lists: [list, list] }
  expect(() => parseRequestFile(Buffer.from(withData(requestFile(request), twice)))).toThrow(
    /two lists of one authority/,
  )
})

/** The same file with other data. */
function withData(file: string, more: object): string {
  const [, data] = /-----\n([\s\S]*)\n-----END/.exec(file)!
  const value = JSON.parse(Buffer.from(data!, 'base64').toString()) as object
  const json = JSON.stringify({ ...value, ...more })
  return file.replace(data!, Buffer.from(json).toString('base64'))
}
