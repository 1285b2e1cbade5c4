/**
 * Dies at every call. Twice: as a world in which, from the N-th call on, no call has any effect
 * (in this process); and as a real process that gets SIGKILL in place of its N-th call. A sample of
 * N, or with NOMAD_PKI_KILL_POINTS=all every one.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { readLedger } from '../../src/inventory/ledger.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { hastyFiles, mortal } from './calls.js'
import { folder } from './grounds.js'
import { faultsOf, snapshot } from './judge.js'
import { live } from './life.js'

async function livedTo(dieAt: number, half: boolean): Promise<{ root: string; calls: number }> {
  const root = join(folder(), 'pki')
  const { files, calls } = mortal(dieAt, half)
  await live(directoryStore(root, { files, git: 'ignore' })).catch((error: unknown) => {
    if (calls() < dieAt) throw error
  })
  return { root, calls: calls() }
}

/** Takes the dead one's lock away: in this process its holder still runs. */
async function buried(root: string): Promise<void> {
  await hastyFiles.removeTree(join(root, '.lock'))
}

async function goesOn(root: string, expected: Record<string, string>): Promise<void> {
  expect(faultsOf(root)).toEqual([])
  const store = directoryStore(root, { files: hastyFiles, git: 'ignore' })
  await live(store)
  expect(faultsOf(root)).toEqual([])
  expect(snapshot(root)).toEqual(expected)
  const { findings, ledger } = await store.read()
  expect(findings).toEqual([])
  const chain = readLedger(ledger?.bytes)
  expect(chain.fault).toBeUndefined()
  expect(chain.tornBytes).toBe(0)
  for (const address of [
    'authority/agent/2',
    ...['s1', 's2', 's3'].map((name) => `identity/server/global/${name}`),
  ]) {
    // What turned has a line: lines come before links.
    expect(chain.lines.some((line) => line.address === address)).toBe(true)
  }
}

const everything = env.NOMAD_PKI_KILL_POINTS === 'all'

describe('killed at any call', { timeout: 3_600_000 }, () => {
  let expected: Record<string, string> = {}
  let total = 0

  beforeAll(async () => {
    const whole = await livedTo(Number.POSITIVE_INFINITY, false)
    expected = snapshot(whole.root)
    total = whole.calls
  })

  test('left to itself, a life comes to its end', () => {
    expect(Object.keys(expected).sort()).toEqual(
      [
        'authority/agent/2/ca-key.pem',
        'authority/agent/2/ca.pem',
        'authority/agent/2/crossed-by-1.pem',
        'authority/agent/2/crossed-by-3.pem',
        'bundle/agent/ca.pem',
        ...['s1', 's2', 's3'].flatMap((name) =>
          [
            '3-00000003/ca.pem',
            '3-00000003/cert.pem',
            '3-00000003/key.pem',
            '3-00000003/manifest.json',
            'current',
          ].map((file) => `identity/server/global/${name}/${file}`),
        ),
      ].sort(),
    )
  })

  test.each([false, true])(
    'no half-thing is left, and the next run comes to the same end (writes by half: %s)',
    async (half) => {
      expect(total).toBeGreaterThan(200)
      const points = everything ? total : 40
      for (let point = 0; point < points; point += 1) {
        // Spread out so that the two kinds of death take different ones.
        const dieAt = 1 + Math.floor(((point + (half ? 0.5 : 0)) * total) / points)
        const { root } = await livedTo(dieAt, half)
        await buried(root)
        try {
          await goesOn(root, expected)
        } catch (error) {
          throw new Error(`killed at call ${dieAt} of ${total}`, { cause: error })
        }
      }
      console.log(
        `kill points of apply in this process${half ? ', writes by half' : ''}: ${points} of ${total}`,
      )
    },
  )

  test('killed, healed until killed again, and healed: the same end', async () => {
    for (let dieAt = 3; dieAt <= total; dieAt += everything ? 7 : 31) {
      const { root } = await livedTo(dieAt, true)
      for (const again of [2, 5, 11]) {
        await buried(root)
        const { files } = mortal(again, true)
        await live(directoryStore(root, { files, git: 'ignore' })).catch(() => undefined)
        expect(faultsOf(root)).toEqual([])
      }
      await buried(root)
      await goesOn(root, expected)
    }
  })
})

describe('a process that gets SIGKILL', () => {
  let script = ''
  beforeAll(async () => {
    script = join(folder(), 'life.mjs')
    await build({
      entryPoints: [fileURLToPath(new URL('mortal-life.ts', import.meta.url))],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // fs-extra is CommonJS and asks for its modules by require.
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
      },
      logLevel: 'error',
    })
  })

  function run(root: string, dieAt: number): ReturnType<typeof spawnSync> {
    return spawnSync(execPath, [script, root, String(dieAt)], {
      encoding: 'utf8',
      timeout: 60_000,
    })
  }

  test(
    'leaves no half-thing, and the next one takes its lock over and comes to the same end',
    { timeout: 3_600_000 },
    async () => {
      const whole = join(folder(), 'pki')
      const first = run(whole, 0)
      expect(first.stderr).toBe('')
      const total = Number(/calls (\d+)/.exec(String(first.stdout))?.[1])
      expect(total).toBeGreaterThan(300)
      const expected = snapshot(whole)
      const step = everything ? 1 : Math.ceil(total / 12)
      let points = 0
      for (let dieAt = 1 + (everything ? 0 : total % step); dieAt <= total; dieAt += step) {
        const root = join(folder(), 'pki')
        expect(run(root, dieAt).signal).toBe('SIGKILL')
        points += 1
        try {
          // Nobody buries it: its lock says a process that is gone.
          await goesOn(root, expected)
        } catch (error) {
          throw new Error(`SIGKILL at call ${dieAt} of ${total}`, { cause: error })
        }
      }
      expect(readFileSync(join(whole, 'ledger.jsonl'), 'utf8').split('\n').length).toBeGreaterThan(
        9,
      )
      console.log(`kill points of apply by SIGKILL: ${points} of ${total}`)
    },
  )
})
