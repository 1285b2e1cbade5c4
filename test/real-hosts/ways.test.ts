/** Ways to a host: two regions, a jump host, `sudo`; and a client that goes down after its reload. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'

const bed = new Bed(1, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
  ['w1', 'west'],
  ['cw1', 'west', { behind: 's1' }],
])
/** West has one server, and that is known. */
const alone = ['--override', 'tolerance=west', '--reason', 'one server', '--via', 'ssh'] as const

beforeAll(async () => {
  await bed.start()
  const spec = bed.spec({
    ssh: '{ user: deploy, sudo: true }',
    of: (name) => `, config: { host: /etc/nomad.d, copy: agents/${name} }`,
  })
  fs.writeFileSync(path.join(bed.ops, 'cluster.yaml'), spec)
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'config', 'pull')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

test('a host whose sudo asks for a password is refused, and nothing is changed anywhere', async () => {
  const rule = '/etc/sudoers.d/deploy'
  await bed.on('c1', `sed -i 's/NOPASSWD: //' ${rule}`)
  const { stdout } = await bed.expect(3, 'rollout', '--yes')
  expect(stdout).toMatch(/: no script runs there: sudo: a password is required; .*NOPASSWD/)
  expect(stdout).toContain('nothing was changed')
  for (const { name } of bed.hosts) {
    expect((await bed.on(name, 'ls -d /etc/nomad-tls')).status, name).not.toBe(0)
  }
  await bed.on('c1', `sed -i 's/(ALL) ALL/(ALL) NOPASSWD: ALL/' ${rule}`)
})

test('the first delivery, by sudo and through a jump host', async () => {
  const { stdout } = await bed.expect(2, 'rollout', '--yes')
  expect(stdout).toContain('6 not running: the next start loads the files')
  for (const { name } of bed.hosts) {
    const { stdout: said } = await bed.on(name, 'stat -c %a%U /etc/nomad-tls/current/key.pem')
    expect(said, name).toBe('600root\n')
  }
  await bed.startAgents()
  // The host behind the other one does not answer to this machine.
  const from = await bed.pki('probe')
  expect(from.status).not.toBe(0)
  await bed.expect(0, 'probe', '--via', 'ssh')
})

test('all leaves of both regions', async () => {
  await bed.expect(0, 'rotate', 'leaves', '--all', '--yes')
  const guarded = await bed.expect(3, 'rollout', '--yes', '--via', 'ssh')
  expect(guarded.stdout).toMatch(/west: it cannot lose a server .*--override tolerance=west/)
  await bed.mustRollout(0, ...alone)
  await bed.expect(0, 'probe', '--via', 'ssh')
  expect(fs.readFileSync(path.join(bed.ops, 'pki/ledger.jsonl'), 'utf8')).toMatch(
    /"override".*"tolerance".*"one server"/,
  )
  expect(bed.between()).toMatchObject({ reloaded: 4, pairs: [] })
})

test('a client that goes down after its reload stops it, and the same command goes on', async () => {
  await bed.expect(0, 'rotate', 'leaves', 'c1', 'cw1', '--yes')
  const shim = '/usr/local/bin/systemctl'
  await bed.on('c1', `cp ${shim} ${shim}.ok`)
  const hup = String.raw`s/kill -HUP .*;;/kill -HUP "$(pid)"; (sleep 9; kill -9 "$(pid)") >\/dev\/null 2>\&1 \& ;;/`
  await bed.on('c1', `sed -i '${hup}' ${shim}`)
  const stopped = await bed.mustRollout(1, ...alone)
  expect(stopped.said).toContain('c1 is down after its reload')
  expect(stopped.events.filter(({ address = '' }) => address.includes('cw1'))).toHaveLength(1)
  await bed.on('c1', `mv ${shim}.ok ${shim}; systemctl start nomad`)
  await eventually(
    'c1 to be ready',
    async () =>
      (await bed.ask(bed.host('s1'), '/v1/nodes')).includes('"Status":"ready"') || undefined,
  )
  const { events } = await bed.mustRollout(0, ...alone)
  // It was proven before it went down.
  expect(events.filter(({ state }) => state === 'proven')).toHaveLength(1)
  await bed.expect(0, 'probe', '--via', 'ssh')
})
