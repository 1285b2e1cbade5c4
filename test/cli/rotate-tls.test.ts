/** TLS turned on in a running cluster, stage by stage, as far as a store and two listeners can show it. */

import fs from 'node:fs'
import { createServer, type Server } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, type Said } from './cli.js'

/** Answers every RPC as a server that accepts plaintext does, or ends the connection as one with TLS alone does. */
function listener(): { readonly server: Server; accepts: boolean } {
  const own = {
    accepts: true,
    server: createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', (chunk) => {
        // The header of a response, a map of MessagePack; TLS begins with a byte 4.
        if (own.accepts && chunk[0] === 1) socket.end(Buffer.of(0x83, 0xa3, 0x53, 0x65, 0x71, 1))
        else socket.destroy()
      })
    }),
  }
  return own
}

const rpc = listener()
let port = 0
let place = ''

const pki = (...argv: string[]): Promise<Said> => cli(place, argv)
const spec = (): string => fs.readFileSync(path.join(place, 'cluster.yaml'), 'utf8')
const config = (name: string): string => fs.readFileSync(path.join(place, 'agents', name), 'utf8')

beforeAll(async () => {
  await new Promise<void>((resolve) => rpc.server.listen(0, '127.0.0.1', resolve))
  const address = rpc.server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  place = folder({
    'cluster.yaml': `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
transport: plaintext # since the cluster was built
regions:
  global:
    servers:
      s1: { http: "127.0.0.1:${port}", rpc: "127.0.0.1:${port}", config: agents/s1.hcl }
    clients:
      c1: { http: "127.0.0.1:${port}", config: agents/c1.hcl }
operators:
  alice: { region: global }
`,
    'agents/s1.hcl': 'data_dir = "/opt/nomad"\nserver {\n  enabled = true\n}\n',
    'agents/c1.hcl': 'data_dir = "/opt/nomad"\nclient {\n  enabled = true\n}\n',
  })
  await pki('init', '--new-store')
  expect(await pki('apply', '--yes')).toMatchObject({ status: 0 })
})

afterAll(() => {
  rpc.server.close()
})

/** A receipt that the installer wrote for an agent. */
async function deliver(name: string): Promise<string> {
  await pki('pack', name, '--out', `${name}.tar.gz`)
  const tls = path.join(place, `${name}-tls`)
  await pki('install', `${name}.tar.gz`, '--tls', tls, '--reload', 'none')
  return path.join(tls, 'receipt.json')
}

describe('plaintext', () => {
  test('apply makes files and leaves the configurations alone, and nothing is found', async () => {
    expect(config('s1.hcl')).not.toContain('tls')
    expect(await pki('plan')).toMatchObject({ status: 0 })
    const { status, stdout } = await pki('verify', '--offline')
    expect([status, stdout]).toEqual([0, expect.not.stringContaining('stanza')])
  })
  test('a configuration that turns TLS on contradicts it', async () => {
    const before = config('c1.hcl')
    fs.appendFileSync(path.join(place, 'agents/c1.hcl'), 'tls { rpc = true }\n')
    const { stdout, stderr } = await pki('plan')
    expect(stdout + stderr).toContain('turns on rpc, and transport is plaintext')
    fs.writeFileSync(path.join(place, 'agents/c1.hcl'), before)
  })
  test('config check does not ask for TLS', async () => {
    const { stdout } = await pki('config', 'check', 'agents/s1.hcl')
    expect(stdout).not.toContain('tls-off')
  })
  test('the order puts files in place, and reloads nothing', async () => {
    const { stdout } = await pki('rollout', '--dry-run', '--commands')
    expect(stdout).toContain('--reload none')
    expect(stdout).not.toMatch(/--reload nomad$|systemctl/m)
    expect(stdout).toContain('nomad-pki probe --evidence receipt.json')
  })
  test('the gate waits for each receipt, and says what heartbeat_grace must be', async () => {
    const { status, stdout } = await pki('rotate', 'tls')
    expect(status).toBe(3)
    expect(stdout).toContain('transport: plaintext, stage 1 of 3')
    expect(stdout).toContain('gate: closed; 0 of 2 agents')
    expect(stdout).toContain('heartbeat_grace of s1 is too short (10s)')
    expect(stdout).toContain('set server { heartbeat_grace = "1h" }')
    const refused = await pki('rotate', 'tls', '--next')
    expect(refused).toMatchObject({ status: 3 })
    expect(spec()).toContain('transport: plaintext # since')
  })
  test('with receipts, and Nomad asked for its members, it opens', async () => {
    const s1 = await deliver('s1')
    const half = await pki('rotate', 'tls', '--evidence', s1)
    expect(half.stdout, half.stderr).toContain('gate: closed; 1 of 2 agents')
    await pki('rotate', 'tls', '--evidence', await deliver('c1'))
    const members = await pki('rotate', 'tls', '--next')
    expect(members.stderr).toContain('nomad-pki probe')
    const open = await pki('rotate', 'tls', '--except', 'member/global', '--reason', 'a test')
    expect([open.status, open.stdout]).toEqual([0, expect.stringContaining('gate: open; 2 of 2')])
    // Nobody was asked for a certificate that it cannot have.
    const probed = await pki('probe', '--timeout', '1s')
    expect(probed.stdout).toContain('transport is plaintext')
    expect((await pki('rotate', 'tls')).status).toBe(0)
  })
  test('the document has the same', async () => {
    const { stdout } = await pki('rotate', 'tls', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'nomad-pki/transport',
      transport: 'plaintext',
      next: { transport: 'upgrading', restarts: ['servers', 'clients'] },
      gate: { open: true },
      heartbeatGrace: { needed: 3_600_000, short: [{ grace: 10_000 }] },
      taken: false,
    })
  })
})

describe('upgrading', () => {
  beforeAll(async () => {
    expect(await pki('rotate', 'tls', '--next')).toMatchObject({ status: 0 })
  })
  test('one word of the spec was changed', () => {
    expect(spec()).toContain('transport: upgrading # since the cluster was built\n')
  })
  test('servers accept both and do not check names; clients have the last settings', async () => {
    expect(await pki('apply', '--yes')).toMatchObject({ status: 0 })
    expect(config('s1.hcl')).toMatch(/rpc_upgrade_mode\s+= true/)
    expect(config('s1.hcl')).toMatch(/verify_server_hostname\s+= false/)
    expect(config('c1.hcl')).toMatch(/verify_server_hostname\s+= true/)
    expect(config('c1.hcl')).not.toContain('rpc_upgrade_mode')
    expect(await pki('plan')).toMatchObject({ status: 0 })
  })
  test('what the stage asks for is not a finding', async () => {
    for (const argv of [['plan'], ['config', 'check', 'agents/s1.hcl']]) {
      const { stdout, stderr } = await pki(...argv)
      expect(stdout + stderr).not.toMatch(
        /rpc_upgrade_mode|rpc-upgrade-mode|verify_server_hostname/,
      )
    }
  })
  test('the order restarts servers, then clients', async () => {
    const { stdout } = await pki('rollout', '--dry-run', '--commands')
    expect(stdout).toMatch(/server s1[^]*systemctl restart nomad[^]*client c1[^]*systemctl restart/)
  })
  test('the gate waits for handshakes, and says who accepts plaintext', async () => {
    const { status, stdout } = await pki('rotate', 'tls')
    expect(status).toBe(3)
    expect(stdout).toContain('it waits for a handshake of each agent')
    expect(stdout).toContain('servers that accept plaintext RPC: s1')
  })
  test('a stage that has done its work and was not ended is a finding of plan', async () => {
    for (const address of ['server/global/s1', 'c1']) {
      await pki('rotate', 'tls', '--except', address, '--reason', 'a test')
    }
    const { stdout, stderr } = await pki('plan')
    expect(stdout + stderr).toContain('the servers still accept plaintext RPC')
    expect((await pki('verify', '--offline')).stdout).toContain('nomad-pki rotate tls --next')
  })
})

describe('tls', () => {
  beforeAll(async () => {
    expect(await pki('rotate', 'tls', '--next')).toMatchObject({ status: 0 })
    expect(await pki('apply', '--yes')).toMatchObject({ status: 0 })
  })
  test('the last settings', async () => {
    expect(config('s1.hcl')).toMatch(/rpc_upgrade_mode\s+= false/)
    expect(config('s1.hcl')).toMatch(/verify_server_hostname\s+= true/)
    const { stdout, stderr } = await pki('plan')
    expect(stdout + stderr).not.toContain('plaintext')
  })
  test('a server that was not restarted still answers plaintext, and holds the gate', async () => {
    const { status, stdout } = await pki('rotate', 'tls')
    expect(status).toBe(3)
    expect(stdout).toContain('still answers plaintext RPC')
    rpc.accepts = false
    const done = await pki('rotate', 'tls')
    expect(done.stdout).toContain('servers that refuse plaintext RPC: s1')
    expect(done.stdout).toContain('nothing remains to do')
    expect(done.status).toBe(0)
  })
  test('a server that cannot be asked holds it too: silence is not a refusal', async () => {
    await new Promise<void>((resolve) => {
      rpc.server.close(() => {
        resolve()
      })
    })
    const { status, stdout } = await pki('rotate', 'tls')
    expect(status).toBe(3)
    expect(stdout).toContain('refuses plaintext is not known')
  })
})
