/**
 * Generations whose key the node holds: whole without key.pem, as long as the manifest says so.
 */

import { rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { packIdentity } from '../../src/delivery/pack-identity.js'
import { readArchive } from '../../src/delivery/read-archive.js'
import { generationName } from '../../src/inventory/generation-name.js'
import { encodeManifest, readManifest } from '../../src/inventory/manifest.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { day, World } from '../world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [10.0.0.11] }, s2: {} }
`
const s1 = { role: 'server', region: 'global', name: 's1' } as const
const address = 'identity/server/global/s1'
const place = 'server/global/s1'

/** A world in which s1's key never was in the store. */
async function held(): Promise<World> {
  const world = new World(spec)
  await world.apply()
  const at = (file: string): string => world.read(`identity/${place}/current/${file}`)
  const [leaf] = parseCertificates(at('cert.pem'))
  const fingerprint = fingerprintOf(leaf!)
  const files = { cert: at('cert.pem'), ca: at('ca.pem') }
  const { serial, notBefore, notAfter } = leaf!
  const manifest = encodeManifest({
    ...{ address, generation: 1, made: world.now, files },
    leaf: { serial, fingerprint, notBefore, notAfter },
  })
  rmSync(world.path(`identity/${place}`), { recursive: true })
  const { store } = world
  const lock = await store.lock()
  const batch = store.batch()
  batch.putGeneration(s1, generationName(1, fingerprint), { ...files, manifest })
  await batch.commit()
  await lock.release()
  return world
}

const findings = async (world: World): Promise<readonly string[]> =>
  verifyCluster(world.desired, await world.inventory(), { now: world.now })
    .filter(({ severity, address: about }) => severity !== 'note' && about === address)
    .map(({ reason, message }) => `${reason}: ${message}`)

test('it is not incomplete: nothing is planned, and verify has nothing against it', async () => {
  const world = await held()
  expect(await world.steps()).toEqual([])
  expect(await findings(world)).toEqual([])
  const found = (await world.inventory()).identities.get(address)!
  expect(found.current?.key).toEqual({ state: 'node' })
})

test('a key that is missing without that mark stays missing', async () => {
  const world = new World(spec)
  await world.apply()
  rmSync(world.path(`identity/${place}/current/key.pem`))
  expect(await world.steps()).toEqual([`renew ${address} (incomplete)`])
  expect(await findings(world)).toContain('incomplete: key.pem is missing')
})

test('a key that lies there all the same is told', async () => {
  const world = await held()
  const other = world.read('identity/server/global/s2/current/key.pem')
  writeFileSync(world.current(place, 'key.pem'), other, { mode: 0o600 })
  expect(await findings(world)).toContainEqual(expect.stringMatching(/^key-mismatch/))
})

test('new trust comes without a key: the certificate stays, and the mark', async () => {
  const world = await held()
  const before = world.read(`identity/${place}/current/cert.pem`)
  world.edit('{ lifetime: 10y }', '{ lifetime: 10y, trusted: [1, 2] }')
  await world.apply()
  expect(world.generations(place)).toHaveLength(2)
  expect(world.read(`identity/${place}/current/cert.pem`)).toBe(before)
  const manifest = readManifest(world.read(`identity/${place}/current/manifest.json`))
  if (typeof manifest === 'string') throw new Error(manifest)
  expect(manifest).toMatchObject({ generation: 2, held: 'node' })
  expect(manifest.files['key.pem']).toBeUndefined()
  expect((await world.inventory()).identities.get(address)?.current?.key.state).toBe('node')
  expect(await world.steps()).toEqual([])
})

test('a generation that a killed run made is finished without a key', async () => {
  const world = await held()
  rmSync(world.path(`identity/${place}/current`))
  expect(await world.steps()).toEqual([`finish ${address} (unfinished)`])
  await world.apply()
  expect(await world.steps()).toEqual([])
})

test('no key is made in its place, unless somebody names it', async () => {
  const world = (await held()).later(70 * day)
  const planned = await world.plan()
  expect(planned.steps.map((step) => step.address)).toEqual(['identity/server/global/s2'])
  expect(planned.findings).toContainEqual(
    expect.objectContaining({ severity: 'error', address, reason: 'request-needed' }) as unknown,
  )
  const asked = await world.plan({ renew: [address] })
  expect(asked.steps.map((step) => step.address)).toContain(address)
  await world.apply()
  expect(world.generations(place)).toHaveLength(1)
  // What the finding says cures it.
  rmSync(world.path(`identity/${place}`), { recursive: true })
  await world.apply()
  expect(await world.steps()).toEqual([])
})

test('what a node receives has no key, and says so', async () => {
  const world = await held()
  const parsed = parseSpec(spec, { file: 'cluster.yaml' }).spec!
  const identity = world.desired.identities.find((one) => one.address === address)!
  const installer = Buffer.from('#!/bin/sh\n')
  const { archive } = await packIdentity(parsed, identity, world.store, {
    now: world.now,
    installer,
  })
  expect(Buffer.from(archive).includes('PRIVATE KEY')).toBe(false)
  const read = readArchive(archive)
  expect(read.manifest.key).toBe(false)
  expect(read.files.key).toBeUndefined()
  expect(read.generation).toMatchObject({ held: 'node' })
})
