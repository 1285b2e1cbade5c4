/**
 * A root is being replaced, and things go wrong: the gate holds and says who and why, nothing else
 * breaks, and after the mend it goes on.
 */
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { provenLoaded } from './harness/proof.js'
import { chance, seed, shuffled } from './harness/random.js'
import { beginStage, expectCheap, roll, type Stage } from './harness/rolling.js'
import { eventually } from './harness/run.js'
import { witness } from './harness/witness.js'

let fleet: Fleet
let load: Load
let stage: Stage

interface Hold {
  readonly address: string
  readonly message: string
}

/** Who holds the gate, after everybody was asked. */
async function holds(): Promise<Readonly<Record<string, string>>> {
  await witness(fleet)
  const { stdout } = await fleet.pki('rotate', 'authority', 'agent', '--json')
  const { gate } = JSON.parse(stdout) as { readonly gate: { readonly holds: readonly Hold[] } }
  return Object.fromEntries(gate.holds.map(({ address, message }) => [address, message]))
}

/** A certificate whose base64 is whole and whose bytes are not. */
function corruptSecond(bundle: string): string {
  const second = bundle.indexOf('-----BEGIN', 1)
  if (second === -1) throw new Error('there is no second certificate')
  const at = bundle.indexOf('\n', second) + 1
  return `${bundle.slice(0, at)}AAAAAAAA${bundle.slice(at + 8)}`
}

/** Tells an agent to reload, by hand, and waits until it has tried. */
async function reloadByHand(name: string): Promise<string> {
  const before = fleet.agent(name).log().length
  fleet.agent(name).reload()
  await eventually(`${name} to reload`, async () =>
    fleet.agent(name).log().slice(before).includes('Reloading configuration') ? true : undefined,
  )
  await new Promise((resolve) => setTimeout(resolve, 500))
  return fleet.agent(name).log().slice(before)
}

const victims = ['s2', 's3']

beforeAll(async () => {
  console.log(`rotation: sabotage: seed ${seed}`)
  fleet = await Fleet.start('sabotage')
  load = await startLoad(fleet)
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  stage = beginStage(fleet, load, 'sabotage')
  const others = fleet.names.filter((name) => !victims.includes(name))
  await roll(stage, shuffled(others, chance('sabotage')))
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
})

describe('a corrupt second certificate in the bundle of one node', () => {
  test('probe', async () => {
    console.log(await holds())
    await fleet.deliver('s2')
    const file = join(fleet.tls('s2'), 'current/ca.pem')
    writeFileSync(file, corruptSecond(readFileSync(file, 'utf8')))
    console.log(await reloadByHand('s2'))
    console.log(await holds())
    console.log(await fleet.deliver('s2'))
    await provenLoaded(fleet, 's2')
    console.log(await holds())
  })
  test('mode', async () => {
    console.log(await fleet.deliver('s3', { cold: true }))
    const file = join(fleet.tls('s3'), 'current/key.pem')
    chownSync(file, 0, 0)
    chmodSync(file, 0o600)
    console.log(await reloadByHand('s3'))
    console.log(await holds())
    console.log(await fleet.deliver('s3'))
    await provenLoaded(fleet, 's3')
    console.log(await holds())
    await expectCheap(stage, 1)
  })
})
