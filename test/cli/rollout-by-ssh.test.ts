/** `rollout`, with an ssh that runs the real scripts and the real installer on this machine. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { cli, folder, type Said } from './cli.js'

const spec = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [127.0.0.1], ssh: s1.example } }
    clients: { c1: {}, c2: { ssh: false } }
operators:
  alice: { region: global }
`

interface Place {
  readonly base: string
  readonly hosts: string
  readonly run: (...words: readonly string[]) => Promise<Said>
}

async function place(): Promise<Place> {
  const base = folder({ 'cluster.yaml': spec })
  const bed = folder()
  const env = fakeSsh(bed)
  const run = (...words: readonly string[]): Promise<Said> => cli(base, words, { env })
  await run('init', '--new-store')
  expect((await run('apply', '--yes')).status).toBe(0)
  return { base, hosts: path.join(bed, 'hosts'), run }
}

describe('rollout by ssh', () => {
  test('agents that do not run get their files; their receipts are in the ledger', async () => {
    const { hosts, run, base } = await place()
    const dry = await run('rollout', 's1', 'c1', '--dry-run')
    expect(dry).toMatchObject({ status: 2 })
    expect(dry.stdout).toContain('2 hosts looked at: nothing speaks against it')
    expect(fs.existsSync(path.join(hosts, 'c1', 'tls'))).toBe(false)

    const { status, stdout } = await run('rollout', 's1', 'c1', '--yes')
    expect(status).toBe(2)
    expect(stdout).toContain('2 not running: the next start loads the files')
    for (const host of ['s1.example', 'c1']) {
      const tls = path.join(hosts, host, 'tls')
      expect(fs.statSync(path.join(tls, 'current/key.pem')).mode & 0o777).toBe(0o600)
      expect(fs.existsSync(path.join(tls, 'receipt.json'))).toBe(true)
    }
    const ledger = fs.readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8')
    expect(ledger.match(/"event":"received"/g)).toHaveLength(2)
    // What travelled holds keys: nothing of it stays.
    const left = fs.readdirSync(path.join(hosts, '../tmp'))
    expect(left).toEqual([])
  })

  test('what a run left that was killed is removed by the next; that of a run at work stays', async () => {
    const { hosts, run } = await place()
    const left = (pid: number): string => {
      const made = path.join(hosts, `../tmp/nomad-pki-rollout.${pid}.Xa1b2c`)
      fs.mkdirSync(made)
      fs.writeFileSync(path.join(made, 'archive.tar.gz'), 'a key')
      return made
    }
    const ended = spawnSync('true')
    const dead = left(ended.pid)
    const alive = left(process.pid)
    await run('rollout', 'c1', '--yes')
    expect(fs.existsSync(dead)).toBe(false)
    expect(fs.existsSync(alive)).toBe(true)
  })

  test('the same again changes nothing on the hosts', async () => {
    const { hosts, run } = await place()
    await run('rollout', 's1', '--yes')
    const current = fs.readlinkSync(path.join(hosts, 's1.example/tls/current'))
    const again = await run('rollout', 's1', '--yes')
    expect([0, 2]).toContain(again.status)
    expect(fs.readlinkSync(path.join(hosts, 's1.example/tls/current'))).toBe(current)
  })

  test('events for programs are one JSON document a line', async () => {
    const { run } = await place()
    const { stdout } = await run('rollout', 'c1', '--yes', '--json')
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { format: string; event: string; state?: string })
    expect(new Set(events.map(({ format }) => format))).toEqual(
      new Set(['nomad-pki/rollout-event']),
    )
    expect(events.map(({ event, state }) => state ?? event)).toEqual([
      ...['looked', 'ready', 'step', 'sending', 'placed', 'done'],
    ])
    expect(stdout).not.toContain('PRIVATE')
  })

  test('a host that ssh does not reach is named before anything is changed', async () => {
    const { hosts, run } = await place()
    const { status, stdout } = await run('rollout', '--yes')
    expect(status).toBe(3)
    expect(stdout).toContain('c2: it is brought its files by other means')
    expect(stdout).toContain('nothing was changed')
    expect(fs.existsSync(path.join(hosts, 's1.example/tls'))).toBe(false)
  })

  test('what is not made cannot be delivered', async () => {
    const { run, base } = await place()
    fs.rmSync(path.join(base, 'pki/identity/client/global/c1'), { recursive: true })
    const { status, stderr } = await run('rollout', 'c1', '--yes')
    expect(status).toBe(3)
    expect(stderr).toContain('nomad-pki apply')
  })

  test('without a terminal it asks nobody, and does nothing', async () => {
    const { run, hosts } = await place()
    const { status, stderr } = await run('rollout', 's1')
    expect(status).toBe(3)
    expect(stderr).toContain('--yes')
    expect(fs.existsSync(path.join(hosts, 's1.example/tls'))).toBe(false)
  })

  test('the policy of its token', async () => {
    const { run } = await place()
    expect(await run('rollout', '--policy')).toMatchObject({
      status: 0,
      stdout: 'operator {\n  policy = "read"\n}\n\nnode {\n  policy = "read"\n}\n',
    })
  })

  test.each([
    [['--batch', '0'], '--batch'],
    [['--max-failures', 'x'], '--max-failures'],
    [['--override', 'tolerance=global'], '--reason'],
    [['--only', 'operators'], '--only'],
  ])('wrong usage: %j', async (words, message) => {
    const { run } = await place()
    const { status, stderr } = await run('rollout', ...words, '--yes')
    expect(status).toBe(64)
    expect(stderr).toContain(message)
  })

  test('an agent that is not in the spec', async () => {
    const { run } = await place()
    const { status, stderr } = await run('rollout', 'nobody', '--yes')
    expect(status).toBe(1)
    expect(stderr).toContain('nobody')
  })

  test('agents that read the store itself are brought nothing', async () => {
    const { base, run } = await place()
    fs.writeFileSync(path.join(base, 'cluster.yaml'), spec.replace('/etc/nomad-tls', 'store'))
    const { status, stderr } = await run('rollout', '--yes')
    expect(status).toBe(64)
    expect(stderr).toContain('read the store itself')
  })
})
