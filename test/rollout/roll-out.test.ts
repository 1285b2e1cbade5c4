/** A rollout over hosts in memory: what is done, in which order, and where it stops. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIdentity } from '../../src/address.js'
import type { SeenPort } from '../../src/evidence/evidence.js'
import type { AgentVerdict } from '../../src/evidence/judge-agents.js'
import type { HostAnswer } from '../../src/hosts/host.js'
import { memoryHosts } from '../../src/hosts/memory-hosts.js'
import type { RaftAnswer, RaftReading } from '../../src/probe/raft.js'
import type { Rollout, RolloutNode } from '../../src/rollout/order.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from '../../src/rollout/ports.js'
import { rollOut } from '../../src/rollout/roll-out.js'
import { seed } from '../seed.js'

const installer = Buffer.from('#!/bin/sh\n')

interface MachineState {
  unit: string
  clock: number
  free: number
  missing: readonly string[]
  /** What its disk has, and its agent. */
  placed: number
  loaded: number
  ready: string
  concluded: string | undefined
  /** Whether it does not answer. */
  mute: boolean
}

/** Two servers of a region, reloaded and not proven, at one time. */
class Bed {
  now = Date.parse('2026-01-01T00:00:00Z')
  readonly machines = new Map<string, MachineState>()
  readonly nodes: RolloutNode[]
  /** In the order of time. */
  readonly done: string[] = []
  leader = 's2'
  ill: readonly string[] = []
  tolerance = 1
  index = 100
  behind: Readonly<Record<string, number>> = {}
  denied = false
  /** Called before a script runs; an answer takes its place. */
  meddle: (host: string, kind: string) => HostAnswer | undefined = () => undefined
  /** Whether an agent loads what it is told to. */
  loads: (host: string) => boolean = () => true
  #between = new Set<string>()

  constructor(names: readonly string[]) {
    this.nodes = names.map((name) => {
      const role = name.startsWith('s') ? 'server' : 'client'
      this.machines.set(name, {
        ...{ unit: 'active', clock: 0, free: 1e6, missing: [], placed: 1, loaded: 1 },
        ...{ ready: 'ready', concluded: undefined, mute: false },
      })
      return {
        ...{ address: `identity/${role}/global/${name}`, host: name, generation: 2, proven: 1 },
        ...{ leader: false, restart: false, overrides: [], configs: [], receipt: false },
      }
    })
  }

  machine(name: string): MachineState {
    return this.machines.get(name)!
  }

  rollout(batch = 2): Rollout {
    const left = this.nodes.filter(({ host }) => this.machine(host!).concluded === undefined)
    const servers = left.filter(({ host }) => host!.startsWith('s'))
    const clients = left.filter(({ host }) => !host!.startsWith('s'))
    const batches: RolloutNode[][] = []
    for (let at = 0; at < clients.length; at += batch) batches.push(clients.slice(at, at + batch))
    const steps = [
      ...servers.map((node) => ({ kind: 'server' as const, nodes: [node] })),
      ...batches.map((nodes) => ({ kind: 'clients' as const, nodes })),
    ].map((step, at) => ({ ...step, number: at + 1, region: 'global' }))
    return {
      ...{ steps, agents: this.nodes.length, proven: 0, leaderless: [], notReloaded: [] },
      ...{ missing: [], doubtful: [], excepted: [] },
    }
  }

  ports(): RolloutPorts {
    const answer = (host: string, script: string): HostAnswer => {
      const kind = script.includes('--dry-run')
        ? 'look'
        : script.includes('--hold')
          ? 'install'
          : (/--(proven|settled|rollback)/.exec(script)?.[1] ?? 'unknown')
      return this.meddle(host, kind) ?? this.run(host, kind, script)
    }
    return {
      ...{ hosts: memoryHosts(answer), installer, clock: () => this.now },
      destination: ({ host }) => host,
      sleep: (span) => {
        this.now += span
        return Promise.resolve()
      },
      pack: () =>
        Promise.resolve({
          ...{ archive: Buffer.from('an archive'), fingerprint: 'ab'.repeat(32) },
          notBefore: this.now - 60_000,
        }),
      prove: (addresses) => Promise.resolve(addresses.map((address) => this.verdict(address))),
      receive: () => Promise.resolve(),
      raft: () => Promise.resolve(this.raft()),
      nodes: () =>
        Promise.resolve(
          this.denied
            ? { state: 'denied', message: 'NOMAD_TOKEN may not' }
            : {
                state: 'read',
                nodes: new Map([...this.machines].map(([name, { ready }]) => [name, ready])),
              },
        ),
      isServer: (address, { name }) => name === `${parseIdentity(address).name}.global`,
      servers: () =>
        this.nodes.map(({ address }) => address).filter((address) => address.includes('/server/')),
    }
  }

  run(host: string, kind: string, script: string): HostAnswer {
    const machine = this.machine(host)
    const line = (result: string, status = 0): string =>
      `porcelain=1 status=${status} result=${result} reason=- changed=yes before=- wanted=2-aaaaaaaa generation=${machine.placed}-aaaaaaaa fingerprint=- address=- state=reloaded agent=told message=\n`
    if (kind === 'look') {
      const { unit, clock, free, missing } = machine
      const told = [
        `clock=${Math.floor((this.now + clock) / 1000)}`,
        ...[`user=0`, `free=${free}`, `unit=${unit}`],
        ...missing.map((one) => `missing=${one}`),
      ]
      return reached(`${told.join('\n')}\n${line('planned')}`)
    }
    this.done.push(`${kind} ${host}`)
    if (kind === 'install') {
      machine.placed = 2
      const runs = machine.unit === 'active'
      if (runs && host.startsWith('s')) this.#between.add(host)
      expect(this.#between.size, 'servers between reload and proof').toBeLessThan(2)
      if (runs && this.loads(host)) machine.loaded = 2
      expect(script.includes('systemctl restart')).toBe(false)
      return reached(`${line('installed')}receipt:\n{}\n`)
    }
    machine.concluded = kind
    return reached(line('noted'))
  }

  verdict(address: string): AgentVerdict {
    const { name } = parseIdentity(address)
    const { loaded, unit, mute } = this.machine(name)
    if (loaded === 2) this.#between.delete(name)
    const port = { address, endpoint: `${name}:4646`, rpc: false }
    const answers = unit === 'active' && !mute
    const base = {
      ...{ address, generation: loaded, newest: 2 },
      seen: answers ? [{ ...port, at: this.now } as unknown as SeenPort] : [],
      silent: answers || unit !== 'active' ? [] : [{ ...port, message: 'nothing listens there' }],
    }
    return loaded === 2
      ? { ...base, state: 'proven', message: 'generation 2' }
      : { ...base, state: 'lagging', message: 'generation 1 of 2' }
  }

  raft(): RaftAnswer {
    if (this.denied) return { state: 'denied', message: 'NOMAD_TOKEN may not' }
    const servers = [...this.machines.keys()].filter((name) => name.startsWith('s'))
    this.index += 10
    const reading: RaftReading = {
      ...{ at: this.now, healthy: this.ill.length === 0, skew: 0 },
      failureTolerance: this.tolerance,
      servers: servers.map((name) => ({
        ...{ name: `${name}.global`, address: `${name}:4647`, voter: true },
        ...{ leader: name === this.leader, healthy: !this.ill.includes(name) },
        lastIndex: this.behind[name] ?? this.index,
      })),
    }
    return { state: 'read', reading }
  }

  async follow(options: Partial<RollOutOptions> = {}): Promise<RolloutEvent[]> {
    const events: RolloutEvent[] = []
    const all = { tls: '/etc/nomad-tls', unit: 'nomad.service', ...options }
    for await (const event of rollOut(this.rollout(), this.ports(), all)) events.push(event)
    return events
  }
}

function reached(stdout: string): HostAnswer {
  return { reached: true, status: 0, stdout, stderr: '' }
}

function problems(events: readonly RolloutEvent[]): string {
  const last = events.at(-1)!
  const told = 'obstacles' in last ? last.obstacles : []
  return [
    last.event,
    ...told.map(({ host, address, message }) => `${host ?? address}: ${message}`),
  ].join('\n')
}

const fleet = ['s1', 's2', 's3', 'c1', 'c2', 'c3']

describe('a rollout', () => {
  test('servers one by one, the leader last, then clients in batches; each is proven before the next', async () => {
    const bed = new Bed(fleet)
    const events = await bed.follow({ concurrency: 1 })
    expect(bed.done).toEqual(
      ['s1', 's3', 's2', 'c1', 'c2', 'c3'].flatMap((host) => [`install ${host}`, `proven ${host}`]),
    )
    expect(events.at(-1)).toEqual({ event: 'done', proven: 6, placed: 0, failures: [] })
  })

  test('the leader is found anew before each server', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) => {
      if (kind === 'install' && host === 's1') bed.leader = 's3'
      return undefined
    }
    await bed.follow()
    expect(bed.done.filter((one) => /install s/.test(one))).toEqual([
      ...['install s1', 'install s2', 'install s3'],
    ])
  })

  test('a server that was left between switch and proof comes first, also where it leads', async () => {
    const bed = new Bed(fleet)
    bed.leader = 's2'
    bed.machine('s2').placed = 2
    await bed.follow()
    expect(bed.done.filter((one) => /install s/.test(one))[0]).toBe('install s2')
  })

  test('another server that is not proven, and was not named, is waited for', async () => {
    const bed = new Bed(fleet)
    const all = bed.rollout()
    const rollout = { ...all, steps: all.steps.filter(({ nodes }) => nodes[0]!.host === 's3') }
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service' }
    for await (const event of rollOut(rollout, bed.ports(), options)) events.push(event)
    expect(problems(events)).toMatch(
      /^refused\nidentity\/server\/global\/s1: it is not proven, and not in this order/,
    )
    expect(bed.done).toEqual([])
  })

  test('a region whose certificates have ended is brought together, and its clients after it', async () => {
    const bed = new Bed(fleet)
    const { steps, ...rest } = bed.rollout()
    const servers = steps.filter(({ kind }) => kind === 'server').flatMap(({ nodes }) => nodes)
    const rollout: Rollout = {
      ...rest,
      steps: [
        { number: 1, kind: 'servers', region: 'global', nodes: servers },
        ...steps.filter(({ kind }) => kind === 'clients'),
      ],
    }
    const ports = bed.ports()
    const silent = { state: 'silent', message: 'certificate has expired' } as const
    const renewed = (): boolean => bed.machine('s1').loaded === 2
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service', concurrency: 1 }
    const events: RolloutEvent[] = []
    const blind = {
      ...ports,
      raft: (region: string) => (renewed() ? ports.raft(region) : Promise.resolve(silent)),
      nodes: (region: string) => (renewed() ? ports.nodes(region) : Promise.resolve(silent)),
    }
    for await (const event of rollOut(rollout, blind, options)) events.push(event)
    expect(problems(events)).toBe('done')
    // Said to have ended, and they answer: the ledger is older than the servers.
    const again = new Bed(fleet)
    const told: RolloutEvent[] = []
    for await (const event of rollOut(rollout, again.ports(), options)) told.push(event)
    expect(problems(told)).toMatch(/^stopped\nglobal: its certificates are said to have ended/)
    expect(again.done).toEqual([])
  })

  test('a dry run looks at every host, and changes nothing', async () => {
    const bed = new Bed(fleet)
    const events = await bed.follow({ dryRun: true })
    expect(bed.done).toEqual([])
    expect(events.filter(({ event }) => event === 'looked')).toHaveLength(6)
    expect(events.at(-1)).toEqual({ event: 'ready', hosts: 6 })
  })

  test.each<[string, (bed: Bed) => void, RegExp]>([
    [
      'a host that is not reached',
      (bed) => {
        bed.meddle = (host) =>
          host === 'c2' ? { reached: false, message: 'No route to host' } : undefined
      },
      /c2: No route to host/,
    ],
    [
      'a clock that is an hour ahead',
      (bed) => (bed.machine('s1').clock = 3_600_000),
      /s1: its clock is 1h ahead/,
    ],
    [
      'a clock that is behind',
      (bed) => (bed.machine('s1').clock = -3_600_000),
      /s1: its clock is 1h behind\ns1: by its clock/,
    ],
    ['a full disk', (bed) => (bed.machine('s3').free = 3), /s3: only 3 kB are free/],
    [
      'a tool that is missing',
      (bed) => (bed.machine('c1').missing = ['openssl']),
      /c1: openssl is missing/,
    ],
    ['a server that is ill', (bed) => (bed.ill = ['s1']), /global: s1\.global is not healthy/],
    ['a region without tolerance', (bed) => (bed.tolerance = 0), /global: it cannot lose a server/],
    ['a region without a leader', (bed) => (bed.leader = ''), /global: it has no leader/],
    ['a token without the right', (bed) => (bed.denied = true), /global: NOMAD_TOKEN may not/],
    [
      'an agent that cannot be asked',
      (bed) => (bed.machine('c1').mute = true),
      /c1: its agent cannot be asked: nothing listens there/,
    ],
    [
      'a leader that the spec does not have',
      (bed) => {
        bed.machines.set('s9', { ...bed.machine('s1') })
        bed.leader = 's9'
      },
      /global: the servers that Nomad names are not those of the spec/,
    ],
    [
      'an installer that refuses',
      (bed) => {
        bed.meddle = (host, kind) =>
          host === 's1' && kind === 'look'
            ? reached(
                `clock=${bed.now / 1000}\nuser=0\nfree=99999\nunit=active\nporcelain=1 status=3 result=refused reason=new-root message=another authority made it\n`,
              )
            : undefined
      },
      /s1: its installer refuses: another authority made it/,
    ],
  ])('nothing is changed anywhere before all is well: %s', async (_name, break_, message) => {
    const bed = new Bed(fleet)
    break_(bed)
    const events = await bed.follow()
    expect(problems(events)).toMatch(message)
    expect(events.at(-1)!.event).toBe('refused')
    expect(bed.done).toEqual([])
  })

  test('hosts that share an identity are not told apart by a handshake, so they are refused', async () => {
    const bed = new Bed(['s1'])
    const [node] = bed.nodes
    bed.nodes.push({ ...node!, address: 'identity/client/global/shared', host: 'c1' })
    bed.machines.set('c1', { ...bed.machine('s1') })
    expect(problems(await bed.follow({ withoutTolerance: new Set(['global']) }))).toMatch(
      /^refused\nc1: its hosts share one identity/,
    )
    expect(bed.done).toEqual([])
  })

  test('all problems are told at once', async () => {
    const bed = new Bed(fleet)
    bed.machine('s1').free = 1
    bed.machine('c3').clock = 7_200_000
    bed.ill = ['s2']
    expect(problems(await bed.follow())).toMatch(/s1: [^]*c3: [^]*global: /)
  })

  test('one whose proof does not come stops everything behind it', async () => {
    const bed = new Bed(fleet)
    bed.loads = (host) => host !== 's3'
    const events = await bed.follow()
    expect(problems(events)).toBe('stopped\ns3: it is not proven: generation 1 of 2')
    expect(bed.done).toEqual(['install s1', 'proven s1', 'install s3'])
  })

  test('a region that does not become healthy stops it', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) => {
      if (kind === 'proven' && host === 's1') bed.ill = ['s1']
      return undefined
    }
    const began = bed.now
    const events = await bed.follow()
    expect(problems(events)).toMatch(
      /^stopped\nglobal: its servers did not become healthy: s1\.global/,
    )
    expect(bed.done.filter((one) => one.startsWith('install'))).toEqual(['install s1'])
    expect(bed.now - began).toBeLessThan(200_000)
  })

  test('a server that is behind in the log is waited for', async () => {
    const bed = new Bed(fleet)
    bed.behind = { s1: 50 }
    bed.meddle = (host, kind) => {
      if (host === 's1' && kind === 'proven') setImmediate(() => undefined)
      return undefined
    }
    const events = await bed.follow()
    expect(problems(events)).toMatch(/s1\.global has read the log up to 50/)
  })

  test('a client that goes down after its reload stops it', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) => {
      if (kind === 'proven' && host === 'c1') bed.machine('c1').ready = 'down'
      return undefined
    }
    expect(problems(await bed.follow())).toBe('stopped\nc1: c1 is down after its reload')
    expect(bed.done).not.toContain('install c3')
  })

  test('clients that may fail', async () => {
    const bed = new Bed(fleet)
    bed.loads = (host) => host !== 'c1'
    const events = await bed.follow({ maxFailures: 1 })
    expect(events.at(-1)).toMatchObject({
      ...{ event: 'done', proven: 5 },
      failures: [{ host: 'c1', message: 'it is not proven: generation 1 of 2' }],
    })
    expect(bed.done).toContain('proven c3')
    const stopped = new Bed(fleet)
    stopped.loads = (host) => host !== 'c1' && host !== 'c3'
    expect(problems(await stopped.follow({ maxFailures: 1 }))).toMatch(/^stopped\nc1: .*\nc3: /)
    const servers = new Bed(fleet)
    servers.loads = (host) => host !== 's1'
    expect(problems(await servers.follow({ maxFailures: 5 }))).toMatch(/^stopped\ns1: /)
  })

  test('what was stopped goes on, and nothing that is proven is done twice', async () => {
    const bed = new Bed(fleet)
    let broken = true
    bed.meddle = (host, kind) =>
      broken && host === 's3' && kind === 'install'
        ? { reached: false, message: 'Connection closed' }
        : undefined
    expect(problems(await bed.follow())).toMatch(
      /^stopped\ns3: the link to s3 was cut: Connection closed/,
    )
    broken = false
    expect((await bed.follow()).at(-1)).toMatchObject({ event: 'done' })
    const installs = bed.done.filter((one) => one.startsWith('install'))
    expect(installs).toHaveLength(new Set(installs).size)
  })

  test('agents that do not run get their files, and no gate waits for them', async () => {
    const bed = new Bed(fleet)
    for (const name of fleet) bed.machine(name).unit = 'inactive'
    bed.denied = true
    expect((await bed.follow()).at(-1)).toEqual({
      event: 'done',
      proven: 0,
      placed: 6,
      failures: [],
    })
    expect(bed.done.every((one) => one.startsWith('install'))).toBe(true)
  })

  test('one or two servers, where it was said that this is known', async () => {
    const bed = new Bed(['s1', 's2'])
    bed.tolerance = 0
    const events = await bed.follow({ withoutTolerance: new Set(['global']) })
    expect(events.at(-1)).toMatchObject({ event: 'done', proven: 2 })
  })

  test('interrupted, it ends between two hosts', async () => {
    const bed = new Bed(fleet)
    const controller = new AbortController()
    bed.meddle = (host, kind) => {
      if (host === 's1' && kind === 'install') controller.abort()
      return undefined
    }
    await expect(bed.follow({ signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_INTERRUPTED',
    })
    expect(bed.done).toEqual(['install s1', 'proven s1'])
  })

  test('property: whatever breaks and whenever, two servers are never between reload and proof', async () => {
    const hosts = fc.constantFrom(...fleet)
    const kinds = fc.constantFrom('install', 'proven')
    const faults = fc.constantFrom<'cut' | 'silent' | 'leader' | 'ill' | 'mend'>(
      ...(['cut', 'silent', 'leader', 'ill', 'mend'] as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(hosts, kinds, faults), { maxLength: 6 }), async (plan) => {
        const bed = new Bed(fleet)
        const left = [...plan]
        bed.meddle = (host, kind) => {
          const at = left.findIndex(([where, when]) => where === host && when === kind)
          if (at < 0) return undefined
          const [, , what] = left.splice(at, 1)[0]!
          if (what === 'leader') bed.leader = host.startsWith('s') ? host : 's1'
          if (what === 'ill') bed.ill = ['s1']
          if (what === 'mend') bed.ill = []
          return what === 'cut' ? { reached: false, message: 'cut' } : undefined
        }
        // The bed itself looks, at each installation.
        for (let round = 0; round < plan.length + 2; round += 1) {
          await bed.follow()
          bed.ill = []
        }
        expect([...bed.machines.values()].every(({ loaded }) => loaded === 2)).toBe(true)
      }),
      { seed, numRuns: 150 },
    )
  })
})
