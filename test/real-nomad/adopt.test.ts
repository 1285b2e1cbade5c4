/**
 * A cluster that runs on files of `nomad tls` is adopted, gets new leaves under the old root, and then a new
 * root, crossed: by reload, while requests never pause. What it was adopted from stays as it is.
 */
import { chownSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stateOf } from '../adoption/folders.js'
import { nomadBinary } from './harness/binaries.js'
import { type Begin, Fleet, unprivileged } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { chance, seed, shuffled } from './harness/random.js'
import { beginStage, expectCheap, roll, rotateAuthority } from './harness/rolling.js'
import { runOk } from './harness/run.js'
import { unproven } from './harness/witness.js'

let fleet: Fleet
let load: Load
let before: Readonly<Record<string, string>>

/** The nodes get what `nomad tls` made, and the store adopts it. */
const begin: Begin = async ({ base, plans, pki }) => {
  const old = join(base, 'old')
  mkdirSync(old, { mode: 0o700 })
  const tls = (cwd: string, ...args: string[]): Promise<string> =>
    runOk(nomadBinary(), ['tls', ...args], { cwd })
  await tls(old, 'ca', 'create')
  const authority = ['-ca', '../nomad-agent-ca.pem', '-key', '../nomad-agent-ca-key.pem']
  for (const { name, region, role } of plans) {
    const own = join(old, name)
    mkdirSync(own)
    const names = ['-region', region, '-additional-dnsname', `${name}.acme.test`]
    await tls(own, 'cert', 'create', `-${role}`, ...names, ...authority)
    const node = join(base, 'hosts', name, 'etc/nomad.d')
    const there = join(node, 'old')
    mkdirSync(there)
    const pair = `${region}-${role}-nomad`
    for (const [from, to] of [
      ['../nomad-agent-ca.pem', 'ca.pem'],
      [`${pair}.pem`, 'cert.pem'],
      [`${pair}-key.pem`, 'key.pem'],
    ] as const) {
      copyFileSync(join(own, from), join(there, to))
      if (role === 'server') chownSync(join(there, to), unprivileged.uid, unprivileged.gid)
    }
    writeFileSync(
      join(node, 'tls.hcl'),
      `tls {
  http = true
  rpc  = true

  ca_file   = "${there}/ca.pem"
  cert_file = "${there}/cert.pem"
  key_file  = "${there}/key.pem"

  verify_server_hostname = true
  verify_https_client    = true
}
`,
    )
  }
  const person = join(old, 'person')
  mkdirSync(person)
  await tls(person, 'cert', 'create', '-cli', ...authority)
  renameSync(join(person, 'global-cli-nomad.pem'), join(person, 'alice.pem'))
  renameSync(join(person, 'global-cli-nomad-key.pem'), join(person, 'alice-key.pem'))
  before = stateOf(old)
  await pki('adopt', 'old')
}

beforeAll(async () => {
  console.log(`adopt: seed ${seed}`)
  fleet = await Fleet.start(
    'adopt',
    '{}',
    (spec) =>
      spec
        .replace(/^ {2}us-west: \{ issuer.*\n/m, '')
        .replace(/^ {4}authority: us-west\n/m, '')
        .replace(/^( +)(\w+): \{ http/gm, '$1$2: { names: [$2.acme.test], http'),
    begin,
  )
  load = await startLoad(fleet)
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
})

test('what runs is what was adopted, and there is nothing to do', async () => {
  const plan = await fleet.pki('plan')
  expect(plan).toMatchObject({ status: 0 })
  expect(plan.stdout).toMatch(/^nothing to do$/m)
  expect(plan.stdout).toContain('it was made for 1y, the spec says 90d')
  expect(await fleet.pki('verify')).toMatchObject({ status: 0 })
  // Every agent presents the certificate that is its first generation now.
  expect(await fleet.pki('probe')).toMatchObject({ status: 0 })
})

test('new leaves under the old root, in random order: one reload each, no TLS error', async () => {
  await fleet.pkiOk('rotate', 'leaves', '--all', '--yes')
  const stage = beginStage(fleet, load, 'adopted from nomad tls: all leaves')
  for (const name of shuffled(fleet.names, chance('adopted'))) {
    const config = join(fleet.base, 'hosts', name, 'etc/nomad.d')
    await roll(stage, [name], { way: 'command', more: ['--config', config] })
  }
  await expectCheap(stage, 1)
  expect(await unproven(fleet)).toEqual([])
})

test('a new root, crossed: one reload each and stage, no TLS error', async () => {
  await rotateAuthority(fleet, load, {
    label: 'adopted root crossed',
    authority: 'agent',
    stages: 2,
    random: chance('adopted root'),
  })
  expect(await unproven(fleet)).toEqual([])
  expect(stateOf(join(fleet.base, 'old'))).toEqual(before)
})
