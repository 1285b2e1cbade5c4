/**
 * The main job: a cluster is written down, two commands run, and real agents in two regions come up on
 * what they made. Their configurations are written by hand, each in another one, and the stanza is
 * edited into them.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Agent, type AgentPlan, writeAgentConfig } from './harness/agent.js'
import { api, apiJson, type Credentials } from './harness/api.js'
import { command, nomadBinary } from './harness/binaries.js'
import { type Cluster, layOut, type Member, startCluster } from './harness/cluster.js'
import { writeByHand } from './harness/handwriting.js'
import { judge } from '../hcl/judge.js'
import { listen } from './harness/listener.js'
import { agentPorts } from './harness/ports.js'
import { askServer, type RpcProtocol } from './harness/rpc.js'
import { eventually, type Outcome, run, runOk } from './harness/run.js'

const specOf = (config: Readonly<Record<string, string>>): string => `version: 1
cluster: acme
store: pki
authorities:
  agent: { lifetime: 10y }
  us-west: { issuer: agent, lifetime: 3y }   # a region intermediate
node:
  tls: store
regions:
  global:
    servers:
      s1: ${config['s1']!}
      s2: ${config['s2']!}
      s3: ${config['s3']!}
    clients:
      c1: ${config['c1']!}
  us-west:
    authority: us-west
    servers:
      w1: ${config['w1']!}
    clients:
      d1: ${config['d1']!}
operators:
  alice: { region: global, lifetime: 24h }
  bob: { region: us-west, lifetime: 24h }
`

let base: string
let plans: AgentPlan[]
let cluster: Cluster
let applied: Outcome
/** What people had written, by path below the base. */
const written = new Map<string, string>()

const pki = (...args: string[]): Promise<Outcome> =>
  run(process.execPath, [command, ...args], { cwd: base })

/** What HashiCorp's own parser reads in a configuration, without its tls. */
function plainly(path: string, text: string): unknown {
  if (path.endsWith('README')) return text
  const verdict = judge(text)
  if ('refused' in verdict) throw new Error(`${path}: ${verdict.refused}`)
  return Object.fromEntries(
    Object.entries(verdict.data ?? {}).filter(([key]) => key.toLowerCase() !== 'tls'),
  )
}

/** The files of an identity, as they lie in the store. */
function credentials(address: string): Required<Credentials> {
  const read = (file: string): string =>
    readFileSync(join(base, 'pki/identity', address, 'current', file), 'utf8')
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}

/** A shell with what `nomad-pki env` prints, and nothing else said to the programs in it. */
async function asOperator(name: string, agent: string, script: string): Promise<string> {
  const { http } = cluster.agent(agent).plan.ports
  const exports = await pki('env', name, '--url', `https://127.0.0.1:${http}`)
  expect(exports).toMatchObject({ status: 0 })
  const path = `${dirname(nomadBinary())}:${process.env.PATH ?? ''}`
  return runOk('bash', ['-euo', 'pipefail', '-c', `${exports.stdout}\n${script}`], {
    cwd: base,
    env: { PATH: path },
  })
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-bootstrap-'))
  const config: Record<string, string> = {}
  const members: Member[] = [
    ...['s1', 's2', 's3'].map((name) => ({ name, region: 'global', role: 'server' as const })),
    { name: 'c1', region: 'global', role: 'client' },
    { name: 'w1', region: 'us-west', role: 'server' },
    { name: 'd1', region: 'us-west', role: 'client' },
  ]
  plans = await layOut(base, members, (plan) => {
    const hand = writeByHand(base, plan)
    config[plan.name] = hand.config
    for (const [path, text] of Object.entries(hand.files)) written.set(path, text)
    return hand.paths.map((path) => join(base, path))
  })
  writeFileSync(join(base, 'cluster.yaml'), specOf(config))
  await pki('init', '--new-store')
  applied = await pki('apply', '--yes')
  if (applied.status !== 0) throw new Error(`apply: ${applied.stdout}${applied.stderr}`)
  cluster = await startCluster(plans, credentials('operator/global/alice'))
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await cluster?.stop()
  rmSync(base, { recursive: true, force: true })
})

describe('the command', () => {
  test('a second apply finds nothing to do', async () => {
    expect(await pki('plan')).toMatchObject({ status: 0 })
    const before = credentials('server/global/s1')
    const texts = [...written.keys()].map((path) => readFileSync(join(base, path)))
    expect(await pki('apply', '--yes')).toMatchObject({ status: 0 })
    expect(credentials('server/global/s1')).toEqual(before)
    expect([...written.keys()].map((path) => readFileSync(join(base, path)))).toEqual(texts)
  })

  test('verify proves what the agents are about to load', async () => {
    const verified = await pki('verify')
    expect(`${verified.status}\n${verified.stdout}${verified.stderr}`).toMatch(/^0\n/)
  })

  test('the stanza is edited into what people wrote, and nothing else of it moves', () => {
    for (const [path, before] of written) {
      const after = readFileSync(join(base, path), 'utf8')
      expect(plainly(path, after), path).toEqual(plainly(path, before))
      // Line by line, with its line end: what is gone was a value of `tls`.
      const lines = after.split('\n')
      let at = 0
      for (const line of before.split('\n')) {
        const found = lines.indexOf(line, at)
        if (found === -1) expect(line, path).toMatch(/tls|TLS|_file|http|rpc|verify|^\}$/)
        else at = found + 1
      }
    }
    const changed = [...written].filter(
      ([path, before]) => readFileSync(join(base, path), 'utf8') !== before,
    )
    expect(changed.map(([path]) => path).sort()).toEqual([
      'agents/c1.hcl',
      'agents/d1/base.hcl',
      'agents/s1/nomad.hcl',
      'agents/s2/20-tls.hcl',
      'agents/w1/local.hcl',
    ])
    // All of that directory is JSON, and nothing of it has tls.
    expect(readdirSync(join(base, 'agents/s3')).sort()).toEqual([
      'agent.json',
      'server.json',
      'tls.json',
    ])
  })

  test('every agent got its own key', () => {
    const keys = plans.map(({ role, region, name }) => credentials(`${role}/${region}/${name}`).key)
    expect(new Set(keys).size).toBe(plans.length)
  })
})

describe('the cluster', () => {
  test('each region has a leader among its own servers', async () => {
    const leaders = await cluster.leaders()
    for (const [region, leader] of leaders) {
      const addresses = cluster.servers(region).map(({ plan }) => `127.0.0.1:${plan.ports.rpc}`)
      expect(addresses).toContain(leader)
    }
    expect([...leaders.keys()].sort()).toEqual(['global', 'us-west'])
  })

  test('all servers of global are raft peers, and healthy voters', async () => {
    const peers = await cluster.get<string[]>('s1', '/v1/status/peers')
    const servers = cluster.servers('global').map(({ plan }) => `127.0.0.1:${plan.ports.rpc}`)
    expect(peers.sort()).toEqual(servers.sort())
    await eventually('healthy servers', async () => {
      const health = await cluster.get<{ Healthy: boolean; Voters: string[]; Servers: unknown[] }>(
        's1',
        '/v1/operator/autopilot/health',
      )
      return health.Healthy && health.Servers.length === 3 ? true : undefined
    })
  })

  test('the regions are federated both ways, over RPC', async () => {
    for (const [from, to] of [
      ['s1', 'us-west'],
      ['w1', 'global'],
    ] as const) {
      expect((await cluster.get<string[]>(from, '/v1/regions')).sort()).toEqual([
        'global',
        'us-west',
      ])
      const leader = await cluster.get<string>(from, `/v1/status/leader?region=${to}`)
      const servers = cluster.servers(to).map(({ plan }) => `127.0.0.1:${plan.ports.rpc}`)
      expect(servers).toContain(leader)
    }
  })

  test('every node is ready in its region', async () => {
    expect(await cluster.nodesReady()).toEqual(
      new Map([
        ['global', ['c1']],
        ['us-west', ['d1']],
      ]),
    )
  })

  test('no agent complains about TLS', () => {
    for (const agent of cluster.agents) {
      // A connection refused while a peer starts is no matter of TLS.
      expect(agent.log()).not.toMatch(/x509|bad certificate|certificate required|invalid role/)
    }
  })
})

describe('the operator', () => {
  const job = (region: string): string => `job "hello" {
  region      = "${region}"
  datacenters = ["dc1"]
  type        = "batch"
  group "g" {
    restart { attempts = 0 }
    task "say" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo hello from $NOMAD_REGION"]
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }
}
`

  test('`nomad node status` needs nothing but `nomad-pki env`', async () => {
    expect(await asOperator('alice', 's1', 'nomad node status')).toMatch(/\bc1\b.*\bready\b/)
    expect(await asOperator('alice', 'c1', 'nomad server members')).toMatch(/s3\.global.*alive/)
  })

  test.each([
    { operator: 'alice', region: 'global', agent: 's2' },
    { operator: 'bob', region: 'us-west', agent: 'w1' },
  ])('$operator runs a job in $region and reads its log', async ({ operator, region, agent }) => {
    const file = join(base, `hello-${region}.nomad.hcl`)
    writeFileSync(file, job(region))
    await asOperator(operator, agent, `nomad job run -detach "${file}"`)
    const id = await eventually('the allocation to complete', async () => {
      const allocations = await cluster.get<{ ID: string; ClientStatus: string }[]>(
        agent,
        '/v1/job/hello/allocations',
      )
      const done = allocations.find(({ ClientStatus }) => ClientStatus === 'complete')
      return done?.ID
    })
    expect(await asOperator(operator, agent, `nomad alloc logs ${id}`)).toBe(
      `hello from ${region}\n`,
    )
  })

  test('curl with the files that `nomad-pki env` names', async () => {
    const answer = await asOperator(
      'alice',
      's3',
      'curl -fsS --cacert "$NOMAD_CACERT" --cert "$NOMAD_CLIENT_CERT" --key "$NOMAD_CLIENT_KEY" "$NOMAD_ADDR/v1/agent/self"',
    )
    const self = JSON.parse(answer) as { config: { TLSConfig: Record<string, unknown> } }
    expect(self.config.TLSConfig).toMatchObject({
      EnableHTTP: true,
      EnableRPC: true,
      VerifyServerHostname: true,
      VerifyHTTPSClient: true,
    })
  })
})

describe('refused', () => {
  const rpcOf = (name: string): number => cluster.agent(name).plan.ports.rpc
  // The leader: a follower forwards Node.Register before it looks at its own verdict on the certificate
  // (node_endpoint.go:99-111), and the leader then judges the follower's.
  let leader: number
  beforeAll(async () => {
    const address = (await cluster.leaders()).get('global') ?? ''
    leader = Number(address.slice(address.indexOf(':') + 1))
  })

  test('no client certificate: neither API nor RPC', async () => {
    const { ca } = credentials('operator/global/alice')
    const { http } = cluster.agent('s1').plan.ports
    await expect(api(http, '/v1/regions', { ca })).rejects.toThrow(/certificate required/)
    for (const protocol of ['rpc', 'raft'] as const) {
      expect(await askServer(leader, { ca }, protocol, 'global')).toMatchObject({
        accepted: false,
      })
    }
    // The same question with a certificate is answered.
    expect((await api(http, '/v1/regions', credentials('operator/global/alice'))).status).toBe(200)
  })

  test.each<[string, Record<RpcProtocol, boolean>]>([
    [
      'server/global/s2',
      { rpc: true, raft: true, 'server-only-rpc': true, 'client-only-rpc': true },
    ],
    [
      'client/global/c1',
      { rpc: true, raft: false, 'server-only-rpc': false, 'client-only-rpc': true },
    ],
    [
      'operator/global/alice',
      { rpc: false, raft: false, 'server-only-rpc': false, 'client-only-rpc': false },
    ],
    [
      'server/us-west/w1',
      { rpc: true, raft: false, 'server-only-rpc': false, 'client-only-rpc': false },
    ],
    [
      'client/us-west/d1',
      { rpc: false, raft: false, 'server-only-rpc': false, 'client-only-rpc': false },
    ],
    [
      'operator/us-west/bob',
      { rpc: false, raft: false, 'server-only-rpc': false, 'client-only-rpc': false },
    ],
  ])('%s at a server of global gets what its role allows', async (address, expected) => {
    const got: Record<string, boolean> = {}
    for (const protocol of Object.keys(expected) as RpcProtocol[]) {
      got[protocol] = (await askServer(leader, credentials(address), protocol, 'global')).accepted
    }
    expect(got).toEqual(expected)
  })

  test("an agent with a us-west client's files is not let into global", async () => {
    const plan = await stray('stray-client', 'client', 'client/us-west/d1')
    const agent = new Agent(plan)
    try {
      await eventually('the refusal in the log', async () =>
        /remote error: tls: bad certificate/.test(agent.log()) ? true : undefined,
      )
      const nodes = await cluster.get<{ Name: string }[]>('s1', '/v1/nodes')
      expect(nodes.map(({ Name }) => Name)).toEqual(['c1'])
    } finally {
      await agent.stop()
    }
  })

  test("an agent refuses a server that shows a client's certificate", async () => {
    const shown = async (address: string): Promise<{ status: number; body: string }> => {
      const listener = await listen(credentials(address))
      try {
        return await api(
          cluster.agent('c1').plan.ports.http,
          `/v1/agent/servers?address=127.0.0.1:${listener.port}`,
          credentials('operator/global/alice'),
          { method: 'POST' },
        )
      } finally {
        listener.close()
      }
    }
    const asClient = await shown('client/global/c1')
    expect(asClient).toMatchObject({ status: 400 })
    expect(asClient.body).toMatch(/certificate is valid for .*, not server\.global\.nomad/)
    // A server's certificate gets past the handshake; that nobody answers behind it is another matter.
    const asServer = await shown('server/global/s2')
    expect(asServer.body).not.toMatch(/x509|tls:/)
  })

  test('a client that leaves out its intermediate', async () => {
    const { cert, key, ca } = credentials('client/us-west/d1')
    const leafOnly = cert.slice(0, cert.indexOf('-----END CERTIFICATE-----') + 26)
    const whole = await askServer(rpcOf('w1'), { ca, cert, key }, 'rpc', 'us-west')
    expect(whole).toMatchObject({ accepted: true })
    const bare = await askServer(rpcOf('w1'), { ca, cert: leafOnly, key }, 'rpc', 'us-west')
    expect(bare).toMatchObject({ accepted: false })
  })

  /** An agent of global with another agent's certificate. */
  async function stray(name: string, role: 'server' | 'client', files: string): Promise<AgentPlan> {
    const plan: AgentPlan = {
      name,
      region: 'global',
      role,
      ports: await agentPorts(),
      directory: join(base, 'stray', name),
      dataDir: join(base, 'data', name),
      servers: cluster.servers('global').map(({ plan: of }) => `127.0.0.1:${of.ports.rpc}`),
    }
    writeAgentConfig(plan)
    const current = join(base, 'pki/identity', files, 'current')
    writeFileSync(
      join(plan.directory, 'tls.hcl'),
      `tls {
  http = true
  rpc = true
  verify_server_hostname = true
  verify_https_client = true
  ca_file = "${current}/ca.pem"
  cert_file = "${current}/cert.pem"
  key_file = "${current}/key.pem"
}
`,
    )
    return plan
  }
})

test('the regions answer through each other after all that', async () => {
  const leader = await apiJson<string>(
    cluster.agent('d1').plan.ports.http,
    '/v1/status/leader?region=global',
    credentials('operator/us-west/bob'),
  )
  expect(leader).toMatch(/^127\.0\.0\.1:\d+$/)
})
