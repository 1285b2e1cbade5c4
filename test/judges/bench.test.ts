/** The benchmark of an engine still runs: its bare loop makes the calls that our roles take today. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cleanEnvironment } from '../real-nomad/harness/run.js'

const bench = join(import.meta.dirname, '../bench/bench.mjs')

test('five leaves from OpenBao, and from a bare loop', () => {
  const args = [bench, '--only', 'engine', '--nodes', '5', '--json']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: cleanEnvironment(),
  })
  // 1: the bound was missed, which five leaves cannot show.
  expect([0, 1], stderr).toContain(status)
  const { figures } = JSON.parse(stdout) as { figures: readonly { value?: number }[] }
  expect(figures).toMatchObject([{ value: expect.any(Number) as number }])
})
