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

test('a node whose agent did not run at boot is told by a later run, and one that went back is not tried again', () => {
  const unit = readFileSync('templates/renew/nomad-pki-node.service', 'utf8')
  const of = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1]
  expect(of('Restart')).toBe('on-failure')
  expect(of('RestartPreventExitStatus')).toBe('1')
  // The limit holds: so many tries fit into its interval.
  const tries = Number(of('StartLimitBurst'))
  expect(tries * Number.parseInt(of('RestartSec')!, 10)).toBeLessThan(
    Number.parseInt(of('StartLimitIntervalSec')!, 10),
  )
})
