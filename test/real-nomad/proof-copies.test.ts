/**
 * What a store can't know by itself, on real agents: a region that only gossip names, and a store that
 * came back from yesterday's backup in the midst of a rotation.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fleet } from './harness/fleet.js'
import { deliverProven } from './harness/rolling.js'
import { takeReceipts } from './harness/witness.js'
import { copyFolder } from '../copy-folder.js'

let fleet: Fleet

beforeAll(async () => {
  fleet = await Fleet.start('proof-copies')
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await fleet?.stop()
})

const probe = (...more: string[]): ReturnType<Fleet['pki']> =>
  fleet.pki('probe', '--timeout', '3s', ...more)

async function deliverAll(): Promise<void> {
  await deliverProven(fleet, fleet.names)
  await takeReceipts(fleet)
}

describe('a store that comes back from a backup in the midst of a rotation in stages', () => {
  const pki = (): string => join(fleet.base, 'pki')

  test('makes no second root of one name that anybody takes for the first', async () => {
    await probe()
    copyFolder(pki(), join(fleet.base, 'yesterday'))
    await fleet.pkiOk('rotate', 'authority', 'agent', '--way', 'staged', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliverAll()
    expect(await probe()).toMatchObject({ status: 0 })

    renameSync(pki(), join(fleet.base, 'today'))
    copyFolder(join(fleet.base, 'yesterday'), pki())
    // Either it is refused before another root is made, or what agents trust is not proven by its name.
    const applied = await fleet.pki('apply', '--yes')
    const seen = await probe()
    expect({ applied: applied.status, seen: seen.status, said: seen.stdout }).toMatchObject({
      seen: 2,
    })
    const next = await fleet.pki('rotate', 'authority', 'agent', '--next')
    expect(next, next.stdout + next.stderr).toMatchObject({ status: 3 })
  })

  test('the right store goes on where it stood', async () => {
    rmSync(pki(), { recursive: true })
    renameSync(join(fleet.base, 'today'), pki())
    await takeReceipts(fleet)
    expect(await probe()).toMatchObject({ status: 0 })
    await fleet.pkiOk('rotate', 'authority', 'agent', '--way', 'staged', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliverAll()
    expect(await probe()).toMatchObject({ status: 0 })
  })
})

describe('a region that gossip names and the spec does not', () => {
  test('holds the gate', async () => {
    const spec = fleet.spec
    fleet.editSpec(/^ {2}us-west:\n {4}authority: us-west\n[^]*?(?=^operators:)/m, '')
    fleet.editSpec(/^ {2}us-west: \{ issuer: agent.*\n/m, '')
    const seen = await probe()
    expect(seen.stdout + seen.stderr).toMatch(/us-west/)
    const next = await fleet.pki('rotate', 'authority', 'agent', '--way', 'staged', '--next')
    expect(next, next.stdout + next.stderr).toMatchObject({ status: 3 })
    expect(next.stdout + next.stderr).toMatch(/us-west/)
    const held = await fleet.pki('rotate', 'authority', 'agent', '--json')
    const { gate } = JSON.parse(held.stdout) as {
      readonly gate: { readonly holds: readonly { readonly address: string }[] }
    }
    expect(gate.holds.map(({ address }) => address)).toContain('member/us-west')
    writeFileSync(join(fleet.base, 'cluster.yaml'), spec)
  })

  test('and once it is written down again, the rotation ends', async () => {
    expect(await probe()).toMatchObject({ status: 0 })
    await fleet.pkiOk('rotate', 'authority', 'agent', '--way', 'staged', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliverAll()
    expect(await probe()).toMatchObject({ status: 0 })
  })
})
