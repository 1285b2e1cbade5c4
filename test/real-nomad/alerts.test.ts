/**
 * A reload that fails without a word: the agent's user cannot read the new key, the signal says success, and the
 * agent goes on with the old certificate. Our rule sees it from Nomad's own gauge alone, and from the probe. A real
 * Prometheus scrapes the agent and what `status --metrics` wrote; each query of the dashboard returns something there.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Agent } from './harness/agent.js'
import { command, nomadBinary } from './harness/binaries.js'
import { type Cluster, layOut, startCluster } from './harness/cluster.js'
import { unprivileged } from './harness/fleet.js'
import { agentPorts } from './harness/ports.js'
import { cleanEnvironment, eventually, run } from './harness/run.js'

const repository = join(import.meta.dirname, '../..')

let base = ''
let cluster: Cluster | undefined
let prometheus: ChildProcess | undefined
let metrics: Server | undefined
let api = ''

/** Runs the command; `status` and `probe` end with 2 where there is work. */
async function cli(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(process.execPath, [command, ...args], { cwd: base })
  expect([0, 2], `${args.join(' ')}: ${stderr}`).toContain(status)
  return stdout
}

const tls = (): string => join(base, 'tls')

/** Puts the newest files in place, as the agent's user; the agent is told nothing. */
async function deliver(): Promise<void> {
  await cli('pack', 's1', '--out', 's1.tar.gz')
  const user = String(unprivileged.uid)
  await cli('install', 's1.tar.gz', '--tls', tls(), '--reload', 'none', '--owner', user)
  rmSync(join(base, 's1.tar.gz'))
}

/** What a panel or a rule says now. */
async function query(text: string): Promise<readonly unknown[]> {
  const answer = await fetch(`${api}/api/v1/query?query=${encodeURIComponent(text)}`)
  const { status, data } = (await answer.json()) as { status: string; data: { result: [] } }
  expect(status, text).toBe('success')
  return data.result
}

function ruleOf(name: string): string {
  const text = readFileSync(join(repository, 'templates/monitoring/alerts.yml'), 'utf8')
  const { groups } = parse(text) as { groups: { rules: { alert: string; expr: string }[] }[] }
  return groups.flatMap(({ rules }) => rules).find(({ alert }) => alert === name)!.expr
}

/** Writes the metrics anew, and waits until a rule fires, or does not. */
function rule(name: string, fires: boolean): Promise<true> {
  return eventually(
    `${name} ${fires ? 'fires' : 'does not fire'}`,
    async () => {
      await cli('status', '--quiet', '--metrics', 'pki.prom')
      return (await query(ruleOf(name))).length > 0 === fires ? true : undefined
    },
    { timeout: 60_000 },
  )
}

const gauge = 'nomad_agent_tls_cert_expiration_seconds'

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-alerts-'))
  chmodSync(base, 0o755)
  const binary = join(base, 'nomad')
  try {
    linkSync(nomadBinary(), binary)
  } catch {
    copyFileSync(nomadBinary(), binary)
  }
  const plans = await layOut(base, [{ name: 's1', region: 'global', role: 'server' }])
  const [plan] = plans
  const { ports, directory, dataDir } = plan!
  appendFileSync(
    join(directory, 'agent.hcl'),
    'telemetry {\n  prometheus_metrics = true\n  use_node_name = true\n  collection_interval = "1s"\n}\n',
  )
  const spec = (lifetime: string): void => {
    writeFileSync(
      join(base, 'cluster.yaml'),
      `version: 1
cluster: acme
node: { tls: ${tls()} }
defaults: { lifetime: ${lifetime} }
regions:
  global:
    servers:
      s1: { http: "127.0.0.1:${ports.http}", rpc: "127.0.0.1:${ports.rpc}", config: agents/s1 }
operators: { alice: {} }
`,
    )
  }
  spec('40d')
  mkdirSync(tls())
  await cli('init', '--new-store')
  await cli('apply', '--yes')
  await deliver()
  if (process.getuid?.() === 0) {
    for (const place of [dataDir, join(dataDir, '..')]) {
      chownSync(place, unprivileged.uid, unprivileged.gid)
    }
  }
  const files = join(base, 'pki/identity/operator/global/alice/current')
  const read = (name: string): string => readFileSync(join(files, name), 'utf8')
  const alice = { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
  const user = process.getuid?.() === 0 ? unprivileged : undefined
  cluster = await startCluster(plans, alice, (one) => new Agent(one, { binary, user }))
  await cli('probe')
  // The next ones live longer, so that the old one is told from the new one by its end.
  spec('90d')

  const server = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/plain; version=0.0.4')
    answer.end(readFileSync(join(base, 'pki.prom')))
  })
  await cli('status', '--quiet', '--metrics', 'pki.prom')
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  metrics = server
  const { port } = server.address() as AddressInfo
  const own = await agentPorts()
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      { job_name: 'nomad-pki', static_configs: [{ targets: [`127.0.0.1:${port}`] }] },
      {
        ...{ job_name: 'nomad', scheme: 'https', metrics_path: '/v1/metrics' },
        params: { format: ['prometheus'] },
        tls_config: {
          ...{ ca_file: join(files, 'ca.pem'), cert_file: join(files, 'cert.pem') },
          ...{ key_file: join(files, 'key.pem'), server_name: 'server.global.nomad' },
        },
        static_configs: [{ targets: [`127.0.0.1:${ports.http}`] }],
      },
    ],
  }
  writeFileSync(join(base, 'prometheus.yml'), JSON.stringify(config))
  api = `http://127.0.0.1:${own.rpc}`
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(base, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(base, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${own.rpc}`,
    ],
    { env: cleanEnvironment(), stdio: 'ignore' },
  )
  await eventually('the gauge of the agent', async () => {
    try {
      return (await query(gauge)).length > 0 ? true : undefined
    } catch {
      return undefined
    }
  })
})

afterAll(async () => {
  // What did not start has nothing to end.
  const child = prometheus
  if (child?.exitCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  metrics?.close()
  await cluster?.stop()
  rmSync(base, { recursive: true, force: true })
})

test('a key that the agent cannot read: the reload says nothing, and both rules fire until it is mended', async () => {
  const agent = cluster!.agent('s1')
  await rule('NomadPkiAgentHoldsOlder', false)
  await rule('NomadPkiNotLoaded', false)

  await cli('rotate', 'leaves', 's1', '--yes')
  await deliver()
  const key = join(tls(), 'current/key.pem')
  const { uid, gid } = unprivileged
  if (process.getuid?.() === 0) chownSync(key, 0, 0)
  else chmodSync(key, 0)
  // It throws where the signal cannot be sent.
  process.kill(agent.pid, 'SIGHUP')
  await eventually('a word in the log', () =>
    Promise.resolve(/permission denied/.test(agent.log()) ? true : undefined),
  )
  expect(agent.exitStatus).toBeUndefined()

  // No probe since: Nomad's gauge alone.
  await rule('NomadPkiAgentHoldsOlder', true)
  await cli('probe')
  await rule('NomadPkiNotLoaded', true)

  if (process.getuid?.() === 0) chownSync(key, uid, gid)
  else chmodSync(key, 0o600)
  agent.reload()
  await rule('NomadPkiAgentHoldsOlder', false)
  await cli('probe')
  await rule('NomadPkiNotLoaded', false)
})

test('each query of the dashboard returns something', async () => {
  await cli('rotate', 'authority', 'agent', '--next')
  await cli('apply', '--yes')
  await cli('status', '--quiet', '--metrics', 'pki.prom')
  const text = readFileSync(join(repository, 'templates/monitoring/dashboard.json'), 'utf8')
  const { panels } = JSON.parse(text) as {
    panels: { title: string; targets: { expr: string }[] }[]
  }
  expect(panels.length).toBeGreaterThan(10)
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      await eventually(`data for ${title}: ${expr}`, async () =>
        (await query(expr.replaceAll('$cluster', 'acme'))).length > 0 ? true : undefined,
      )
    }
  }
})
