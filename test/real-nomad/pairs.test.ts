/**
 * Random (dialer, listener) certificate pairs, good and bad: a real agent's verdict on a real connection
 * equals the library's. The pairs are of four kinds, so that both sides' verdicts are real ones:
 *
 * - an agent dials an agent: accepted only if both accept;
 * - we dial an agent (RPC, raft, RPCs for servers or clients only, HTTPS): the listener's verdict;
 * - an agent dials us: the dialer's verdict;
 * - the `nomad` command dials an agent's HTTPS: accepted only if both accept.
 *
 * `NOMAD_PKI_PAIRS` (60) and `NOMAD_PKI_SEED` are settings of the environment.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Agent } from './harness/agent.js'
import { api } from './harness/api.js'
import { nomadBinary } from './harness/binaries.js'
import {
  assemble,
  draft,
  type DraftOptions,
  type Identity,
  picker,
  type Picker,
  randomFrom,
  regions,
  signerOrders,
} from './harness/identities.js'
import { listen } from './harness/listener.js'
import { mint } from './harness/mint.js'
import { dialBy, ready, startParty } from './harness/party.js'
import { preflight, type Protocol } from './harness/preflight.js'
import { askServer, type RpcProtocol } from './harness/rpc.js'
import { run } from './harness/run.js'

const wanted = Number(process.env.NOMAD_PKI_PAIRS ?? 60)
const seed = Number(process.env.NOMAD_PKI_SEED ?? 20_261_125)
const perRound = 60

interface Sample {
  readonly pair: string
  readonly protocol: Protocol
  readonly agent: { readonly accepted: boolean; readonly reason: string }
  readonly library: { readonly accepted: boolean; readonly reason: string }
}

interface Party {
  readonly identity: Identity
  readonly agent: Agent
}

const base = mkdtempSync(join(tmpdir(), 'nomad-pki-pairs-'))
const started: Agent[] = []

afterAll(async () => {
  await Promise.all(started.map((agent) => agent.stop()))
  rmSync(base, { recursive: true, force: true })
})

async function agentToAgent(dialer: Party, listener: Party): Promise<Sample> {
  const agent = await dialBy(dialer.agent, listener.agent.plan.ports.rpc)
  return {
    pair: `${dialer.identity.label} → ${listener.identity.label}`,
    protocol: 'rpc',
    agent,
    library: preflight(dialer.identity, listener.identity, 'rpc'),
  }
}

const asked: readonly RpcProtocol[] = ['rpc', 'raft', 'server-only-rpc', 'client-only-rpc']

async function usToAgent(dialer: Identity, listener: Party): Promise<Sample[]> {
  const { ports } = listener.agent.plan
  const pair = `${dialer.label} → ${listener.identity.label}`
  // We look at nothing the listener shows, and so does the library when the listener is sound.
  const samples: Sample[] = []
  for (const protocol of asked) {
    const verdict = await askServer(ports.rpc, dialer, protocol, listener.identity.region)
    const agent = {
      accepted: verdict.accepted,
      reason: verdict.accepted ? verdict.reply : verdict.reason,
    }
    const targetRegion = listener.identity.region
    samples.push({
      pair,
      protocol,
      agent,
      library: preflight(dialer, listener.identity, protocol, { targetRegion }),
    })
  }
  const http = await api(ports.http, '/v1/regions', dialer, { serverName: false }).then(
    ({ status, body }) => {
      if (status !== 200) throw new Error(`${pair}: ${status} ${body}`)
      return { accepted: true, reason: body }
    },
    (error: unknown) => ({ accepted: false, reason: String(error) }),
  )
  samples.push({
    pair,
    protocol: 'http',
    agent: http,
    library: preflight(dialer, listener.identity, 'http'),
  })
  return samples
}

async function agentToUs(dialer: Party, shown: Identity): Promise<Sample> {
  const pair = `${dialer.identity.label} → ${shown.label}`
  const listener = await listen(shown)
  try {
    const { reason } = await dialBy(dialer.agent, listener.port)
    const refused = /x509:|tls:/.test(reason)
    if (refused === listener.handshakes() > 0) {
      throw new Error(`${pair}: no clear verdict: ${reason}; ${listener.failures().join('; ')}`)
    }
    return {
      pair,
      protocol: 'rpc',
      agent: { accepted: !refused, reason },
      library: preflight(dialer.identity, shown, 'rpc'),
    }
  } finally {
    listener.close()
  }
}

/** The `nomad` command asks over HTTPS with an identity's files, by an address or by a name. */
async function commandToAgent(dialer: Identity, listener: Party, name: string): Promise<Sample> {
  const folder = join(base, 'commands', dialer.order.id)
  mkdirSync(folder, { recursive: true })
  const file = (of: string, text: string): string => {
    const path = join(folder, of)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const { status, stdout, stderr } = await run(
    nomadBinary(),
    ['operator', 'api', '-X', 'GET', '/v1/regions'],
    {
      env: {
        NOMAD_ADDR: `https://127.0.0.1:${listener.agent.plan.ports.http}`,
        NOMAD_CACERT: file('ca.pem', dialer.ca),
        NOMAD_CLIENT_CERT: file('cert.pem', dialer.cert),
        NOMAD_CLIENT_KEY: file('key.pem', dialer.key),
        ...(name === '127.0.0.1' ? {} : { NOMAD_TLS_SERVER_NAME: name }),
      },
    },
  )
  const pair = `nomad with ${dialer.label} → ${listener.identity.label} as ${name}`
  const accepted = status === 0 && stdout.startsWith('[')
  if (!accepted && !/x509:|tls:/.test(stderr)) throw new Error(`${pair}: ${stdout}${stderr}`)
  return {
    pair,
    protocol: 'http',
    agent: { accepted, reason: accepted ? stdout : stderr },
    library: preflight(dialer, listener.identity, 'http', { serverName: name }),
  }
}

/** One set of agents, and as many pairs as asked for. */
async function round(number: number, count: number, pick: Picker): Promise<Sample[]> {
  const id = (kind: string, index: number): string => `${kind}-${number}-${index}`
  const everyRoot = ['A', 'B']
  const make = (kind: string, length: number, options: Partial<DraftOptions>): DraftOptions[] =>
    Array.from({ length }, (_, index) => ({ ...options, id: id(kind, index) }))
  const everyRegion = (kind: string, options: Partial<DraftOptions>): DraftOptions[] =>
    regions.map((region, index) => ({ ...options, id: id(kind, index), region }))
  // Most pairs within a region: elsewhere the names alone decide.
  const among = (parties: readonly Party[], region: string): Party => {
    const near = parties.filter(({ identity }) => identity.region === region)
    return pick.one(near.length > 0 && pick.chance(0.7) ? near : parties)
  }
  const part = Math.ceil(count / 4)
  const drafts = {
    // Sound agents, of every region, trusting one root or both.
    soundDialers: everyRegion('sound-dialer', { role: 'client', flawed: 0, trust: everyRoot }),
    soundListeners: everyRegion('sound-listener', { role: 'server', flawed: 0 }),
    dialers: make('dialer', 4, { flawed: 0.5 }),
    listeners: make('listener', 5, { flawed: 0.5, role: pick.chance(0.8) ? 'server' : 'client' }),
    wires: make('wire', part, { trust: everyRoot }),
    shown: make('shown', part, { trust: everyRoot }),
    commands: make('command', part, { role: pick.chance(0.7) ? 'cli' : 'client' }),
  }
  const identities = new Map<string, ReturnType<typeof draft>[]>()
  for (const [kind, options] of Object.entries(drafts)) {
    identities.set(
      kind,
      options.map((option) => draft(option, pick)),
    )
  }
  const all = [...identities.values()].flat()
  const minted = await mint([...signerOrders, ...all.map(({ order }) => order)])
  const of = (kind: keyof typeof drafts): Identity[] =>
    (identities.get(kind) ?? []).map((item) => assemble(item, minted))
  const start = async (kind: keyof typeof drafts): Promise<Party[]> => {
    const parties = await Promise.all(
      of(kind).map(async (identity): Promise<Party> => {
        const role = kind.toLowerCase().includes('listener') ? 'server' : 'client'
        const { ca, cert, key, region, order } = identity
        const agent = await startParty(base, { ca, cert, key, region, role, name: order.id })
        started.push(agent)
        return { identity, agent }
      }),
    )
    await Promise.all(parties.map(({ agent }) => ready(agent)))
    return parties
  }
  const soundDialers = await start('soundDialers')
  const soundListeners = await start('soundListeners')
  const dialers = await start('dialers')
  const listeners = await start('listeners')

  const samples: Sample[] = []
  for (const wire of of('wires'))
    samples.push(...(await usToAgent(wire, among(soundListeners, wire.region))))
  for (const shown of of('shown'))
    samples.push(await agentToUs(among(soundDialers, shown.region), shown))
  const everyListener = [...listeners, ...soundListeners]
  for (const command of of('commands')) {
    const listener = among(everyListener, command.region)
    const region = listener.identity.region
    const name = pick.one(['127.0.0.1', '127.0.0.1', 'localhost', `server.${region}.nomad`, '::1'])
    samples.push(await commandToAgent(command, listener, name))
  }
  const everyDialer = [...dialers, ...soundDialers]
  const grid = everyDialer.flatMap((dialer) =>
    everyListener.map((listener) => ({ dialer, listener })),
  )
  for (let left = count - 3 * part; left > 0 && grid.length > 0; left -= 1) {
    const near = grid.filter(
      ({ dialer, listener }) => dialer.identity.region === listener.identity.region,
    )
    const next = pick.one(near.length > 0 && pick.chance(0.6) ? near : grid)
    grid.splice(grid.indexOf(next), 1)
    samples.push(await agentToAgent(next.dialer, next.listener))
  }
  await Promise.all(started.splice(0).map((agent) => agent.stop()))
  return samples
}

test(`a real agent's verdict equals the library's for ${wanted} random pairs`, async () => {
  const pick = picker(randomFrom(seed))
  const samples: Sample[] = []
  for (let number = 0, left = wanted; left > 0; number += 1, left -= perRound) {
    samples.push(...(await round(number, Math.min(left, perRound), pick)))
  }
  const accepted = samples.filter(({ agent }) => agent.accepted).length
  const pairs = new Set(samples.map(({ pair }) => pair)).size
  const apart = samples.filter(({ agent, library }) => agent.accepted !== library.accepted)
  console.log(
    `verdicts compared: ${samples.length} on ${pairs} pairs (seed ${seed}); ` +
      `real agents accepted ${accepted} and refused ${samples.length - accepted}, ` +
      `the library agreed with ${samples.length - apart.length}`,
  )
  if (process.env.NOMAD_PKI_SHOW !== undefined) {
    for (const s of samples) {
      console.log(
        `${s.protocol} ${s.agent.accepted}/${s.library.accepted} ${s.pair}\n  ${s.agent.reason}\n  ${s.library.reason}`,
      )
    }
  }
  expect(pairs).toBe(wanted)
  // A generator of only good or only bad pairs proves nothing.
  expect(accepted).toBeGreaterThan(samples.length / 10)
  expect(samples.length - accepted).toBeGreaterThan(samples.length / 10)
  expect(
    apart.map(
      ({ pair, protocol, agent, library }) =>
        `${protocol} ${pair}\n  agent: ${agent.accepted} ${agent.reason}\n  library: ${library.accepted} ${library.reason}`,
    ),
  ).toEqual([])
}, 1_800_000)
