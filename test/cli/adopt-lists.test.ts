/** `adopt` of a folder with revocation lists: the next list has the next number, and keeps what was revoked. */

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { withLists } from '../../src/adoption/lists.js'
import { pemBlocks, pemEncode } from '../../src/keys/pem.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { parseCrl } from '../../src/x509/crl.js'
import { copyFolder } from '../copy-folder.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000
const crl = 'pki/authority/agent/1/crl.pem'
const run = (place: string, line: string, at = now): Promise<Said> =>
  // A folder may have a space in its name.
  cli(
    place,
    line.split(' ').map((word) => word.replaceAll('\0', ' ')),
    { now: at },
  )
const adopt = (place: string, from: string, more = ''): Promise<Said> =>
  good(place, `adopt ${from.replaceAll(' ', '\0')}${more}`)
const good = async (place: string, line: string, at = now): Promise<Said> => {
  const said = await run(place, line, at)
  expect(said.status, `${line}\n${said.stdout}${said.stderr}`).toBe(0)
  return said
}
const derOf = (file: string): Uint8Array => pemBlocks(fs.readFileSync(file, 'utf8'))[0]!.der
const listOf = (
  place: string,
): readonly [number: string | undefined, serials: readonly string[]] => {
  const { number, entries } = parseCrl(derOf(path.join(place, crl)))
  return [number, entries.map(({ serial }) => serial)]
}

/** A store with two lists behind it. */
async function made(): Promise<string> {
  const place = folder({
    'cluster.yaml':
      'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} }, clients: { c1: {} } } }\n',
  })
  await good(place, 'init --new-store')
  await good(place, 'apply --yes')
  for (const serial of ['4bad', '5bad']) {
    await good(place, `revoke --serial ${serial} --authority agent/1 --reason superseded`)
  }
  return place
}

/** Its store in another folder, as it is copied. */
function copyOf(place: string): string {
  const out = folder()
  copyFolder(path.join(place, 'pki'), path.join(out, 'copy'))
  return path.join(out, 'copy')
}

test('a store of ours: its list comes along, in either form', async () => {
  const before = await made()
  const copy = copyOf(before)
  const file = path.join(copy, 'authority/agent/1/crl.pem')
  fs.writeFileSync(path.join(copy, 'authority/agent/1/ca.crl'), derOf(file))
  for (const gone of ['ca.crl', 'crl.pem']) {
    fs.renameSync(path.join(copy, 'authority/agent/1', gone), path.join(copy, 'gone'))
    const place = folder()
    const { stdout } = await adopt(place, copy)
    expect(stdout).toMatch(/^\+ revocation list 2 of authority\/agent\/1: 2 certificates, from /m)
    expect(derOf(path.join(place, crl))).toEqual(derOf(path.join(before, crl)))
    expect((await run(place, 'plan')).stdout).toContain('nothing to do')
    expect((await good(place, 'verify --offline')).stdout).not.toContain('revocation list')
    await good(place, 'revoke --serial 6bad --authority agent/1 --reason superseded')
    expect(listOf(place)).toEqual(['03', ['4bad', '5bad', '6bad']])
    fs.renameSync(path.join(copy, 'gone'), path.join(copy, 'authority/agent/1', gone))
  }
})

test('where nothing was revoked since, its end is told, and `revoke` makes the next one', async () => {
  const place = folder()
  await adopt(place, copyOf(await made()))
  const later = now + 31 * day
  const { stdout } = await run(place, 'verify --offline', later)
  expect(stdout).toMatch(/its revocation list ended on [\s\S]*nomad-pki revoke/)
  await good(place, 'revoke', later)
  expect(listOf(place)).toEqual(['03', ['4bad', '5bad']])
  expect((await run(place, 'verify --offline', later)).stdout).not.toContain('revocation list')
})

test.each(['another authority', 'the same name'])('a list by %s is passed over', async (by) => {
  const copy = copyOf(await made())
  const file = path.join(copy, 'authority/agent/1/crl.pem')
  if (by === 'another authority') fs.copyFileSync(path.join(await made(), crl), file)
  else {
    // Another number, and what vouched for the list no longer does.
    const der = Buffer.from(derOf(file))
    der[der.indexOf(Buffer.from('4bad', 'hex'))]! ^= 1
    fs.writeFileSync(file, pemEncode('X509 CRL', der))
  }
  const place = folder()
  const { stdout } = await adopt(place, copy)
  expect(stdout).toMatch(
    /crl\.pem\n +it is a revocation list in the name of .*, and no authority that is adopted signed it/,
  )
  expect(stdout).not.toContain('+ revocation list')
  expect(fs.existsSync(path.join(place, crl))).toBe(false)
  await good(place, 'revoke --serial 6bad --authority agent/1 --reason superseded')
  expect(listOf(place)).toEqual(['01', ['6bad']])
})

test('lists of OpenSSL: the one with the highest number, with its entries', async () => {
  const place = folder()
  const vectors = fileURLToPath(new URL('../vectors/openssl-crl', import.meta.url))
  const { stdout } = await adopt(place, vectors, ' --json')
  const { authorities, leftOut } = JSON.parse(stdout) as {
    readonly authorities: readonly { readonly list: unknown }[]
    readonly leftOut: readonly { readonly place: string; readonly message: string }[]
  }
  expect(authorities).toMatchObject([{ list: { number: 2, revoked: 2 } }])
  const told = leftOut.filter(({ message }) => message.includes('revocation list'))
  expect(told).toHaveLength(1)
  expect(told[0]!.place).toMatch(/empty\.pem$/)
  expect(told[0]!.message).toMatch(/a later revocation list of authority\/agent\/1 is in .*two\./)
  const two = fs.readFileSync(path.join(vectors, 'two.der'))
  expect(two.equals(derOf(path.join(place, crl)))).toBe(true)
  const words = 'revoke --serial 6bad --authority agent/1 --reason superseded --json'
  const next = JSON.parse((await run(place, words)).stdout) as {
    readonly lists: readonly unknown[]
  }
  expect(next.lists).toMatchObject([{ number: 3, revoked: 3 }])
})

test('adopted again: a later list is taken, an earlier one is not, and none is put twice', async () => {
  const before = await made()
  const early = copyOf(before)
  const place = folder()
  await adopt(place, early)
  const ledger = (): string => fs.readFileSync(path.join(place, 'pki/ledger.jsonl'), 'utf8')
  const lines = ledger()
  expect((await adopt(place, early)).stdout).not.toContain('revocation list')
  expect(ledger()).toBe(lines)
  await good(before, 'revoke --serial 6bad --authority agent/1 --reason superseded')
  const late = copyOf(before)
  expect((await adopt(place, late)).stdout).toContain('+ revocation list 3 of')
  expect(listOf(place)).toEqual(['03', ['4bad', '5bad', '6bad']])
  expect((await adopt(place, early)).stdout).toMatch(
    /the store has made list 3, and this is list 2/,
  )
  // Two machines made lists of one authority: neither may lose what it revoked.
  await good(place, 'revoke --serial 7bad --authority agent/1 --reason superseded')
  for (const serial of ['8bad', '9bad']) {
    await good(before, `revoke --serial ${serial} --authority agent/1 --reason superseded`)
  }
  expect((await adopt(place, copyOf(before))).stdout).toMatch(
    /that of the store revokes 7bad, which this one does not/,
  )
  expect(listOf(place)[0]).toBe('04')
})

test('a part of a list, and a number beyond what is counted, are passed over', () => {
  const vectors = new URL('../vectors/openssl-crl/', import.meta.url)
  const [certificate] = parseCertificates(fs.readFileSync(new URL('ca.pem', vectors), 'utf8'))
  const authority = {
    ...{ address: 'authority/agent/1', name: 'agent', generation: 1, certificate: certificate! },
    ...{ crossed: new Map(), places: [], notes: [] },
  }
  const der = fs.readFileSync(new URL('two.der', vectors))
  const list = parseCrl(der)
  expect(list.isPartial).toBe(false)
  const told = (change: Partial<typeof list>): readonly (string | undefined)[] => {
    const found = [{ place: 'crl', der, list: { ...list, ...change } }]
    const { authorities, leftOut } = withLists([authority], found, new Map())
    return [authorities[0]!.list?.place, ...leftOut.map(({ message }) => message)]
  }
  expect(told({})).toEqual(['crl'])
  expect(told({ isPartial: true })).toEqual([undefined, expect.stringMatching(/^it is a part of/)])
  expect(told({ number: 'ffffffffffffffff' })).toEqual([
    undefined,
    expect.stringMatching(/larger than this program counts/),
  ])
})
