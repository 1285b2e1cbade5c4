/** What the commands really print, held against the published schemas. */

import { Ajv2020 } from 'ajv/dist/2020.js'
import fs from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, now } from '../cli/cli.js'

const schemas = new URL('../../src/report/schemas/', import.meta.url)
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true })

function check(stdout: string): string {
  const document = JSON.parse(stdout) as { format: string; version: number }
  const name = document.format.replace('nomad-pki/', '')
  const schema = JSON.parse(fs.readFileSync(new URL(`${name}.json`, schemas), 'utf8')) as object
  const validate = ajv.compile({ ...schema, $id: `${name}-${Math.random()}` })
  validate(document)
  expect(validate.errors).toBeNull()
  return name
}

let cwd = ''
beforeAll(async () => {
  cwd = folder()
  await cli(cwd, ['init', '--servers', 'global=1', '--clients', 'global=1', '--operator', 'alice'])
})

describe('documents of --json are what their schemas say', () => {
  test('before anything was made', async () => {
    for (const line of [['plan'], ['status'], ['verify', '--offline'], ['apply', '--dry-run']]) {
      const { stdout, stderr } = await cli(cwd, [...line, '--json'])
      expect(stderr).toBe('')
      expect(check(stdout)).toBe(line[0])
    }
  })

  test('the spec alone', async () => {
    const { stdout } = await cli(cwd, ['verify', '--spec-only', '--json'])
    expect(check(stdout)).toBe('spec-diagnostics')
  })

  test('when it is made, and later', async () => {
    const applied = await cli(cwd, ['apply', '--yes', '--json'])
    expect(check(applied.stdout)).toBe('apply')
    expect(applied.status).toBe(0)
    const later = now + 100 * 86_400_000
    for (const line of [
      ['plan'],
      ['status'],
      ['verify', '--offline'],
      ['env', 'alice'],
      ['inspect', 'global/c1', 'authority/agent/1', 'bundle/agent'],
    ]) {
      for (const at of [now, later]) {
        const { stdout } = await cli(cwd, [...line, '--json'], { now: at })
        expect(check(stdout)).toBe(line[0])
      }
    }
  })

  test('what is packed', async () => {
    for (const line of [
      ['--all', '--out-dir', 'packed'],
      ['alice', '--out', 'alice.tar.gz'],
      ['--trust-only', '--out', 'ca.pem'],
      ['--all', '--layout', 'cfssl', '--out-dir', 'cfssl'],
      ['--all', '--layout', 'nomad-tls', '--out-dir', 'nomad-tls', '--with-authority-key'],
      ['alice', '--layout', 'p12', '--out', 'alice.p12', '--new-password-file', 'password'],
    ]) {
      const { stdout, stderr, status } = await cli(cwd, ['pack', ...line, '--json'])
      expect([status, stderr]).toEqual([0, ''])
      expect(['pack', 'packs', 'files', 'trust']).toContain(check(stdout))
    }
  })

  test('what inspect sees', async () => {
    const crl = new URL('../vectors/openssl-crl/two.pem', import.meta.url)
    fs.copyFileSync(crl, `${cwd}/crl.pem`)
    const files = ['crl.pem', 'cfssl/cfssl.json', 'cfssl/server.csr', 'cfssl/server-key.pem']
    const password = ['alice.p12', '--password-file', 'password']
    for (const line of [files, password]) {
      const { stdout, status } = await cli(cwd, ['inspect', ...line, '--json'])
      expect([status, check(stdout)]).toEqual([0, 'inspect'])
    }
  })

  test('what is revoked', async () => {
    const place = folder()
    await cli(place, ['init', '--servers', 'global=1', '--clients', 'global=1'])
    await cli(place, ['apply', '--yes'])
    for (const line of ['s1', 'c1 --dry-run', '--serial 0abc --authority agent', '']) {
      const { stdout, stderr } = await cli(
        place,
        ['revoke', ...line.split(' '), '--json'].filter(Boolean),
      )
      expect(stderr).toBe('')
      expect(check(stdout)).toBe('revocation')
    }
  })

  test('turning TLS on', async () => {
    const { stdout } = await cli(cwd, ['rotate', 'tls', '--json'])
    expect(check(stdout)).toBe('transport')
  })

  test('rotations', async () => {
    const place = folder()
    await cli(place, ['init', '--servers', 'global=1'])
    await cli(place, ['apply', '--yes'])
    const order = await cli(place, ['rollout', '--dry-run', '--commands', '--json'])
    expect([order.status, check(order.stdout)]).toEqual([2, 'rollout'])
    const settled = await cli(place, ['rotate', 'authority', 'agent', '--json'])
    expect([settled.status, check(settled.stdout)]).toEqual([0, 'rotation'])
    const taken = await cli(place, ['rotate', 'authority', 'agent', '--next', '--json'])
    expect([taken.status, check(taken.stdout)]).toEqual([0, 'rotation'])
    await cli(place, ['apply', '--yes'])
    const gated = await cli(place, ['rotate', 'authority', 'agent', '--json'])
    expect([gated.status, check(gated.stdout)]).toEqual([3, 'rotation'])
    const due = await cli(place, ['rotate', 'leaves', '--due', '--json'])
    expect(check(due.stdout)).toBe('apply')
    const leaves = await cli(place, ['rotate', 'leaves', '--all', '--yes', '--json'])
    expect([leaves.status, check(leaves.stdout)]).toEqual([0, 'apply'])
  })

  test('configurations', async () => {
    const place = folder({
      'cluster.yaml':
        'version: 1\ncluster: a\nregions: { global: { servers: { s1: { config: agents/s1 } } } }\n',
      'agents/s1/nomad.hcl': 'server { enabled = true }\nencrypt = "c2VjcmV0"\nregon = "x"\n',
    })
    const show = await cli(place, ['config', 'show', 'agents/s1', '--json'])
    expect(check(show.stdout)).toBe('config')
    expect(check((await cli(place, ['config', 'check', 'agents/s1', '--json'])).stdout)).toBe(
      'config',
    )
    const several = ['config', 'check', 'agents/s1', 'agents/s1/nomad.hcl', '--json']
    expect(check((await cli(place, several)).stdout)).toBe('configs')
    const read = (
      name: string,
    ): { properties: Record<string, { items: { properties: unknown } }> } =>
      JSON.parse(fs.readFileSync(new URL(name, schemas), 'utf8')) as ReturnType<typeof read>
    // Each agent in it is the document of one.
    const of = read('configs.json').properties.agents!.items.properties
    expect(of).toEqual(read('config.json').properties)
    const diff = await cli(place, ['config', 'diff', '--json'])
    expect(check(diff.stdout)).toBe('config-diff')
    expect(show.stdout + diff.stdout).not.toContain('c2VjcmV0')
  })

  test('an error is a document too', async () => {
    const broken = folder({ 'cluster.yaml': 'version: 2\nnonsense: 1\n' })
    const { status, stdout } = await cli(broken, ['plan', '--json'])
    expect(status).toBe(1)
    expect(check(stdout)).toBe('error')
    const document = JSON.parse(stdout) as { diagnostics: unknown[] }
    expect(document.diagnostics.length).toBeGreaterThan(1)
    expect(check((await cli(broken, ['plan', '--json', '--nonsense'])).stdout)).toBe('error')
  })

  test('the schemas see what they forbid', () => {
    const plan = { format: 'nomad-pki/plan', version: 1, cluster: 'a', madeAt: 1, steps: [{}] }
    expect(() => check(JSON.stringify(plan))).toThrow()
  })
})
