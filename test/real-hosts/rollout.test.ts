/** `rollout` on real hosts: what it brings, in which order, what it costs, and where it stops. */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command } from '../real-nomad/harness/binaries.js'
import { cleanEnvironment, sleep } from '../real-nomad/harness/run.js'
import { Bed, type Traffic } from './bed.js'

const bed = new Bed([
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
  ['c2', 'global'],
])
const stanza = `tls {
  http = true
  rpc  = true
  ca_file   = "/etc/nomad-tls/current/ca.pem"
  cert_file = "/etc/nomad-tls/current/cert.pem"
  key_file  = "/etc/nomad-tls/current/key.pem"
  verify_server_hostname = true
  verify_https_client    = true
}
`
/** Of every event of every run: rollouts that were killed, too. */
const events: { event: string; address?: string; state?: string }[] = []

beforeAll(async () => {
  await bed.start()
  fs.writeFileSync(path.join(bed.ops, 'cluster.yaml'), bed.spec())
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

/** A rollout as a program reads it; killed after so many milliseconds, where it still runs then. */
async function rollout(killAfter?: number): Promise<number | null> {
  const { cwd, env } = bed.options()
  const child = spawn(process.execPath, [command, 'rollout', '--yes', '--json', '--batch', '2'], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const timer =
    killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  for (const line of said.split('\n').filter((one) => one.startsWith('{"format"'))) {
    events.push(JSON.parse(line) as (typeof events)[number])
  }
  if (killAfter === undefined && status !== 0)
    throw new Error(`rollout ended with ${status}\n${said}`)
  return status
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
    await bed.on(name, `cat >/etc/nomad.d/tls.hcl <<'X'\n${stanza}X`)
    const modes = await bed.on(name, 'stat -c %a%U /etc/nomad-tls/current/key.pem; ls /run /tmp')
    expect(modes.stdout).toMatch(/^600root\n/)
    expect(modes.stdout).not.toContain('nomad-pki-rollout')
  }
  await bed.startAgents()
  await bed.expect(0, 'probe')
  expect((await bed.expect(0, 'rollout')).stdout).toContain('nothing to bring')
})

test('all leaves, under requests', async () => {
  await bed.expect(0, 'rotate', 'leaves', '--all', '--yes')
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
  const [, traffic] = await bed.under(() => rollout())
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

/** `.ci/deep` kills more often. */
const kills: Readonly<Record<number, number>> =
  process.env.NOMAD_PKI_ROTATIONS === 'all' ? { 1: 20, 2: 20 } : { 1: 1, 2: 0 }

test('a root, crossed, while the rollout is killed at random', async () => {
  for (const stage of [1, 2]) {
    await bed.expect(0, 'rotate', 'authority', '--next')
    await bed.expect(0, 'apply', '--yes')
    const [, traffic] = await bed.under(async () => {
      for (let at = 0; at < kills[stage]!; at += 1) {
        await rollout(4000 + Math.floor(Math.random() * 25_000))
      }
      await rollout()
    })
    tell(`root crossed by rollout, killed, stage ${stage}`, traffic)
    expect(traffic.tls).toEqual([])
    expect(traffic.lost).toEqual([])
    await bed.expect(0, 'probe')
  }
})

test('never were two servers between reload and proof', () => {
  let between: string | undefined
  for (const { event, address = '', state } of events) {
    if (event !== 'host' || !address.includes('/server/')) continue
    if (state === 'switched') {
      expect(
        between === undefined || between === address,
        `${address} while ${between} is not proven`,
      ).toBe(true)
      between = address
    }
    if (state === 'proven' || state === 'settled') between = undefined
  }
  expect(events.some(({ state }) => state === 'switched')).toBe(true)
})

test('a host with another key is not talked to, and nothing is changed anywhere', async () => {
  await bed.expect(0, 'rotate', 'leaves', '--all', '--yes')
  const known = path.join(bed.folder, 'known_hosts')
  const before = fs.readFileSync(known, 'utf8')
  const { address } = bed.host('c2')
  const other = fs.readFileSync(path.join(bed.home('c1'), 'host_key.pub'), 'utf8')
  fs.writeFileSync(
    known,
    before.replace(
      new RegExp(`^${address.replaceAll('.', '\\.')} .*\n`, 'm'),
      `${address} ${other}`,
    ),
  )
  const refused = await bed.expect(3, 'rollout', '--yes')
  expect(refused.stdout).toMatch(/c2|198\.18/)
  expect(refused.stdout).toMatch(/host key verification failed/i)
  expect(refused.stdout).toContain('nothing was changed')
  fs.writeFileSync(known, before)
  // The agents still have what they had.
  const { stdout } = await bed.pki('probe', '--long')
  expect(stdout).toMatch(/generation/)
})

test('an agent that does not load it stops the rollout at this host, and the same command goes on', async () => {
  const shim = '/usr/local/bin/systemctl'
  await bed.on('s1', `cp ${shim} ${shim}.ok && sed -i 's/kill -HUP/true/' ${shim}`)
  const stopped = await bed.pki('rollout', '--yes')
  expect(stopped.status).toBe(1)
  expect(stopped.stdout).toMatch(/s1: it is not proven|198\.18\.77\.11: it is not proven/)
  expect(stopped.stdout).toContain('the same command goes on')
  expect(stopped.stdout).not.toMatch(/c1: sending/)
  await bed.on('s1', `mv ${shim}.ok ${shim}`)
  await rollout()
  await bed.expect(0, 'probe')
})
