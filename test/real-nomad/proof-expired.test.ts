/**
 * Every certificate of the cluster has ended, on real agents: no command calls it well, and the order
 * that is printed heals it by reloads alone.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fleet } from './harness/fleet.js'
import { provenLoaded } from './harness/proof.js'
import { sleep } from './harness/run.js'
import { takeReceipts } from './harness/witness.js'

/** Long enough for the cluster to stand, and short enough to be waited for. */
const life = 100_000

let fleet: Fleet
let born: number

beforeAll(async () => {
  born = Date.now()
  fleet = await Fleet.start('proof-expired', undefined, (spec) =>
    spec.replace('node:\n', 'defaults: { lifetime: 100s, renewBefore: 30s }\nnode:\n'),
  )
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await fleet?.stop()
})

const probe = (): ReturnType<Fleet['pki']> => fleet.pki('probe', '--timeout', '3s')

interface Rollout {
  readonly steps: readonly {
    readonly region: string
    readonly kind: string
    readonly nodes: readonly { readonly address: string }[]
  }[]
}

test('a certificate that has ended is not proven, in any command', async () => {
  await sleep(Math.max(0, born + life + 10_000 - Date.now()))
  const seen = await probe()
  expect(seen, seen.stdout).toMatchObject({ status: 2 })
  expect(seen.stdout).toMatch(/expired|ended/)
  expect(await fleet.pki('status')).toMatchObject({ status: 2 })
  expect(await fleet.pki('verify')).toMatchObject({ status: 2 })
  expect(await fleet.pki('plan')).toMatchObject({ status: 2 })
})

test('the order is: all servers of a region together, then its clients; it heals without a restart', async () => {
  const pids = fleet.names.map((name) => fleet.agent(name).pid)
  fleet.editSpec(/defaults: \{ lifetime: 100s, renewBefore: 30s \}\n/, '')
  await fleet.pkiOk('apply', '--yes')
  const { status, stdout } = await fleet.pki('rollout', '--dry-run', '--commands', '--json')
  expect(status).toBe(2)
  const { steps } = JSON.parse(stdout) as Rollout
  const servers = steps.filter(({ region, kind }) => region === 'global' && kind !== 'clients')
  expect(servers.map(({ nodes }) => nodes.map(({ address }) => address).sort())).toEqual([
    ['s1', 's2', 's3'].map((name) => fleet.address(name)),
  ])
  for (const { nodes } of steps) {
    for (const { address } of nodes) {
      const name = address.split('/').at(-1)!
      const outcome = await fleet.deliver(name)
      expect({ name, ...outcome }).toMatchObject({ status: 0 })
    }
  }
  for (const name of fleet.names) await provenLoaded(fleet, name)
  await fleet.cluster.leaders()
  await fleet.cluster.nodesReady()
  await takeReceipts(fleet)
  const seen = await probe()
  expect(seen, seen.stdout).toMatchObject({ status: 0 })
  expect(fleet.names.map((name) => fleet.agent(name).pid)).toEqual(pids)
})
