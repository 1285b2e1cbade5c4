import { expect, test } from 'vitest'
import { cli, folder } from './cli.js'

const good = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: {} }
`

test('a sound spec, without a store: nothing is wrong, and nothing is made', async () => {
  const cwd = folder({ 'cluster.yaml': good })
  const { status, stdout } = await cli(cwd, ['verify', '--spec-only'])
  expect({ status, stdout }).toEqual({
    status: 0,
    stdout: 'cluster.yaml: no errors (the spec alone)\n',
  })
})

test('errors are the answer, with their places, also as JSON', async () => {
  const cwd = folder({ 'cluster.yaml': good.replace('servers', 'sevrers') })
  const text = await cli(cwd, ['verify', '--spec-only'])
  expect(text.status).toBe(2)
  expect(text.stdout).toMatch(/cluster\.yaml:5:5: .*sevrers/)
  const json = await cli(cwd, ['verify', '--spec-only', '--json'])
  expect(json.status).toBe(2)
  expect(JSON.parse(json.stdout)).toMatchObject({
    format: 'nomad-pki/spec-diagnostics',
    errors: 1,
    diagnostics: [{ severity: 'error', code: 'spec/unknown-key', line: 5, column: 5 }],
  })
})

test('warnings count with --strict', async () => {
  const cwd = folder({ 'cluster.yaml': `${good}  gobal:\n    clients: { c1: {} }\n` })
  expect((await cli(cwd, ['verify', '--spec-only'])).status).toBe(0)
  expect((await cli(cwd, ['verify', '--spec-only', '--strict'])).status).toBe(2)
})

test('what looks at a store does not go with it', async () => {
  const cwd = folder({ 'cluster.yaml': good })
  expect((await cli(cwd, ['verify', '--spec-only', '--at', '+30d'])).status).toBe(64)
})
