/** `rollout` on real hosts: what it brings, in which order, what it costs, and where it stops. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep } from '../real-nomad/harness/run.js'
import { Bed, type SaidEvent, type Traffic } from './bed.js'
import { followDocument } from './follow-document.js'
import { tlsStanza } from './lasting.js'

const bed = new Bed(0, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
  ['c2', 'global', { busybox: true }],
])
beforeAll(async () => {
  await bed.start()
  fs.writeFileSync(path.join(bed.ops, 'cluster.yaml'), bed.spec())
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

async function rollout(): Promise<void> {
  await bed.mustRollout(0, '--batch', '2')
}

function tell(what: string, { sent, healed, lost, tls }: Traffic): void {
  console.log(
    `rotation: ${what}: ${sent} requests, ${healed + lost.length} failed, ${healed} healed by one retry, ${tls.length} TLS errors`,
  )
}

test('the first delivery, to agents that do not run yet', async () => {
  const dry = await bed.expect(2, 'rollout', '--dry-run')
  expect(dry.stdout).toContain('5 hosts looked at: nothing speaks against it')
  for (const { name } of bed.hosts) {
    expect((await bed.on(name, 'ls -d /etc/nomad-tls')).status, `${name} after a dry run`).not.toBe(
      0,
    )
  }
  const { stdout } = await bed.expect(2, 'rollout', '--yes')
  expect(stdout).toContain('5 not running: the next start loads the files')
  for (const { name } of bed.hosts) {
    await bed.on(name, `cat >/etc/nomad.d/tls.hcl <<'X'\n${tlsStanza}X`)
    const modes = await bed.on(name, 'stat -c %a%U /etc/nomad-tls/current/key.pem; ls /run /tmp')
    expect(modes.stdout).toMatch(/^600root\n/)
    expect(modes.stdout).not.toContain('nomad-pki-rollout')
  }
  await bed.startAgents()
  await bed.expect(0, 'probe')
  expect((await bed.expect(0, 'rollout')).stdout).toContain('nothing to bring')
})

test('all leaves, under requests: the document as it is written', async () => {
  const arguments_ = new Set<string>()
  const watched = { on: true }
  const watch = (async () => {
    while (watched.on) {
      for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
        try {
          arguments_.add(fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
        } catch {
          // It has ended.
        }
      }
      await sleep(50)
    }
  })()
  const [said, traffic] = await bed.under(() =>
    followDocument(bed, 'rollout.md', '# Rollout', { '--dry-run': 2 }),
  )
  bed.read(said)
  watched.on = false
  await watch
  tell('all leaves by rollout', traffic)
  expect(traffic.tls).toEqual([])
  expect(traffic.lost).toEqual([])
  // No byte of a key, in PEM or in the base64 of an archive, in any argument of any process.
  const all = [...arguments_].join('\n')
  expect(all).toContain('BatchMode=yes')
  expect(all).not.toMatch(/PRIVATE KEY|base64 -d|H4sI/)
  await bed.expect(0, 'probe')
})

test('a host with BusyBox alone is a host like others', async () => {
  const { stdout } = await bed.on(
    'c2',
    'command -v bash openssl python3 perl; for each in sh tar base64; do readlink "$(command -v $each)"; done',
  )
  expect(stdout).toBe('busybox\n'.repeat(3))
  expect((await bed.on('c2', 'cat /etc/nomad-tls/receipt.json')).stdout).toContain('"proven"')
})

/** Where the command is killed, in turn. */
const places: readonly ((event: SaidEvent) => boolean)[] = [
  ({ event, state }) => event === 'host' && state === 'switched',
  ({ event, state }) => event === 'host' && state === 'sending',
  ({ event, open }) => event === 'gate' && open === false,
  ({ event, state }) => event === 'host' && state === 'proven',
  ({ event }) => event === 'step',
  ({ event, address = '' }) => event === 'host' && address.includes('/client/'),
  ({ event }) => event === 'looked',
  ({ event, state }) => event === 'host' && state === 'reloaded',
  ({ event, open }) => event === 'gate' && open === true,
]
/** `.ci/deep` kills more often. */
const deaths = process.env.NOMAD_PKI_DEATHS === 'all' ? 50 : 3

/** Brings what is made, and is killed so often meanwhile; where a run ends before, new leaves begin the next. */
async function rolloutKilled(times: number): Promise<void> {
  for (let killed = 0; ;) {
    // Right after the event, or in the middle of what follows it.
    const late = killed < places.length ? 0 : Math.floor(Math.random() * 4000)
    const isPlace = places[killed % places.length]!
    let found = killed >= times
    const { status, said } = await bed.rollout(['--batch', '2'], (event, kill) => {
      if (found || !isPlace(event)) return
      found = true
      setTimeout(kill, late)
    })
    if (status !== null && status !== 0) throw new Error(`rollout ended with ${status}\n${said}`)
    if (status === null) killed += 1
    else if (killed >= times) break
    else await bed.expect(0, 'rotate', 'leaves', '--all', '--yes')
  }
  console.log(`kill points of a rollout on real hosts: ${times}`)
}

test('a root, crossed, while the rollout is killed anywhere', async () => {
  for (const stage of [1, 2]) {
    await bed.expect(0, 'rotate', 'authority', '--next')
    await bed.expect(0, 'apply', '--yes')
    const [, traffic] = await bed.under(() => (stage === 1 ? rolloutKilled(deaths) : rollout()))
    tell(`root crossed by rollout, stage ${stage}`, traffic)
    expect(traffic.tls).toEqual([])
    expect(traffic.lost).toEqual([])
    await bed.expect(0, 'probe')
  }
})

test('never were two servers between reload and proof', () => {
  const { reloaded, pairs } = bed.between()
  expect(reloaded).toBeGreaterThanOrEqual(9)
  expect(pairs).toEqual([])
})
