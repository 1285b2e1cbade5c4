/** systemd takes the units of the templates. */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { folder } from '../cli/cli.js'

const units = readdirSync('templates', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(service|timer)$/.test(name) && path.basename(name) !== 'nomad.service')
  .sort()

function verify(files: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr, error } = spawnSync(
    'systemd-analyze',
    ['verify', '--man=no', ...files],
    { encoding: 'utf8' },
  )
  if (error !== undefined) throw error
  return { status, said: `${stdout}${stderr}` }
}

test('systemd-analyze finds nothing', () => {
  expect(units.length).toBeGreaterThanOrEqual(8)
  expect(verify(units.map((name) => path.join('templates', name)))).toEqual({ status: 0, said: '' })
})

test('and would', () => {
  const name = units.find((one) => one.endsWith('probe.service'))!
  const cwd = folder()
  const file = path.join(cwd, 'probe.service')
  writeFileSync(file, readFileSync(path.join('templates', name), 'utf8').replace('oneshot', 'once'))
  expect(verify([file]).said).toMatch(/once/)
})
