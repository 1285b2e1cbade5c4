/** `verify --with`: other clusters, from whatever is at hand of them. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { copyFolder } from '../copy-folder.js'
import { cli, folder } from './cli.js'

const spec = (cluster: string, region = 'global'): string =>
  `version: 1\ncluster: ${cluster}\nauthorities:\n  agent: { subject: { commonName: Common root } }\nregions:\n  ${region}:\n    servers: { s1: {} }\n`

/** `a`, `copy` of it, and `b`, which has nothing in common with them. */
let made = ''
beforeAll(async () => {
  made = folder({ 'a/cluster.yaml': spec('acme'), 'b/cluster.yaml': spec('beta') })
  for (const one of ['a', 'b']) {
    await cli(path.join(made, one), ['init', '--new-store'])
    expect((await cli(path.join(made, one), ['apply', '--yes'])).status).toBe(0)
  }
  copyFolder(path.join(made, 'a'), path.join(made, 'copy'))
})

const verify = (others: readonly string[], options: readonly string[] = []) =>
  cli(path.join(made, 'a'), [
    'verify',
    '--offline',
    ...others.flatMap((one) => ['--with', one]),
    ...options,
  ])

describe('what is named', () => {
  const forms: readonly (readonly [string, string])[] = [
    ['a spec', '../b/cluster.yaml'],
    ['a store', '../b/pki'],
    ['a ca_file', '../b/pki/bundle/agent/ca.pem'],
  ]
  test.each(forms)('%s of a cluster that shares nothing: exit 0', async (_, other) => {
    const { status, stdout } = await verify([other], ['--strict'])
    expect(status).toBe(0)
    expect(stdout).toContain('compared with 1 cluster')
  })

  const shared: readonly (readonly [string, string, number, string])[] = [
    ['a spec', '../copy/cluster.yaml', 2, 'trust-domain-shared'],
    ['a store', '../copy/pki', 2, 'trust-domain-shared'],
    // Regions are not known of it: a warning.
    ['a ca_file', '../copy/pki/bundle/agent/ca.pem', 0, 'root-shared'],
  ]
  test.each(shared)('%s of a cluster that shares the root', async (_, other, status, reason) => {
    const found = await verify([other])
    expect(found.status).toBe(status)
    expect(found.stdout).toContain(`(${reason})`)
    expect((await verify([other], ['--strict'])).status).toBe(2)
  })

  test('several at once, as JSON', async () => {
    const { status, stdout } = await verify(['../b/cluster.yaml', '../copy/pki'], ['--json'])
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({
      errors: 2,
      with: [
        { file: '../b/cluster.yaml', kind: 'spec', cluster: 'beta', regions: ['global'] },
        { file: '../copy/pki', kind: 'store', cluster: 'acme', regions: ['global'] },
      ],
    })
  })
})

test('the remedy of a shared key cures it', async () => {
  const home = folder()
  copyFolder(made, home)
  const cwd = path.join(home, 'a')
  const argv = ['verify', '--offline', '--with', '../copy/cluster.yaml', '--json']
  const reasonsOf = async (): Promise<readonly { reason: string; remedy: string }[]> =>
    (
      JSON.parse((await cli(cwd, argv)).stdout) as {
        findings: { reason: string; remedy: string }[]
      }
    ).findings
  const found = (await reasonsOf()).find(({ reason }) => reason === 'key-shared')!
  expect(found.remedy).toBe('nomad-pki rotate leaves identity/server/global/s1')
  expect((await cli(cwd, [...found.remedy.split(' ').slice(1), '--yes'])).status).toBe(0)
  expect((await reasonsOf()).map(({ reason }) => reason)).toEqual(['trust-domain-shared'])
})

describe('what cannot be compared is said before anything else', () => {
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['the spec itself', ['cluster.yaml'], 64, /is the store of this cluster itself/],
    ['its own store', ['pki'], 64, /is the store of this cluster itself/],
    ['a cluster twice', ['../b/cluster.yaml', '../b/pki'], 64, /named twice/],
    ['a folder with a spec', ['../b'], 1, /is not a store[^]*--with \.\.\/b\/cluster\.yaml/],
    ['a key', ['pki/authority/agent/1/ca-key.pem'], 1, /holds no certificate/],
    ['nothing', ['../none.yaml'], 1, /no such file/],
  ]
  test.each(cases)('%s', async (_, others, status, message) => {
    const said = await verify(others)
    expect(said.stderr).toMatch(message)
    expect(said.stdout).toBe('')
    expect(said.status).toBe(status)
  })

  test('a spec without its store', async () => {
    fs.mkdirSync(path.join(made, 'new'), { recursive: true })
    fs.writeFileSync(path.join(made, 'new/cluster.yaml'), spec('new'))
    const said = await verify(['../new/cluster.yaml'])
    expect(said.stderr).toMatch(/\.\.\/new\/cluster\.yaml: there is no store at/)
    expect(said.status).toBe(1)
    // An empty folder in its place is not a cluster that was compared.
    fs.mkdirSync(path.join(made, 'new/pki'))
    const empty = await verify(['../new/cluster.yaml'])
    expect(empty.stderr).toMatch(/no store at .*: the folder holds nothing of nomad-pki/)
    expect(empty.status).toBe(1)
  })
})
