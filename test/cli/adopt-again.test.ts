/** A second run of `adopt` over a folder that changed, and a store that is not there to be written. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import type { PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { stateOf } from '../adoption/folders.js'
import { cli, folder, now } from './cli.js'

const day = 86_400_000

interface Pair {
  readonly certificate: Certificate
  readonly key: PrivateKey
}

async function root(key = generateKeySync('ecdsa-p256'), at = now - 100 * day): Promise<Pair> {
  const { certificate } = await createRoot(
    { subject: { commonName: 'Old CA' }, lifetime: 3650 * day, key },
    { now: at },
  )
  return { certificate, key }
}

async function server(
  { certificate, key }: Pair,
  host: string,
  at = now - 9 * day,
  own = generateKeySync('ecdsa-p256'),
): Promise<Pair> {
  const asked = {
    role: 'server',
    region: 'global',
    names: [`${host}.acme.test`],
    ips: [],
    uris: [],
  }
  const made = await issue(
    prepare(
      { ...asked, role: 'server', publicKey: own.publicKey, lifetime: 200 * day },
      heldIssuer({ certificate, key, name: 'a' }),
      { now: at },
    ),
  )
  return { certificate: made.certificate, key: own }
}

const pem = ({ certificate, key }: Pair): string =>
  encodeCertificate(certificate) + encodePrivateKey(key)

let ca: Pair
let s1: Pair
let s2: Pair
beforeAll(async () => {
  ca = await root()
  s1 = await server(ca, 's1')
  s2 = await server(ca, 's2')
})

const world = (): string =>
  folder({ 'old/ca.pem': pem(ca), 'old/s1.pem': pem(s1), 'old/s2.pem': pem(s2) })

interface Document {
  readonly identities: readonly { address: string; new: boolean }[]
  readonly leftOut: readonly { place: string; code: string; message: string }[]
}

async function again(cwd: string): Promise<Document> {
  const { status, stdout, stderr } = await cli(cwd, ['adopt', 'old', '--json'])
  expect([status, stderr]).toEqual([0, stderr])
  return JSON.parse(stdout) as Document
}

const write = (cwd: string, file: string, text: string): void => {
  fs.writeFileSync(path.join(cwd, file), text)
}

describe('a second run', () => {
  test.each(['over the old file', 'beside it, with its key'])(
    'leaves out a renewal by the old tool %s, with the reason',
    async (how) => {
      const cwd = world()
      await cli(cwd, ['adopt', 'old'])
      const before = stateOf(path.join(cwd, 'pki'))
      const beside = how !== 'over the old file'
      const file = beside ? 'old/s1-new.pem' : 'old/s1.pem'
      write(cwd, file, pem(await server(ca, 's1', now - day, beside ? s1.key : undefined)))
      const said = await again(cwd)
      expect(said.leftOut.map(({ place, code }) => `${place} ${code}`)).toEqual([
        `${file} (1 of 2) adoption/replaced`,
      ])
      expect(said.identities.filter((one) => one.new)).toEqual([])
      expect(stateOf(path.join(cwd, 'pki'))).toEqual(before)
      expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).not.toContain('s1-2')
    },
  )

  test('with a root that was renewed with its key keeps that of the store, and adopts what is new', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    const before = fs.readFileSync(path.join(cwd, 'pki/authority/agent/1/ca.pem'), 'utf8')
    write(cwd, 'old/ca.pem', pem(await root(ca.key, now - 2 * day)))
    write(cwd, 'old/s3.pem', pem(await server(ca, 's3')))
    const said = await again(cwd)
    expect(said.identities.filter((one) => one.new).map(({ address }) => address)).toEqual([
      'identity/server/global/s3',
    ])
    expect(said.leftOut).toMatchObject([
      { place: 'old/ca.pem (1 of 2)', code: 'adoption/replaced' },
    ])
    expect(fs.readFileSync(path.join(cwd, 'pki/authority/agent/1/ca.pem'), 'utf8')).toBe(before)
    expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
  })

  test('does not bring back a node that the spec no longer names', async () => {
    const cwd = world()
    await cli(cwd, ['adopt', 'old'])
    expect((await cli(cwd, ['remove', 'server', 's2'])).status).toBe(0)
    const spec = fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
    expect(spec).not.toContain('s2:')
    const said = await again(cwd)
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
    expect(said.leftOut).toMatchObject([{ place: 'old/s2.pem (1 of 2)', code: 'adoption/agent' }])
    expect(said.leftOut[0]!.message).toContain('was adopted before')
  })
})

describe('a store that cannot be written', () => {
  test.each(['--dry-run', '--json'])(
    'in a folder of other things is an error before anything is written (%s)',
    async (flag) => {
      const cwd = world()
      fs.mkdirSync(path.join(cwd, 'pki'))
      write(cwd, 'pki/thesis.txt', 'x')
      const before = stateOf(cwd)
      const refused = await cli(cwd, ['adopt', 'old', flag])
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain('is not a store: it holds "thesis.txt"')
      expect(stateOf(cwd)).toEqual(before)
    },
  )

  test('that git would track is an error before anything is written; one that git is told to leave is not', async () => {
    const cwd = world()
    // A repository, as far as it takes to be found.
    fs.mkdirSync(path.join(cwd, 'pki/.git'), { recursive: true })
    write(cwd, 'pki/.git/HEAD', 'ref: refs/heads/main\n')
    const before = stateOf(cwd)
    for (const flag of ['--dry-run', '--json']) {
      const refused = await cli(cwd, ['adopt', 'old', flag])
      expect(refused.status).toBe(1)
      expect(refused.stderr).toContain('is a git repository itself')
    }
    expect(stateOf(cwd)).toEqual(before)
    fs.renameSync(path.join(cwd, 'pki/.git'), path.join(cwd, '.git'))
    expect((await cli(cwd, ['adopt', 'old', '--dry-run'])).status).toBe(0)
    expect((await cli(cwd, ['adopt', 'old'])).status).toBe(0)
  })
})
