/**
 * Every certificate of a cluster has ended, on real hosts with real agents and a job that runs: `rollout --recover` heals
 * it, also where it is killed on the way, and where the root's key is lost too. The example of the document is run here.
 */

import { lastingJob } from '../real-nomad/harness/lasting-job.js'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command } from '../real-nomad/harness/binaries.js'
import { cleanEnvironment, sleep } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'
import { followDocument } from './follow-document.js'
import { lastEnd, pids, running, turnTlsOn } from './lasting.js'

const bed = new Bed(4, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
  ['c2', 'global'],
])
const specFile = path.join(bed.ops, 'cluster.yaml')

/** How long leaves live from now on; `undefined`: as long as usual. */
function leavesLive(span: string | undefined): void {
  const text = fs.readFileSync(specFile, 'utf8').replace(/^defaults:.*\n/m, '')
  const line = span === undefined ? '' : `defaults: { lifetime: ${span}, renewBefore: 20s }\n`
  fs.writeFileSync(specFile, text.replace(/^node:/m, `${line}node:`))
}

async function allEnded(): Promise<void> {
  const end = await lastEnd(bed, /^identity\/(server|client)/, 5)
  await sleep(Math.max(0, end - Date.now()) + 3000)
  for (const { name } of bed.hosts) {
    await expect(bed.ask(bed.host(name), '/v1/jobs'), name).rejects.toThrow(/expired/)
  }
}

/** Without a leader from now on; says after how many seconds one answers, by any server. */
function leaderBack(): { readonly seconds: () => number | undefined; readonly end: () => void } {
  const began = performance.now()
  let found: number | undefined
  const watch = { on: true }
  void (async () => {
    while (watch.on && found === undefined) {
      for (const name of ['s1', 's2', 's3']) {
        const answer = await bed.ask(bed.host(name), '/v1/status/leader').catch(() => '')
        if (answer.length > 2) found ??= (performance.now() - began) / 1000
      }
      await sleep(200)
    }
  })()
  return {
    seconds: () => found,
    end: () => {
      watch.on = false
    },
  }
}

/** Kills it as soon as it has written a line of this form. */
async function killedAt(pattern: RegExp): Promise<string> {
  const { cwd, env } = bed.options()
  const child = spawn(process.execPath, [command, 'rollout', '--recover', '--yes'], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (pattern.test(said)) child.kill('SIGKILL')
    })
  }
  await new Promise((resolve) => child.on('close', resolve))
  expect(child.signalCode, said).toBe('SIGKILL')
  return said
}

beforeAll(async () => {
  await bed.start()
  fs.writeFileSync(specFile, bed.spec())
  leavesLive('90s')
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
  await bed.expect(2, 'rollout', '--yes')
  await turnTlsOn(bed)
  await bed.startAgents()
  await bed.ask(bed.host('s1'), '/v1/jobs', 'POST', lastingJob)
})

afterAll(() => bed.stop())

test('every leaf has ended: the document as it is written heals it, and nothing restarts', async () => {
  const before = { allocations: await running(bed, 2), pids: await pids(bed) }
  await allEnded()
  leavesLive('120s')
  const back = leaderBack()
  await followDocument(bed, 'recovery.md', '## A whole example', { '--dry-run': 2 })
  back.end()
  expect(back.seconds()).toBeDefined()
  console.log(`recovery: a leader after ${back.seconds()!.toFixed(1)} s of rollout --recover`)
  expect(await running(bed, 2)).toEqual(before.allocations)
  expect(await pids(bed)).toEqual(before.pids)
  await bed.expect(0, 'probe')
  expect((await bed.expect(0, 'rollout', '--recover')).stdout).toContain('nothing to recover')
})

test('the key of the root is lost too: a new root, killed on the way, and the same command goes on', async () => {
  const before = { allocations: await running(bed, 2), pids: await pids(bed) }
  fs.rmSync(path.join(bed.ops, 'pki/authority/agent/1/ca-key.pem'))
  // While agents live a new root would cut them off.
  const early = await bed.expect(3, 'rollout', '--recover', '--yes')
  expect(early.stderr).toContain(
    'authority/agent/1 can sign nothing, and no certificate has ended yet',
  )
  expect(early.stderr).toContain('nomad-pki rotate authority agent --run')
  await allEnded()
  leavesLive(undefined)
  const dry = await bed.expect(2, 'rollout', '--recover', '--dry-run')
  expect(dry.stdout).toContain('its key is not in the store')
  expect(dry.stdout).toContain('in the spec, for authority agent: signing: 2, trusted: [2]')
  const back = leaderBack()
  await killedAt(/another generation signs/)
  await killedAt(/s[123]: switched/)
  const { stdout } = await bed.expect(0, 'rollout', '--recover', '--yes')
  expect(stdout).not.toContain('signing: 3')
  back.end()
  console.log(
    `recovery: with a new root, killed twice, a leader after ${back.seconds()!.toFixed(1)} s`,
  )
  expect(fs.readFileSync(specFile, 'utf8')).toMatch(/signing: 2[^]*trusted: \[ ?2 ?\]/)
  expect(await running(bed, 2)).toEqual(before.allocations)
  expect(await pids(bed)).toEqual(before.pids)
  await bed.expect(0, 'probe')
  await bed.expect(0, 'plan')
})
