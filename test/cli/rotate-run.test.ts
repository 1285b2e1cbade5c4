/** A rotation in one command: the stages in their order, with agents on loopback that load what the store has. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { printerOf } from '../../src/cli/printer.js'
import { runRotation, type StageCommands } from '../../src/cli/run-rotation.js'
import { underLock } from '../../src/cli/under-lock.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { commonNames, formatName } from '../../src/x509/name.js'
import { FakeAgent, trioIn } from '../probe/agents.js'
import { testContext, type World } from './context.js'
import { cli, folder, type Said } from './cli.js'

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

/** A killed process does nothing more. */
class Killed extends Error {}

class Place {
  readonly cwd = folder()
  readonly agents = new Map<string, FakeAgent>()
  /** What was called, in order. */
  readonly calls: string[] = []
  /** The call after which the process ends. */
  dies = Infinity
  /** Agents that do not take up what they are brought. */
  readonly deaf = new Set<string>()

  /** @param alerts Whether agents say that they refuse a certificate, as Nomad does; else they hang up. */
  static async start(alerts = false): Promise<Place> {
    const place = new Place()
    place.#write(() => '{}')
    await place.run('init', '--new-store')
    expect(await place.run('apply', '--yes')).toMatchObject({ status: 0 })
    for (const name of ['s1', 'c1']) {
      const agent = await FakeAgent.start(place.#trio(name), { rpc: name === 's1', alerts })
      agents.push(agent)
      place.agents.set(name, agent)
    }
    place.#write((name) => {
      const { http, rpc } = place.agents.get(name)!
      return `{ http: "${http}"${name === 's1' ? `, rpc: "${rpc}"` : ''} }`
    })
    place.agents.get('s1')!.api = {
      '/v1/agent/members': {
        Members: [
          { Name: 's1.global', Status: 'alive', Tags: { region: 'global', role: 'nomad' } },
        ],
      },
      '/v1/nodes': [{ ID: 'n1', Name: 'c1', Status: 'ready', Address: '127.0.0.1' }],
      '/v1/status/leader': '127.0.0.1:4647',
    }
    return place
  }

  #trio(name: string): ReturnType<typeof trioIn> {
    const role = name === 'c1' ? 'client' : 'server'
    return trioIn(path.join(this.cwd, `pki/identity/${role}/global/${name}/current`))
  }

  #write(of: (name: string) => string): void {
    fs.writeFileSync(
      path.join(this.cwd, 'cluster.yaml'),
      `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: ${of('s1')} }
    clients: { c1: ${of('c1')} }
operators:
  alice: { region: global }
`,
    )
  }

  /** As `adopt` takes a root that the old tool renewed with its key; every agent has a leaf of it. */
  async renewRoot(): Promise<void> {
    const store = directoryStore(path.join(this.cwd, 'pki'))
    const files = path.join(this.cwd, 'pki/authority/agent/1')
    const pem = fs.readFileSync(path.join(files, 'ca-key.pem'), 'utf8')
    const [old] = parseCertificates(fs.readFileSync(path.join(files, 'ca.pem'), 'utf8'))
    const [commonName = ''] = commonNames(old!.subject)
    const key = parsePrivateKey(pem)
    const asked = { subject: { commonName }, lifetime: 12 * 365 * 86_400_000, key }
    const { certificate } = await createRoot(asked, { now: Date.now() })
    await underLock(store, 'test', async () => {
      const batch = store.batch()
      batch.putAuthority('agent', 2, { key: pem, certificate: encodeCertificate(certificate) })
      batch.record({
        ...{ event: 'authority', address: 'authority/agent/2', at: Date.now(), adopted: true },
        ...{ serial: certificate.serial, fingerprint: fingerprintOf(certificate), issuer: null },
        ...{ subject: formatName(certificate.subject), notAfter: certificate.notAfter },
      })
      await batch.commit()
    })
    const said = this.spec().replace('lifetime: 10y', 'lifetime: 10y, signing: 2, trusted: [1, 2]')
    fs.writeFileSync(path.join(this.cwd, 'cluster.yaml'), said)
    expect(await this.run('apply', '--yes')).toMatchObject({ status: 0 })
    expect(await this.run('rotate', 'leaves', '--all', '--yes')).toMatchObject({ status: 0 })
  }

  /** Roots that are marked as compromised. */
  marked(): readonly LedgerEvent[] {
    const text = fs.readFileSync(path.join(this.cwd, 'pki/ledger.jsonl'), 'utf8')
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LedgerEvent)
    return lines.filter(({ event }) => event === 'compromised')
  }

  spec(): string {
    return fs.readFileSync(path.join(this.cwd, 'cluster.yaml'), 'utf8')
  }

  run(...argv: readonly string[]): Promise<Said> {
    return cli(this.cwd, argv, { now: Date.now() })
  }

  /** The real commands; what brings files to hosts is played: the agents load what the store has. */
  #commands(compromised: boolean): StageCommands {
    const called = (name: string, work: () => Promise<number>) => async () => {
      this.calls.push(name)
      const status = await work()
      if (this.calls.length >= this.dies) throw new Killed()
      return status as 0
    }
    const typed =
      (...argv: readonly string[]) =>
      async () =>
        (await this.run(...argv)).status
    return {
      next: called(
        'next',
        typed('rotate', 'authority', 'agent', '--next', ...(compromised ? ['--compromised'] : [])),
      ),
      apply: called('apply', typed('apply', '--yes')),
      probe: called('probe', typed('probe', '--timeout', '2s')),
      rollout: called('rollout', async () => {
        for (const [name, agent] of this.agents) {
          if (!this.deaf.has(name)) agent.reload(this.#trio(name))
        }
        await this.run('probe', 's1', 'c1', '--timeout', '2s')
        return 0
      }),
    }
  }

  async rotate(world: Partial<World> = {}, yes = true, compromised = false): Promise<Said> {
    const made = testContext({ now: Date.now(), argv: [], cwd: this.cwd, ...world })
    const flags = { file: undefined, quiet: undefined, color: undefined, debug: undefined }
    const printer = printerOf(made.context, flags)
    const options = { name: 'agent', way: undefined, compromised, file: undefined }
    const run = { ...options, yes, flags: '', agents: 2 }
    const status = await runRotation(run, this.#commands(compromised), made.context, printer)
    return { status, stdout: made.stdout(), stderr: made.stderr() }
  }
}

const crossed = [
  ...['apply', 'rollout'],
  // Nomad is asked for its members, before the old root may go.
  ...['next', 'apply', 'rollout', 'probe'],
  ...['next', 'apply', 'rollout'],
  ...['next', 'apply', 'rollout'],
]

describe('rotate authority --run', () => {
  test('nothing but the commands, in their order; a second run begins no second rotation', async () => {
    const place = await Place.start()
    const { status, stdout } = await place.rotate()
    expect([status, stdout]).toEqual([0, expect.stringContaining('the rotation to it has ended')])
    expect(place.calls).toEqual(crossed)
    expect(place.spec()).toContain('agent: { lifetime: 10y, signing: 2, trusted: [2] }')
    const before = place.spec()
    place.calls.length = 0
    expect(await place.rotate()).toMatchObject({ status: 0 })
    expect(place.calls).toEqual(['apply', 'rollout'])
    expect(place.spec()).toBe(before)
    // A key in other hands does not wait. That agents refuse the old root must be seen: these hang up instead.
    const unseen = await place.rotate({}, true, true)
    expect(place.spec()).toContain('signing: 3, trusted: [3]')
    expect(unseen.status).toBe(3)
    expect(unseen.stderr).toContain('was not seen to refuse a certificate of authority/agent/2')
    expect(unseen.stderr).toContain('to open the gate: nomad-pki probe --refuses authority/agent/2')
  })

  test('a key in other hands: it has ended when agents are seen to refuse the old root', async () => {
    const place = await Place.start(true)
    expect(await place.rotate({}, true, true)).toMatchObject({
      ...{ status: 0, stderr: '' },
      stdout: expect.stringContaining('the rotation to it has ended') as string,
    })
    expect(place.spec()).toContain('signing: 2, trusted: [2]')
  })

  test('a key in other hands that was renewed: its rotation ends when no certificate of that key is trusted', async () => {
    const place = await Place.start(true)
    await place.renewRoot()
    expect(place.spec()).toContain('signing: 2, trusted: [1, 2]')
    const { status, stderr } = await place.rotate({}, true, true)
    expect([status, stderr]).toEqual([0, ''])
    expect(place.spec()).toContain('signing: 3, trusted: [3]')
    const marked = place.marked()
    expect(marked.map(({ address }) => address)).toEqual(['authority/agent/1', 'authority/agent/2'])
    // The key is: both are marked at once.
    expect(marked[0]!.at).toBe(marked[1]!.at)
  })

  // After the first edit, before its files are brought, before the old root goes, and after the last edit.
  test.each([3, 4, 6, 7, 11].map((at) => [at, crossed[at - 1]]))(
    'killed after call %i (%s), the same command goes on',
    async (dies) => {
      const place = await Place.start()
      place.dies = dies
      await expect(place.rotate()).rejects.toBeInstanceOf(Killed)
      place.dies = Infinity
      place.calls.length = 0
      expect(await place.rotate()).toMatchObject({ status: 0 })
      expect(place.spec()).toContain('signing: 2, trusted: [2] }')
    },
  )

  test('an agent that keeps its old leaf holds the old root', async () => {
    const place = await Place.start()
    await place.run('probe', '--timeout', '2s')
    place.deaf.add('c1')
    const { status, stderr } = await place.rotate()
    expect(status).toBe(3)
    expect(stderr).toContain('the gate is closed')
    expect(stderr).toContain('identity/client/global/c1')
    expect(place.spec()).toContain('trusted: [1, 2]')
    place.deaf.clear()
    expect(await place.rotate()).toMatchObject({ status: 0 })
  })

  test('it asks before it begins, and before the old root is dropped', async () => {
    const place = await Place.start()
    const before = place.spec()
    const no = await place.rotate({ terminal: true, input: 'n\n' }, false)
    expect([no.status, place.calls]).toEqual([3, []])
    const once = await place.rotate({ terminal: true, input: 'y\nn\n' }, false)
    expect(once.status).toBe(3)
    expect(once.stderr).toContain('drop generation 1?')
    expect(place.spec()).toContain('trusted: [1, 2]')
    const both = await place.rotate({ terminal: true, input: 'y\ny\n' }, false)
    expect(both.status).toBe(0)
    expect(place.spec()).not.toBe(before)
  })

  test('without a terminal it says how to go without being asked', async () => {
    const place = await Place.start()
    await expect(place.rotate({}, false)).rejects.toMatchObject({
      code: 'ERR_REFUSED',
      hint: 'nomad-pki rotate authority agent --run --yes',
    })
  })
})

test('what --run excludes is said with the reason', async () => {
  const place = await Place.start()
  const both = await place.run('rotate', 'authority', 'agent', '--run', '--next')
  expect(both).toMatchObject({ status: 64 })
  expect(await place.run('rotate', 'authority', 'agent', '--yes')).toMatchObject({ status: 64 })
})
