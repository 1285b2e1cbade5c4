/**
 * A root is being replaced, and things go wrong on one node after the other: the gate holds and says
 * who and why, nothing else breaks, and after the mend it goes on.
 */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { Agent, type AgentPlan, writeAgentConfig } from './harness/agent.js'
import { api } from './harness/api.js'
import { figuresText } from './harness/figures.js'
import { Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { agentPorts } from './harness/ports.js'
import { provenLoaded } from './harness/proof.js'
import { chance, deep, seed, shuffled } from './harness/random.js'
import { beginStage, expectCheap, expectKnownLosses, roll, type Stage } from './harness/rolling.js'
import { eventually, sleep } from './harness/run.js'
import { holdsOf, unproven, witness } from './harness/witness.js'

/** One node for each sabotage. */
const victims = deep ? ['s2', 's3', 'c2', 'w1', 'c1', 'd1'] : ['s2', 's3', 'c2']

let fleet: Fleet
let load: Load
let stage: Stage

/** Who holds the gate and why, after everybody was asked. */
async function holds(): Promise<ReadonlyMap<string, string>> {
  await witness(fleet)
  return holdsOf(fleet)
}

/** The gate is held by those victims that were not mended yet, and by this one for this reason. */
async function expectHeld(name: string, reason: RegExp): Promise<void> {
  const held = await holds()
  expect(held.get(fleet.address(name))).toMatch(reason)
  const waiting = victims.map((victim) => fleet.address(victim))
  for (const address of held.keys()) expect(waiting).toContain(address)
  expect(await fleet.pki('rotate', 'authority', 'agent', '--next')).toMatchObject({ status: 3 })
}

/** It is mended, and nobody waits for it any more. */
async function expectMended(name: string): Promise<void> {
  await provenLoaded(fleet, name)
  expect((await holds()).get(fleet.address(name))).toBeUndefined()
}

/** A certificate whose base64 is whole and whose bytes are not. */
function corruptSecond(bundle: string): string {
  const second = bundle.indexOf('-----BEGIN', 1)
  if (second === -1) throw new Error('there is no second certificate')
  const at = bundle.indexOf('\n', second) + 1
  return `${bundle.slice(0, at)}AAAAAAAA${bundle.slice(at + 8)}`
}

/** Tells an agent to reload, by hand; answers with what it said. */
async function reloadByHand(name: string): Promise<string> {
  const before = fleet.agent(name).log().length
  const said = (): string => fleet.agent(name).log().slice(before)
  stage.count.reloading(name)
  fleet.agent(name).reload()
  await eventually(`${name} to reload`, async () =>
    said().includes('Reloading configuration') ? true : undefined,
  )
  await sleep(500)
  return said()
}

async function deliverWell(name: string): Promise<string> {
  stage.count.reloading(name)
  const { status, stdout, stderr } = await fleet.deliver(name)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

beforeAll(async () => {
  console.log(`rotation: sabotage of ${victims.join(', ')}: seed ${seed}`)
  fleet = await Fleet.start('sabotage')
  load = await startLoad(fleet)
  await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  await fleet.pkiOk('apply', '--yes')
  stage = beginStage(fleet, load, 'first stage under sabotage')
  const others = fleet.names.filter((name) => !victims.includes(name))
  await roll(stage, shuffled(others, chance('sabotage')))
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
})

describe('a corrupt second certificate in the bundle of one node', () => {
  test('on the way: the installer refuses it, and nothing is changed', async () => {
    const before = fleet.generationOf('s2')
    const outcome = await fleet.deliver('s2', {
      onTheWay: (folder) => {
        const file = join(folder, fleet.newestOf('s2'), 'ca.pem')
        writeFileSync(file, corruptSecond(readFileSync(file, 'utf8')))
      },
    })
    expect(outcome.status).toBe(3)
    expect(outcome.stderr).toMatch(/ca\.pem is torn or tampered with/)
    expect(fleet.generationOf('s2')).toBe(before)
    await expectHeld('s2', /presents generation 1, not 2/)
  })

  test('in place: the agent takes the first alone, and is seen not to trust the new root', async () => {
    await deliverWell('s2')
    const file = join(fleet.tls('s2'), 'current/ca.pem')
    writeFileSync(file, corruptSecond(readFileSync(file, 'utf8')))
    await reloadByHand('s2')
    await expectHeld('s2', /does not trust authority\/agent\/2/)
    await deliverWell('s2')
    await expectMended('s2')
  })
})

describe('a wrong owner and mode', () => {
  test('the agent keeps what it has; delivered once more, it is mended', async () => {
    expect(await fleet.deliver('s3', { cold: true })).toMatchObject({ status: 0 })
    const key = join(fleet.tls('s3'), 'current/key.pem')
    chownSync(key, 0, 0)
    chmodSync(key, 0o600)
    expect(await reloadByHand('s3')).toMatch(/key\.pem: permission denied/)
    await expectHeld('s3', /presents generation 1, not 2/)
    expect(await deliverWell('s3')).toMatch(/key\.pem did not belong to nobody, and does now/)
    await expectMended('s3')
  })
})

describe('a node that does not answer', () => {
  test('unreachable is not loaded', async () => {
    load.traffic.spare('c2')
    fleet.agent('c2').freeze()
    expect((await witness(fleet)).get('c2')).toMatchObject({ state: 'silent' })
    await expectHeld('c2', /never seen|presents generation 1|not answer|cannot be asked/)
    fleet.agent('c2').thaw()
    await fleet.answers('c2')
    load.traffic.resume('c2')
    await deliverWell('c2')
    await expectMended('c2')
  })
})

if (deep) {
  describe('a reload that fails', () => {
    const configuration = (): string => join(fleet.base, 'hosts/w1/etc/nomad.d/agent.hcl')

    test('its installer saw nothing, the handshake did', async () => {
      const good = readFileSync(configuration(), 'utf8')
      appendFileSync(configuration(), 'server {{\n')
      await deliverWell('w1')
      await expectHeld('w1', /presents generation 1, not 2/)
      writeFileSync(configuration(), good)
      await reloadByHand('w1')
      await expectMended('w1')
    })
  })

  describe('a torn or tampered archive', () => {
    test.each<[string, 'script' | 'command', RegExp, (folder: string, archive: string) => void]>([
      ['cut short', 'command', /torn|unpack|archive/, (_, archive) => truncateSync(archive, 900)],
      [
        'one byte of it',
        'command',
        /not an archive to install from|fingerprint/,
        (_, archive) => {
          const bytes = readFileSync(archive)
          bytes[bytes.length >> 1]! ^= 1
          writeFileSync(archive, bytes)
        },
      ],
      [
        'a file more',
        'script',
        /exactly what SHA256SUMS lists/,
        (folder) => writeFileSync(join(folder, 'more.pem'), ''),
      ],
      [
        'another key',
        'script',
        /torn or tampered/,
        (folder) =>
          writeFileSync(join(folder, fleet.newestOf('c1'), 'key.pem'), fleet.credentials().key),
      ],
    ])('%s, to %s: refused, and nothing is changed', async (_, way, reason, onTheWay) => {
      const before = fleet.generationOf('c1')
      const outcome = await fleet.deliver('c1', { way, onTheWay })
      expect(outcome.status).not.toBe(0)
      expect(outcome.stderr).toMatch(reason)
      expect(fleet.generationOf('c1')).toBe(before)
    })

    test("another node's: refused", async () => {
      const outcome = await fleet.install('c1', await fleet.pack('c2'))
      expect(outcome).toMatchObject({ status: 3 })
      expect(outcome.stderr).toMatch(/is for identity\/client\/global\/c2/)
    })

    test('the gate is held until the right one arrives', async () => {
      await expectHeld('c1', /presents generation 1, not 2/)
      await deliverWell('c1')
      await expectMended('c1')
    })
  })

  describe('an agent that nobody wrote down', () => {
    test('holds the gate until it is gone', async () => {
      const stranger = await startStranger('c9')
      try {
        await eventually('the stranger to be a node', async () => {
          const nodes = await fleet.cluster.get<{ Name: string }[]>('s1', '/v1/nodes')
          return nodes.some(({ Name }) => Name === 'c9') ? true : undefined
        })
        expect((await holds()).get('member/global/c9')).toMatch(
          /Nomad has a client of this name, and neither spec nor store know it/,
        )
      } finally {
        await stranger.stop()
      }
      const nodes = await fleet.cluster.get<{ ID: string; Name: string }[]>('s1', '/v1/nodes')
      const { ID } = nodes.find(({ Name }) => Name === 'c9')!
      const purged = await api(
        fleet.plan('s1').ports.http,
        `/v1/node/${ID}/purge`,
        fleet.credentials(),
        { method: 'PUT' },
      )
      expect(purged).toMatchObject({ status: 200 })
      expect((await holds()).get('member/global/c9')).toBeUndefined()
    })

    test('its leaf is of our key, so nothing is issued until somebody answers for it', async () => {
      const refused = await fleet.pki('rotate', 'leaves', 'd1', '--yes')
      expect(refused).toMatchObject({ status: 1 })
      expect(refused.stderr).toMatch(
        /the ledger lacks certificates that authority\/agent\/2 signed: member\/global\/c9 at /,
      )
      const [, override = ''] = /--override (copy=[0-9a-f]+) --reason/.exec(refused.stderr) ?? []
      await fleet.pkiOk('apply', '--yes', '--override', override, '--reason', 'it was a stranger')
    })
  })

  describe('a clock that is wrong by an hour', () => {
    const hour = 3_600_000

    test('ahead: the node refuses what is not valid yet, and says so', async () => {
      expect(await fleet.pkiAt(hour, 'rotate', 'leaves', 'd1', '--yes')).toMatchObject({
        status: 0,
      })
      const archive = join(fleet.base, 'ahead.tar.gz')
      const packed = await fleet.pkiAt(hour, 'pack', 'd1', '--out', archive)
      expect(packed).toMatchObject({ status: 0 })
      const before = fleet.generationOf('d1')
      const fingerprint = packed.stdout.split(' ')[0]!
      const outcome = await fleet.install('d1', { archive, fingerprint })
      expect(outcome).toMatchObject({ status: 3 })
      expect(outcome.stderr).toMatch(/is valid from .*, and it is .* here: is the clock right\?/)
      expect(fleet.generationOf('d1')).toBe(before)
      await expectHeld('d1', /presents generation 1, not 3/)
    })

    test('behind: nobody signs before the authority begins, and that is said', async () => {
      const outcome = await fleet.pkiAt(-hour, 'rotate', 'leaves', 'd1', '--yes')
      expect(outcome).toMatchObject({ status: 1 })
      expect(outcome.stderr).toMatch(/not-yet-valid\)\n +fix: correct the clock of this machine/)
      await expectHeld('d1', /presents generation 1, not 3/)
    })

    test('right again', async () => {
      await fleet.pkiOk('rotate', 'leaves', 'd1', '--yes')
      await deliverWell('d1')
      await expectMended('d1')
    })
  })
}

describe('after all of it', () => {
  test('nothing else broke', async () => {
    const figures = await stage.count.end()
    console.log(`rotation: ${figuresText(figures)}`)
    expectKnownLosses(figures)
    // What the agents whose files were bad said of them, and nothing besides.
    for (const line of figures.complaints) {
      expect(line).toMatch(/^s3: .*permission denied/)
    }
    expect(load.logs.broken).toBeUndefined()
  })

  test('the gate is open, and the second stage goes through', async () => {
    expect(await holds()).toEqual(new Map())
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    const second = beginStage(fleet, load, 'second stage after sabotage')
    await roll(second, shuffled(fleet.names, chance('after sabotage')))
    await expectCheap(second, 1)
  })
})

if (deep) {
  describe('a naive swap by hand on half of the agents', () => {
    const random = chance('naive')

    test('probe names it, and the repair brings every agent back without a restart', async () => {
      const pids = fleet.names.map((name) => fleet.agent(name).pid)
      const from = signing('agent')
      const to = from + 1
      fleet.editSpec(
        /^ {2}agent: .*$/m,
        `  agent: { lifetime: 10y, signing: ${to}, trusted: [${to}] }`,
      )
      fleet.editSpec(/signing: \d+ \}$/m, `signing: ${signing('us-west') + 1} }`)
      const refused = await fleet.pki('apply', '--yes')
      expect(refused.status, refused.stdout).not.toBe(0)
      expect(refused.stdout + refused.stderr).toContain(
        `authority/agent/${to} signs from now on, and every agent must trust it first`,
      )
      // Somebody answers for every agent, and errs.
      for (const name of fleet.names) {
        const except = ['--except', name, '--reason', 'it is only a lab']
        await fleet.pki('rotate', 'authority', 'agent', ...except)
      }
      await fleet.pkiOk('apply', '--yes')
      for (const name of fleet.names) load.traffic.spare(name)
      // As many servers as clients: where most servers have it, the others need only their archive.
      const half = (['server', 'client'] as const).flatMap((role) =>
        shuffled(
          fleet.names.filter((name) => fleet.plan(name).role === role),
          random,
        ).slice(0, 2),
      )
      const root = readFileSync(join(fleet.base, 'pki/authority/agent', `${to}`, 'ca.pem'), 'utf8')
      const newRoot = `new-root=SHA256:${fingerprintOf(parseCertificates(root)[0]!)}`
      const more = ['--override', newRoot, '--reason', 'it is only a lab']
      for (const name of half) {
        const held = await fleet.deliver(name)
        expect(held).toMatchObject({ status: 3 })
        expect(held.stderr).toContain('another authority made it')
        expect(await fleet.deliver(name, { more })).toMatchObject({ status: 0 })
        await provenLoaded(fleet, name)
      }
      const { status, stdout } = await fleet.pki('probe', '--timeout', '3s', '--json')
      expect(status).toBe(2)
      const { halfRotated, agents } = JSON.parse(stdout) as {
        readonly halfRotated: readonly { readonly authority: string; readonly edits: unknown }[]
        readonly agents: readonly { readonly address: string; readonly state: string }[]
      }
      const proven = agents.filter(({ state }) => state === 'proven').map(({ address }) => address)
      expect(proven.sort()).toEqual(half.map((name) => fleet.address(name)).sort())
      expect(halfRotated).toMatchObject([
        {
          authority: 'agent',
          way: 'crossed',
          edits: [{ name: 'agent', signing: to, trusted: [from, to], crossed: true }],
        },
      ])
      console.log(`rotation: naive swap of ${half.join(', ')}: half-rotated, says probe`)

      fleet.editSpec(/trusted: \[\d+\]/, `trusted: [${from}, ${to}], crossed: true`)
      await fleet.pkiOk('apply', '--yes')
      for (const name of shuffled(fleet.names, random)) {
        await deliverWell(name)
        await provenLoaded(fleet, name)
      }
      for (const name of fleet.names) await fleet.answers(name)
      await fleet.cluster.leaders()
      await fleet.cluster.nodesReady()
      for (const region of fleet.cluster.regions) {
        for (const { name } of fleet.cluster.agents) {
          await eventually(`${name} to reach ${region}`, () =>
            fleet.cluster.get(name, `/v1/jobs?region=${region}`),
          )
        }
      }
      expect(fleet.names.map((name) => fleet.agent(name).pid)).toEqual(pids)
      expect(fleet.names.map((name) => fleet.agent(name).exitStatus)).toEqual(
        fleet.names.map(() => undefined),
      )
      expect(await unproven(fleet)).toEqual([])
      expect(await holds()).toEqual(new Map())
    })
  })
}

function signing(authority: string): number {
  const line = new RegExp(`^ {2}${authority}: .*$`, 'm').exec(fleet.spec)?.[0] ?? ''
  return Number(/signing: (\d+)/.exec(line)?.[1] ?? 1)
}

/** Somebody joins with a leaf that the root's key signed and no ledger knows. */
async function startStranger(name: string): Promise<Agent> {
  const model = fleet.plan('c2')
  const directory = join(fleet.base, 'hosts', name, 'etc/nomad.d')
  const plan: AgentPlan = {
    ...model,
    name,
    ports: await agentPorts(),
    directory,
    configs: [directory],
    dataDir: join(fleet.base, 'data', name),
  }
  mkdirSync(directory, { recursive: true })
  writeAgentConfig(plan)
  const stanza = readFileSync(join(fleet.base, 'hosts/c2/etc/nomad.d/tls.hcl'), 'utf8')
  writeFileSync(join(directory, 'tls.hcl'), stanza.replaceAll(fleet.tls('c2'), directory))
  const current = join(directory, 'current')
  mkdirSync(current)
  const root = join(fleet.base, 'pki/authority/agent', `${signing('agent')}`)
  const [file, key] = [join(current, 'cert.pem'), join(current, 'key.pem')]
  execFileSync('openssl', [
    ...['req', '-x509', '-new', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-CA', join(root, 'ca.pem'), '-CAkey', join(root, 'ca-key.pem'), '-days', '1'],
    ...['-subj', '/CN=client.global.nomad', '-keyout', key, '-out', file],
    ...['-addext', 'subjectAltName=DNS:client.global.nomad,DNS:localhost,IP:127.0.0.1'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', 'extendedKeyUsage=clientAuth,serverAuth'],
  ])
  const { ca, cert } = fleet.credentials()
  // Behind the leaf: what leads from the new root to the old one.
  writeFileSync(file, cert.slice(cert.indexOf('-----BEGIN', 1)), { flag: 'a' })
  writeFileSync(join(current, 'ca.pem'), ca)
  return new Agent(plan)
}
