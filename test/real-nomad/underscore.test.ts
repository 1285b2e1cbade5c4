/**
 * Region names are Nomad's, not DNS's: one with an underscore runs under full mTLS.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command } from './harness/binaries.js'
import { type Cluster, layOut, startCluster } from './harness/cluster.js'
import { run } from './harness/run.js'

let base: string
let cluster: Cluster

beforeAll(async () => {
  // A folder whose name needs quoting, too.
  base = mkdtempSync(join(tmpdir(), "nomad pki's "))
  const plans = await layOut(base, [
    { name: 'u1', region: 'us_west', role: 'server' },
    { name: 'u2', region: 'us_west', role: 'client' },
  ])
  writeFileSync(
    join(base, 'cluster.yaml'),
    `version: 1
cluster: underscore
store: pki
authorities:
  agent: {}
  west: { issuer: agent }
node:
  tls: store
regions:
  us_west:
    authority: west
    servers:
      u1: { config: agents/u1 }
    clients:
      u2: { config: agents/u2 }
operators:
  carol: { region: us_west, lifetime: 24h }
`,
  )
  await run(process.execPath, [command, 'init', '--new-store'], { cwd: base })
  const applied = await run(process.execPath, [command, 'apply', '--yes'], { cwd: base })
  if (applied.status !== 0) throw new Error(`apply: ${applied.stdout}${applied.stderr}`)
  const read = (file: string): string =>
    readFileSync(join(base, 'pki/identity/operator/us_west/carol/current', file), 'utf8')
  cluster = await startCluster(plans, {
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('key.pem'),
  })
})

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await cluster?.stop()
  rmSync(base, { recursive: true, force: true })
})

test('us_west has a leader and its client is ready', async () => {
  expect([...(await cluster.leaders()).keys()]).toEqual(['us_west'])
  expect(await cluster.nodesReady()).toEqual(new Map([['us_west', ['u2']]]))
})
