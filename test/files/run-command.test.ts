/** A program of the user's, run to its end: how it ended, what it wrote, and what it left running. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env, execPath, kill } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCommand, shownOutput, type CommandCall } from '../../src/files/run-command.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nomad-pki-command-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A shell script that runs long enough for a slow machine. */
const run = async (
  script: string,
  options: Partial<CommandCall> = {},
): ReturnType<typeof runCommand> =>
  runCommand({
    ...{ argv: ['/bin/sh', '-c', script], cwd: folder, env: { PATH: env['PATH'] } },
    ...{ timeout: 60_000, outputLimit: 1000 },
    ...options,
  })
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** Waits until a file is there, and gives the process that it names. */
async function pidIn(name: string): Promise<number> {
  const file = join(folder, name)
  for (let times = 0; times < 1000; times += 1) {
    if (existsSync(file) && readFileSync(file, 'utf8').endsWith('\n')) {
      return Number(readFileSync(file, 'utf8'))
    }
    await sleep(20)
  }
  throw new Error(`${name} did not come`)
}

function isRunning(pid: number): boolean {
  try {
    kill(pid, 0)
  } catch {
    return false
  }
  // One that has ended and that nobody waits for is still listed.
  const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ''
  return !/^\d+ \(.*\) Z/.test(state)
}

async function untilGone(pid: number): Promise<boolean> {
  for (let times = 0; times < 1000 && isRunning(pid); times += 1) await sleep(20)
  return !isRunning(pid)
}

/** A process in the background whose outputs are those of the script. */
const background = 'sleep 300 & echo $! > pid.new; mv pid.new pid'

describe('how it ended', () => {
  test('with its status and what it wrote, in its folder, with its input and no other environment', async () => {
    const { end, stdout, stderr } = await run('pwd -P; cat; echo "$HOME$A"; echo oh >&2; exit 3', {
      env: { A: 'a' },
      input: Buffer.from('in\n'),
    })
    expect(end).toEqual({ how: 'exited', status: 3 })
    expect(text(stdout).split('\n').slice(-3)).toEqual(['in', 'a', ''])
    expect(text(stdout).split('\n')[0]).toMatch(/nomad-pki-command-/)
    expect(text(stderr)).toBe('oh\n')
  })

  test('by a signal', async () => {
    expect((await run('kill -KILL $$')).end).toEqual({ how: 'killed', by: 'SIGKILL' })
  })

  test('a program that is not there, and one that may not be run', async () => {
    // With a PATH of its own: in one with a folder that this user cannot search it may not be run.
    const lost = { argv: ['nomad-pki-is-not-there'], env: { PATH: folder } }
    expect((await run('', lost)).end).toEqual({
      how: 'not started',
      why: 'there is no such program',
    })
    expect((await run('', { argv: [folder] })).end).toEqual({
      how: 'not started',
      why: 'it may not be run',
    })
  })

  test('a program that reads no input is judged by what it answers', async () => {
    const input = Buffer.alloc(1_000_000)
    const { end, stdout } = await run('exec 0<&-; echo yes', { input })
    expect([end, text(stdout)]).toEqual([{ how: 'exited', status: 0 }, 'yes\n'])
  })

  test('of its complaints the end is kept', async () => {
    const { stderr } = await run(
      'i=0; while [ $i -lt 999 ]; do echo "line $i" >&2; i=$((i+1)); done',
    )
    expect(stderr.length).toBe(4096)
    expect(text(stderr)).toMatch(/line 998\n$/)
  })
})

describe('what ends it too soon ends all that it started', () => {
  test('its time', async () => {
    const answer = run(`${background}; wait`, { timeout: 3000 })
    const pid = await pidIn('pid')
    expect((await answer).end).toEqual({ how: 'timeout' })
    expect(await untilGone(pid)).toBe(true)
  })

  test('more output than is allowed, and not as much as is allowed', async () => {
    expect((await run('printf %1000s x')).end).toEqual({ how: 'exited', status: 0 })
    const { end, stdout } = await run('printf %1001s x; sleep 300')
    expect(end).toEqual({ how: 'too much output' })
    expect(stdout.length).toBeLessThanOrEqual(1000)
  })

  test('the reader', async () => {
    const stop = new AbortController()
    const answer = run(`${background}; wait`, { signal: stop.signal })
    const pid = await pidIn('pid')
    stop.abort()
    expect((await answer).end).toEqual({ how: 'aborted' })
    expect(await untilGone(pid)).toBe(true)
  })

  test('also one that takes no hint', async () => {
    const script =
      "process.on('SIGTERM', () => {}); require('fs').writeFileSync('pid', process.pid + '\\n'); setInterval(() => {}, 1000)"
    const stop = new AbortController()
    const answer = run('', { argv: [execPath, '-e', script], signal: stop.signal })
    const pid = await pidIn('pid')
    stop.abort()
    expect((await answer).end).toEqual({ how: 'aborted' })
    expect(await untilGone(pid)).toBe(true)
  })

  test('its own end: what it left in the background does not go on with a key in reach', async () => {
    const { end, stdout } = await run(`${background}; echo made`)
    expect([end, text(stdout)]).toEqual([{ how: 'exited', status: 0 }, 'made\n'])
    expect(await untilGone(await pidIn('pid'))).toBe(true)
  })
})

describe('a program that leaves a process in the background on purpose', () => {
  test('has ended when it ends, its outputs are not read, and what it left goes on', async () => {
    const left = '(while [ ! -e go ]; do sleep 0.05; done; echo 7 > came.new; mv came.new came) &'
    const { end, stdout, stderr } = await run(`${left} echo made; echo oh >&2; exit 4`, {
      leaves: true,
    })
    expect(end).toEqual({ how: 'exited', status: 4 })
    expect([stdout.length, stderr.length]).toEqual([0, 0])
    writeFileSync(join(folder, 'go'), '')
    expect(await pidIn('came')).toBe(7)
  })

  test('leaves nothing where its time ended first, whatever that takes for a hint', async () => {
    const answer = run(`trap '' TERM; ${background}; wait`, { leaves: true, timeout: 3000 })
    const pid = await pidIn('pid')
    expect((await answer).end).toEqual({ how: 'timeout' })
    expect(await untilGone(pid)).toBe(true)
  })
})

describe('what it wrote, on one line', () => {
  test.each([
    ['nothing', '', ''],
    ['lines', '  one\r\n  two \n\n three\n', 'one; two; three'],
    ['control characters', 'a\u001b[31mb\u0000\u202ec', 'a\\u001b[31mb\\u0000\\u202ec'],
    ['too much: its end', 'x'.repeat(401), `…${'x'.repeat(400)}`],
    ['as much as fits', 'x'.repeat(400), 'x'.repeat(400)],
    ['characters of two parts', '🔑'.repeat(401), `…${'🔑'.repeat(400)}`],
  ])('%s', (_what, written, shown) => {
    expect(shownOutput(Buffer.from(written))).toBe(shown)
  })
})
