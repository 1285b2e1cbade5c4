/** A root whose key is on another machine: what is asked, signed there and taken here, and what is refused. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { certifierOf } from '../../src/issuers/asked-of.js'
import { certify } from '../../src/issuers/certify.js'
import { answerFile, parseRequestFile, requestFile } from '../../src/issuers/offline-file.js'
import { rehearsalIssuers } from '../../src/issuers/rehearsal-issuers.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintText } from '../../src/x509/certificate.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000

function specOf(signer: string, agent = '', global = ''): string {
  return `version: 1
cluster: acme
authorities:
  agent: { signer: ${signer}${agent} }
  global: { issuer: agent${global} }
regions:
  global:
    authority: global
    servers: { s1: {} }
`
}

/** The machine of the store, and the one that has the key. */
interface Machines {
  readonly store: string
  readonly key: string
}

async function machines(): Promise<Machines> {
  const [store, key] = [specOf('offline'), specOf('file')].map((text) =>
    folder({ 'cluster.yaml': text }),
  ) as [string, string]
  for (const place of [store, key]) {
    expect((await cli(place, ['init', '--new-store'])).status).toBe(0)
  }
  return { store, key }
}

function says(place: string, text: string): void {
  fs.writeFileSync(path.join(place, 'cluster.yaml'), text)
}

function carry(from: string, to: string, name: string): void {
  fs.copyFileSync(path.join(from, name), path.join(to, name))
}

function textOf(place: string, name: string): string {
  return fs.readFileSync(path.join(place, name), 'utf8')
}

async function run(place: string, line: string, world = {}): Promise<Said> {
  return cli(place, line.split(' '), world)
}

async function good(place: string, line: string, world = {}): Promise<Said> {
  const said = await run(place, line, world)
  expect(said.status, said.stderr).toBe(0)
  return said
}

async function refused(place: string, line: string, message: RegExp, world = {}): Promise<void> {
  const ledger = textOf(place, 'pki/ledger.jsonl')
  const { status, stdout, stderr } = await run(place, line, world)
  expect([1, 3, 64]).toContain(status)
  expect(stdout + stderr).toMatch(message)
  expect(textOf(place, 'pki/ledger.jsonl')).toBe(ledger)
}

/** Asks, signs and takes. */
async function answered({ store, key }: Machines, name: string): Promise<void> {
  await good(store, `authority request agent --out ${name}.request`)
  carry(store, key, `${name}.request`)
  await good(key, `authority accept ${name}.request --out ${name}.answer --yes`)
  carry(key, store, `${name}.answer`)
}

describe('a root with signer: offline', () => {
  test('lives its whole life without its key in the store', async () => {
    const both = await machines()
    const { store, key } = both
    fs.rmSync(path.join(store, 'pki'), { recursive: true })
    expect((await good(store, 'init --new-store')).stderr).toMatch(
      /next: nomad-pki authority request agent --out FILE/,
    )
    const blocked = await run(store, 'apply --yes')
    expect(blocked.status).toBe(1)
    expect(blocked.stderr).toMatch(/signed on another machine.*\n.*authority request agent --out/)
    await answered(both, 'first')
    await good(store, 'authority accept first.answer --yes')
    await good(store, 'apply --yes')
    await good(store, 'verify')
    await good(store, 'rotate leaves --all --yes')
    // The next intermediate waits, and the one that is there signs.
    says(store, specOf('offline', '', ', signing: 2'))
    const rotated = await run(store, 'rotate leaves --all --yes')
    expect(rotated.stderr).toMatch(/1 error holds 1 step; everything else is done/)
    const [under1] = parseCertificates(
      textOf(store, 'pki/identity/server/global/s1/current/cert.pem'),
    )
    expect(under1!.issuer.der).toEqual(
      parseCertificates(textOf(store, 'pki/authority/global/1/ca.pem'))[0]!.subject.der,
    )
    await answered(both, 'second')
    await good(store, 'authority accept second.answer --yes')
    await good(store, 'apply --yes')
    await good(store, 'verify')
    // The root, crossed.
    const crossed = [', signing: 2, trusted: [1, 2], crossed: true', ', signing: 3'] as const
    says(store, specOf('offline', ...crossed))
    says(key, specOf('file', ...crossed))
    await answered(both, 'third')
    await good(store, 'authority accept third.answer --yes')
    await good(store, 'apply --yes')
    await good(store, 'verify')
    expect((await run(store, 'plan')).status).toBe(0)
    for (const generation of [1, 2]) {
      expect(fs.existsSync(path.join(store, `pki/authority/agent/${generation}/ca-key.pem`))).toBe(
        false,
      )
    }
    const [root1, cross] = [
      textOf(store, 'pki/authority/agent/1/ca.pem'),
      textOf(store, 'pki/authority/agent/2/crossed-by-1.pem'),
    ].map((pem) => parseCertificates(pem)[0]!)
    expect(cross!.issuer.der).toEqual(root1!.subject.der)
  })

  test('the request says in words what is signed, and the answer what was', async () => {
    const both = await machines()
    await answered(both, 'a')
    const request = textOf(both.store, 'a.request')
    expect(request).toMatch(/^nomad-pki authority request\n/)
    expect(request).toMatch(
      /The cluster acme asks for 2 certificates\. The key of agent signs them\./,
    )
    expect(request).toMatch(/1\. authority\/agent\/1: a new root\n {3}subject +CN=acme agent CA 1/)
    expect(request).toMatch(/may sign +certificates of the region global; no other authority/)
    const answer = textOf(both.store, 'a.answer')
    const [root] = parseCertificates(textOf(both.key, 'pki/authority/agent/1/ca.pem'))
    expect(answer).toContain(fingerprintText(root!))
    // Mail and editors change line ends.
    fs.writeFileSync(path.join(both.store, 'w.answer'), answer.replaceAll('\n', '\r\n'))
    await good(both.store, 'authority accept w.answer --yes')
  })

  test('a request is signed where the key is, by a person who agrees', async () => {
    const both = await machines()
    const { store, key } = both
    const { stdout } = await good(store, 'authority request agent --out a.request')
    const digest = stdout.split(' ')[0]!
    carry(store, key, 'a.request')
    await refused(key, 'authority accept a.request --out a.answer', /no terminal to ask on/)
    await refused(key, 'authority accept a.request', /--out ANSWER/)
    await refused(key, 'authority accept a.request --out pki/a', /not saved in the store/)
    const other = `SHA256:${'0'.repeat(64)}`
    await refused(
      key,
      `authority accept a.request --out a.answer --fingerprint ${other}`,
      /the request is SHA256:.*and SHA256:0+ was expected/,
    )
    await refused(
      key,
      'authority accept a.request --out a.answer --yes',
      /the request is 31d old, and 30d is the most/,
      { now: now + 31 * day },
    )
    await refused(key, 'authority accept a.request --out a.answer --yes', /set the clock/, {
      now: now - 3 * day,
    })
    await refused(
      store,
      'authority accept a.request --out a.answer --yes',
      /says that the key of authority\/agent\/1 is on another machine/,
    )
    const no = await run(key, 'authority accept a.request --out a.answer', {
      terminal: true,
      input: 'n',
    })
    expect(no).toMatchObject({ status: 3 })
    says(key, specOf('file').replace('cluster: acme', 'cluster: other'))
    await refused(key, 'authority accept a.request --out a.answer --yes', /of the cluster acme/)
    says(key, specOf('file'))
    await good(key, `authority accept a.request --out a.answer --fingerprint ${digest}`)
    // Signed again, it is the same: the answer was lost.
    await good(key, 'authority accept a.request --out b.answer --yes')
    const certificates = (name: string): readonly string[] =>
      textOf(key, name).match(/fingerprint +SHA256:[0-9a-f]+/g)!
    expect(certificates('b.answer')).toEqual(certificates('a.answer'))
  })

  test('an answer is taken once, as it was signed, and only to the last request', async () => {
    const both = await machines()
    const { store, key } = both
    await answered(both, 'a')
    const answer = textOf(store, 'a.answer')
    const variants: readonly (readonly [string, string, RegExp])[] = [
      ['words', answer.replace('CN=acme global', 'CN=acme globel'), /words do not say.*line 14/],
      ['cut', answer.slice(0, answer.length - 60), /data is missing/],
      ['request', textOf(store, 'a.request'), /--out ANSWER|on another machine/],
      ['nothing', 'hello\n', /not an authority request/],
      [
        'json',
        answer.replace(/(ANSWER-----\n)[\s\S]*(\n-----END)/, '$1e30=$2'),
        /format is another/,
      ],
    ]
    for (const [name, text, message] of variants) {
      fs.writeFileSync(path.join(store, name), text)
      await refused(store, `authority accept ${name} --yes`, message)
    }
    says(store, specOf('offline', '', ', lifetime: 2y'))
    await refused(store, 'authority accept a.answer --yes', /lifetime of authority\/global\/1 was/)
    says(store, specOf('offline'))
    await refused(store, 'authority accept a.answer --yes', /31d old/, { now: now + 31 * day })
    const foreign = await machines()
    carry(store, foreign.store, 'a.answer')
    await refused(foreign.store, 'authority accept a.answer --yes', /request of another store/)
    // Asked again for something else: the answer to the first request does not count any more.
    says(store, specOf('offline', '', ', lifetime: 2y'))
    await good(store, 'authority request agent --out c.request')
    says(store, specOf('offline'))
    await refused(store, 'authority accept a.answer --yes', /it answers an earlier request/)
    await good(store, 'authority request agent --out d.request')
    fs.rmSync(path.join(key, 'pki'), { recursive: true })
    await good(key, 'init --new-store')
    await answered(both, 'b')
    const pin = `SHA256:${'0'.repeat(64)}`
    says(store, specOf('offline', `, fingerprint: "${pin}"`))
    await refused(store, 'authority accept b.answer --yes', /the spec pins SHA256:0+/)
    const [root] = parseCertificates(textOf(key, 'pki/authority/agent/1/ca.pem'))
    says(store, specOf('offline', `, fingerprint: "${fingerprintText(root!)}"`))
    await good(store, 'authority accept b.answer --yes')
    await refused(store, 'authority accept b.answer --yes', /it was taken already, on 20/)
  })

  test('an answer that another key signed is refused by the public key of the root', async () => {
    const both = await machines()
    const { store, key } = both
    await answered(both, 'a')
    await good(store, 'authority accept a.answer --yes')
    says(store, specOf('offline', '', ', signing: 2'))
    await good(store, 'authority request agent --out b.request')
    carry(store, key, 'b.request')
    // The right words and bytes, by a key that is not the root's.
    const request = parseRequestFile(fs.readFileSync(path.join(store, 'b.request')))
    const certificates = await certify(request, certifierOf(rehearsalIssuers()))
    const forged = answerFile({ request, certificates, lists: [], signedAt: request.madeAt })
    fs.writeFileSync(path.join(store, 'b.answer'), forged)
    await refused(
      store,
      'authority accept b.answer --yes',
      /what acme agent CA 1 .* returned is not what was prepared: its signature is not by/,
    )
    // A machine that lost the key.
    fs.rmSync(path.join(key, 'pki'), { recursive: true })
    await good(key, 'init --new-store')
    await refused(
      key,
      'authority accept b.request --out b.answer --yes',
      /authority\/agent\/1 is to sign, and the store here does not have it \(SHA256:/,
    )
    // With its certificate and without its key.
    fs.mkdirSync(path.join(key, 'pki/authority/agent/1'), { recursive: true })
    carry(store, key, 'pki/authority/agent/1/ca.pem')
    await refused(
      key,
      'authority accept b.request --out b.answer --yes',
      /key of authority\/agent\/1 is not in the store/,
    )
  })

  test('a request that got lost is written again, and its answer counts', async () => {
    const both = await machines()
    const { store } = both
    await answered(both, 'a')
    const ledger = textOf(store, 'pki/ledger.jsonl')
    const again = await good(store, 'authority request agent --out b.request', { now: now + day })
    expect(again.stderr).toMatch(/it is the request of 20.*: nothing changed since/)
    expect(textOf(store, 'b.request')).toBe(textOf(store, 'a.request'))
    expect(textOf(store, 'pki/ledger.jsonl')).toBe(ledger)
    // Too old to be signed: another one.
    await good(store, 'authority request agent --out c.request', { now: now + 31 * day })
    expect(textOf(store, 'c.request')).not.toBe(textOf(store, 'a.request'))
  })

  test('a root that was made where the key is stays as it is, whatever is asked', async () => {
    const both = await machines()
    const { store, key } = both
    await answered(both, 'a')
    const root = textOf(key, 'pki/authority/agent/1/ca.pem')
    const accept = 'authority accept x.request --out x.answer --yes'
    // Another store of the same cluster, lost or hostile.
    const other = await machines()
    await good(other.store, 'authority request agent --out x.request')
    carry(other.store, key, 'x.request')
    await refused(key, accept, /asks for a new root authority\/agent\/1, and it was made here/)
    // The serial number of the root that is there does not help.
    const request = parseRequestFile(fs.readFileSync(path.join(other.store, 'x.request')))
    const [first, low] = request.items
    const { serial } = parseRequestFile(fs.readFileSync(path.join(store, 'a.request'))).items[0]!
    if (first?.kind !== 'root') throw new TypeError('the first is the root')
    const longer = { ...first, serial, lifetime: first.lifetime + day }
    const disguised = { ...request, items: [longer, low!] }
    fs.writeFileSync(path.join(key, 'x.request'), requestFile(disguised))
    await refused(key, accept, /a root with its serial number was made before/)
    expect(textOf(key, 'pki/authority/agent/1/ca.pem')).toBe(root)
    expect(fs.existsSync(path.join(key, 'x.answer'))).toBe(false)
    // The key of an intermediate that is another now is told before it is signed.
    await good(store, 'authority accept a.answer --yes')
    const known = [{ address: 'authority/agent/1', certificate: parseCertificates(root)[0]! }]
    fs.writeFileSync(path.join(key, 'y'), requestFile({ ...request, known, items: [low!] }))
    const dry = await good(key, 'authority accept y --out y.answer --dry-run')
    expect(dry.stdout).toMatch(/signed authority\/global\/1 before, for another key: SHA256:/)
  })

  test('a root that the machine of the key does not have is named to the person', async () => {
    const both = await machines()
    const { store, key } = both
    await answered(both, 'a')
    const root = parseCertificates(textOf(key, 'pki/authority/agent/1/ca.pem'))[0]!
    const elsewhere = await machines()
    await answered(elsewhere, 'a')
    const second = parseCertificates(textOf(elsewhere.key, 'pki/authority/agent/1/ca.pem'))[0]!
    const request = parseRequestFile(fs.readFileSync(path.join(store, 'a.request')))
    const known = [
      { address: 'authority/agent/1', certificate: root },
      { address: 'authority/agent/2', certificate: second },
    ]
    const cross = {
      kind: 'cross',
      address: 'authority/agent/2',
      issuer: 'authority/agent/1',
      serial: request.items[0]!.serial.replace(/^../, '01'),
      intermediates: 1,
    } as const
    fs.writeFileSync(path.join(key, 'x'), requestFile({ ...request, known, items: [cross] }))
    const dry = await good(key, 'authority accept x --out y --dry-run')
    expect(dry.stdout).toContain(
      `The store here does not have authority/agent/2: compare its fingerprint where it was made. ${fingerprintText(second)}`,
    )
  })

  test('a hundred regions are one request, and encrypted intermediates get their passphrase', async () => {
    const regions = Array.from({ length: 100 }, (_one, at) => `r${at}`)
    const text = (signer: string): string => `version: 1
cluster: acme
authorities:
  agent: { signer: ${signer} }
${regions.map((one) => `  ${one}: { issuer: agent }`).join('\n')}
  locked: { issuer: agent, signer: encrypted }
regions:
${regions.map((one) => `  ${one}: { authority: ${one}, servers: { ${one}: {} } }`).join('\n')}
  last: { authority: locked, servers: { last: {} } }
`
    const [store, key] = [text('offline'), text('file')].map((one) =>
      folder({ 'cluster.yaml': one, pass: 'correct horse battery\n' }),
    ) as [string, string]
    for (const place of [store, key]) await good(place, 'init --new-store')
    const line = 'authority request agent --out a.request'
    await refused(store, line, /no terminal to ask for the new passphrase of authority\/locked\/1/)
    const fd = fs.openSync(path.join(store, 'pass'), 'r')
    await good(store, `${line} --passphrase-fd ${fd}`)
    fs.closeSync(fd)
    carry(store, key, 'a.request')
    await good(key, 'authority accept a.request --out a.answer --yes')
    carry(key, store, 'a.answer')
    expect((await good(store, 'authority accept a.answer --yes')).stderr).toMatch(/102 taken/)
  })

  test('what cannot wait is said: a name that is not there, a key that is here, a file that exists', async () => {
    const { store, key } = await machines()
    await refused(store, 'authority request --out a.request nobody', /no authority is called/)
    await refused(store, 'authority request global --out a.request', /does not say that the key of/)
    await refused(key, 'authority request agent --out a.request', /does not say that the key of/)
    await refused(store, 'authority request agent', /needs --out FILE/)
    fs.writeFileSync(path.join(store, 'there'), '')
    await refused(store, 'authority request agent --out there', /there exists already/)
    const direct = specOf('offline').replace('    authority: global\n', '    authority: agent\n')
    says(store, direct)
    await refused(
      store,
      'plan',
      /agent signs the certificates of global, and its key is on another/,
    )
  })
})
