/**
 * The traffic of the rotations: every way in which a request travels through this cluster, and a job
 * that counts aloud for `nomad alloc logs -f`.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { api } from './api.js'
import type { AgentPlan } from './agent.js'
import type { Fleet } from './fleet.js'
import { eventually } from './run.js'
import { LogStream, type Route, Traffic } from './traffic.js'

/** Local, forwarded to the leader, across regions, through clients, and from a server to a client. */
async function routesOf(fleet: Fleet): Promise<readonly Route[]> {
  const route = (kind: Route['kind'], agent: string, path: string): Route => ({
    kind,
    agent,
    port: fleet.plan(agent).ports.http,
    path,
  })
  const nodes = await fleet.cluster.get<{ ID: string; Name: string }[]>('s1', '/v1/nodes')
  const c1 = nodes.find(({ Name }) => Name === 'c1')?.ID ?? ''
  const of = (region: string, role?: AgentPlan['role']): readonly string[] =>
    fleet.plans
      .filter((plan) => plan.region === region && (role === undefined || plan.role === role))
      .map(({ name }) => name)
  const west = of('us-west')
  return [
    ...fleet.names.map((name) => route('local', name, '/v1/agent/self')),
    ...of('global', 'server').map((name) => route('leader', name, '/v1/jobs')),
    ...(west.length === 0 ? [] : of('global', 'server')).map((name) =>
      route('region', name, '/v1/jobs?region=us-west'),
    ),
    ...west.map((name) => route('region', name, '/v1/jobs?region=global')),
    ...[...of('global', 'client'), ...of('us-west', 'client')].map((name) =>
      route('client', name, '/v1/jobs'),
    ),
    ...of('global', 'server').map((name) => route('node', name, `/v1/client/stats?node_id=${c1}`)),
  ]
}

const counting = `job "counting" {
  datacenters = ["dc1"]
  group "g" {
    constraint {
      attribute = "\${node.unique.name}"
      value     = "c1"
    }
    task "count" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "i=0; while :; do i=$((i + 1)); echo $i; sleep 0.1; done"]
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }
}
`

/** Everything that goes on while agents are reloaded. */
export interface Load {
  readonly traffic: Traffic
  /** Asked over a server; the command then reads from the client itself. */
  readonly logs: LogStream
  stop(): Promise<void>
}

/** @param pause Milliseconds between two requests of a route; default: the usual ones. */
export async function startLoad(fleet: Fleet, pause?: number): Promise<Load> {
  // A server that does not lead, where there are several.
  const asked = fleet.names.includes('s2') ? 's2' : 's1'
  const { http } = fleet.plan(asked).ports
  const parsed = await api(http, '/v1/jobs/parse', fleet.credentials(), {
    method: 'POST',
    body: JSON.stringify({ JobHCL: counting, Canonicalize: true }),
  })
  const made = await api(http, '/v1/jobs', fleet.credentials(), {
    method: 'POST',
    body: JSON.stringify({ Job: JSON.parse(parsed.body) as unknown }),
  })
  if (made.status !== 200) throw new Error(`the job was refused: ${parsed.body} ${made.body}`)
  const allocation = await eventually('the job to run', async () => {
    const all = await fleet.cluster.get<{ ID: string; ClientStatus: string }[]>(
      asked,
      '/v1/job/counting/allocations',
    )
    return all.find(({ ClientStatus }) => ClientStatus === 'running')?.ID
  })
  const logs = new LogStream(fleet.binary, allocation, environmentOf(fleet, http))
  await eventually('the first lines of the log', async () =>
    logs.broken === undefined ? logs.numbers.at(3) : undefined,
  )
  const traffic = new Traffic(await routesOf(fleet), () => fleet.credentials(), pause)
  return {
    traffic,
    logs,
    async stop() {
      logs.stop()
      await traffic.stop()
    },
  }
}

/** The operator's files of this day, at a place of their own. */
function environmentOf(fleet: Fleet, http: number): Readonly<Record<string, string>> {
  const { ca, cert, key } = fleet.credentials()
  const folder = join(fleet.base, 'alice')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const put = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text, { mode: 0o600 })
    return join(folder, file)
  }
  return {
    NOMAD_ADDR: `https://127.0.0.1:${http}`,
    NOMAD_CACERT: put('ca.pem', ca),
    NOMAD_CLIENT_CERT: put('cert.pem', cert),
    NOMAD_CLIENT_KEY: put('key.pem', key),
  }
}
