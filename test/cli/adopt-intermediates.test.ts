/** Several generations of one intermediate, below one root: leaves of each live on, and nothing is made anew. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare, prepareIntermediate } from '../../src/authority/prepare.js'
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
const pem = ({ certificate, key }: Pair): string =>
  encodeCertificate(certificate) + encodePrivateKey(key)

let root: Pair
let first: Pair
let sameKey: Pair
let otherKey: Pair
beforeAll(async () => {
  const key = generateKeySync('ecdsa-p256')
  const { certificate } = await createRoot(
    { subject: { commonName: 'Old CA' }, lifetime: 3650 * day, key },
    { now: now - 100 * day },
  )
  root = { certificate, key }
  first = await intermediate(now - 90 * day)
  sameKey = await intermediate(now - 5 * day, first.key)
  otherKey = await intermediate(now - 5 * day)
})

async function intermediate(at: number, key = generateKeySync('ecdsa-p256')): Promise<Pair> {
  const { certificate } = await issue(
    prepareIntermediate(
      {
        subject: { commonName: 'Old Issuing CA' },
        lifetime: 1000 * day,
        publicKey: key.publicKey,
        regions: ['global'],
      },
      heldIssuer({ ...root, name: 'a' }),
      { now: at },
    ),
  )
  return { certificate, key }
}

async function server(above: Pair, at: number): Promise<Pair> {
  const key = generateKeySync('ecdsa-p256')
  const asked = { role: 'server', region: 'global', names: [], ips: [], uris: [] } as const
  const { certificate } = await issue(
    prepare(
      { ...asked, publicKey: key.publicKey, lifetime: 200 * day },
      heldIssuer({ ...above, name: 'b', above: [root.certificate] }),
      { now: at },
    ),
  )
  return { certificate, key }
}

async function adopted(cwd: string): Promise<Record<string, [string, number]>> {
  const source = stateOf(path.join(cwd, 'old'))
  const { status, stdout, stderr } = await cli(cwd, ['adopt', 'old', '--json'])
  expect([status, stderr]).toEqual([0, stderr])
  const { identities, leftOut } = JSON.parse(stdout) as {
    identities: { address: string; issuer: string; generation: number }[]
    leftOut: { code: string }[]
  }
  expect(leftOut.filter(({ code }) => code !== 'adoption/replaced')).toEqual([])
  expect((await cli(cwd, ['plan'])).stdout).toMatch(/^nothing to do\n/)
  const verify = await cli(cwd, ['verify', '--json'])
  expect(JSON.parse(verify.stdout)).toMatchObject({ errors: 0, warnings: 0 })
  expect(verify.status).toBe(0)
  expect(stateOf(path.join(cwd, 'old'))).toEqual(source)
  return Object.fromEntries(
    identities.map(({ address, issuer, generation }) => [
      address.replace('identity/server/global/', ''),
      [issuer, generation],
    ]),
  )
}

async function world(next: Pair): Promise<string> {
  return folder({
    'old/ca.pem': encodeCertificate(root.certificate),
    'old/issuing.pem': pem(first),
    'old/issuing-2.pem': pem(next),
    'old/s1/server.pem': pem(await server(first, now - 9 * day)),
    'old/s2/server.pem': pem(await server(next, now - day)),
  })
}

test('one that was renewed with its key: one authority, nothing to do', async () => {
  const cwd = await world(sameKey)
  expect(await adopted(cwd)).toEqual({
    s1: ['authority/issuing/1', 1],
    s2: ['authority/issuing/1', 1],
  })
})

test('one that was renewed with another key: two generations, nothing to do, and the newer one signs', async () => {
  const cwd = await world(otherKey)
  expect(await adopted(cwd)).toEqual({
    s1: ['authority/issuing/1', 1],
    s2: ['authority/issuing/2', 1],
  })
  // Behind each leaf stands the generation that signed it.
  const chain = fs.readFileSync(
    path.join(cwd, 'pki/identity/server/global/s1/current/cert.pem'),
    'utf8',
  )
  expect(chain).toContain(encodeCertificate(first.certificate))
  expect((await cli(cwd, ['rotate', 'leaves', '--all', '--yes'])).status).toBe(0)
  expect((await cli(cwd, ['verify'])).status).toBe(0)
})

test('one that the old tool renewed with another key after the adoption: its leaf renews, and nothing else', async () => {
  const cwd = folder({
    'old/ca.pem': encodeCertificate(root.certificate),
    'old/issuing.pem': pem(first),
    'old/s1/server.pem': pem(await server(first, now - 9 * day)),
    'old/s2/server.pem': pem(await server(first, now - 9 * day)),
  })
  await adopted(cwd)
  const write = (file: string, pair: Pair): void => {
    fs.writeFileSync(path.join(cwd, 'old', file), pem(pair))
  }
  write('issuing.pem', otherKey)
  write('s2/server.pem', await server(otherKey, now - day))
  expect(await adopted(cwd)).toEqual({
    s1: ['authority/issuing/1', 1],
    s2: ['authority/issuing/2', 2],
  })
  expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toMatch(
    /issuing: \{ issuer: agent, .*signing: 2, rollout: ride-along/,
  )
  const before = stateOf(cwd)
  await adopted(cwd)
  expect(stateOf(cwd)).toEqual(before)
})
