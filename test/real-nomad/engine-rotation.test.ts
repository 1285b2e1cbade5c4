/**
 * A cluster whose leaves a real OpenBao signs is rotated under load: all leaves, the intermediate of a region in the
 * engine, and the root above both intermediates, crossed. Nomad is told by reload, and requests never pause. In
 * `.ci/deep` the root is in the engine, too: the old one certifies the new one there.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { openbao, type OpenBao } from '../judges/openbao.js'
import type { Member } from './harness/cluster.js'
import { type Begin, bringFirst, Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { shownBy } from './harness/proof.js'
import { chance, deep, seed } from './harness/random.js'
import { rotateAuthority, rotateLeaves } from './harness/rolling.js'

/** The least with which requests go over servers, clients and regions; `.ci/deep` has three servers. */
const few: readonly Member[] = [
  { name: 's1', region: 'global', role: 'server' },
  { name: 'c1', region: 'global', role: 'client' },
  { name: 'w1', region: 'us-west', role: 'server' },
  { name: 'd1', region: 'us-west', role: 'client' },
]
const rootInside = deep
/** In the order in which they are set up: a root before what it signs. */
const engines = [...(rootInside ? ['agent'] : []), 'global', 'us-west']
const intermediates = ['global', 'us-west'] as const
const home = mkdtempSync(join(tmpdir(), 'nomad-pki-engine-'))

let bao: OpenBao
let fleet: Fleet
let load: Load

const begin: Begin = async (made) => {
  const { pki } = made
  await pki('init', '--new-store')
  // It makes a root of the store, and says what is not set up.
  await expect(pki('apply', '--yes')).rejects.toThrow(
    `nomad-pki authority setup ${rootInside ? 'agent' : 'us-west'}`,
  )
  for (const name of engines) await pki('authority', 'setup', name)
  await pki('apply', '--yes')
  await bringFirst(made)
}

beforeAll(async () => {
  console.log(`rotation: seed ${seed}`)
  bao = await openbao(home)
  const inEngine = '{ issuer: agent, lifetime: 3y, engine: { mount: pki/nomad } }'
  fleet = await Fleet.start(
    'engine-rotation',
    '{}',
    (spec) =>
      spec
        .replace(/^store: .*$/m, (line) => `${line}\nvault: { address: "${bao.origin}" }`)
        .replace(/^ {2}agent: \{ /m, rootInside ? '$&engine: { mount: pki/nomad-root }, ' : '$&')
        .replace(/^ {2}us-west: \{ issuer.*$/m, `  global: ${inEngine}\n  us-west: ${inEngine}`)
        .replace(/^ {2}global:\n {4}servers:/m, '  global:\n    authority: global\n    servers:'),
    begin,
    {
      env: { BAO_ADDR: bao.origin, BAO_CACERT: bao.ca, BAO_TOKEN: 'root' },
      ...(!deep && { members: few }),
    },
  )
  load = await startLoad(fleet)
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await bao?.close()
  rmSync(home, { recursive: true, force: true })
})

/** The issuers of the mount, by their names. */
async function issuers(mount = 'pki/nomad'): Promise<readonly string[]> {
  const { data } = await bao.call('LIST', `${mount}/issuers`)
  const info = data.key_info as Readonly<Record<string, { readonly issuer_name: string }>>
  return Object.values(info)
    .map(({ issuer_name: name }) => name)
    .sort()
}

/** Each leaf that an agent shows is one that the engine has among its own. */
async function expectFromEngine(): Promise<void> {
  for (const name of fleet.names) {
    for (const { chain } of await shownBy(fleet, name)) {
      const serial = chain[0]!.serial.match(/../g)!.join(':').toLowerCase()
      const { status, data } = await bao.call('GET', `pki/nomad/cert/${serial}`)
      expect(status, `${name}: ${serial}`).toBe(200)
      const [certificate] = parseCertificates(String(data.certificate))
      expect(fingerprintOf(certificate!)).toBe(fingerprintOf(chain[0]!))
    }
  }
}

test('all leaves, signed by the engine: one reload each, no TLS error', async () => {
  await rotateLeaves(fleet, load, {
    label: 'leaves from OpenBao',
    random: chance('engine leaves'),
    stops: deep ? 3 : 0,
  })
  await expectFromEngine()
})

// Not a test that is skipped: `.ci/run` counts those as failed.
if (deep) {
  test('the next generation of one region: a second issuer in the mount', async () => {
    await rotateAuthority(fleet, load, {
      label: 'intermediate in OpenBao',
      authority: 'us-west',
      stages: 1,
      names: ['w1', 'd1'],
      random: chance('engine intermediate'),
      stops: 3,
      engines: ['us-west'],
    })
    expect(await issuers()).toEqual(['global-1', 'us-west-1', 'us-west-2'])
    await expectFromEngine()
  })
}

test('the root above the engine, crossed: new intermediates are made inside', async () => {
  const before = await issuers()
  await rotateAuthority(fleet, load, {
    label: 'root above OpenBao, crossed',
    authority: 'agent',
    stages: 2,
    random: chance('engine root'),
    stops: deep ? 6 : 0,
    engines,
  })
  expect(await issuers()).toEqual(
    [
      ...before,
      ...intermediates.map((name) => `${name}-${deep && name === 'us-west' ? 3 : 2}`),
    ].sort(),
  )
  if (rootInside) expect(await issuers('pki/nomad-root')).toEqual(['agent-1', 'agent-2'])
  await expectFromEngine()
})
