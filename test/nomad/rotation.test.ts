/**
 * Everything of a running cluster is renewed, by reload and not restart, while requests never pause.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Count, type Figures, figuresText } from './harness/figures.js'
import { Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { provenLoaded } from './harness/proof.js'
import { chance, seed, shuffled } from './harness/random.js'
import { eventually, sleep } from './harness/run.js'

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

/** What must hold of every stage. */
function expectCheap(figures: Figures): void {
  console.log(`rotation: ${figuresText(figures)}`)
  expect(figures.complaints).toEqual([])
  for (const loss of figures.losses) {
    expect(loss, loss.message).toMatchObject({ healed: true })
    // A reloaded client dials anew, and until then no server has a way to it.
    expect(loss.message).toMatch(loss.kind === 'node' ? /EOF|No path to node/ : /rpc error: EOF/)
  }
  for (const { agent, lost, bound } of figures.reloads) {
    expect(lost, `requests lost by the reload of ${agent}`).toBeLessThanOrEqual(bound)
  }
  expect(load.logs.broken).toBeUndefined()
}

function expectUnbrokenLogs(before: number): void {
  const { numbers } = load.logs
  expect(numbers.length).toBeGreaterThan(before)
  expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index))
}

describe('all leaves', () => {
  test('the control: the same certificates with a newline more', async () => {
    const count = new Count(fleet, load.traffic, 'control (the same certificates, a newline more)')
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
    expectCheap(await count.end())
  })

  test('every agent loads its new leaf: one reload each, no TLS error', async () => {
    await fleet.pkiOk('rotate', 'leaves', '--all', '--yes')
    const lines = load.logs.numbers.length
    const count = new Count(fleet, load.traffic, 'all leaves')
    let endpoints = 0
    for (const name of shuffled(fleet.names, chance('leaves'))) {
      count.reloading(name)
      const { status, stderr } = await fleet.deliver(name)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      endpoints += await provenLoaded(fleet, name)
    }
    const figures = await count.end()
    expectCheap(figures)
    expect(endpoints).toBe(11)
    expect([...figures.signals.values()]).toEqual(fleet.names.map(() => 1))
    expect([...figures.renewals.values()]).toEqual(fleet.names.map(() => 1))
    expectUnbrokenLogs(lines)
  })
})
