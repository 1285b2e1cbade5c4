/**
 * The old root ends in the midst of a rotation, on real agents: it no longer signs, so it stops nobody's
 * renewal.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fleet } from './harness/fleet.js'
import { sleep } from './harness/run.js'
import { deliverProven } from './harness/rolling.js'
import { takeReceipts } from './harness/witness.js'

/** Long enough for two deliveries to seven agents. */
const life = 160_000

let fleet: Fleet
let born: number

beforeAll(async () => {
  born = Date.now()
  fleet = await Fleet.start('proof-ended', undefined, (spec) =>
    spec
      .replace('agent: { lifetime: 10y }', 'agent: { lifetime: 160s }')
      .replace(
        'us-west: { issuer: agent, lifetime: 3y }',
        'us-west: { issuer: agent, lifetime: 140s }',
      )
      .replace(
        'node:\n',
        'defaults: { lifetime: 120s, renewBefore: 80s, beyondIssuer: clamp }\nnode:\n',
      )
      .replace('lifetime: 24h', 'lifetime: 60s'),
  )
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await fleet?.stop()
})

async function deliverAll(): Promise<void> {
  await deliverProven(fleet, fleet.names)
  await takeReceipts(fleet)
}

test('a rotation to a new root begins in time', async () => {
  fleet.editSpec(/agent: \{ lifetime: 160s \}/, 'agent: { lifetime: 10y }')
  fleet.editSpec(/lifetime: 140s/, 'lifetime: 3y')
  fleet.editSpec(/defaults: \{.*\}/, 'defaults: { lifetime: 90d }')
  fleet.editSpec(/lifetime: 60s/, 'lifetime: 24h')
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  await deliverAll()
  expect(Date.now()).toBeLessThan(born + life)
})

test(
  'after the old root has ended, everything is renewed as before',
  { timeout: 2 * life },
  async () => {
    await sleep(Math.max(0, born + life + 5_000 - Date.now()))
    expect(await fleet.pki('rotate', 'leaves', '--due')).toMatchObject({ status: 0 })
    await fleet.pkiOk('rotate', 'leaves', '--all', '--yes')
    await fleet.pkiOk('apply', '--yes')
    await deliverAll()
    const seen = await fleet.pki('probe', '--timeout', '3s')
    expect(seen, seen.stdout).toMatchObject({ status: 0 })
  },
)

test('and it is dropped through its gate', async () => {
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  await deliverAll()
  const seen = await fleet.pki('probe', '--timeout', '3s')
  expect(seen, seen.stdout).toMatchObject({ status: 0 })
})
