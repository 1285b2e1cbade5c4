/**
 * `renew`, killed with all that it started, after a while that grows from run to run: what is in place is a whole pair,
 * no key is open to others, and the next run goes on.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPackage } from '../built.js'
import { selfNode, type SelfNode } from './node.js'

const rounds = 14
let node: SelfNode
let built = ''
beforeAll(async () => {
  built = buildPackage()
  node = await selfNode()
})
afterAll(async () => {
  fs.rmSync(built, { recursive: true, force: true })
  await node.engine.close()
})

/** Runs it as a program, and kills its process group after so many milliseconds. */
async function renewed(killAfter?: number): Promise<{ killed: boolean; milliseconds: number }> {
  const begun = performance.now()
  const program = path.join(built, 'bin/nomad-pki.js')
  const child = spawn(
    process.execPath,
    [program, 'renew', '--config', 'node/node.yaml', '--force'],
    {
      cwd: node.place,
      detached: true,
      stdio: 'ignore',
    },
  )
  const timer =
    killAfter === undefined
      ? undefined
      : setTimeout(() => {
          // It may have ended this very moment.
          if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
        }, killAfter)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  return { killed: code === null, milliseconds: performance.now() - begun }
}

/** Every file with a private key, as `MODE NAME`, where others can read it. */
function openKeys(): readonly string[] {
  return fs
    .readdirSync(node.tls, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(node.tls, name))
    .filter((file) => fs.lstatSync(file).isFile())
    .filter((file) => (fs.statSync(file).mode & 0o077) !== 0)
    .filter((file) => fs.readFileSync(file, 'latin1').includes('PRIVATE KEY'))
}

test(`killed at ${rounds} moments: never a torn pair, never an open key, and it goes on`, async () => {
  const { milliseconds } = await renewed()
  expect(node.isPair()).toBe(true)
  let killed = 0
  for (let round = 0; round < rounds; round += 1) {
    const end = await renewed((milliseconds * (round + 0.5)) / rounds)
    if (end.killed) killed += 1
    expect(node.isPair(), `round ${round}`).toBe(true)
    expect(openKeys(), `round ${round}`).toEqual([])
  }
  // Else nothing was tried.
  expect(killed).toBeGreaterThan(rounds / 2)
  const before = node.current()
  // The installer takes nothing that was made before what is in place.
  node.at = Date.now()
  const { stderr, status } = await node.renew('--force')
  expect(status, stderr).toBe(0)
  expect(node.current()).not.toBe(before)
  expect(node.isPair()).toBe(true)
  expect(fs.existsSync(path.join(node.tls, 'requested-key.pem'))).toBe(false)
  // What the killed ones left half-made is gone.
  expect(fs.readdirSync(node.tls).filter((name) => name.startsWith('.part-'))).toEqual([])
}, 180_000)
