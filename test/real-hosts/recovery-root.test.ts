/**
 * The root itself has ended, and later clients alone: `rollout --recover` heals both on real agents with a job that
 * runs. Roots and leaves that live for minutes: for `.ci/deep`.
 */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lastingJob } from '../real-nomad/harness/lasting-job.js'
import { sleep } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'
import { lastEnd, pids, running, turnTlsOn } from './lasting.js'

const bed = new Bed(8, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
])
const specFile = path.join(bed.ops, 'cluster.yaml')

/** The spec, and what lives how long. */
function write(lives: string): void {
  fs.writeFileSync(specFile, bed.spec({ more: lives }))
}

async function until(end: number): Promise<void> {
  await sleep(Math.max(0, end - Date.now()) + 3000)
}

beforeAll(async () => {
  await bed.start()
  const lives = 'lifetime: 170s, renewBefore: 5s'
  write(
    `authorities: { agent: { lifetime: 180s, renewBefore: 5s } }\ndefaults: { ${lives}, operator: { ${lives} } }\n`,
  )
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
  await bed.expect(2, 'rollout', '--yes')
  await turnTlsOn(bed)
  await bed.startAgents()
  await bed.ask(bed.host('s1'), '/v1/jobs', 'POST', lastingJob)
})

afterAll(() => bed.stop())

test('the root has ended: a new one, trusted alone; nothing restarts and nothing is lost', async () => {
  const before = { allocations: await running(bed, 1), pids: await pids(bed) }
  await until(await lastEnd(bed, /^authority\/agent\/1$/, 1))
  await expect(bed.ask(bed.host('s1'), '/v1/jobs')).rejects.toThrow(/expired/)
  write('')
  const dry = await bed.expect(2, 'rollout', '--recover', '--dry-run')
  expect(dry.stdout).toContain('in the spec, for authority agent: signing: 2, trusted: [2]')
  const { stdout } = await bed.expect(0, 'rollout', '--recover', '--yes')
  expect(stdout).toContain('4 agents brought and proven')
  expect(fs.readFileSync(specFile, 'utf8')).toMatch(/signing: 2[^]*trusted: \[ ?2 ?\]/)
  expect(await running(bed, 1)).toEqual(before.allocations)
  expect(await pids(bed)).toEqual(before.pids)
  await bed.expect(0, 'probe')
  await bed.expect(0, 'plan')
})

test('clients alone have ended: the servers are left alone', async () => {
  const before = { allocations: await running(bed, 1), pids: await pids(bed) }
  const text = fs.readFileSync(specFile, 'utf8')
  fs.writeFileSync(specFile, `${text}defaults: { client: { lifetime: 90s, renewBefore: 5s } }\n`)
  await bed.expect(0, 'rotate', 'leaves', 'c1', '--yes')
  await bed.mustRollout(0, 'c1')
  await until(await lastEnd(bed, /^identity\/client\//, 1))
  fs.writeFileSync(specFile, text)
  const dry = await bed.expect(2, 'rollout', '--recover', '--dry-run')
  expect(dry.stdout).toContain('nomad-pki rollout --only clients')
  const { events } = await bed.mustRollout(0, '--recover')
  const touched = new Set(
    events.flatMap(({ event, address }) => (event === 'host' ? [address] : [])),
  )
  expect([...touched]).toEqual(['identity/client/global/c1'])
  expect(await running(bed, 1)).toEqual(before.allocations)
  expect(await pids(bed)).toEqual(before.pids)
  await bed.expect(0, 'probe')
})
