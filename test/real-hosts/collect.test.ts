/** Keys that hosts make and keep: the first delivery, and a root that is replaced, by requests over ssh. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Bed } from './bed.js'
import { tlsStanza } from './lasting.js'

const bed = new Bed(3, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
])
/** The keys that hosts have had, PEM. */
const keys = new Set<string>()

async function lookAtKeys(): Promise<void> {
  for (const { name } of bed.hosts) {
    const { stdout } = await bed.on(
      name,
      'cd /etc/nomad-tls && ls -A && stat -c %a%U current/key.pem && cat current/key.pem',
    )
    expect(stdout).toMatch(/^600root$/m)
    expect(stdout).not.toMatch(/requested-key|nomad-pki-rollout/)
    keys.add(stdout.slice(stdout.indexOf('-----BEGIN')))
  }
}

/** All texts in a folder of this machine. */
function textsIn(place: string): readonly string[] {
  return fs
    .readdirSync(place, { recursive: true, withFileTypes: true })
    .flatMap((entry) =>
      entry.isFile() ? [fs.readFileSync(path.join(entry.parentPath, entry.name), 'latin1')] : [],
    )
}

beforeAll(async () => {
  await bed.start()
  fs.writeFileSync(
    path.join(bed.ops, 'cluster.yaml'),
    bed.spec({ more: 'defaults: { keyHeld: node }\n' }),
  )
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

test('the first delivery: each host makes its key', async () => {
  const dry = await bed.expect(2, 'rollout', '--collect', '--dry-run')
  expect(dry.stdout.match(/would make a key, and ask for a certificate/g)).toHaveLength(4)
  for (const { name } of bed.hosts) {
    expect((await bed.on(name, 'ls -d /etc/nomad-tls')).status, `${name} after a dry run`).not.toBe(
      0,
    )
  }
  const { stdout } = await bed.expect(2, 'rollout', '--collect', '--yes')
  expect(stdout).toContain('4 not running: the next start loads the files')
  await lookAtKeys()
  for (const { name } of bed.hosts) {
    await bed.on(name, `cat >/etc/nomad.d/tls.hcl <<'X'\n${tlsStanza}X`)
  }
  await bed.startAgents()
  await bed.expect(0, 'probe')
})

test('a root, crossed, in one command: each new leaf is of a key that its host made, no TLS error', async () => {
  const [said, traffic] = await bed.under(() =>
    bed.expect(0, 'rotate', 'authority', '--run', '--collect', '--yes'),
  )
  const { sent, healed, lost, tls } = traffic
  console.log(
    `rotation: root crossed by requests over ssh: ${sent} requests, ${healed + lost.length} failed, ${healed} healed by one retry, ${tls.length} TLS errors`,
  )
  expect(said.stdout).toContain('generation 2 signs')
  expect(said.stdout.match(/asks for a certificate of SHA256:/g)).toHaveLength(4)
  expect(tls).toEqual([])
  expect(lost).toEqual([])
  await lookAtKeys()
  for (const { name } of bed.hosts) {
    const { stdout } = await bed.on(name, 'grep -c BEGIN /etc/nomad-tls/current/ca.pem')
    expect(stdout.trim(), `${name} trusts the new root alone`).toBe('1')
  }
  await bed.expect(0, 'probe')
  await bed.expect(0, 'plan')
})

test('each host had two keys of its own, and none of them was ever here', () => {
  expect(keys.size).toBe(8)
  const texts = textsIn(bed.ops)
  expect(texts.length).toBeGreaterThan(20)
  for (const key of keys) {
    // The first line is nearly the same in each key of P-256: the second one is its own.
    const [, , own = ''] = key.split('\n')
    expect(own).toHaveLength(64)
    expect(texts.some((text) => text.includes(own))).toBe(false)
  }
})
