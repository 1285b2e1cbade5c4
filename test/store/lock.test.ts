import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { execPath, pid } from 'node:process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isRunning, thisProcess } from '../../src/files/running.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { takeLock } from '../../src/store/lock.js'
import { errno, hastyFiles, watched } from './calls.js'
import { folder } from './grounds.js'

/** The number of a process that is over. */
function gonePid(): number {
  return spawnSync(execPath, ['-e', '0']).pid
}

function lockOf(fields: Record<string, unknown>): string {
  return `${JSON.stringify({ ...thisProcess(), nonce: '0'.repeat(24), command: 'apply', ...fields })}\n`
}

function storeWith(lock: string): { root: string; store: ReturnType<typeof directoryStore> } {
  const root = folder()
  writeFileSync(join(root, '.lock'), lock)
  return { root, store: directoryStore(root, { files: hastyFiles, git: 'ignore' }) }
}

describe('whether a process still runs', () => {
  const self = thisProcess()

  test.each([
    ['this one', {}, 'running'],
    ['one whose number another process has by now', { start: '1' }, 'gone'],
    ['one of before the machine started anew', { boot: 'another', space: self.space }, 'gone'],
    ['one on another host', { host: 'elsewhere' }, 'unknown'],
    ['one in another container', { space: 'pid:[1]' }, 'unknown'],
    ['process 0', { pid: 0 }, 'unknown'],
    ['a negative number', { pid: -1 }, 'unknown'],
  ] as const)('%s', (_which, fields, verdict) => {
    // In a container of its own, what was before the start of the machine can't be told.
    const inContainer = self.space !== undefined && self.space !== 'pid:[4026531836]'
    const expected =
      'boot' in fields && (inContainer || self.boot === undefined)
        ? self.boot === undefined
          ? 'running'
          : 'unknown'
        : 'start' in fields && self.start === undefined
          ? 'running'
          : verdict
    expect(isRunning({ ...self, ...fields }, self)).toBe(expected)
  })

  test('one that is over', () => {
    expect(isRunning({ ...self, pid: gonePid(), start: undefined }, self)).toBe('gone')
  })
})

describe('the lock', () => {
  test.each([
    ['no JSON', '{'],
    ['no object', 'null\n'],
    ['a number', '1\n'],
    ['a process that is no number', lockOf({ pid: '1' })],
    ['a host that is no text', lockOf({ host: 1 })],
    ['a user that is no text', lockOf({ user: null })],
    ['a command that is no text', lockOf({ command: ['apply'] })],
    ['a nonce that is no text', lockOf({ nonce: 0 })],
    ['a nonce that is too long', lockOf({ nonce: '0'.repeat(25) })],
    ['a nonce that is too short', lockOf({ nonce: '0'.repeat(23) })],
    ['a nonce of other letters', lockOf({ nonce: 'g'.repeat(24) })],
  ])(
    'that holds %s is never taken over, and the message says how to remove it',
    async (_, text) => {
      const { root, store } = storeWith(text)
      await expect(store.lock({ wait: 1 })).rejects.toMatchObject({
        code: 'ERR_STORE_LOCKED',
        message: `the store ${root} has a lock that can't be read`,
        hint: `if no process is at work there: rm ${root}/.lock`,
      })
      expect(readFileSync(join(root, '.lock'), 'utf8')).toBe(text)
    },
  )

  test('says who holds it, and is gone after its release', async () => {
    const root = folder()
    const store = directoryStore(root, { files: hastyFiles, git: 'ignore' })
    const lock = await store.lock({ command: 'nomad-pki apply' })
    expect(JSON.parse(readFileSync(join(root, '.lock'), 'utf8'))).toMatchObject({
      pid,
      host: hostname(),
      command: 'nomad-pki apply',
      nonce: expect.stringMatching(/^[0-9a-f]{24}$/) as string,
    })
    expect(readdirSync(root)).toEqual(['.lock'])
    await lock.release()
    expect(readdirSync(root)).toEqual([])
  })

  test('of a process that is gone is taken over', async () => {
    const { root, store } = storeWith(lockOf({ pid: gonePid(), start: undefined }))
    const lock = await store.lock({ wait: 0 })
    expect(JSON.parse(readFileSync(join(root, '.lock'), 'utf8'))).toMatchObject({ pid })
    expect(readdirSync(root)).toEqual(['.lock'])
    await lock.release()
  })

  test('of another host is never taken over, and the message says what only a person can know', async () => {
    const { root, store } = storeWith(lockOf({ host: 'bastion-2', pid: 4711, user: 'ops' }))
    const before = readFileSync(join(root, '.lock'), 'utf8')
    await expect(store.lock({ wait: 0 })).rejects.toMatchObject({
      code: 'ERR_STORE_LOCKED',
      message: expect.stringMatching(
        /is held by "apply", process 4711 of ops on bastion-2, since 20\d\d-\d\d-\d\dT[\d:]{8}Z$/,
      ) as string,
      hint: `wait for it; only if it is certain that it no longer runs (that machine or container is gone): rm ${root}/.lock`,
    })
    expect(readFileSync(join(root, '.lock'), 'utf8')).toBe(before)
    expect(readdirSync(root)).toEqual(['.lock'])
  })

  test.each(['', '{"pid":', '{}', 'null', lockOf({ nonce: '../../x' })])(
    'that is none of ours (%j) is left for a person to remove',
    async (text) => {
      const { store } = storeWith(text)
      await expect(store.lock({ wait: 0 })).rejects.toMatchObject({
        code: 'ERR_STORE_LOCKED',
        message: expect.stringContaining("can't be read") as string,
      })
    },
  )

  test('is waited for as long as was asked, and then had', async () => {
    const root = folder()
    const first = directoryStore(root, { files: hastyFiles, git: 'ignore' })
    const second = directoryStore(root, { files: hastyFiles, git: 'ignore' })
    const lock = await first.lock()
    const waiting = second.lock({ wait: 30_000 })
    await lock.release()
    await (await waiting).release()
    expect(readdirSync(root)).toEqual([])
  })

  test('reading needs none, and writes nothing', async () => {
    const { root, store } = storeWith(lockOf({ host: 'elsewhere' }))
    expect((await store.read()).findings.filter(({ reason }) => reason !== 'mode-open')).toEqual([])
    expect(readdirSync(root)).toEqual(['.lock'])
  })

  test('does without hard links', async () => {
    const root = folder()
    const files = watched(hastyFiles, (call) => {
      if (call === 'link') throw errno('EPERM')
    })
    const store = directoryStore(root, { files, git: 'ignore' })
    const lock = await store.lock({ command: 'first' })
    await expect(store.lock({ wait: 0 })).rejects.toMatchObject({
      message: expect.stringContaining('"first"') as string,
    })
    await lock.release()
    expect(readdirSync(root)).toEqual([])
  })

  test('a dead successor is succeeded: the line of succession is followed to its end', async () => {
    const dead = (digit: string): string =>
      lockOf({ pid: gonePid(), start: undefined, nonce: digit.repeat(24) })
    const { root, store } = storeWith(dead('a'))
    writeFileSync(join(root, `.lock-after-${'a'.repeat(24)}`), dead('b'))
    writeFileSync(join(root, `.lock-after-${'b'.repeat(24)}`), dead('c'))
    const lock = await store.lock({ wait: 0 })
    expect(readdirSync(root)).toEqual(['.lock'])
    await lock.release()
  })

  test('a living successor holds it, though the name still says the dead one', async () => {
    const { root, store } = storeWith(
      lockOf({ pid: gonePid(), start: undefined, nonce: 'a'.repeat(24) }),
    )
    writeFileSync(
      join(root, `.lock-after-${'a'.repeat(24)}`),
      lockOf({ nonce: 'b'.repeat(24), command: 'the successor' }),
    )
    await expect(store.lock({ wait: 0 })).rejects.toMatchObject({
      message: expect.stringContaining('"the successor"') as string,
    })
  })

  test('taking over is no race: whatever happens between two calls of one, only one has it', async () => {
    const request = { wait: 0, command: 'apply', signal: undefined }
    for (let at = 1; at <= 40; at += 1) {
      const root = folder()
      writeFileSync(join(root, '.lock'), lockOf({ pid: gonePid(), start: undefined }))
      let calls = 0
      let other: Promise<string> | undefined
      const files = watched(hastyFiles, () => {
        calls += 1
        // Everything that the other one does is synchronous: it all happens here, in between.
        if (calls === at) other = takeLock(hastyFiles, root, request)
      })
      const one = takeLock(files, root, request)
      const outcomes = await Promise.allSettled([one, other ?? Promise.reject(new Error('none'))])
      const had = outcomes.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
      expect(had).toHaveLength(1)
      expect(JSON.parse(readFileSync(join(root, '.lock'), 'utf8'))).toMatchObject({ nonce: had[0] })
    }
  })

  test('whose finished file is tidied away by a new holder makes another', async () => {
    const root = folder()
    let tidied = 0
    const files = {
      ...hastyFiles,
      link(from: string, to: string) {
        if (tidied < 3) {
          tidied += 1
          hastyFiles.unlink(from)
        }
        hastyFiles.link(from, to)
      },
    }
    const lock = await directoryStore(root, { files, git: 'ignore' }).lock({ wait: 0 })
    expect(tidied).toBe(3)
    await lock.release()
    expect(readdirSync(root)).toEqual([])
  })

  test('several processes that find a dead lock at once have it one after the other', async () => {
    const root = folder()
    const script = join(folder(), 'holder.mjs')
    const { build } = await import('esbuild')
    await build({
      entryPoints: [fileURLToPath(new URL('lock-holder.ts', import.meta.url))],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
      },
      logLevel: 'error',
    })
    writeFileSync(join(root, '.lock'), lockOf({ pid: gonePid(), start: undefined }))
    writeFileSync(`${root}.count`, '0')
    const holders = Array.from({ length: 4 }, () => spawn(execPath, [script, root, '10']))
    const ends = await Promise.all(
      holders.map(
        (holder) =>
          new Promise((resolve) => {
            holder.on('close', resolve)
          }),
      ),
    )
    expect(ends).toEqual([0, 0, 0, 0])
    expect(readFileSync(`${root}.count`, 'utf8')).toBe('40')
  })
})
