/**
 * Where HTTPS asks for no certificate, a client's trust cannot be seen from outside: the receipt of its
 * installer must say it, and without it the gate is held.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { chance, shuffled } from './harness/random.js'
import { beginStage, expectCheap, roll } from './harness/rolling.js'
import { askServer } from './harness/rpc.js'
import { ask, takeReceipts } from './harness/witness.js'

const clients = ['c1', 'c2', 'd1']

let fleet: Fleet
let load: Load

beforeAll(async () => {
  fleet = await Fleet.start('unasked', '{ verify_https_client: false }')
  load = await startLoad(fleet)
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
})

test('the root, crossed: clients hold the gate until their receipts are there', async () => {
  const old = fleet.credentials('server/global/s2')
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  const first = beginStage(fleet, load, 'root crossed where HTTPS asks nobody, first stage')
  await roll(first, shuffled(fleet.names, chance('unasked 1')))
  await expectCheap(first, 1)

  const seen = await ask(fleet)
  for (const [name, { state }] of seen) {
    if (!clients.includes(name)) expect({ name, state }).toEqual({ name, state: 'proven' })
  }
  const held = await fleet.pki('rotate', 'authority', 'agent', '--json')
  expect(held.status).toBe(3)
  const { gate } = JSON.parse(held.stdout) as {
    readonly gate: { readonly holds: readonly { address: string; message: string }[] }
  }
  expect(gate.holds.map(({ address }) => address).sort()).toEqual(
    clients.map((name) => fleet.address(name)).sort(),
  )
  for (const { message } of gate.holds) expect(message).toMatch(/asks for no certificate/)
  expect(await fleet.pki('rotate', 'authority', 'agent', '--next')).toMatchObject({ status: 3 })

  await takeReceipts(fleet)
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  const second = beginStage(fleet, load, 'root crossed where HTTPS asks nobody, second stage')
  await roll(second, shuffled(fleet.names, chance('unasked 2')))
  await expectCheap(second, 1)
  for (const { role, region, ports } of fleet.plans) {
    if (role !== 'server') continue
    expect(await askServer(ports.rpc, old, 'rpc', region)).toMatchObject({ accepted: false })
  }
})
