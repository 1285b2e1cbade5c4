/**
 * Back from a backup, on real agents: the steps of docs/store.md, as they stand there, after renewals and
 * after a rotation that the backup does not know.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fleet } from './harness/fleet.js'
import { deliverProven } from './harness/rolling.js'
import { followRollout } from './harness/rollout.js'
import { takeReceipts } from './harness/witness.js'
import { copyFolder } from '../copy-folder.js'

let fleet: Fleet
let pids: readonly (number | undefined)[]

beforeAll(async () => {
  fleet = await Fleet.start('proof-restored')
  pids = fleet.names.map((name) => fleet.agent(name).pid)
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await fleet?.stop()
})

const probe = (...more: string[]): ReturnType<Fleet['pki']> =>
  fleet.pki('probe', '--timeout', '3s', ...more)

async function expectProven(): Promise<void> {
  const seen = await probe()
  expect(seen, seen.stdout + seen.stderr).toMatchObject({ status: 0 })
  for (const ask of [['plan'], ['status'], ['verify'], ['rollout', '--dry-run', '--commands']]) {
    const said = await fleet.pki(...ask)
    expect(said, `${ask.join(' ')}: ${said.stdout}${said.stderr}`).toMatchObject({ status: 0 })
  }
}

const pki = (): string => join(fleet.base, 'pki')
const keep = (from: string, to: string): void => {
  copyFolder(from, to)
}

/** The backup takes the place of the store that went on. */
function restore(): void {
  rmSync(join(fleet.base, 'lost'), { recursive: true, force: true })
  renameSync(pki(), join(fleet.base, 'lost'))
  keep(join(fleet.base, 'backup'), pki())
}

const copied = /ledger lacks certificates .* another copy of this store made them/

/** Step 3: what the error prints, with a reason. */
async function override(): Promise<readonly string[]> {
  const { stdout, stderr } = await fleet.pki('plan')
  const said = stdout + stderr
  expect(said).toMatch(copied)
  const [, state] = /apply (--override copy=[0-9a-f]{16}) --reason/.exec(said) ?? []
  return [...state!.split(' '), '--reason', 'the old host burnt down']
}

describe('what was renewed since the backup', () => {
  const renewed = ['s2', 'c1', 'w1']

  test('is certificates that the ledger lacks', async () => {
    await expectProven()
    keep(pki(), join(fleet.base, 'backup'))
    await fleet.pkiOk('rotate', 'leaves', ...renewed, '--yes')
    await deliverProven(fleet, renewed)
    await expectProven()
    restore()
  })

  test('1, 2: probe and plan say it, and nothing is issued', async () => {
    const seen = await probe()
    expect(seen, seen.stderr).toMatchObject({ status: 2 })
    expect(seen.stdout).toMatch(copied)
    expect(seen.stdout.match(/ foreign /g)).toHaveLength(renewed.length)
    expect(await fleet.pki('plan')).toMatchObject({ status: 2 })
    expect(await fleet.pki('status')).toMatchObject({ status: 2 })
    expect(await fleet.pki('apply', '--yes')).toMatchObject({ status: 1 })
    expect(await fleet.pki('rotate', 'leaves', 's1', '--yes')).toMatchObject({ status: 1 })
  })

  test('a receipt says it to a backup that asked nobody', async () => {
    keep(pki(), join(fleet.base, 'asked'))
    rmSync(pki(), { recursive: true })
    keep(join(fleet.base, 'backup'), pki())
    const receipt = join(fleet.tls('s2'), 'receipt.json')
    const taken = await fleet.pki('probe', '--evidence', receipt)
    expect(taken, taken.stderr).toMatchObject({ status: 2 })
    expect(taken.stdout).toMatch(copied)
    expect(await fleet.pki('apply', '--yes')).toMatchObject({ status: 1 })
    rmSync(pki(), { recursive: true })
    renameSync(join(fleet.base, 'asked'), pki())
  })

  test('3, 4, 5, 6: this copy goes on, and every agent is proven', async () => {
    await fleet.pkiOk('apply', ...(await override()))
    // What the backup made is older than what is there.
    expect(await fleet.deliver('s2')).toMatchObject({ status: 3 })
    await fleet.pkiOk('rotate', 'leaves', ...renewed, '--yes')
    const taken = await followRollout({ fleet })
    expect(taken.flatMap(({ names }) => names).sort()).toEqual([...renewed].sort())
    await expectProven()
    expect(fleet.names.map((name) => fleet.agent(name).pid)).toEqual(pids)
  })
})

describe('a rotation that began after the backup', () => {
  let spec = ''

  test('is a root that is lost with its key', async () => {
    keep(pki(), join(fleet.base, 'before'))
    rmSync(join(fleet.base, 'backup'), { recursive: true })
    renameSync(join(fleet.base, 'before'), join(fleet.base, 'backup'))
    spec = fleet.spec
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliverProven(fleet, fleet.names)
    await takeReceipts(fleet)
    await expectProven()
    restore()
  })

  test('the spec says again what it said with the backup, and the steps are the same', async () => {
    const seen = await probe()
    expect(seen, seen.stderr).toMatchObject({ status: 2 })
    expect(seen.stdout).toMatch(copied)
    writeFileSync(join(fleet.base, 'cluster.yaml'), spec)
    await fleet.pkiOk('apply', ...(await override()))
    await fleet.pkiOk('rotate', 'leaves', ...fleet.names, '--yes')
    await followRollout({ fleet })
    await expectProven()
  })

  test('and the rotation begins again, and ends', async () => {
    for (let stage = 1; stage <= 2; stage += 1) {
      await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
      await fleet.pkiOk('apply', '--yes')
      await deliverProven(fleet, fleet.names)
      await takeReceipts(fleet)
      await expectProven()
    }
    expect(fleet.names.map((name) => fleet.agent(name).pid)).toEqual(pids)
  })
})
