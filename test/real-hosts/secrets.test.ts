/**
 * Where the bytes of keys go in a rollout, watched with strace on both sides: no argument, no log, no file that
 * others can read. No agent runs.
 */

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command } from '../real-nomad/harness/binaries.js'
import { cleanEnvironment, eventually, run } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'
import { readTrace, traced, type Trace } from './trace.js'

const bed = new Bed(6, [
  ['s1', 'global'],
  ['c1', 'global', { busybox: true }],
])

/** A line of the key alone; and what the archive begins with, as it travels. */
const secretsOf = (pem: string): readonly string[] => [pem.split('\n')[2]!, 'H4sI', 'PRIVATE KEY']

function login(ssh: string): void {
  fs.writeFileSync(path.join(bed.ops, 'cluster.yaml'), bed.spec({ ssh }))
}

beforeAll(async () => {
  await bed.start()
  login('{ user: root }')
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

/** Follows what the sshd of a host starts, while something is done. */
async function traceHost(name: string, work: () => Promise<void>): Promise<readonly string[]> {
  const file = path.join(bed.folder, `trace-${name}`)
  const tracer = spawn(
    'strace',
    [
      ...['-f', '-y', '-qq', '-s', '20000', '-e', traced, '-e', 'signal=none'],
      ...['--decode-pids=pidns', '-o', file, '-p', bed.sshd(name)],
    ],
    { stdio: 'ignore', env: cleanEnvironment() },
  )
  const ended = new Promise((resolve) => tracer.on('close', resolve))
  await eventually('strace', () =>
    Promise.resolve(
      /^TracerPid:\t[1-9]/m.test(fs.readFileSync(`/proc/${bed.sshd(name)}/status`, 'utf8')) ||
        undefined,
    ),
  )
  try {
    await work()
  } finally {
    tracer.kill('SIGTERM')
    await ended
  }
  return fs.readFileSync(file, 'utf8').split('\n')
}

/** Nothing was told to a program, and others can read nothing that was written. */
function expectKept({ told, written, opened }: Trace): void {
  expect(told).toEqual([])
  expect(opened).toEqual([])
  for (const { file, mode } of written) expect(mode! & 0o077, `${file} ${mode}`).toBe(0)
}

test.each([
  ['s1', 'server', '{ user: deploy, sudo: true }'],
  // BusyBox alone: it has no sudo.
  ['c1', 'client', '{ user: root }'],
])('%s: here and on the host', async (name, role, ssh) => {
  login(ssh)
  const key = path.join(bed.ops, `pki/identity/${role}/global/${name}/current/key.pem`)
  const secrets = secretsOf(fs.readFileSync(key, 'utf8'))
  const here = path.join(bed.folder, `trace-here-${name}`)
  let said = ''
  const there = await traceHost(name, async () => {
    const { cwd, env, timeout } = bed.options()
    const outcome = await run(
      'strace',
      [
        ...['-f', '-y', '-qq', '-s', '20000', '-e', traced, '-e', 'signal=none', '-o', here],
        ...[process.execPath, command, 'rollout', name, '--yes', '--override', 'tolerance=global'],
        ...['--reason', 'one server'],
      ],
      { cwd, env, timeout },
    )
    said = `${outcome.stdout}${outcome.stderr}`
    expect(outcome.status, said).toBe(2)
  })
  const host = readTrace(there, secrets)
  expectKept(host)
  // It was seen to unpack the key, and to put it in place: else nothing was proven.
  expect(host.started).toBeGreaterThan(10)
  expect(host.written.some(({ file }) => /\/nomad-pki-rollout\..*\/key\.pem$/.test(file))).toBe(
    true,
  )
  expect(host.written.some(({ file }) => file.startsWith('/etc/nomad-tls/'))).toBe(true)
  const own = readTrace(fs.readFileSync(here, 'utf8').split('\n'), secrets)
  expectKept(own)
  expect(own.started).toBeGreaterThan(2)
  // Here a key is in a file of the store alone.
  expect(own.written).toEqual([])
  for (const secret of secrets) expect(said).not.toContain(secret)
  const logs = spawnSync(
    'grep',
    ['-rlF', secrets[0]!, '/var/log', path.join(bed.home(name), 'sshd.log'), bed.ops],
    { encoding: 'utf8' },
  ).stdout
  expect(logs.split('\n').filter((file) => file !== '' && !/\/key\.pem$/.test(file))).toEqual([])
})
