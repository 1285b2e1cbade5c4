/** What `rollout --dry-run --commands` says beside the order: what holds the plan, renames, blocks that need a restart. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { wordsOf } from '../testscript.js'
import { cli, folder, now } from './cli.js'

const spec = (cluster: string, servers: string): string =>
  `version: 1\ncluster: ${cluster}\nregions:\n  global:\n    servers: ${servers}\n`

async function applied(
  servers: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec('acme', servers), ...files })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  return cwd
}

interface Document {
  readonly errors: readonly { readonly address: string; readonly message: string }[]
  readonly notReloaded: readonly string[]
  readonly steps: readonly {
    readonly nodes: readonly {
      readonly restart: boolean
      readonly install: string
      readonly script: string
      readonly overrides: readonly unknown[]
    }[]
  }[]
}

async function document(cwd: string): Promise<Document> {
  return JSON.parse(
    (await cli(cwd, ['rollout', '--dry-run', '--commands', '--json'])).stdout,
  ) as Document
}

/** As a bastion saw it: the agent has its first generation. */
async function seen(cwd: string, address: string): Promise<void> {
  const issued = fs
    .readFileSync(path.join(cwd, 'pki/ledger.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find((line) => line['event'] === 'issued' && line['address'] === address)!
  const root = JSON.parse((await cli(cwd, ['inspect', 'authority/agent/1', '--json'])).stdout) as {
    things: readonly { subject: string }[]
  }
  const lines = [
    { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: now },
    ...[4646, 4647].map((port) => ({
      ...{ event: 'observed', address, endpoint: `10.0.0.1:${port}`, rpc: port === 4647, at: now },
      ...{ fingerprint: issued['fingerprint'], generation: 1, trusts: [root.things[0]!.subject] },
    })),
  ]
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  fs.writeFileSync(path.join(cwd, 'evidence.json'), text)
  expect((await cli(cwd, ['probe', '--evidence', 'evidence.json'])).stderr).toContain('noted')
}

describe('an error of the plan', () => {
  test('is 2 and told with its reason, also where no agent needs a step', async () => {
    const cwd = await applied('{ s1: {} }')
    await seen(cwd, 'identity/server/global/s1')
    expect((await cli(cwd, ['rollout', '--dry-run', '--commands'])).stdout).toContain(
      'nothing to deliver',
    )
    expect((await cli(cwd, ['rollout', '--dry-run', '--commands'])).status).toBe(0)
    fs.mkdirSync(path.join(cwd, 'agents'))
    fs.writeFileSync(
      path.join(cwd, 'agents/s1.hcl'),
      'server {\n  enabled = true\n}\nlog_level = "VERBOSE"\n',
    )
    fs.writeFileSync(
      path.join(cwd, 'cluster.yaml'),
      spec('acme', '{ s1: { config: agents/s1.hcl } }'),
    )
    const { status, stdout } = await cli(cwd, ['rollout', '--dry-run', '--commands'])
    expect(status).toBe(2)
    expect(stdout).toContain('log_level')
    expect(stdout).toContain(
      '1 error holds a part of the plan: what is not made cannot be delivered',
    )
    expect((await document(cwd)).errors).toMatchObject([{ address: 'config/global/s1' }])
    // Brought for real it is told as well, and stops nothing: no certificate waits for it.
    const brought = await cli(cwd, ['rollout', '--yes'])
    expect(brought.stderr).toContain('config/global/s1: ')
    expect(brought.stderr).toContain('log_level')
    expect(brought.status).toBe(0)
  })
})

test('an agent that was never seen with files of ours is told of its stanza and the restart', async () => {
  const first = 'add --stanza /etc/nomad.d/tls.hcl to its line, and restart it'
  const cwd = await applied('{ s1: {} }')
  expect((await cli(cwd, ['rollout', '--dry-run', '--commands'])).stdout).toContain(first)
  await seen(cwd, 'identity/server/global/s1')
  expect((await cli(cwd, ['rotate', 'leaves', 's1', '--yes'])).status).toBe(0)
  const { stdout } = await cli(cwd, ['rollout', '--dry-run', '--commands'])
  expect(stdout).toContain('1 step to 1 agent')
  expect(stdout).not.toContain(first)
})

describe('a cluster that was renamed', () => {
  test('the commands have the override that the node asks for, until it was given', async () => {
    const cwd = await applied('{ s1: {} }')
    await cli(cwd, ['pack', 's1', '--out', 'first.tar.gz'])
    const first = ['install', 'first.tar.gz', '--tls', 'tls', '--reload', 'none']
    expect((await cli(cwd, first)).status).toBe(0)
    expect((await document(cwd)).steps[0]!.nodes[0]!.overrides).toEqual([])
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec('beta', '{ s1: {} }'))
    const renamed = ['apply', '--yes', '--override', 'cluster=beta', '--reason', "acme's new name"]
    expect((await cli(cwd, renamed)).status).toBe(0)
    const { stdout } = await cli(cwd, ['rollout', '--dry-run', '--commands'])
    expect(stdout).toContain('the cluster was renamed')
    const [node] = (await document(cwd)).steps[0]!.nodes
    expect(node!.script).toContain(`--override cluster=beta --reason 'acme'\\''s new name'`)
    expect((await cli(cwd, ['rotate', 'leaves', 's1', '--yes'])).status).toBe(0)
    const [next] = (await document(cwd)).steps[0]!.nodes
    await cli(cwd, ['pack', 's1', '--out', 'global-s1-2.tar.gz'])
    const bare = ['install', 'global-s1-2.tar.gz', '--tls', 'tls', '--reload', 'none']
    expect((await cli(cwd, bare)).status).toBe(3)
    const words = wordsOf(next!.install.replace(`'\\''`, '')).slice(1)
    const line = words.map((word) => (word === 'nomad' ? 'none' : word))
    const installed = await cli(cwd, [...line, '--tls', 'tls'])
    expect(installed).toMatchObject({ status: 0 })
  })
})

describe('a block that a reload does not load again', () => {
  const tls = '/etc/nomad-tls/current'
  const block = (kind: string, file: string): string =>
    `server {\n  enabled = true\n}\n${kind} {\n  address = "127.0.0.1:8501"\n  cert_file = "${file}"\n}\n`

  test.each([
    ['consul', `${tls}/cert.pem`, true],
    ['vault', `${tls}/cert.pem`, true],
    ['consul', '/etc/consul/cert.pem', false],
  ])('%s with %s: restart %s', async (kind, file, restart) => {
    const cwd = folder({
      'cluster.yaml': `${spec('acme', '{ s1: { config: agents/s1.hcl } }')}node: { tls: /etc/nomad-tls }\n`,
      'agents/s1.hcl': block(kind, file),
    })
    // The stanza is older than the proof: of itself it needs no restart any more.
    const before = { now: now - 60_000 }
    await cli(cwd, ['init', '--new-store'], before)
    expect((await cli(cwd, ['apply', '--yes'], before)).status).toBe(0)
    await seen(cwd, 'identity/server/global/s1')
    expect((await cli(cwd, ['rotate', 'leaves', 's1', '--yes'])).status).toBe(0)
    const found = await document(cwd)
    expect(found.steps[0]!.nodes[0]!.restart).toBe(restart)
    expect(found.notReloaded).toEqual(restart ? ['identity/server/global/s1'] : [])
    const { stdout } = await cli(cwd, ['rollout', '--dry-run', '--commands'])
    expect(stdout.includes('a consul or vault block names a file of tls')).toBe(restart)
    expect(stdout).toContain(restart ? 'systemctl restart nomad' : '--reload nomad')
    expect(stdout.includes('systemctl restart nomad')).toBe(restart)
  })
})

test('two leaders of one region are refused, with both', async () => {
  const cwd = await applied('{ s1: {}, s2: {} }')
  const order = ['rollout', '--dry-run', '--commands', '--leader', 's1']
  expect((await cli(cwd, order)).stderr).toBe('')
  const { status, stderr } = await cli(cwd, [...order, '--leader', 's2'])
  expect([status, stderr.split('\n')[0]]).toEqual([
    64,
    'error: --leader names two leaders of global: identity/server/global/s1 and identity/server/global/s2',
  ])
})

test('probe names both agents of one endpoint', async () => {
  const place = '{ http: "127.0.0.1:1", rpc: "127.0.0.1:2" }'
  const cwd = await applied(`{ s1: ${place}, s2: ${place} }`)
  const { stderr } = await cli(cwd, ['probe', 's1', '--dry-run', '--timeout', '1s'])
  const both = 'identity/server/global/s1 and identity/server/global/s2'
  expect(stderr.match(/^warning: .*$/gm)).toEqual(
    ['127.0.0.1:1', '127.0.0.1:2'].map(
      (at) =>
        `warning: ${both} have the same endpoint ${at}: correct ips, http or rpc of one in the spec`,
    ),
  )
})
