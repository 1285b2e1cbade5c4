/**
 * Hosts in memory, for a rollout over them.
 *
 * @module
 */

import { expect } from 'vitest'
import { parseIdentity } from '../../src/address.js'
import type { SeenPort } from '../../src/evidence/evidence.js'
import type { AgentVerdict } from '../../src/evidence/judge-agents.js'
import type { HostAnswer, HostRunOptions } from '../../src/hosts/host.js'
import { memoryHosts } from '../../src/hosts/memory-hosts.js'
import type { RaftAnswer, RaftReading } from '../../src/probe/raft.js'
import type { Rollout, RolloutNode } from '../../src/rollout/order.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from '../../src/rollout/ports.js'
import { rollOut } from '../../src/rollout/roll-out.js'

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
  /** What an earlier run put in place, and nobody proved. */
  left: string | undefined
  /** The leaf that it presents. */
  leaf: string
  /** What its agent says of itself. */
  log: readonly string[]
}

/** Hosts of one region, their agents, and what Nomad says of them. */
export class Bed {
  now: number = Date.parse('2026-01-01T00:00:00Z')
  readonly machines: Map<string, MachineState> = new Map()
  readonly nodes: RolloutNode[]
  /** In the order of time. */
  readonly done: string[] = []
  leader = 's2'
  ill: readonly string[] = []
  tolerance = 1
  index = 100
  behind: Readonly<Record<string, number>> = {}
  denied = false
  readonly accepted: string[] = []
  notBack: string | undefined
  /** Called before a script runs; an answer takes its place. */
  meddle: (host: string, kind: string, timeout?: number) => HostAnswer | undefined = () => undefined
  /** Hosts that ssh does not reach. */
  readonly hands: Set<string> = new Set()
  /** Hosts whose commands were told. */
  readonly told: string[] = []
  /** Addresses of agents that were asked. */
  readonly asked: string[] = []
  /** Called with each span that is slept. */
  slept: (span: number) => void = () => undefined
  /** Whether an agent loads what it is told to. */
  loads: (host: string) => boolean = () => true
  /** Whether the servers have no quorum: then they are reloaded together. */
  together = false
  #between = new Set<string>()

  constructor(names: readonly string[]) {
    this.nodes = names.map((name) => {
      const role = name.startsWith('s') ? 'server' : name.startsWith('b') ? 'combined' : 'client'
      this.machines.set(name, {
        ...{ unit: 'active', clock: 0, free: 1e6, missing: [], placed: 1, loaded: 1 },
        ...{
          ready: 'ready',
          concluded: undefined,
          mute: false,
          left: undefined,
          leaf: 'f'.repeat(64),
          log: [],
        },
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
    const servers = left.filter(({ host }) => /^[sb]/.test(host!))
    const clients = left.filter(({ host }) => host!.startsWith('c'))
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
    const answer = (host: string, script: string, { timeout }: HostRunOptions): HostAnswer => {
      if (script.includes('log_file()')) {
        return reached(
          this.machine(host)
            .log.map((row) => `log=${row}\n`)
            .join(''),
        )
      }
      const kind = script.includes('--rollback')
        ? script.includes('--dry-run')
          ? 'look back'
          : 'rollback'
        : script.includes('--dry-run')
          ? 'look'
          : script.includes('--hold')
            ? 'install'
            : (/--(proven|settled)/.exec(script)?.[1] ?? 'unknown')
      return this.meddle(host, kind, timeout) ?? this.run(host, kind, script)
    }
    return {
      ...{ hosts: memoryHosts(answer), installer, clock: () => this.now },
      destination: ({ host }) => (this.hands.has(host!) ? false : host),
      sleep: (span) => {
        this.now += span
        this.slept(span)
        return Promise.resolve()
      },
      pack: () =>
        Promise.resolve({
          ...{ archive: Buffer.from('an archive'), fingerprint: 'ab'.repeat(32) },
          notBefore: this.now - 60_000,
        }),
      prove: (addresses) => {
        this.asked.push(...addresses)
        return Promise.resolve(addresses.map((address) => this.verdict(address)))
      },
      configs: () => Promise.resolve({ puts: [] }),
      configsPlaced: () => Promise.resolve(),
      receive: () => Promise.resolve(undefined),
      whyNotBack: () => Promise.resolve(this.notBack),
      accept: (used) => {
        this.accepted.push(...used.map(({ code, value }) => `${code}=${value}`))
        return Promise.resolve()
      },
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
        this.nodes
          .map(({ address }) => address)
          .filter((address) => /\/(server|combined)\//.test(address)),
    }
  }

  run(host: string, kind: string, script: string): HostAnswer {
    const machine = this.machine(host)
    const line = (result: string, status = 0): string =>
      `porcelain=1 status=${status} result=${result} reason=- changed=yes before=- wanted=2-aaaaaaaa generation=${machine.placed}-aaaaaaaa fingerprint=- address=- state=reloaded agent=told message=\n`
    if (kind === 'look' || kind === 'look back') {
      const { unit, clock, free, missing } = machine
      const told = [
        `clock=${Math.floor((this.now + clock) / 1000)}`,
        ...[`user=0`, `free=${free}`, `unit=${unit}`],
        ...missing.map((one) => `missing=${one}`),
      ]
      if (kind === 'look back') {
        const back = line('planned').replace('wanted=2-aaaaaaaa', 'wanted=1-ffffffff')
        return reached(`${told.join('\n')}\n${back}`)
      }
      if (machine.left !== undefined && !script.includes('--give-up')) {
        const refusal = line('refused', 3)
          .replace('reason=-', 'reason=unproven')
          .replace(/generation=\S+/, `generation=${machine.left}`)
        return reached(`${told.join('\n')}\n${refusal}`)
      }
      return reached(`${told.join('\n')}\n${line('planned')}`)
    }
    this.done.push(`${kind} ${host}`)
    if (kind === 'rollback') {
      if (this.loads(`${host} back`)) machine.loaded = 1
      machine.placed = 1
      this.#between.delete(host)
      return reached(line('installed').replace(/generation=\S+/, 'generation=1-ffffffff'))
    }
    if (kind === 'install') {
      expect(
        machine.left === undefined || script.includes('--give-up'),
        `${host}: what was left there`,
      ).toBe(true)
      machine.left = undefined
      machine.placed = 2
      const runs = machine.unit === 'active'
      if (runs && host.startsWith('s')) this.#between.add(host)
      expect(this.#between.size, 'servers between reload and proof').toBeLessThan(
        this.together ? 99 : 2,
      )
      if (runs && this.loads(host)) machine.loaded = 2
      expect(script.includes('systemctl restart')).toBe(false)
      const moments = ['switched', ...(runs ? ['reloaded'] : [])]
      const told = moments.map((what) => `moment=${what} 2-aaaaaaaa\n`).join('')
      return reached(`${told}${line('installed')}receipt:\n{}\n`)
    }
    if (machine.left === undefined) machine.concluded = kind
    machine.left = undefined
    return reached(line('noted'))
  }

  /** A person brings a host its files. */
  byHand(host: string): void {
    this.done.push(`by hand ${host}`)
    if (this.machine(host).unit === 'active' && host.startsWith('s')) this.#between.add(host)
    expect(this.#between.size, 'servers between reload and proof').toBeLessThan(
      this.together ? 99 : 2,
    )
    Object.assign(this.machine(host), { placed: 2, loaded: 2, concluded: 'by hand', mute: false })
  }

  verdict(address: string): AgentVerdict {
    const { name } = parseIdentity(address)
    const { loaded, unit, mute, leaf } = this.machine(name)
    if (loaded === 2) this.#between.delete(name)
    const port = { address, endpoint: `${name}:4646`, rpc: false }
    const answers = unit === 'active' && !mute
    const base = {
      ...{ address, generation: loaded, newest: 2 },
      seen: answers
        ? [
            {
              ...port,
              at: this.now,
              fingerprint: loaded === 2 ? 'a'.repeat(64) : leaf,
            } as unknown as SeenPort,
          ]
        : [],
      silent: answers || unit !== 'active' ? [] : [{ ...port, message: 'nothing listens there' }],
    }
    return loaded === 2
      ? { ...base, state: 'proven', message: 'generation 2' }
      : { ...base, state: 'lagging', message: 'generation 1 of 2' }
  }

  raft(): RaftAnswer {
    if (this.denied) return { state: 'denied', message: 'NOMAD_TOKEN may not' }
    const servers = [...this.machines.keys()].filter((name) => /^[sb]/.test(name))
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
    for await (const event of rollOut(this.rollout(), this.ports(), all)) {
      events.push(event)
      if (event.event === 'by-hand') this.told.push(...event.nodes.map(({ host }) => host!))
    }
    return events
  }
}

/** What a script of a host said. */
export function reached(stdout: string): HostAnswer {
  return { reached: true, status: 0, stdout, stderr: '' }
}

/** How it ended, and what speaks against it. */
export function problems(events: readonly RolloutEvent[]): string {
  const last = events.at(-1)!
  const told = 'obstacles' in last ? last.obstacles : []
  return [
    last.event,
    ...told.map(({ host, address, message }) => `${host ?? address}: ${message}`),
  ].join('\n')
}

/** Three servers and three clients. */
export const fleet: readonly string[] = ['s1', 's2', 's3', 'c1', 'c2', 'c3']
