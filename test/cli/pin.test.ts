import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cli, folder } from './cli.js'

const spec = (agent: string): string =>
  `version: 1\ncluster: acme\nauthorities:\n  agent: ${agent}\nregions:\n  global:\n    servers: { s1: {} }\noperators: { alice: {} }\n`
const other = `SHA256:${'0'.repeat(64)}`

let cwd = ''
let fingerprint = ''
const pin = (agent: string): void => {
  fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec(agent))
}
beforeAll(async () => {
  cwd = folder({ 'cluster.yaml': spec('{}') })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  const root = new X509Certificate(fs.readFileSync(path.join(cwd, 'pki/authority/agent/1/ca.pem')))
  fingerprint = `SHA256:${root.fingerprint256.replaceAll(':', '').toLowerCase()}`
})

describe('a pinned root', () => {
  test('is taken where it is the one', async () => {
    pin(`{ fingerprint: ${fingerprint} }`)
    expect((await cli(cwd, ['plan'])).status).toBe(0)
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
    expect((await cli(cwd, ['pack', 's1', '--out', 's1.tar.gz'])).status).toBe(0)
  })

  test.each([
    [['plan'], 2],
    [['apply', '--yes'], 1],
    [['rotate', 'leaves', '--all', '--yes'], 1],
    [['verify', '--offline'], 2],
    [['pack', 's1', '--out', 'other.tar.gz'], 1],
    [['env', 'alice'], 1],
    [['status'], 2],
    [['status', '--json'], 2],
    [['rotate', 'authority', '--next'], 1],
  ])('%j refuses another one, with both values', async (line, expected) => {
    pin(`{ fingerprint: ${other} }`)
    const { status, stdout, stderr } = await cli(cwd, line)
    expect(status).toBe(expected)
    expect(stdout + stderr).toContain(fingerprint)
    expect(stdout + stderr).toContain(other)
    expect(fs.existsSync(path.join(cwd, 'other.tar.gz'))).toBe(false)
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(
      spec(`{ fingerprint: ${other} }`),
    )
  })

  test.each([
    [['plan'], 2],
    [['apply', '--yes'], 1],
    [['verify', '--offline'], 2],
  ])('is never made anew where it is lost: %j', async (line, expected) => {
    const fresh = folder({ 'cluster.yaml': spec(`{ fingerprint: ${fingerprint} }`) })
    await cli(fresh, ['init', '--new-store'])
    const { status, stdout, stderr } = await cli(fresh, line)
    expect(status).toBe(expected)
    expect(stdout + stderr).toContain(`the spec pins ${fingerprint}`)
    expect(stdout).not.toMatch(/^\+ {2}authority/m)
    expect(fs.existsSync(path.join(fresh, 'pki/authority'))).toBe(false)
  })
})
