/** Roots that cannot vouch for their successor: plan and verify both say so, and no remedy proposes it. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { rotationOf } from '../../src/rotation/stages.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import type { Extension, GeneralName } from '../../src/x509/extension.js'
import { basicConstraints, extendedKeyUsage, nameConstraints } from '../../src/x509/extensions.js'
import { remint, withExtension } from '../builders.js'
import { start, World, day } from '../world.js'

const settled = 'agent: {}'
const crossed = 'agent: { signing: 2, trusted: [1, 2], crossed: true }'
const spec = `version: 1
cluster: acme
authorities:
  ${settled}
regions:
  global:
    servers: { s1: { ips: [10.1.0.11], names: [s1.acme.internal] } }
    clients: { c1: { ips: [10.1.0.21] } }
`

/** A store whose first root was made elsewhere, with these extensions. */
async function withOldRoot(...extensions: readonly Extension[]): Promise<World> {
  const world = new World(spec)
  const key = generateKeySync('ecdsa-p256')
  const root = await createRoot(
    { subject: { commonName: 'acme agent CA 1' }, key, lifetime: 3650 * day },
    { now: start - day },
  )
  const issuer = heldIssuer({ certificate: root.certificate, key, name: 'old' })
  const certificate = remint(root.certificate, { key, issuer }, (fields) => ({
    extensions: extensions.reduce(withExtension, fields.extensions),
  }))
  mkdirSync(world.path('authority/agent/1'), { recursive: true, mode: 0o700 })
  writeFileSync(world.path('authority/agent/1/ca.pem'), encodeCertificate(certificate))
  writeFileSync(world.path('authority/agent/1/ca-key.pem'), encodePrivateKey(key), { mode: 0o400 })
  return world
}

const permitted = (...values: string[]): Extension =>
  nameConstraints({
    permitted: values.map((value): GeneralName =>
      value.includes('/') ? { type: 'ip', value } : { type: 'dns', value },
    ),
    excluded: [],
  })

const errors = async (world: World): Promise<string[]> =>
  verifyCluster(world.desired, await world.inventory(), { now: world.now })
    .filter(({ severity }) => severity === 'error')
    .map(({ address, reason, message }) => `${address} ${reason}: ${message}`)

test.each([
  [
    'name constraints without the host',
    permitted('ops.example', 'global.nomad', 'localhost'),
    /^agents that trust only authority\/agent\/1 refuse what authority\/agent\/2 signs: the name constraints of authority\/agent\/1 refuse leaves below it: s1\.acme\.internal of identity\/server\/global\/s1 lies outside/,
  ],
  [
    'name constraints without the address',
    permitted(
      'acme.internal',
      'global.nomad',
      'localhost',
      '10.1.0.0/28',
      '127.0.0.0/8',
      '::1/128',
    ),
    /10\.1\.0\.21 of identity\/client\/global\/c1 lies outside/,
  ],
  [
    'a path length of 0',
    basicConstraints({ ca: true, pathLength: 0 }),
    /has a path length of 0, and a cross-certificate by it needs 1/,
  ],
  [
    'usages',
    extendedKeyUsage(['serverAuth']),
    /is limited to serverAuth: leaves below it lose clientAuth/,
  ],
])(
  '%s: the plan refuses the cross-certificate, and its remedy cures it',
  async (_what, extension, message) => {
    const world = await withOldRoot(extension)
    world.edit(settled, crossed)
    const { findings } = await world.plan()
    const found = findings.filter(({ severity }) => severity === 'error')
    expect(found.map((one) => [one.address, one.reason])).toEqual([
      ['authority/agent/2', 'cross-missing'],
    ])
    expect(found[0]!.message).toMatch(message)
    expect(found[0]!.remedy).toContain(
      'set `signing: 1, trusted: [1, 2]` for agent in the spec, without `crossed`',
    )
    world.edit(crossed, 'agent: { signing: 1, trusted: [1, 2] }')
    expect((await world.plan()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
  },
)

test('constraints that permit all names are no obstacle, to a plan, a rotation or verify', async () => {
  const world = await withOldRoot(permitted('acme.internal', 'global.nomad', 'localhost'))
  if ((await world.steps()).length > 0) await world.apply()
  const { spec: parsed } = parseSpec(spec, { file: 'cluster.yaml' })
  const options = { now: world.now }
  expect(rotationOf(parsed!, await world.inventory(), 'agent', options)).toMatchObject({
    way: 'crossed',
  })
  world.edit(settled, crossed)
  await world.apply()
  expect(await errors(world)).toEqual([])
})

test('a cross-certificate that is there and of no use: verify tries the path to the older root', async () => {
  const world = await withOldRoot(permitted('acme.internal', 'global.nomad', 'localhost'))
  await world.apply()
  world.edit(settled, crossed)
  await world.apply()
  // The host gets a name that the older root does not permit.
  world.edit('[s1.acme.internal]', '[s1.other.example]')
  expect(await errors(world)).toEqual([
    expect.stringMatching(/^authority\/agent\/2 cross-missing: .*s1\.other\.example/),
  ])
  await expect(world.apply()).rejects.toThrow(/s1\.other\.example/)
})

test('a leaf that agents of the older root refuse is named by verify, and so are those like it', async () => {
  const world = await withOldRoot()
  await world.apply()
  world.edit(settled, crossed)
  await world.apply()
  const [old] = parseCertificates(world.read('authority/agent/1/ca.pem'))
  const key = parsePrivateKey(world.read('authority/agent/1/ca-key.pem'))
  const issuer = heldIssuer({ certificate: old!, key, name: 'old' })
  const narrower = remint(old!, { key, issuer }, ({ extensions }) => ({
    extensions: withExtension(extensions, permitted('global.nomad', 'localhost')),
  }))
  chmodSync(world.path('authority/agent/1/ca.pem'), 0o600)
  world.write(encodeCertificate(narrower), 'authority/agent/1/ca.pem')
  expect((await errors(world)).filter((line) => line.includes('refused'))).toEqual([
    expect.stringMatching(
      /^identity\/server\/global\/s1 refused: not trusted by agents that trust only authority\/agent\/1, though it carries its cross-certificate: s1\.acme\.internal lies outside/,
    ),
  ])
})

test('the advice for a root that is to be replaced is crossed only where that works', async () => {
  for (const [root, advice] of [
    [await withOldRoot(), 'set `signing: 2, trusted: [1, 2], crossed: true`'],
    [await withOldRoot(permitted('ops.example')), 'set `signing: 1, trusted: [1, 2]`'],
  ] as const) {
    root.edit(settled, 'agent: { subject: { commonName: "another {generation}" } }')
    const { findings } = await root.plan()
    const differs = findings.find(({ reason }) => reason === 'names-differ')
    expect(differs?.remedy).toContain(advice)
  }
})
