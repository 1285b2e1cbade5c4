import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { cli, folder } from '../cli/cli.js'

const spec = 'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n'

describe('what a killed run left in the store', () => {
  test.each([
    'authority/agent/.next-2-0123456789abcdef',
    'authority/agent/1/.new-ca.pem',
    'bundle/.gone-x',
    'bundle/agent/.new-ca.pem',
    'identity/server/global/.gone-s9',
    'identity/server/global/s1/.next-2-aaaaaaaa-0123456789abcdef',
    'identity/server/global/s1/.gone-1-aaaaaaaa',
  ])('%s is named by plan and by apply that asks, and removed by apply --yes', async (place) => {
    const cwd = folder({ 'cluster.yaml': spec })
    await cli(cwd, ['init', '--new-store'])
    await cli(cwd, ['apply', '--yes'])
    const at = path.join(cwd, 'pki', place)
    if (place.includes('.new-')) fs.writeFileSync(at, 'x', { mode: 0o600 })
    else fs.mkdirSync(at, { mode: 0o700 })
    const planned = await cli(cwd, ['plan'])
    expect(planned.stdout).toContain(place)
    expect(planned.stdout).toContain('fix: nomad-pki apply --yes')
    expect((await cli(cwd, ['apply'])).stderr).toContain(place)
    expect(fs.existsSync(at)).toBe(true)
    const { status, stderr } = await cli(cwd, ['apply', '--yes'])
    expect(status).toBe(0)
    expect(stderr).toContain(`removed ${place}`)
    expect(fs.existsSync(at)).toBe(false)
  })

  test.each(['.next-x', 'identity/.next-x', 'authority/.next-x'])(
    '%s, where nothing of ours writes, is left to you',
    async (place) => {
      const cwd = folder({ 'cluster.yaml': spec })
      await cli(cwd, ['init', '--new-store'])
      await cli(cwd, ['apply', '--yes'])
      fs.mkdirSync(path.join(cwd, 'pki', place), { mode: 0o700 })
      expect((await cli(cwd, ['plan'])).stdout).toMatch(/fix: remove it/)
    },
  )
})

describe('what was written aside beside a configuration', () => {
  test('of a process that is gone is removed by the next write, of one that runs it stays', async () => {
    const cwd = folder({ 'agents/s1/nomad.hcl': 'server {}\n' })
    const at = path.join(cwd, 'agents/s1')
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    const names = ['.tls.hcl.0a1b2c3d.nomad-pki~', `.tls.hcl.${gone}-0a1b2c3d.nomad-pki~`]
    const stays = [`.tls.hcl.${process.ppid}-0a1b2c3d.nomad-pki~`, '.mine.nomad-pki~', 'notes~']
    for (const name of [...names, ...stays]) fs.writeFileSync(path.join(at, name), 'secret')
    const file = path.join(at, 'tls.hcl')
    await directoryConfigs(cwd).write([{ path: file, text: 'tls {}\n', expected: undefined }])
    expect(fs.readdirSync(at).sort()).toEqual([...stays, 'nomad.hcl', 'tls.hcl'].sort())
  })
})

describe('a copy of a configuration that a killed run left', () => {
  const configured = (config: string): string => spec.replace('s1: {}', `s1: { config: ${config} }`)

  test.each([
    ['a directory', 'agents/s1', 'agents/s1'],
    ['a file', 'agents/s1.hcl', 'agents'],
    ['a link to a directory', 'link', 'agents/s1'],
  ])(
    'beside %s is a note of plan, status and verify, and removed by apply --yes',
    async (_what, config, place) => {
      const cwd = folder({ 'cluster.yaml': configured(config) })
      fs.mkdirSync(path.join(cwd, 'agents/s1'), { recursive: true })
      fs.symlinkSync('agents/s1', path.join(cwd, 'link'))
      await cli(cwd, ['init', '--new-store'])
      await cli(cwd, ['apply', '--yes'])
      const good = await cli(cwd, ['status'])
      const left = `${place}/.tls.hcl.0a1b2c3d.nomad-pki~`
      const busy = `${place}/.tls.hcl.${process.ppid}-0a1b2c3d.nomad-pki~`
      for (const name of [left, busy]) fs.writeFileSync(path.join(cwd, name), 'encrypt = "secret"')
      for (const line of [['plan'], ['status'], ['verify', '--offline'], ['apply']]) {
        const { status, stdout, stderr } = await cli(cwd, line)
        expect({ line, status, stderr }).toEqual({ line, status: 0, stderr })
        expect(stdout + stderr).toMatch(
          /note: config\/global\/s1: an interrupted run left a copy of a configuration: .*\.tls\.hcl\.0a1b2c3d/,
        )
        expect(stdout + stderr).toContain('fix: nomad-pki apply --yes')
        expect(stdout + stderr).not.toContain(path.basename(busy))
        expect(stdout + stderr).not.toContain('secret')
        expect(fs.existsSync(path.join(cwd, left))).toBe(true)
      }
      const { status, stderr } = await cli(cwd, ['apply', '--yes'])
      expect([status, stderr]).toEqual([
        0,
        expect.stringMatching(/removed .*\.0a1b2c3d\.nomad-pki~/),
      ])
      expect(fs.existsSync(path.join(cwd, left))).toBe(false)
      expect(fs.existsSync(path.join(cwd, busy))).toBe(true)
      expect((await cli(cwd, ['status'])).stdout).toBe(good.stdout)
    },
  )
})

test('a copy in a folder of two configurations is told once, for the first of them', async () => {
  const cwd = folder({
    'cluster.yaml': spec.replace(
      's1: {}',
      's1: { config: agents/s1.hcl }, s2: { config: agents/s2.hcl }, s3: { config: b/s3.hcl }',
    ),
  })
  for (const place of ['agents', 'b']) {
    fs.mkdirSync(path.join(cwd, place))
    fs.writeFileSync(path.join(cwd, place, '.x.hcl.0a1b2c3d.nomad-pki~'), '')
  }
  const { stdout } = await cli(cwd, ['plan'])
  expect([...stdout.matchAll(/note: (\S+): an interrupted run left/g)].map(([, at]) => at)).toEqual(
    ['config/global/s1', 'config/global/s3'],
  )
})

describe('one authority twice in one batch', () => {
  test.each([
    ['in memory', () => memoryStore()],
    ['on disk', () => directoryStore(path.join(folder(), 'pki'), { git: 'ignore' })],
  ])('%s: the same is one, another is refused', async (_, make) => {
    const store = make()
    const lock = await store.lock()
    const batch = store.batch()
    batch.putAuthority('agent', 1, { key: 'k', certificate: 'c' })
    batch.putAuthority('agent', 1, { key: 'k', certificate: 'c' })
    expect(() => {
      batch.putAuthority('agent', 1, { key: 'k', certificate: 'other' })
    }).toThrow('one authority twice')
    await batch.commit()
    await lock.release()
    expect((await store.read()).authorities).toHaveLength(1)
  })
})
