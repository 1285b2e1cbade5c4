/** `rollout`, with an ssh that runs the real scripts and the real installer on this machine. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { chainLine, readLedger } from '../../src/inventory/ledger.js'
import { fakeSsh } from '../hosts/fake-ssh.js'
import type { World } from './context.js'
import { cli, folder, now, type Said } from './cli.js'
import { linesOf } from './json-lines.js'

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

function noteIn(base: string, event: LedgerEvent): void {
  const file = path.join(base, 'pki/ledger.jsonl')
  const { head, lines } = readLedger(fs.readFileSync(file))
  fs.appendFileSync(file, `${chainLine(event, { head, seq: lines.length }).text}\n`)
}

interface Place {
  readonly base: string
  readonly hosts: string
  readonly run: Run & { readonly as: (world: Partial<World>) => Run }
}

type Run = (...words: readonly string[]) => Promise<Said>

async function place(): Promise<Place> {
  const base = folder({ 'cluster.yaml': spec })
  const bed = folder()
  const env = fakeSsh(bed, now)
  const as =
    (world: Partial<World>): Run =>
    (...words) =>
      cli(base, words, { env, ...world })
  const run = Object.assign(as({}), { as })
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

  test('events for programs are one JSON document a line, each as its schema says; an error too', async () => {
    const { run, base, hosts } = await place()
    const { stdout } = await run('rollout', 'c1', '--yes', '--json')
    expect(linesOf(stdout).map(({ event, state }) => state ?? event)).toEqual([
      ...['order', 'looked', 'ready', 'step', 'sending', 'switched', 'placed', 'done'],
    ])
    expect(stdout).not.toContain('PRIVATE')
    fs.rmSync(path.join(hosts, 's1.example'), { recursive: true, force: true })
    fs.writeFileSync(
      path.join(hosts, 's1.example'),
      'a host that is a file: nothing can be written',
    )
    const refused = await run('rollout', 's1', '--yes', '--json')
    expect(linesOf(refused.stdout).at(-1)).toMatchObject({ event: 'refused' })
    const idle = await run('rollout', 'c1', '--yes', '--json')
    expect(linesOf(idle.stdout)[0]).toMatchObject({ event: 'order' })
    // It fails after the look: nothing is made.
    fs.rmSync(path.join(base, 'pki/identity/client/global/c1'), { recursive: true })
    const failed = await run('rollout', 'c1', '--yes', '--json')
    expect(failed.status).toBe(3)
    expect(linesOf(failed.stdout)).toEqual([expect.objectContaining({ code: 'ERR_REFUSED' })])
  })

  test('who is not proven, and cannot be by bringing, is in the first line and the last', async () => {
    const { run, base } = await place()
    const reason = 'this host was scrapped'
    noteIn(base, {
      ...{ event: 'excepted', address: 'identity/client/global/c1', at: now, reason },
      authority: 'authority/agent/1',
    })
    const { stdout, status } = await run('rollout', 'c1', '--yes', '--json')
    expect(status).toBe(0)
    const lines = linesOf(stdout)
    for (const line of [lines[0], lines.at(-1)]) {
      expect(line).toMatchObject({
        ...{ missing: [], doubtful: [] },
        excepted: [{ address: 'identity/client/global/c1', state: 'excepted' }],
      })
    }
    const text = await run('rollout', 'c1', '--yes')
    expect(text.stdout).toContain('is not waited for')
  })

  test('of a host that ssh does not reach the commands are printed, and its agent is waited for', async () => {
    const { hosts, run, base } = await place()
    const commands =
      /^ {3}c2: bring its files yourself\n {5}nomad-pki pack client\/global\/c2 .*\n {5}on c2: .*install\.sh --tls \/etc\/nomad-tls/m
    const dry = await run('rollout', '--dry-run')
    expect(dry.status).toBe(2)
    expect(dry.stdout).toMatch(/^ {2}\d {2}global: 1 client c2, by you$/m)
    expect(dry.stdout).toMatch(commands)
    expect(fs.existsSync(path.join(hosts, 's1.example/tls'))).toBe(false)
    const { status, stdout } = await run('rollout', '--yes', '--wait', '0s', '--max-failures', '1')
    expect(status).toBe(1)
    expect(stdout).toMatch(commands)
    expect(stdout).toContain('c2: nobody brought its files within 0s')
    expect(stdout).toContain('--override unseen=identity/client/global/c2 --reason TEXT')
    expect(fs.existsSync(path.join(hosts, 's1.example/tls'))).toBe(true)
    const accept = ['--override', 'unseen=identity/client/global/c2', '--reason', 'it is off']
    const json = await run('rollout', 'c2', '--yes', '--json', ...accept)
    expect(json.status).toBe(2)
    const lines = linesOf(json.stdout)
    expect(lines.find(({ event }) => event === 'by-hand')).toMatchObject({
      hosts: [{ address: 'identity/client/global/c2', host: 'c2', generation: 1 }],
    })
    expect(lines.find(({ state }) => state !== undefined)).toMatchObject({ state: 'unseen' })
    const ledger = fs.readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8')
    expect(ledger).toContain('"code":"unseen","value":"identity/client/global/c2"')
  })

  test('where ssh reaches no host of the order, all commands are printed and none is asked', async () => {
    const { run } = await place()
    const { status, stdout } = await run('rollout', 'c2', '--dry-run')
    const all = await run('rollout', 'c2', '--dry-run', '--commands')
    expect([status, stdout]).toEqual([2, all.stdout])
    expect(stdout).toContain('then: nomad-pki probe client/global/c2')
    const json = await run('rollout', 'c2', '--dry-run', '--json')
    expect(linesOf(json.stdout).map(({ event }) => event)).toEqual([
      'order',
      'looked',
      'by-hand',
      'ready',
    ])
  })

  test('what a command of the order is for a host, ssh or not', async () => {
    const { run } = await place()
    const { status, stdout } = await run('rollout', '--dry-run', '--commands')
    expect(status).toBe(2)
    for (const name of ['s1', 'c1', 'c2']) expect(stdout).toContain(`on ${name}: echo `)
  })

  test('commands name the unit that the spec names', async () => {
    const { base, run } = await place()
    const write = (node: string): void => {
      fs.writeFileSync(path.join(base, 'cluster.yaml'), spec.replace(/^node:.*$/m, `node: ${node}`))
    }
    write('{ tls: /etc/nomad-tls, unit: nomad-server.service }')
    const { stdout } = await run('rollout', '--dry-run', '--commands')
    expect(stdout.match(/--reload [^\s)]+/g)!.length).toBeGreaterThan(3)
    expect(new Set(stdout.match(/--reload [^\s)]+/g))).toEqual(new Set(['--reload nomad-server']))
    write('{ tls: store, unit: agent@nomad.service }')
    const store = await run('rollout', '--dry-run', '--commands')
    expect(store.stdout).toContain('on s1: systemctl reload agent@nomad\n')
    // Without its ending the installer would take the one for a process, and the other for nothing.
    for (const unit of ['123.service', 'none.service']) {
      write(`{ tls: /etc/nomad-tls, unit: ${unit} }`)
      const odd = await run('rollout', '--dry-run', '--commands')
      expect(new Set(odd.stdout.match(/--reload [^\s)]+/g))).toEqual(new Set([`--reload ${unit}`]))
    }
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

  test('nobody holds the store while a person thinks; what changed meanwhile is looked at anew', async () => {
    const { run, base, hosts } = await place()
    const locks = (): readonly string[] =>
      fs.readdirSync(path.join(base, 'pki')).filter((name) => name.startsWith('.lock'))
    const seen: (readonly string[])[] = []
    const asked = (meanwhile: () => void): Partial<World> => ({
      ...{ terminal: true, input: 'y\n' },
      onWrite: (text: string) => {
        if (!text.includes('[y/N]')) return
        seen.push(locks())
        meanwhile()
      },
    })
    const changed = await run.as(
      asked(() => {
        noteIn(base, {
          ...{ event: 'excepted', address: 'identity/client/global/c1', at: now },
          ...{ reason: 'scrapped', authority: 'authority/agent/1' },
        })
      }),
    )('rollout', 's1', 'c1')
    expect(changed.status).toBe(3)
    expect(changed.stderr).toContain('the order changed while you were asked')
    expect(fs.existsSync(path.join(hosts, 's1.example/tls'))).toBe(false)
    const done = await run.as(asked(() => undefined))('rollout', 's1')
    expect(done.status).toBe(2)
    expect(fs.existsSync(path.join(hosts, 's1.example/tls/current'))).toBe(true)
    expect(seen).toEqual([[], []])
  })

  test('one host goes back to the generation before, and the next rollout brings the newest again', async () => {
    const { run, hosts } = await place()
    const current = (): string => fs.readlinkSync(path.join(hosts, 's1.example/tls/current'))
    await run('rollout', 's1', '--yes')
    const first = current()
    expect((await run('rotate', 'leaves', 's1', '--yes')).status).toBe(0)
    await run('rollout', 's1', '--yes')
    const second = current()
    expect([first.slice(0, 2), second.slice(0, 2)]).toEqual(['1-', '2-'])
    const dry = await run('rollout', '--back', 's1', '--dry-run')
    expect([dry.status, current()]).toEqual([2, second])
    const { stdout, status } = await run('rollout', '--back', 's1', '--yes', '--json')
    expect([status, current()]).toEqual([2, first])
    expect(linesOf(stdout).at(-1)).toMatchObject({
      event: 'back',
      generation: first,
      running: false,
    })
    await run('rollout', 's1', '--yes')
    expect(current()).toBe(second)
    for (const words of [['--back'], ['--back', 's1', 'c1']]) {
      const wrong = await run('rollout', ...words, '--yes')
      expect(wrong.status).toBe(64)
      expect(wrong.stderr).toContain('--back is for one host')
    }
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
    [['--override', 'tolerance=globl', '--reason', 'x'], 'did you mean global?'],
    [['--override', 'unseen=identity/client/global/c9', '--reason', 'x'], 'did you mean identity/'],
    [['--only', 'operators'], '--only'],
    [['--wait', 'x'], '--wait'],
    [['s1', '--only', 'clients'], '--only clients leaves out s1'],
    [['--only', 'machines'], 'there is no machine that ssh reaches here'],
    [['--dry-run', '--leader', 's1'], '--leader needs --commands'],
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

  test('agents that read the store itself are brought nothing: a person reloads them', async () => {
    const { base, run } = await place()
    fs.writeFileSync(path.join(base, 'cluster.yaml'), spec.replace('/etc/nomad-tls', 'store'))
    const { status, stdout } = await run('rollout', '--yes', '--wait', '0s')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^ {3}s1: bring its files yourself\n {5}on s1: systemctl reload nomad$/m)
    expect(stdout).not.toContain('nomad-pki pack')
  })
})
