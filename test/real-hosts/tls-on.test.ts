/**
 * TLS is turned on in a running cluster by `rollout` alone: configurations are pulled, edited here and put back, and
 * each agent restarts in its place of the order.
 */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'

const bed = new Bed(7, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
])

beforeAll(async () => {
  await bed.start()
  const of = (name: string): string => `, config: { host: /etc/nomad.d, copy: agents/${name} }`
  fs.writeFileSync(
    path.join(bed.ops, 'cluster.yaml'),
    bed.spec({ of, more: 'transport: plaintext\n' }),
  )
  const grace = 'server {\n  heartbeat_grace = "1h"\n}\n'
  for (const { name, role } of bed.hosts) {
    if (role === 'server') await bed.on(name, `cat >/etc/nomad.d/grace.hcl <<'X'\n${grace}X`)
    await bed.on(name, 'systemctl start nomad')
  }
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'config', 'pull')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

test('plaintext: files everywhere, and nothing is reloaded; the gate opens', async () => {
  await bed.expect(0, 'rollout', '--yes')
  await eventually(
    'four members',
    async () => {
      const { stdout } = await bed.pki('probe')
      return stdout.includes('Nomad names 3 servers and 1 client in global') || undefined
    },
    { timeout: 120_000 },
  )
  const { stdout } = await bed.expect(0, 'rotate', 'tls', '--next')
  expect(stdout).toContain('transport: upgrading')
})

test('upgrading: servers one at a time, the leader last, then clients; each is proven', async () => {
  await bed.expect(0, 'apply', '--yes')
  const { events } = await bed.mustRollout(0)
  expect(events.filter(({ state }) => state === 'proven')).toHaveLength(4)
  expect(bed.between().pairs).toEqual([])
  // The rollout has just seen each of them: nobody asks them again.
  await bed.expect(0, 'rotate', 'tls', '--next')
})

test('tls: the last settings; no server answers plaintext', async () => {
  await bed.expect(0, 'apply', '--yes')
  await bed.mustRollout(0)
  expect((await bed.expect(0, 'rotate', 'tls')).stdout).toContain('nothing remains to do')
  expect(bed.between()).toMatchObject({ reloaded: 6, pairs: [] })
})
