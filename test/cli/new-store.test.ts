import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli, folder, now } from './cli.js'

const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: { http: "127.0.0.1:1", rpc: "127.0.0.1:1" } }
`
const refusal = /no store at .*pki: it is lost, or was never begun/
const remedy =
  /hint: restore it from the backup; for a new cluster: nomad-pki init --new-store \(a new store makes a new authority, and every agent must get its root\)/

const ledger = (cwd: string): Record<string, unknown>[] =>
  fs
    .readFileSync(path.join(cwd, 'pki/ledger.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('a store that was never begun, or is lost', () => {
  test.each([
    ['apply', '--yes'],
    ['apply', '--dry-run'],
    ['rotate', 'leaves', '--all', '--yes'],
    ['rotate', 'leaves', '--due'],
    ['rotate', 'authority', 'agent'],
    ['rotate', 'authority', 'agent', '--next'],
  ])('%s %s %s refuses, says why, and makes nothing', async (...line) => {
    for (const before of ['nothing', 'an empty folder']) {
      const cwd = folder({ 'cluster.yaml': spec })
      if (before !== 'nothing') fs.mkdirSync(path.join(cwd, 'pki'), { mode: 0o700 })
      const { status, stdout, stderr } = await cli(cwd, line)
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
      expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
      expect(stderr).toMatch(refusal)
      expect(stderr).toMatch(remedy)
      expect(fs.readdirSync(cwd)).toEqual(
        before === 'nothing' ? ['cluster.yaml'] : ['cluster.yaml', 'pki'],
      )
      if (before !== 'nothing') expect(fs.readdirSync(path.join(cwd, 'pki'))).toEqual([])
    }
  })

  test('plan says the same as an error, and exits 2', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    const { status, stdout, stderr } = await cli(cwd, ['plan', '--json'])
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' })
    const { steps, findings } = JSON.parse(stdout) as { steps: unknown[]; findings: unknown[] }
    expect(steps.length).toBeGreaterThan(0)
    expect(findings).toEqual([
      expect.objectContaining({ severity: 'error', address: 'store', reason: 'store-not-begun' }),
    ])
    expect((await cli(cwd, ['plan'])).stderr).not.toContain('to make it so')
  })

  test('a probe does not begin one by its ledger', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    fs.mkdirSync(path.join(cwd, 'pki'), { mode: 0o700 })
    expect((await cli(cwd, ['probe', '--timeout', '1s'])).status).toBe(2)
    expect(fs.readdirSync(path.join(cwd, 'pki'))).toEqual([])
  })

  test('verify names the same remedy', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    const { status, stdout } = await cli(cwd, ['verify', '--offline'])
    expect(status).toBe(2)
    expect(stdout).toContain('restore it from the backup; for a new cluster: nomad-pki init')
  })

  test('the remedy cures it, with --file too', async () => {
    const cwd = folder({ 'other.yaml': spec })
    const said = await cli(cwd, ['apply', '--yes', '--file', 'other.yaml'])
    expect(said.stderr).toContain('nomad-pki init --new-store --file other.yaml')
    expect((await cli(cwd, ['init', '--new-store', '--file', 'other.yaml'])).status).toBe(0)
    expect((await cli(cwd, ['apply', '--yes', '--file', 'other.yaml'])).status).toBe(0)
  })

  test('a store of before counts as begun: with a ledger, or with an authority alone', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    await cli(cwd, ['init', '--new-store'])
    await cli(cwd, ['apply', '--yes'])
    const root = fs.readFileSync(path.join(cwd, 'pki/authority/agent/1/ca.pem'))
    fs.rmSync(path.join(cwd, 'pki/ledger.jsonl'))
    expect((await cli(cwd, ['rotate', 'leaves', 's1', '--yes'])).status).toBe(0)
    fs.rmSync(path.join(cwd, 'pki/authority'), { recursive: true })
    expect((await cli(cwd, ['apply', '--yes'])).status).not.toBe(3)
    expect(root.length).toBeGreaterThan(0)
  })

  test.each([
    ['leaves alone', ['authority', 'bundle', 'ledger.jsonl']],
    ['a bundle alone', ['authority', 'identity', 'ledger.jsonl']],
    ['leaves and the beginning of the ledger', ['authority']],
  ])('half a store does not make an authority: %s', async (_what, gone) => {
    const cwd = folder({ 'cluster.yaml': spec })
    await cli(cwd, ['init', '--new-store'])
    const beginning = fs.readFileSync(path.join(cwd, 'pki/ledger.jsonl'))
    await cli(cwd, ['apply', '--yes'])
    for (const name of gone) fs.rmSync(path.join(cwd, 'pki', name), { recursive: true })
    if (!gone.includes('ledger.jsonl')) {
      fs.writeFileSync(path.join(cwd, 'pki/ledger.jsonl'), beginning)
    }
    const { status, stderr } = await cli(cwd, ['apply', '--yes'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/holds CN=acme agent CA 1 .*, and neither the store nor its ledger has/)
    expect(stderr).toContain('restore the store from a backup')
    expect(fs.existsSync(path.join(cwd, 'pki/authority/agent'))).toBe(false)
    expect((await cli(cwd, ['verify', '--offline'])).stdout).toContain('neither the store nor its')
    // The way out that is printed.
    fs.renameSync(path.join(cwd, 'pki'), path.join(cwd, 'away'))
    expect((await cli(cwd, ['init', '--new-store'])).status).toBe(0)
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  })
})

describe('init --new-store', () => {
  test('begins a store with a line of its own, and leaves the spec as it is', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    const { status, stdout, stderr } = await cli(cwd, ['init', '--new-store'])
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'began pki\n' })
    expect(stderr).toContain('every agent of a running cluster must get its root')
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec)
    expect(ledger(cwd)).toEqual([
      {
        seq: 1,
        prev: '0'.repeat(64),
        event: 'began',
        address: 'store',
        at: now,
        store: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        cluster: 'acme',
      },
    ])
    expect((await cli(cwd, ['verify', '--offline'])).stderr).not.toContain('internal')
  })

  test('is refused where a store has content', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    await cli(cwd, ['init', '--new-store'])
    const before = fs.readFileSync(path.join(cwd, 'pki/ledger.jsonl'))
    const { status, stderr } = await cli(cwd, ['init', '--new-store'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/the store .*pki has content/)
    expect(fs.readFileSync(path.join(cwd, 'pki/ledger.jsonl'))).toEqual(before)
  })

  test('two at the same time begin one store', async () => {
    const cwd = folder({ 'cluster.yaml': spec })
    const both = [cli(cwd, ['init', '--new-store']), cli(cwd, ['init', '--new-store'])]
    const statuses = (await Promise.all(both)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 0)).toHaveLength(1)
    expect(ledger(cwd)).toHaveLength(1)
  })

  test('is refused in a folder of somebody else, which stays as it is', async () => {
    const cwd = folder({ 'cluster.yaml': `${spec}store: etc\n`, 'etc/passwd': 'root' })
    fs.chmodSync(path.join(cwd, 'etc'), 0o755)
    const { status, stderr } = await cli(cwd, ['init', '--new-store'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/etc is not a store: it holds "passwd"/)
    expect(fs.readdirSync(path.join(cwd, 'etc'))).toEqual(['passwd'])
    expect(fs.statSync(path.join(cwd, 'etc')).mode & 0o777).toBe(0o755)
  })

  test.each([
    ['--cluster', 'x'],
    ['--servers', 'global=1'],
    ['--operator', 'alice'],
  ])('is not said together with %s', async (...more) => {
    const cwd = folder({ 'cluster.yaml': spec })
    const { status } = await cli(cwd, ['init', '--new-store', ...more])
    expect(status).toBe(64)
    expect(fs.existsSync(path.join(cwd, 'pki'))).toBe(false)
  })
})

describe('init', () => {
  test('begins the store, and keeps one that is there', async () => {
    const cwd = folder()
    const first = await cli(cwd, ['init', '--servers', 'global=1'])
    expect(first.stdout).toContain('began pki')
    expect(ledger(cwd)).toHaveLength(1)
    fs.rmSync(path.join(cwd, 'cluster.yaml'))
    const second = await cli(cwd, ['init', '--servers', 'global=1'])
    expect(second.status).toBe(0)
    expect(second.stderr).toContain('the store pki is there, and stays as it is')
    expect(ledger(cwd)).toHaveLength(1)
  })
})
