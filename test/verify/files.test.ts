/** What only real files can have wrong: modes, links, whole directories, configurations. */

import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../src/diagnostics.js'
import { proveCluster } from '../../src/probe/prove-cluster.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { copyFolder } from '../copy-folder.js'
import { smallSpec, World } from '../world.js'

const s1 = 'identity/server/global/s1'

let made: string
beforeAll(async () => {
  const world = new World()
  await world.apply()
  made = mkdtempSync(join(tmpdir(), 'nomad-pki-made-'))
  copyFolder(world.path(), join(made, 'pki'))
})
afterAll(() => {
  rmSync(made, { recursive: true })
})

/** A world whose store is a copy of one that was made once. */
function copied(): World {
  const world = new World()
  copyFolder(join(made, 'pki'), world.path())
  return world
}

async function findingsOf(world: World): Promise<readonly Finding[]> {
  return verifyCluster(world.desired, await world.inventory(), { now: world.now })
}

test('what apply made is sound, and shakes hands', async () => {
  const world = new World()
  world.now = Date.now()
  await world.apply()
  expect(await findingsOf(world)).toEqual([])
  const proof = await proveCluster(world.desired, await world.inventory(), world.store, {
    now: world.now,
  })
  expect(proof).toMatchObject({ classes: 2, refused: 0, findings: [] })
})

test('no store at all: one finding, not one for each node', async () => {
  const world = new World()
  expect(await findingsOf(world)).toMatchObject([
    {
      severity: 'error',
      address: 'store',
      reason: 'missing',
      remedy: expect.stringContaining('restore it') as string,
    },
  ])
})

const faults: readonly (readonly [string, (world: World) => void, Partial<Finding>])[] = [
  [
    'a key that others can read',
    (w) => {
      chmodSync(w.current('server/global/s1', 'key.pem'), 0o644)
    },
    { severity: 'error', address: s1, reason: 'mode-open' },
  ],
  [
    "an authority's key that others can read",
    (w) => {
      chmodSync(w.path('authority/agent/1/ca-key.pem'), 0o644)
    },
    { severity: 'error', address: 'authority/agent/1', reason: 'mode-open' },
  ],
  [
    'a link that points nowhere',
    (w) => {
      unlinkSync(w.path(s1, 'current'))
      symlinkSync('7-00000000', w.path(s1, 'current'))
    },
    { severity: 'error', address: s1, reason: 'link-broken' },
  ],
  [
    'a link that leads out of the store',
    (w) => {
      unlinkSync(w.path(s1, 'current'))
      symlinkSync('/etc', w.path(s1, 'current'))
    },
    { severity: 'error', address: s1, reason: 'link-broken' },
  ],
  [
    'no link: a generation that was never switched to',
    (w) => {
      unlinkSync(w.path(s1, 'current'))
    },
    { severity: 'error', address: s1, reason: 'unfinished' },
  ],
  [
    'an identity that is gone',
    (w) => {
      rmSync(w.path(s1), { recursive: true })
    },
    { severity: 'error', address: s1, reason: 'missing' },
  ],
  [
    'a key that is gone',
    (w) => {
      unlinkSync(w.current('server/global/s1', 'key.pem'))
    },
    { severity: 'error', address: s1, reason: 'incomplete' },
  ],
  [
    'a manifest that is gone',
    (w) => {
      unlinkSync(w.current('server/global/s1', 'manifest.json'))
    },
    { severity: 'warning', address: s1, reason: 'manifest-differs' },
  ],
  [
    'text after the last block of cert.pem, which archives refuse and agents pass over',
    (w) => {
      appendFileSync(w.current('server/global/s1', 'cert.pem'), 'and more')
    },
    {
      severity: 'warning',
      address: s1,
      reason: 'manifest-differs',
      remedy: `nomad-pki rotate leaves ${s1}`,
    },
  ],
  [
    'text after the last block of key.pem',
    (w) => {
      appendFileSync(w.current('server/global/s1', 'key.pem'), 'and more')
    },
    { severity: 'warning', address: s1, reason: 'manifest-differs' },
  ],
  [
    "another host's whole identity in this one's place",
    (w) => {
      rmSync(w.path(s1), { recursive: true })
      copyFolder(w.path('identity/server/global/s2'), w.path(s1))
    },
    { severity: 'error', address: s1, reason: 'key-shared' },
  ],
  [
    'a bundle that is gone',
    (w) => {
      rmSync(w.path('bundle/agent'), { recursive: true })
    },
    { severity: 'error', address: 'bundle/agent', reason: 'missing' },
  ],
  [
    "an authority's certificate that is gone",
    (w) => {
      unlinkSync(w.path('authority/agent/1/ca.pem'))
    },
    {
      severity: 'error',
      address: 'authority/agent/1',
      message: expect.stringContaining('its files are gone') as string,
      remedy: expect.stringContaining('from a backup') as string,
    },
  ],
  [
    "an authority's key of another",
    (w) => {
      const key = w.path('authority/agent/1/ca-key.pem')
      chmodSync(key, 0o600)
      writeFileSync(key, w.read(s1, 'current/key.pem'))
      chmodSync(key, 0o400)
    },
    { severity: 'error', address: 'authority/agent/1', reason: 'key-mismatch' },
  ],
  [
    'what the spec no longer names',
    (w) => {
      w.edit(', s3: {}', '')
    },
    {
      severity: 'note',
      address: 'identity/server/global/s3',
      reason: 'orphan',
      remedy: 'nomad-pki apply --prune',
    },
  ],
  [
    'an address that the certificate lacks',
    (w) => {
      w.edit('10.0.0.11', '10.0.0.12')
    },
    { severity: 'warning', address: s1, reason: 'names-differ', remedy: `nomad-pki apply ${s1}` },
  ],
  [
    'no ledger',
    (w) => {
      unlinkSync(w.path('ledger.jsonl'))
    },
    { severity: 'warning', address: 'ledger', reason: 'ledger-broken' },
  ],
]

test.each(faults)('%s', async (_fault, damage, expected) => {
  const world = copied()
  expect(await findingsOf(world)).toEqual([])
  damage(world)
  const findings = await findingsOf(world)
  expect(findings).toContainEqual(expect.objectContaining(expected))
  expect(
    findings.filter(({ severity, remedy }) => severity === 'error' && remedy === undefined),
  ).toEqual([])
})

test('sharing one identity costs a note, and says what it costs', async () => {
  const world = new World(smallSpec.replace('clients: { c1: {} }', 'clients: { shared: true }'))
  await world.apply()
  expect(await findingsOf(world)).toMatchObject([
    {
      severity: 'note',
      address: 'identity/client/global/shared',
      reason: 'identity-shared',
      message: expect.stringContaining('one key for all clients of global') as string,
    },
  ])
})

test('a stanza that is missing, and one that says something else', async () => {
  const world = new World(smallSpec.replace('s2: {}', 's2: { config: agents/s2 }'))
  mkdirSync(join(world.folder, 'agents/s2'), { recursive: true })
  writeFileSync(join(world.folder, 'agents/s2/nomad.hcl'), 'server { enabled = true }\n')
  const before = await findingsOf(world)
  expect(before).toContainEqual(
    expect.objectContaining({
      severity: 'error',
      address: 'config/global/s2',
      reason: 'stanza-differs',
    }),
  )
  await world.apply()
  expect(await findingsOf(world)).toEqual([])
  const [file] = readdirSync(join(world.folder, 'agents/s2')).filter((name) =>
    name.startsWith('tls'),
  )
  const path = join(world.folder, 'agents/s2', file!)
  writeFileSync(path, 'tls { http = true }\n')
  expect(await findingsOf(world)).toContainEqual(
    expect.objectContaining({
      severity: 'error',
      address: 'config/global/s2',
      reason: 'stanza-differs',
    }),
  )
})

test('an agent that runs in another region than the spec says', async () => {
  const world = new World(smallSpec.replace('s2: {}', 's2: { config: agents/s2 }'))
  mkdirSync(join(world.folder, 'agents/s2'), { recursive: true })
  writeFileSync(
    join(world.folder, 'agents/s2/nomad.hcl'),
    'region = "eu"\nserver { enabled = true }\n',
  )
  expect(await findingsOf(world)).toContainEqual(
    expect.objectContaining({
      address: 'config/global/s2',
      message: expect.stringContaining('eu') as string,
    }),
  )
})

test('a server that Nomad would not start for want of an address: a plan warns, verify refuses', async () => {
  const world = new World(smallSpec.replace('s2: {}', 's2: { config: agents/s2 }'))
  mkdirSync(join(world.folder, 'agents/s2'), { recursive: true })
  writeFileSync(
    join(world.folder, 'agents/s2/nomad.hcl'),
    'bind_addr = "127.0.0.1"\nserver { enabled = true }\n',
  )
  const about = { address: 'config/global/s2', reason: 'will-not-start' }
  const { findings } = await world.plan()
  expect(findings).toContainEqual(expect.objectContaining({ severity: 'warning', ...about }))
  await world.apply()
  expect(await findingsOf(world)).toContainEqual(
    expect.objectContaining({ severity: 'error', ...about }),
  )
})
