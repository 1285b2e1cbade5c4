/**
 * Clusters that run on files of other tools are adopted, get new leaves under the old root, and then a new
 * root, crossed: by reload, while requests never pause. What they were adopted from stays as it is.
 * One tool, or each with `NOMAD_PKI_ROTATIONS=all`.
 */
import { chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stateOf } from '../adoption/folders.js'
import type { AgentPlan } from './harness/agent.js'
import { cfsslFolder, nomadBinary } from './harness/binaries.js'
import { type Begin, Fleet, oneRoot, unprivileged } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { chance, seed, shuffled } from './harness/random.js'
import { beginStage, expectCheap, roll, rotateAuthority } from './harness/rolling.js'
import { runOk } from './harness/run.js'
import { unproven } from './harness/witness.js'

type Place = Pick<AgentPlan, 'name' | 'region' | 'role'>

/** Shell lines of a tool: in the folder of all, and in one for each node; there cert.pem and key.pem come to be. */
interface Maker {
  readonly tool: string
  readonly authority: string
  readonly node: (place: Place) => string
  /** alice.pem and alice-key.pem. */
  readonly person: string
}

const nomadTls = 'nomad tls cert create -ca ../nomad-agent-ca.pem -key ../nomad-agent-ca-key.pem'
const cfssl = "echo '{}' | cfssl gencert -ca=../ca.pem -ca-key=../ca-key.pem -config=../cfssl.json"
const openssl = 'openssl x509 -req -CA ../ca.pem -CAkey ../ca-key.pem -CAcreateserial -days 365'
const request = 'openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
const usages = 'extendedKeyUsage=serverAuth,clientAuth'

const makers: readonly Maker[] = [
  {
    tool: 'nomad tls',
    authority: `nomad tls ca create
cp nomad-agent-ca.pem ca.pem`,
    node: ({ name, region, role }) => `${nomadTls} -${role} -region ${region} \\
  -additional-dnsname ${name}.acme.test
mv ${region}-${role}-nomad.pem cert.pem
mv ${region}-${role}-nomad-key.pem key.pem`,
    person: `${nomadTls} -cli
mv global-cli-nomad.pem alice.pem
mv global-cli-nomad-key.pem alice-key.pem`,
  },
  {
    // developer.hashicorp.com/nomad/docs/secure/traffic/tls, as it was with cfssl; a pair for each node.
    tool: 'cfssl',
    authority: `cfssl print-defaults csr | cfssl gencert -initca - | cfssljson -bare ca
echo '{"signing":{"default":{"expiry":"87600h","usages":["signing","key encipherment","server auth","client auth"]}}}' > cfssl.json`,
    node: ({ name, region, role }) => `${cfssl} \\
  -hostname="${role}.${region}.nomad,localhost,127.0.0.1,${name}.acme.test" - | cfssljson -bare cert
mv cert-key.pem key.pem`,
    person: `${cfssl} -profile=client - | cfssljson -bare alice`,
  },
  {
    tool: 'openssl',
    authority: `openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=Acme' -keyout ca-key.pem -out ca.pem`,
    node: ({ name, region, role }) => `${request} -subj "/CN=${role}.${region}.nomad" \\
  -keyout key.pem -out node.csr
printf "subjectAltName=DNS:${role}.${region}.nomad,DNS:localhost,DNS:${name}.acme.test,IP:127.0.0.1\\n${usages}\\n" > node.ext
${openssl} -in node.csr -extfile node.ext -out cert.pem`,
    person: `${request} -subj /CN=alice -keyout alice-key.pem -out alice.csr
printf 'extendedKeyUsage=clientAuth\\n' > alice.ext
${openssl} -in alice.csr -extfile alice.ext -out alice.pem`,
  },
]

/** The nodes get what the tool made, and the store adopts it. */
function beginWith({ authority, node, person }: Maker, seen: (old: string) => void): Begin {
  return async ({ base, plans, pki }) => {
    const old = join(base, 'old')
    mkdirSync(old, { mode: 0o700 })
    const PATH = `${cfsslFolder()}:${join(nomadBinary(), '..')}:${env.PATH ?? ''}`
    const sh = (cwd: string, lines: string): Promise<string> =>
      runOk('sh', ['-euc', lines], { cwd, env: { ...env, PATH } })
    await sh(old, authority)
    for (const plan of plans) {
      const own = join(old, plan.name)
      mkdirSync(own)
      await sh(own, node(plan))
      const config = join(base, 'hosts', plan.name, 'etc/nomad.d')
      const there = join(config, 'old')
      mkdirSync(there)
      for (const [from, to] of [
        ['../ca.pem', 'ca.pem'],
        ['cert.pem', 'cert.pem'],
        ['key.pem', 'key.pem'],
      ] as const) {
        copyFileSync(join(own, from), join(there, to))
        if (plan.role === 'server') {
          chownSync(join(there, to), unprivileged.uid, unprivileged.gid)
        }
      }
      writeFileSync(
        join(config, 'tls.hcl'),
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
    mkdirSync(join(old, 'person'))
    await sh(join(old, 'person'), person)
    seen(old)
    await pki('adopt', 'old')
  }
}

// One in each run; the seed of .ci/deep goes with all of them.
const asked = env.NOMAD_PKI_ROTATIONS === 'all' ? makers : makers.slice(0, 1)

describe.each(asked)('a cluster on files of $tool', (maker) => {
  let fleet: Fleet
  let load: Load
  let before: Readonly<Record<string, string>>

  beforeAll(async () => {
    console.log(`adopt from ${maker.tool}: seed ${seed}`)
    fleet = await Fleet.start(
      'adopt',
      '{}',
      oneRoot,
      beginWith(maker, (old) => {
        before = stateOf(old)
      }),
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
    // A certificate of cfssl outlives its root, which ends first.
    if (maker.tool !== 'cfssl')
      expect(plan.stdout).toContain('it was made for 1y, the spec says 90d')
    expect(await fleet.pki('verify')).toMatchObject({ status: 0 })
    // Every agent presents the certificate that is its first generation now.
    expect(await fleet.pki('probe')).toMatchObject({ status: 0 })
  })

  test('new leaves under the old root, in random order: one reload each, no TLS error', async () => {
    await fleet.pkiOk('rotate', 'leaves', '--all', '--yes')
    const stage = beginStage(fleet, load, `adopted from ${maker.tool}: all leaves`)
    for (const name of shuffled(fleet.names, chance('adopted'))) {
      const config = join(fleet.base, 'hosts', name, 'etc/nomad.d')
      await roll(stage, [name], { way: 'command', more: ['--config', config] })
    }
    await expectCheap(stage, 1)
    expect(await unproven(fleet)).toEqual([])
  })

  test('a new root, crossed: one reload each and stage, no TLS error', async () => {
    await rotateAuthority(fleet, load, {
      label: `adopted from ${maker.tool}: root crossed`,
      authority: 'agent',
      stages: 2,
      random: chance('adopted root'),
    })
    expect(await unproven(fleet)).toEqual([])
    expect(stateOf(join(fleet.base, 'old'))).toEqual(before)
  })
})
