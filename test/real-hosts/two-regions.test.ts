/**
 * Five servers and six clients in two regions: all leaves by one `rollout`, under requests to every agent. Eleven
 * agents on one machine: for `.ci/deep`.
 */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Bed } from './bed.js'
import { turnTlsOn } from './lasting.js'

const bed = new Bed(9, [
  ['s1', 'east'],
  ['s2', 'east'],
  ['s3', 'east'],
  ['s4', 'west'],
  ['s5', 'west'],
  ['c1', 'east'],
  ['c2', 'east'],
  ['c3', 'east'],
  ['c4', 'west'],
  ['c5', 'west'],
  ['c6', 'west'],
])

beforeAll(async () => {
  await bed.start()
  fs.writeFileSync(path.join(bed.ops, 'cluster.yaml'), bed.spec())
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
  await bed.expect(2, 'rollout', '--yes')
  await turnTlsOn(bed)
  await bed.startAgents()
})
afterAll(() => bed.stop())

test('a region of two servers cannot lose one: nothing is touched without a word', async () => {
  await bed.expect(0, 'probe')
  await bed.expect(0, 'rotate', 'leaves', '--all', '--yes')
  const { stdout, stderr } = await bed.expect(3, 'rollout', '--yes')
  expect(stdout + stderr).toContain('--override tolerance=west --reason TEXT')
})

test('all leaves, region by region, under requests', async () => {
  const accepted = [
    '--override',
    'tolerance=west',
    '--reason',
    'two servers: no leader for seconds',
  ]
  const [{ events }, traffic] = await bed.under(() =>
    bed.mustRollout(0, '--batch', '3', ...accepted),
  )
  const { sent, healed, lost, tls } = traffic
  console.log(
    `rotation: two regions: ${sent} requests, ${healed + lost.length} failed, ${healed} healed by one retry, ${lost.length} lost, ${tls.length} TLS errors`,
  )
  expect(tls).toEqual([])
  expect(lost).toEqual([])
  const proven = events.filter(({ event, state }) => event === 'host' && state === 'proven')
  expect(proven).toHaveLength(11)
  const order = proven.map(({ address = '' }) => address.split('/').slice(1, 3).join(' '))
  // Servers of one region, then those of the other, then clients.
  expect(order.slice(0, 5)).toEqual([
    ...Array.from({ length: 3 }, () => 'server east'),
    ...Array.from({ length: 2 }, () => 'server west'),
  ])
  expect(bed.between()).toMatchObject({ reloaded: 5, pairs: [] })
  await bed.expect(0, 'probe')
  expect((await bed.expect(0, 'rollout')).stdout).toContain('nothing to bring')
})
