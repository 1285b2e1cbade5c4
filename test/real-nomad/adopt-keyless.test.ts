/**
 * The key of the old authority is lost, and the pairs of two agents lie on their hosts alone. The cluster
 * is adopted and goes to a new root by trust: no spec is edited by hand, and requests never pause.
 */
import { chownSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stateOf } from '../adoption/folders.js'
import { nomadBinary } from './harness/binaries.js'
import { type Begin, Fleet, oneRoot, unprivileged } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { chance, seed, shuffled } from './harness/random.js'
import { beginStage, expectCheap, roll, type Stage } from './harness/rolling.js'
import { runOk } from './harness/run.js'
import { unproven, witness } from './harness/witness.js'

/** Agents whose pairs the folder does not have. */
const strangers: readonly string[] = ['s3', 'c2']

let fleet: Fleet
let load: Load
let before: Readonly<Record<string, string>>

const folderOf = (base: string, name: string): string => join(base, 'hosts', name, 'etc/nomad.d')

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
    const there = join(folderOf(base, name), 'old')
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
      join(folderOf(base, name), 'tls.hcl'),
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
    if (strangers.includes(name)) rmSync(own, { recursive: true })
  }
  const person = join(old, 'person')
  mkdirSync(person)
  await tls(person, 'cert', 'create', '-cli', ...authority)
  for (const end of ['', '-key']) {
    copyFileSync(join(person, `global-cli-nomad${end}.pem`), join(old, `alice${end}.pem`))
  }
  rmSync(person, { recursive: true })
  rmSync(join(old, 'nomad-agent-ca-key.pem'))
  before = stateOf(old)
  await pki('adopt', 'old')
}

beforeAll(async () => {
  console.log(`adopt without the key: seed ${seed}`)
  fleet = await Fleet.start('keyless', '{}', oneRoot, begin)
  load = await startLoad(fleet)
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
})

const rollAll = async (stage: Stage, names: readonly string[]): Promise<void> => {
  for (const name of names) {
    const config = folderOf(fleet.base, name)
    await roll(stage, [name], { way: 'command', more: ['--config', config] })
  }
}

test('trust in the new root comes to every agent, also to those whose pairs are not here', async () => {
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  // Nothing can be signed for two agents; everything else is made.
  const applied = await fleet.pki('apply', '--yes')
  expect(applied).toMatchObject({ status: 1 })
  for (const name of strangers) expect(applied.stderr + applied.stdout).toContain(name)
  expect((await fleet.pki('rotate', 'authority', 'agent', '--next')).status).toBe(3)
  await fleet.pkiOk('pack', '--trust-only', '--out', 'both.pem')
  const stage = beginStage(fleet, load, 'adopted without the key, trust in both')
  const random = chance('keyless trust')
  await rollAll(
    stage,
    shuffled(
      fleet.names.filter((name) => !strangers.includes(name)),
      random,
    ),
  )
  // The gate waits for them.
  await witness(fleet)
  const early = await fleet.pki('rotate', 'authority', 'agent', '--next')
  expect(early.status).toBe(3)
  expect(early.stdout + early.stderr).toContain('does not trust authority/agent/2')
  for (const name of strangers) {
    const file = join(folderOf(fleet.base, name), 'old/ca.pem')
    copyFileSync(join(fleet.base, 'both.pem'), file)
    stage.count.reloading(name)
    process.kill(fleet.agent(name).pid, 'SIGHUP')
    await fleet.answers(name)
  }
  await expectCheap(stage, 1)
  await witness(fleet)
})

test('the new root signs, and every agent gets a leaf of it: one reload each, no TLS error', async () => {
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  const stage = beginStage(fleet, load, 'adopted without the key, new leaves')
  await rollAll(stage, shuffled(fleet.names, chance('keyless leaves')))
  await expectCheap(stage, 1)
  expect(await unproven(fleet)).toEqual([])
})

test('the old root leaves: one reload each, no TLS error', async () => {
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  const stage = beginStage(fleet, load, 'adopted without the key, the old root leaves')
  await rollAll(stage, shuffled(fleet.names, chance('keyless old root')))
  await expectCheap(stage, 1)
  expect(await unproven(fleet)).toEqual([])
  expect(stateOf(join(fleet.base, 'old'))).toEqual(before)
})
