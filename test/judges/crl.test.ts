/**
 * Each revocation list that an authority signs here, before openssl, GnuTLS and Go: its signature, number, dates,
 * reasons and extensions; and the certificates, revoked or not, beside it.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Issuer } from '../../src/authority/issuer.js'
import { issue } from '../../src/authority/issue.js'
import { prepare, prepareIntermediate } from '../../src/authority/prepare.js'
import { signList } from '../../src/authority/revocation-list.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { keyAlgorithms, type KeyAlgorithm } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { revocationReasons, type RevocationReason } from '../../src/revocation-reasons.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { encodeCrl, type CrlEntry } from '../../src/x509/make-crl.js'
import { cli, folder as cliFolder } from '../cli/cli.js'
import { goTool } from '../real-nomad/harness/binaries.js'
import { run, runOk } from '../real-nomad/harness/run.js'

const base = mkdtempSync(join(tmpdir(), 'nomad-pki-crl-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

const day = 86_400_000
const now = Math.floor(Date.now() / 1000) * 1000
const reasons = Object.keys(revocationReasons) as RevocationReason[]

interface Listed {
  readonly list: string
  readonly authority: string
}

function put(name: string, text: string): string {
  const path = join(base, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

async function rootOf(algorithm: KeyAlgorithm, name: string): Promise<Issuer> {
  const key = generateKeySync(algorithm)
  const { certificate } = await createRoot(
    { subject: { commonName: name }, lifetime: 9_000 * day, key },
    { now },
  )
  return heldIssuer({ certificate, key })
}

async function leafOf(issuer: Issuer, region = 'global'): Promise<Certificate> {
  const { publicKey } = generateKeySync('ecdsa-p256')
  const request = { role: 'server', region, publicKey, lifetime: 90 * day } as const
  return (await issue(prepare(request, issuer, { now }))).certificate
}

async function listOf(
  issuer: Issuer,
  name: string,
  entries: readonly CrlEntry[],
  number = 1,
  nextUpdate = now + 30 * day,
): Promise<Listed> {
  const der = await signList(issuer, { number, thisUpdate: now, nextUpdate, entries })
  return {
    list: put(`${name}/crl.pem`, encodeCrl(der)),
    authority: put(`${name}/ca.pem`, encodeCertificate(issuer.certificate)),
  }
}

/** What each says of the signature; empty: all take it. */
async function complaints({ list, authority }: Listed): Promise<readonly string[]> {
  const openssl = await run('openssl', ['crl', '-in', list, '-noout', '-CAfile', authority])
  const gnutls = await run('certtool', [
    ...['--verify-crl', '--load-ca-certificate', authority, '--infile', list],
  ])
  const go = await goSays({ list, authority })
  return [
    ...(openssl.status === 0 && openssl.stderr.includes('verify OK') ? [] : ['openssl']),
    ...(gnutls.status === 0 && /Verified\./.test(gnutls.stdout) ? [] : ['gnutls']),
    ...(go['ok'] === true ? [] : ['go']),
  ]
}

async function goSays({ list, authority }: Listed): Promise<Record<string, unknown>> {
  return JSON.parse(await runOk(goTool('crl'), [list, authority])) as Record<string, unknown>
}

/** Whether `openssl verify` takes a leaf under the lists of all above it. */
async function taken(leaf: Certificate, root: string, through: string, lists: string) {
  const file = put('leaf.pem', encodeCertificate(leaf))
  const { status, stderr } = await run('openssl', [
    ...['verify', '-x509_strict', '-crl_check_all', '-no-CApath', '-trusted', root],
    ...(through === '' ? [] : ['-untrusted', through]),
    ...['-CRLfile', lists, file],
  ])
  if (status === 0) return 'taken'
  return /error (\d+)/.exec(stderr)?.[1] === '23' ? 'revoked' : stderr
}

describe.each(keyAlgorithms)('an authority with %s', (algorithm) => {
  test('signs lists that openssl, GnuTLS and Go verify, and that revoke what they name', async () => {
    const root = await rootOf(algorithm, `root ${algorithm}`)
    const [good, bad] = [await leafOf(root), await leafOf(root)]
    const entries = [
      { serial: bad.serial, at: now - day, reason: 'key-compromise' },
      // A serial number of 20 octets whose first bit is set, and the smallest.
      { serial: `ff${'0a'.repeat(19)}`, at: now - 2 * day, reason: 'superseded' },
      { serial: '01', at: now, reason: 'unspecified' },
    ] as const
    const made = await listOf(root, algorithm, entries)
    expect(await complaints(made)).toEqual([])
    expect(await taken(good, made.authority, '', made.list)).toBe('taken')
    expect(await taken(bad, made.authority, '', made.list)).toBe('revoked')
    // Each judge refuses a list of another key under the same name.
    const other = await rootOf(algorithm, `root ${algorithm}`)
    const false_ = {
      list: made.list,
      authority: put('other.pem', encodeCertificate(other.certificate)),
    }
    expect(await complaints(false_)).toEqual(['openssl', 'gnutls', 'go'])
  })
})

test('number, dates, reasons, identifier of the key: as they were meant', async () => {
  const root = await rootOf('ecdsa-p256', 'root')
  const entries = reasons.map((reason, at) => ({
    ...{ serial: `0${at + 1}`, at: now - at * day, reason },
  }))
  // The edges of DER's INTEGER, and of what a number is here; from 2050 on the longer form of time.
  for (const number of [1, 127, 128, 255, 256, 32_768, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    const nextUpdate = Date.UTC(2049, 11, 31) + (number % 2) * 2 * day
    const made = await listOf(root, `number-${number}`, entries, number, nextUpdate)
    expect(await complaints(made)).toEqual([])
    expect(await goSays(made)).toEqual({
      ok: true,
      number: String(number),
      thisUpdate: now / 1000,
      nextUpdate: nextUpdate / 1000,
      keyId: root.certificate.subjectKeyIdentifier,
      extensions: 2,
      critical: 0,
      entries: entries.map(({ serial, at, reason }) => ({
        serial: String(Number.parseInt(serial, 16)),
        at: at / 1000,
        reason: revocationReasons[reason],
      })),
    })
    const text = await runOk('openssl', ['crl', '-in', made.list, '-noout', '-crlnumber', '-text'])
    expect(BigInt(/crlNumber=(0x)?([0-9A-F]+)/.exec(text)![2]!.replace(/^/, '0x'))).toBe(
      BigInt(number),
    )
    const info = await runOk('certtool', ['--crl-info', '--infile', made.list])
    expect(info).toContain('Authority Key Identifier')
    expect(info).toMatch(new RegExp(`CRL Number[^\\n]*: 0*${number.toString(16)}\\n`))
    expect(info).toContain(`Revoked certificates (${entries.length})`)
  }
})

test('a list without entries says so, and takes nothing from anybody', async () => {
  const root = await rootOf('ecdsa-p384', 'root')
  const made = await listOf(root, 'empty', [])
  expect(await complaints(made)).toEqual([])
  expect(await goSays(made)).toMatchObject({ ok: true, entries: [] })
  const text = await runOk('openssl', ['crl', '-in', made.list, '-noout', '-text'])
  expect(text).toContain('No Revoked Certificates')
  expect(await taken(await leafOf(root), made.authority, '', made.list)).toBe('taken')
})

test('lists of a root and of its intermediate, together', async () => {
  const root = await rootOf('ecdsa-p256', 'root')
  const key = generateKeySync('ecdsa-p384')
  const { certificate } = await issue(
    prepareIntermediate(
      {
        ...{ subject: { commonName: 'west' }, publicKey: key.publicKey, lifetime: 900 * day },
        regions: ['west'],
      },
      root,
      { now },
    ),
  )
  const west = heldIssuer({ certificate, key, above: [root.certificate] })
  const [good, bad] = [await leafOf(west, 'west'), await leafOf(west, 'west')]
  const above = await listOf(root, 'above', [])
  const below = await listOf(west, 'below', [
    { serial: bad.serial, at: now, reason: 'key-compromise' },
  ])
  expect([await complaints(above), await complaints(below)]).toEqual([[], []])
  const text = (await runOk('cat', [above.list])) + (await runOk('cat', [below.list]))
  const lists = put('both.pem', text)
  expect(await taken(good, above.authority, below.authority, lists)).toBe('taken')
  expect(await taken(bad, above.authority, below.authority, lists)).toBe('revoked')
  const gone = await listOf(root, 'gone', [
    { serial: certificate.serial, at: now, reason: 'cessation-of-operation' },
  ])
  const other = put(
    'gone.pem',
    (await runOk('cat', [gone.list])) + (await runOk('cat', [below.list])),
  )
  expect(await taken(good, above.authority, below.authority, other)).toBe('revoked')
})

test('revoke: the numbers of its lists rise, of the root and of the intermediate each for itself', async () => {
  const place = cliFolder({
    'cluster.yaml': `version: 1
cluster: acme
authorities:
  agent: {}
  west: { issuer: agent }
regions:
  global: { authority: agent, servers: { s1: {}, s2: {} } }
  us-west: { authority: west, servers: { w1: {} } }
`,
  })
  const ran = async (line: string): Promise<void> => {
    const said = await cli(place, line.split(' '), { now: Date.now() })
    expect(said.status, `${line}: ${said.stderr}`).toBe(0)
  }
  await ran('init --new-store')
  await ran('apply --yes')
  const at = (name: string): Listed => ({
    list: join(place, 'pki/authority', name, 'crl.pem'),
    authority: join(place, 'pki/authority', name, 'ca.pem'),
  })
  const numbers = async (name: string): Promise<readonly unknown[]> => {
    expect(await complaints(at(name))).toEqual([])
    const { number, entries } = await goSays(at(name))
    return [number, (entries as unknown[]).length]
  }
  await ran('revoke s1 --reason superseded')
  expect(await numbers('agent/1')).toEqual(['1', 1])
  await ran('revoke w1 --reason key-compromise')
  expect([await numbers('agent/1'), await numbers('west/1')]).toEqual([
    ['1', 1],
    ['1', 1],
  ])
  await ran('revoke s2 --reason privilege-withdrawn')
  await ran('revoke')
  expect([await numbers('agent/1'), await numbers('west/1')]).toEqual([
    ['3', 2],
    ['2', 1],
  ])
})
