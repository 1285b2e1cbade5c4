/** Nomad takes the periodic job of the templates. */

import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { nomadBinary } from './harness/binaries.js'
import { cleanEnvironment } from './harness/run.js'

const job = 'templates/automation/nomad-pki-watch.nomad.hcl'
const inventory = 'inventory=https://pki.example/'

function validate(...args: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr, error } = spawnSync(
    nomadBinary(),
    ['job', 'validate', ...args, job],
    // No agent answers there: the command judges alone.
    { encoding: 'utf8', env: { ...cleanEnvironment(), NOMAD_ADDR: 'http://127.0.0.1:9' } },
  )
  if (error !== undefined) throw error
  return { status, said: `${stdout}${stderr}` }
}

test('nomad job validate', () => {
  const { status, said } = validate('-var', inventory, '-var', 'image=nomad-pki')
  expect(said).toContain('Job validation successful')
  expect(status).toBe(0)
})

test('a variable that is missing is named', () => {
  const { status, said } = validate('-var', inventory)
  expect(said).toMatch(/image/)
  expect(status).not.toBe(0)
})
