/**
 * The root of a cluster replaced by successive edits of the spec, with a cross-certificate and without:
 * what each edit makes, and that nobody is cut off half-way. A path is judged by OpenSSL's handshake.
 */
import { readdirSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { handshake, type HandshakeFiles } from '../../src/probe/loopback.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { commonNames } from '../../src/x509/name.js'
import { start, World } from '../world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
  us-west: { issuer: agent, lifetime: 3y }
regions:
  global:
    servers: { s1: {} }
    clients: { c1: {} }
  us-west:
    authority: us-west
    servers: { w1: {} }
`
const one = 'agent: { lifetime: 10y }'
const crossed = 'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }'
const dropped = 'agent: { lifetime: 10y, signing: 2, trusted: [2], crossed: true }'
const plain = 'agent: { lifetime: 10y, signing: 2, trusted: [2] }'

/** OpenSSL looks at the clock. */
function aWorldOfToday(): World {
  const world = new World(spec)
  world.now = Date.now()
  return world
}

const raise = (world: World): World =>
  world
    .edit(one, crossed)
    .edit('us-west: { issuer: agent,', 'us-west: { issuer: agent, signing: 2,')

const files = (world: World, identity: string): HandshakeFiles => ({
  ca: world.read('identity', identity, 'current', 'ca.pem'),
  cert: world.read('identity', identity, 'current', 'cert.pem'),
  key: world.read('identity', identity, 'current', 'key.pem'),
})

/** Who was certified by whom; of a root's name without the part of its key, which differs each time. */
const chainNames = (world: World, identity: string): string[] =>
  parseCertificates(files(world, identity).cert).map(({ subject, issuer }) =>
    `${commonNames(subject).at(-1)} < ${commonNames(issuer).at(-1)}`.replaceAll(
      /(agent CA \d) [0-9a-f]{8}\b/g,
      '$1 KEY',
    ),
  )

const agents = ['server/global/s1', 'client/global/c1', 'server/us-west/w1']

/** Whether two agents take each other, whoever dials. */
async function talk(a: HandshakeFiles, b: HandshakeFiles): Promise<boolean> {
  for (const [dialer, listener] of [
    [a, b],
    [b, a],
  ] as const) {
    const outcome = await handshake({
      // What every agent's certificate names.
      dialer: { ...dialer, servername: 'localhost' },
      listener: { ...listener, requestClientCert: true },
    })
    if (!outcome.ok) return false
  }
  return true
}

const errors = async (world: World): Promise<string[]> =>
  verifyCluster(world.desired, await world.inventory(), { now: world.now })
    .filter(({ severity }) => severity === 'error')
    .map(({ address, reason }) => `${address} ${reason}`)

test('the first edit makes root, cross-certificate, intermediates and leaves; the second only changes trust; the third nothing', async () => {
  const world = aWorldOfToday()
  await world.apply()
  const before = new Map(agents.map((agent) => [agent, files(world, agent)]))

  raise(world)
  expect((await world.steps()).filter((line) => line.includes('authority'))).toEqual([
    'create authority/agent/2 (missing)',
    'cross authority/agent/2 (cross-missing)',
    'create authority/us-west/2 (missing)',
  ])
  await world.apply()
  expect(await world.steps()).toEqual([])
  expect(await errors(world)).toEqual([])
  expect(chainNames(world, 'server/global/s1')).toEqual([
    'server.global.nomad < acme agent CA 2 KEY',
    'acme agent CA 2 KEY < acme agent CA 1 KEY',
  ])
  expect(chainNames(world, 'server/us-west/w1')).toEqual([
    'server.us-west.nomad < acme us-west CA 2',
    'acme us-west CA 2 < acme agent CA 2 KEY',
    'acme agent CA 2 KEY < acme agent CA 1 KEY',
  ])
  // Any order inside the stage: whoever has not been reloaded talks to whoever has.
  const staged = new Map(agents.map((agent) => [agent, files(world, agent)]))
  for (const [, old] of before) {
    for (const [, fresh] of staged) expect(await talk(old, fresh)).toBe(true)
  }

  world.edit(crossed, dropped)
  expect((await world.steps()).filter((line) => line.includes('identity'))).toEqual(
    agents.map((agent) => `refresh identity/${agent} (trust-changed)`),
  )
  await world.apply()
  expect(await errors(world)).toEqual([])
  for (const agent of agents) {
    const after = files(world, agent)
    expect(after.key).toBe(staged.get(agent)!.key)
    expect(after.cert).toBe(staged.get(agent)!.cert)
    expect(parseCertificates(after.ca)).toHaveLength(1)
    for (const [, fresh] of staged) expect(await talk(after, fresh)).toBe(true)
    for (const [, old] of before) expect(await talk(after, old)).toBe(false)
  }

  // Nobody is reloaded for a certificate less; who is renewed later goes without it.
  world.edit(dropped, plain)
  expect(await world.steps()).toEqual([])
  expect(await errors(world)).toEqual([])
  world.later(70 * 86_400_000)
  await world.apply()
  expect(chainNames(world, 'server/us-west/w1')).toEqual([
    'server.us-west.nomad < acme us-west CA 2',
    'acme us-west CA 2 < acme agent CA 2 KEY',
  ])
})

test('the cross-certificate ends with the root that made it, and shortens no life', async () => {
  const world = new World(spec.replace('lifetime: 10y }', 'lifetime: 200d }').replace('3y', '150d'))
  await world.apply()
  world.later(150 * 86_400_000)
  world
    .edit('lifetime: 200d }', 'lifetime: 200d, signing: 2, trusted: [1, 2], crossed: true }')
    .edit('us-west: { issuer: agent,', 'us-west: { issuer: agent, signing: 2,')
  await world.apply()
  const [leaf, cross] = parseCertificates(files(world, 'server/global/s1').cert)
  expect(cross!.notAfter).toBe(start + 200 * 86_400_000)
  expect(leaf!.notAfter).toBeGreaterThan(cross!.notAfter)
})

test('a cross-certificate that is lost is made again, by the same step', async () => {
  const world = new World(spec)
  await world.apply()
  raise(world)
  await world.apply()
  rmSync(world.path('authority/agent/2/crossed-by-1.pem'))
  expect(await world.steps()).toContain('cross authority/agent/2 (cross-missing)')
  await world.apply()
  expect(await world.steps()).toEqual([])
  expect(await errors(world)).toEqual([])
})

test.each([
  [
    'the ninth and the tenth',
    ['signing: 9', 'signing: 10, trusted: [9, 10]', 'signing: 11, trusted: [9, 10, 11]'],
    ['11 < 9', '11 < 10'],
  ],
  [
    'the second, and the first after it',
    [
      ...['signing: 1', 'signing: 2, trusted: [1, 2]', 'signing: 3, trusted: [2, 3]'],
      'signing: 3, trusted: [1, 2, 3]',
    ],
    ['3 < 1', '3 < 2'],
  ],
])('a root that %s certified: leaves hand on both, and nothing is left to do', async (...given) => {
  const [, edits, above] = given
  const root = `authorities: { agent: { ${edits[0]} } }`
  const world = new World(
    `version: 1\ncluster: acme\n${root}\nregions: { global: { servers: { s1: {} } } }\n`,
  )
  for (const [at, edit] of edits.entries()) {
    if (at === 1) world.edit(edits[0]!, `crossed: true, ${edit}`)
    if (at > 1) world.edit(edits[at - 1]!, edit)
    await world.apply()
    expect(await world.steps()).toEqual([])
  }
  expect(await errors(world)).toEqual([])
  const names = chainNames(world, 'server/global/s1').slice(1)
  expect(names.map((line) => line.replaceAll(/acme agent CA (\d+) \w+/g, '$1'))).toEqual(above)
})

test('where the old root cannot sign, the plan says so before anything is made', async () => {
  const world = new World(spec)
  await world.apply()
  rmSync(world.path('authority/agent/1/ca-key.pem'))
  raise(world)
  const { findings } = await world.plan()
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([
    expect.objectContaining({
      address: 'authority/agent/2',
      reason: 'cross-missing',
      message: 'authority/agent/1 is to certify authority/agent/2, and its key is not in the store',
    }),
  ])
  await expect(world.apply()).rejects.toThrow(/its key is not in the store/)
  expect(readdirSync(world.path('authority/agent'))).toEqual(['1'])
})

test('in stages, without the old key: trust, then leaves, then the old root goes', async () => {
  const world = aWorldOfToday()
  await world.apply()
  world.edit(one, 'agent: { lifetime: 10y, signing: 1, trusted: [1, 2] }')
  await world.apply()
  rmSync(world.path('authority/agent/1/ca-key.pem'))
  const trusting = agents.map((agent) => files(world, agent))
  world
    .edit('signing: 1, trusted: [1, 2]', 'signing: 2, trusted: [1, 2]')
    .edit('us-west: { issuer: agent,', 'us-west: { issuer: agent, signing: 2,')
  await world.apply()
  expect(await errors(world)).toEqual([])
  for (const agent of agents) {
    for (const old of trusting) expect(await talk(files(world, agent), old)).toBe(true)
  }
  world.edit('trusted: [1, 2]', 'trusted: [2]')
  await world.apply()
  expect(await errors(world)).toEqual([])
  expect(await world.steps()).toEqual([])
})

test('the ledger says what each generation trusts, and who certified whom', async () => {
  const world = new World(spec)
  await world.apply()
  raise(world)
  await world.apply()
  const { lines } = (await world.inventory()).ledger
  expect(lines.findLast(({ address }) => address === 'identity/server/global/s1')).toMatchObject({
    event: 'issued',
    issuer: 'authority/agent/2',
    trusted: ['authority/agent/1', 'authority/agent/2'],
  })
  expect(lines.find(({ event }) => event === 'crossed')).toMatchObject({
    address: 'authority/agent/2',
    by: 'authority/agent/1',
  })
})
