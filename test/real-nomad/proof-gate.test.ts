/**
 * What counts as proof, on real agents: trust that is taken away by hand, an agent that falls silent, a
 * rogue root, clocks that differ, and the end of a root that somebody else may have.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mintRoot } from './harness/foreign-root.js'
import { Fleet } from './harness/fleet.js'
import { provenLoaded } from './harness/proof.js'
import { deep } from './harness/random.js'
import type { AgentPlan } from './harness/agent.js'
import { api, type Credentials } from './harness/api.js'
import { askServer } from './harness/rpc.js'
import { eventually } from './harness/run.js'
import { deliverProven } from './harness/rolling.js'
import { holdsOf, takeReceipts } from './harness/witness.js'

let fleet: Fleet

beforeAll(async () => {
  fleet = await Fleet.start('proof-gate')
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await fleet?.stop()
})

/** Handshakes with all of them; what it exits with is the test's business. */
const probe = (): ReturnType<Fleet['pki']> => fleet.pki('probe', '--timeout', '3s')

const deliver = (names: readonly string[]): Promise<void> => deliverProven(fleet, names)
const holds = (): ReturnType<typeof holdsOf> => holdsOf(fleet)

/** No command may say that there is nothing left to do. */
async function expectUnfinished(): Promise<void> {
  expect(await probe()).toMatchObject({ status: 2 })
  expect(await fleet.pki('status')).toMatchObject({ status: 2 })
  const rollout = await fleet.pki('rollout', '--dry-run', '--commands')
  expect(rollout.status, rollout.stdout).toBe(2)
}

async function expectFinished(): Promise<void> {
  await takeReceipts(fleet)
  const seen = await probe()
  expect(seen, seen.stdout).toMatchObject({ status: 0 })
  const status = await fleet.pki('status')
  expect(status, status.stdout).toMatchObject({ status: 0 })
  expect(await fleet.pki('rollout', '--dry-run', '--commands')).toMatchObject({ status: 0 })
}

const bundle = (): string => readFileSync(join(fleet.base, 'pki/bundle/agent/ca.pem'), 'utf8')

describe('at rest', () => {
  test('all are proven', async () => {
    await expectFinished()
  })

  test('a root that nobody knows, added to the bundle of one agent: no command calls it proven', async () => {
    const file = join(fleet.tls('s2'), 'current/ca.pem')
    const good = readFileSync(file, 'utf8')
    appendFileSync(file, mintRoot('Rogue Root'))
    fleet.agent('s2').reload()
    await eventually('s2 to trust the rogue root', async () =>
      (await probe()).stdout.includes('Rogue Root') ? true : undefined,
    )
    await expectUnfinished()
    writeFileSync(file, good)
    fleet.agent('s2').reload()
    await provenLoaded(fleet, 's2')
    await expectFinished()
  })

  test('a probe with a clock two days ahead spoils nothing that comes after it', async () => {
    await fleet.pkiAt(2 * 86_400_000, 'probe', '--timeout', '3s')
    await expectFinished()
  })

  test('a leaf of tomorrow: plan makes another, and verify is content after it', async () => {
    const day = 86_400_000
    expect(await fleet.pkiAt(day, 'rotate', 'leaves', 'd1', '--yes')).toMatchObject({ status: 0 })
    expect(await fleet.pki('verify')).toMatchObject({ status: 2 })
    expect(await fleet.pki('plan')).toMatchObject({ status: 2 })
    await fleet.pkiOk('apply', '--yes')
    await fleet.pkiOk('verify')
    await deliver(['d1'])
    await expectFinished()
  })
})

describe('the first stage of a rotation', () => {
  test('an agent that fell silent after it was seen holds the gate', async () => {
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliver(fleet.names)
    await expectFinished()
    expect(await holds()).toEqual(new Map())
    fleet.agent('c2').freeze()
    try {
      expect(await probe()).toMatchObject({ status: 2 })
      expect([...(await holds()).keys()]).toEqual([fleet.address('c2')])
      expect(await fleet.pki('rotate', 'authority', 'agent', '--next')).toMatchObject({ status: 3 })
    } finally {
      fleet.agent('c2').thaw()
    }
    await fleet.answers('c2')
    await expectFinished()
    expect(await holds()).toEqual(new Map())
  })

  test('trust that is taken away by an edit by hand is refused while an agent needs it', async () => {
    // Back to the old leaf, as after a restore of one host.
    expect(await fleet.pki('rotate', 'leaves', 'w1', '--yes')).toMatchObject({ status: 0 })
    const [before, spec] = [bundle(), fleet.spec]
    fleet.agent('s3').freeze()
    try {
      await probe()
      fleet.editSpec(/trusted: \[1, 2\]/, 'trusted: [2]')
      const plan = await fleet.pki('plan')
      expect(plan.status).toBe(2)
      expect(plan.stdout + plan.stderr).toMatch(/s3/)
      const applied = await fleet.pki('apply', '--yes')
      expect(applied.status, applied.stdout + applied.stderr).not.toBe(0)
      expect(applied.stdout + applied.stderr).toMatch(/--except/)
      expect(bundle()).toBe(before)
    } finally {
      fleet.agent('s3').thaw()
      writeFileSync(join(fleet.base, 'cluster.yaml'), spec)
    }
    await fleet.answers('s3')
    await deliver(['w1'])
    await expectFinished()
  })

  test('the second stage ends it', async () => {
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliver(fleet.names)
    await expectFinished()
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  })
})

describe('a root that somebody else may have', () => {
  const image = (): string => join(fleet.base, 's3-image')
  // With their owner: the server does not run as root.
  const copy = (from: string, to: string): void => {
    execFileSync('cp', ['-a', from, to])
  }

  /** What is left of the commands that `revoke` printed. */
  let printed: string[] = []
  let stolen: Required<Credentials>
  /** The status of an answer over HTTPS, or why there is none. Whether the agent is the right one is no matter. */
  const overHttps = async (
    { ports }: AgentPlan,
    by: Credentials = stolen,
  ): Promise<number | string> => {
    try {
      return (await api(ports.http, '/v1/agent/health', by, { serverName: false })).status
    } catch (error) {
      return String(error)
    }
  }
  const servers = (): readonly AgentPlan[] => fleet.plans.filter(({ role }) => role === 'server')
  /** Runs a line as it was printed; where agents get files, the fleet's own way stands for the rollout. */
  async function carriedOut(...more: readonly string[]): Promise<void> {
    const line = printed.shift()!
    const [name, ...args] = line.split(' ')
    expect(name, line).toBe('nomad-pki')
    if (line === 'nomad-pki rollout') await deliver(fleet.names)
    else await fleet.pkiOk(...args, ...more)
  }

  test('may be cheaper to replace than a stolen key: the key works after revoke, and with a new one', async () => {
    stolen = fleet.credentials('server/global/s2')
    const said = await fleet.pkiOk('revoke', 's2', '--reason', 'key-compromise')
    expect(said).toContain('Nomad reads no revocation list and no OCSP')
    expect(said).toContain('until then each agent that trusts authority/agent/2 takes it')
    const cure = said.slice(said.indexOf('cheapest cure: replace authority/agent/2'))
    printed = cure.split('\n').flatMap((line) => /^ {2}(nomad-pki .*)$/.exec(line)?.[1] ?? [])
    await fleet.pkiOk('apply', 'identity/server/global/s2', '--yes')
    await deliver(['s2'])
    // It reads the keyring, as a server's key does.
    expect(await fleet.pki('probe')).toMatchObject({ status: 0 })
    for (const { ports, region } of servers()) {
      expect(await askServer(ports.rpc, stolen, 'rpc', region)).toMatchObject({ accepted: true })
    }
    const { ports, region } = fleet.plan('s1')
    expect(await askServer(ports.rpc, stolen, 'server-only-rpc', region)).toMatchObject({
      accepted: true,
    })
    // It opens the API too, of servers and clients.
    for (const agent of fleet.plans) {
      expect([agent.name, await overHttps(agent)]).toEqual([agent.name, 200])
    }
  })

  test('is not gone before the last agent refuses it', async () => {
    expect(printed.shift()).toBe('nomad-pki rotate authority agent --compromised')
    copy(fleet.tls('s3'), image())
    for (const stage of [1, 2]) {
      await carriedOut()
      await carriedOut('--yes')
      await carriedOut()
      await takeReceipts(fleet)
      const seen = await probe()
      expect({ stage, ...seen }).toMatchObject({ status: 0 })
    }
    await carriedOut()
    await carriedOut('--yes', '--prune')
    expect(printed.shift()).toBe('nomad-pki rollout')
    await deliver(['s1'])
    await expectUnfinished()
    const standing = await fleet.pki('rotate', 'authority', 'agent')
    expect(standing.stdout + standing.stderr).not.toMatch(/no rotation/)
    await deliver(fleet.names.filter((name) => name !== 's1'))
    await expectFinished()
    await carriedOut()
    expect(printed).toEqual([])
  })

  test('the stolen key opens nothing once the printed cure is carried out', async () => {
    for (const { ports, region } of servers()) {
      for (const protocol of ['rpc', 'server-only-rpc', 'raft'] as const) {
        expect(await askServer(ports.rpc, stolen, protocol, region)).toMatchObject({
          accepted: false,
        })
      }
      // The new key of the same server is taken.
      const now = fleet.credentials('server/global/s2')
      expect(await askServer(ports.rpc, now, 'rpc', region)).toMatchObject({ accepted: true })
    }
    for (const agent of fleet.plans) {
      // The agent is there, and refuses the certificate: Go says so with an alert of TLS.
      expect([agent.name, await overHttps(agent)]).toEqual([
        agent.name,
        expect.stringMatching(/alert (?:unknown ca|bad certificate|certificate unknown)/i),
      ])
      const now = fleet.credentials('server/global/s2')
      expect([agent.name, await overHttps(agent, now)]).toEqual([agent.name, 200])
    }
    const said = await fleet.pki('revoke', 's2')
    expect(said.stderr).toContain('has a new certificate since then')
  })

  test('is not signed with or trusted again because a spec says so', async () => {
    const [before, spec] = [bundle(), fleet.spec]
    fleet.editSpec(/trusted: \[3\]/, 'trusted: [2, 3]')
    const applied = await fleet.pki('apply', '--yes')
    expect(applied.status).not.toBe(0)
    expect(applied.stdout + applied.stderr).toMatch(/compromised/)
    expect(bundle()).toBe(before)
    writeFileSync(join(fleet.base, 'cluster.yaml'), spec)
  })

  if (deep) {
    test('a server that comes back from an old image gets the newest archive, and no advice names that root', async () => {
      await fleet.agent('s3').stop()
      rmSync(fleet.tls('s3'), { recursive: true })
      copy(image(), fleet.tls('s3'))
      fleet.restart('s3')
      let last = ''
      const seen = await eventually(
        's3 to answer',
        async () => {
          const outcome = await probe()
          last = outcome.stdout
          return /server\/global\/s3 +(lagging|foreign)/.test(last) ? outcome : undefined
        },
        { explain: () => last },
      )
      expect(seen.stdout + seen.stderr).not.toMatch(/trusted: \[2, 3\]|crossed: true/)
      const { archive, fingerprint } = await fleet.pack('s3')
      expect(seen).toMatchObject({ status: 2 })
      const override = /--override new-root=SHA256:[0-9a-f]{64}/.exec(seen.stdout)?.[0]
      const more = override === undefined ? [] : [...override.split(' '), '--reason', 'old image']
      const outcome = await fleet.install('s3', { archive, fingerprint }, { more })
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 })
      await provenLoaded(fleet, 's3')
      await expectFinished()
    })
  }
})
