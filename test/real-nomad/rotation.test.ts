/**
 * Everything of a running cluster is renewed, by reload and not restart, while requests never pause.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api, type Credentials } from './harness/api.js'
import { Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { provenLoaded, shownBy } from './harness/proof.js'
import { chance, deep, seed, shuffled } from './harness/random.js'
import { beginStage, expectCheap, roll, rotateAuthority, rotateLeaves } from './harness/rolling.js'
import { followRollout } from './harness/rollout.js'
import { askServer } from './harness/rpc.js'
import { eventually, sleep } from './harness/run.js'
import { unproven, witness } from './harness/witness.js'

let fleet: Fleet
let load: Load

beforeAll(async () => {
  console.log(`rotation: seed ${seed}`)
  fleet = await Fleet.start('rotation')
  load = await startLoad(fleet)
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
})

describe('all leaves', () => {
  test('the control: the same certificates with a newline more', async () => {
    const stage = beginStage(fleet, load, 'control (the same certificates, a newline more)')
    const { count } = stage
    for (const name of shuffled(fleet.names, chance('control'))) {
      const file = join(fleet.tls(name), 'current/cert.pem')
      writeFileSync(file, `${readFileSync(file, 'utf8')}\n`)
      count.reloading(name)
      fleet.agent(name).reload()
      await eventually(`${name} to reload`, async () =>
        /reloading HTTP server/.test(count.said(name)) ? true : undefined,
      )
      await sleep(1_000)
      await provenLoaded(fleet, name)
    }
    await expectCheap(stage, 1)
  })

  test('in the order of `rollout --dry-run --commands`, by its own commands: one reload each, no TLS error', async () => {
    await fleet.pkiOk('rotate', 'leaves', '--all', '--yes')
    // Who leads is known from what Nomad said.
    expect([...(await witness(fleet)).values()].map(({ state }) => state)).toEqual(
      fleet.names.map(() => 'lagging'),
    )
    const leader = (await fleet.cluster.leaders()).get('global')
    const stage = beginStage(fleet, load, 'all leaves, in the order of a rollout')
    const taken = await followRollout(stage)
    await expectCheap(stage, 1)
    expect(await unproven(fleet)).toEqual([])

    const global = taken.filter(({ region }) => region === 'global')
    expect(global.map(({ kind }) => kind)).toEqual([
      ...['server', 'server', 'server'],
      ...['clients', 'clients'],
    ])
    for (const { names } of taken) expect(names).toHaveLength(1)
    const last = fleet.plan(global[2]!.names[0]!)
    expect(`127.0.0.1:${last.ports.rpc}`).toBe(leader)
    expect(global[2]?.leader).toBe(true)
  })

  test('in random order, proven by handshake: one reload each, no TLS error', async () => {
    const random = chance('leaves')
    const { endpoints } = await rotateLeaves(fleet, load, { label: 'all leaves', random })
    expect(endpoints).toBe(11)
  })
})

describe('the root, crossed', () => {
  const away = 'c2'
  let before: ReadonlyMap<string, Required<Credentials>>

  test('the first stage, in random order, while one client is down', async () => {
    before = oldCredentials()
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    load.traffic.spare(away)
    await fleet.agent(away).stop()
    const stage = beginStage(fleet, load, 'root crossed, first stage')
    const there = fleet.names.filter((name) => name !== away)
    await roll(stage, shuffled(there, chance('crossed 1')))

    // Nobody goes on while it is away.
    expect(await unproven(fleet)).toEqual([away])
    expect((await witness(fleet)).get(away)).toMatchObject({ state: 'silent' })
    const held = await fleet.pki('rotate', 'authority', 'agent', '--next')
    expect(held).toMatchObject({ status: 3 })
    expect(held.stderr).toContain(fleet.address(away))
    for (const name of there) expect(held.stderr).not.toContain(fleet.address(name))

    // It comes back with the files of yesterday, and is a member nevertheless.
    fleet.restart(away)
    await fleet.answers(away)
    load.traffic.resume(away)
    await sleep(2_000)
    await roll(stage, [away], { more: ['--settle', '1'] })
    await expectCheap(stage, 1)
  })

  test('the second stage, in another order, once every agent was seen to have the first', async () => {
    expect(await unproven(fleet)).toEqual([])
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    const stage = beginStage(fleet, load, 'root crossed, second stage')
    await roll(stage, shuffled(fleet.names, chance('crossed 2')))
    await expectCheap(stage, 1)
  })

  test('new connections with certificates of the old root are refused', async () => {
    await expectRefused(before)
  })
})

describe('stopped', () => {
  test('the root, crossed once more, while our tool is killed at random places', async () => {
    await rotateAuthority(fleet, load, {
      label: 'root crossed and stopped',
      authority: 'agent',
      stages: 2,
      random: chance('stopped'),
      stops: 3,
    })
  })
})

if (deep) {
  describe('everything else, stopped as well', () => {
    test('all leaves', async () => {
      const random = chance('leaves stopped')
      await rotateLeaves(fleet, load, { label: 'all leaves and stopped', random, stops: 3 })
    })

    test('the intermediate of a region', async () => {
      const [figures] = await rotateAuthority(fleet, load, {
        label: 'region intermediate',
        authority: 'us-west',
        stages: 1,
        names: ['w1', 'd1'],
        random: chance('intermediate'),
        stops: 2,
      })
      expect(figures?.reloads.length).toBe(2)
    })

    test('the root, in three stages, its old key thrown away', async () => {
      const before = oldCredentials()
      const generation = /agent: \{.*signing: (\d+)/.exec(fleet.spec)?.[1] ?? '1'
      rmSync(join(fleet.base, 'pki/authority/agent', generation, 'ca-key.pem'))
      await rotateAuthority(fleet, load, {
        label: 'root staged',
        authority: 'agent',
        stages: 3,
        random: chance('staged'),
        stops: 6,
      })
      expect(fleet.spec).not.toContain('crossed')
      await expectRefused(before)
    })

    test('the root, from P-256 to P-384, and all below it', async () => {
      const before = oldCredentials()
      const larger = fleet.spec
        .replaceAll(/^ {2}(agent|us-west): \{ /gm, '  $1: { key: ecdsa-p384, ')
        .replace(/^node:/m, 'defaults: { key: ecdsa-p384 }\nnode:')
      writeFileSync(join(fleet.base, 'cluster.yaml'), larger)
      await rotateAuthority(fleet, load, {
        label: 'root from P-256 to P-384',
        authority: 'agent',
        stages: 2,
        random: chance('p384'),
        stops: 6,
      })
      await expectRefused(before)
      for (const name of fleet.names) {
        for (const { chain } of await shownBy(fleet, name)) {
          for (const { publicKey } of chain) {
            expect(publicKey.name).toBe('ecdsa-p384')
          }
        }
      }
    })
  })
}

function oldCredentials(): ReadonlyMap<string, Required<Credentials>> {
  const addresses = ['operator/global/alice', 'server/global/s2']
  return new Map(addresses.map((address) => [address, fleet.credentials(address)]))
}

/** Whoever comes with these is let in nowhere; whoever has those of today is. */
async function expectRefused(before: ReadonlyMap<string, Required<Credentials>>): Promise<void> {
  const old = before.get('operator/global/alice')!
  const present = fleet.credentials()
  for (const { name, role, region, ports } of fleet.plans) {
    await expect(
      api(ports.http, '/v1/agent/self', { ...old, ca: present.ca }),
      name,
    ).rejects.toThrow(/unknown ca|bad certificate/)
    expect(await api(ports.http, '/v1/agent/self', present), name).toMatchObject({ status: 200 })
    if (role !== 'server') continue
    const leaf = before.get('server/global/s2')!
    expect(await askServer(ports.rpc, leaf, 'rpc', region), name).toMatchObject({ accepted: false })
    const fresh = fleet.credentials('server/global/s2')
    expect(await askServer(ports.rpc, fresh, 'rpc', region), name).toMatchObject({ accepted: true })
  }
}
