/** `--via ssh`: agents whose ports only their own hosts reach, with an ssh that relays on this machine. */

import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { FakeAgent, trioIn } from '../probe/agents.js'
import { cli, folder, now, type Said } from './cli.js'

const spec = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [192.0.2.11], ssh: s1.example } }
    clients: { c1: { http: "127.0.0.1:4646" } }
operators:
  alice: { region: global }
`

interface Bed {
  readonly base: string
  readonly run: (...words: readonly string[]) => Promise<Said>
  readonly write: (host: string, file: string, text: string) => void
  readonly calls: () => readonly string[]
  readonly left: () => readonly string[]
}

const running: FakeAgent[] = []
afterEach(async () => {
  for (const agent of running.splice(0)) await agent.stop()
})

const portOf = (endpoint: string): string => endpoint.split(':')[1]!

async function bed(text = spec): Promise<Bed> {
  const base = folder({ 'cluster.yaml': text })
  const place = folder()
  const env = fakeSsh(place, now)
  const run = (...words: readonly string[]): Promise<Said> => cli(base, words, { env })
  await run('init', '--new-store')
  expect((await run('apply', '--yes')).status).toBe(0)
  const write = (host: string, file: string, content: string): void => {
    fs.mkdirSync(path.join(place, 'hosts', host), { recursive: true })
    fs.writeFileSync(path.join(place, 'hosts', host, file), content)
  }
  const identity = (name: string): string => {
    const own = path.join(base, 'pki/identity', name)
    return path.join(
      own,
      fs.readdirSync(own).find((one) => /^\d/.test(one))!,
    )
  }
  const s1 = await FakeAgent.start(trioIn(identity('server/global/s1')))
  const c1 = await FakeAgent.start(trioIn(identity('client/global/c1')), { rpc: false })
  running.push(s1, c1)
  s1.api = {
    '/v1/agent/members': {
      Members: [
        {
          ...{ Name: 's1.global', Status: 'alive', Addr: '192.0.2.11' },
          Tags: { region: 'global', id: 'a', rpc_addr: '192.0.2.11', port: '4647' },
        },
      ],
    },
    '/v1/nodes': [{ ID: 'b', Name: 'c1', Status: 'ready' }],
  }
  write(
    's1.example',
    'ports',
    `192.0.2.11:4646 ${portOf(s1.http)}\n192.0.2.11:4647 ${portOf(s1.rpc)}\n`,
  )
  write('c1', 'ports', `127.0.0.1:4646 ${portOf(c1.http)}\n`)
  return {
    ...{ base, run, write },
    calls: () => fs.readFileSync(path.join(place, 'calls'), 'utf8').trim().split('\n'),
    left: () => fs.readdirSync(path.join(place, 'tmp')),
  }
}

describe('probe --via ssh', () => {
  test('proves agents by handshakes that begin on their hosts, one connection for each host', async () => {
    const { base, run, calls, left } = await bed()
    const { status, stdout } = await run('probe', '--via', 'ssh')
    expect(stdout).toContain('2 of 2 agents proven on the newest generation')
    expect(stdout).toContain('Nomad names 1 server and 1 client in global')
    expect(status).toBe(0)
    const masters = calls().filter((call) => call.startsWith('master'))
    expect(masters.sort()).toEqual(['master c1', 'master s1.example'])
    expect(new Set(calls().filter((call) => call.startsWith('forward')))).toEqual(
      new Set([
        'forward s1.example 192.0.2.11:4646',
        'forward s1.example 192.0.2.11:4647',
        'forward c1 127.0.0.1:4646',
      ]),
    )
    expect(left()).toEqual([])
    // A port is noted by the name that every other probe has for it; loopback is one on every host.
    const ledger = fs.readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8')
    const noted = [...ledger.matchAll(/"event":"observed".*?"endpoint":"([^"]+)"/g)]
    expect(noted.map(([, endpoint]) => endpoint).sort()).toEqual([
      ...['192.0.2.11:4646', '192.0.2.11:4647', 'c1:4646'],
    ])
    // The ledger is what status reads, however it was seen.
    expect((await run('status')).status).toBe(0)
  })

  test('agents that speak plaintext are asked for their members from their own hosts, too', async () => {
    const { base, run, write, calls } = await bed()
    const api = http.createServer(({ url = '' }, response) => {
      const members = {
        Members: [
          {
            ...{ Name: 's1.global', Status: 'alive', Addr: '192.0.2.11' },
            Tags: { region: 'global', id: 'a', rpc_addr: '192.0.2.11', port: '4647' },
          },
        ],
      }
      const nodes = [{ ID: 'b', Name: 'c1', Status: 'ready' }]
      response.end(JSON.stringify(url.startsWith('/v1/nodes') ? nodes : members))
    })
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = api.address() as AddressInfo
      write('s1.example', 'ports', `192.0.2.11:4646 ${port}\n`)
      fs.writeFileSync(
        path.join(base, 'cluster.yaml'),
        spec.replace('regions:', 'transport: plaintext\nregions:'),
      )
      const { stdout } = await run('probe', '--via', 'ssh')
      expect(stdout).toContain('Nomad names 1 server and 1 client in global')
      expect(calls()).toContain('forward s1.example 192.0.2.11:4646')
    } finally {
      api.close()
    }
  })

  test('a host that ssh does not reach is told from an agent that does not answer', async () => {
    const { run, write } = await bed()
    write('s1.example', 'away', 'deploy@s1: Permission denied (publickey).\n')
    write('c1', 'ports', '')
    const { status, stdout } = await run('probe', '--via', 'ssh')
    expect(status).toBe(2)
    expect(stdout).toContain(
      '192.0.2.11:4647 cannot be asked: its host s1.example was not reached by ssh: deploy@s1: Permission denied (publickey)',
    )
    expect(stdout).toContain('fix: ssh HOST must work without a password')
    expect(stdout).toContain('c1:4646 cannot be asked: nothing listens at 127.0.0.1:4646 of c1')
  })

  test('an sshd that forwards nothing is named as the cause, with its setting', async () => {
    const { run, write } = await bed()
    write('c1', 'ports', '')
    write('c1', 'closed', 'administratively prohibited: open failed\n')
    const { status, stdout } = await run('probe', 'c1', '--via', 'ssh')
    expect(status).toBe(2)
    expect(stdout).toContain('sshd does not open 127.0.0.1:4646 of c1')
    expect(stdout).toContain('AllowTcpForwarding')
  })

  test('an agent of which the spec says `ssh: false` is asked from here', async () => {
    const { base, run, calls } = await bed()
    const port = portOf(running[1]!.http)
    fs.writeFileSync(
      path.join(base, 'cluster.yaml'),
      spec.replace(
        'c1: { http: "127.0.0.1:4646" }',
        `c1: { http: "127.0.0.1:${port}", ssh: false }`,
      ),
    )
    const { status, stdout } = await run('probe', 'c1', '--via', 'ssh')
    expect(stdout).toContain('1 of 1 agent proven')
    expect(status).toBe(0)
    expect(fs.existsSync(path.join(base, '../calls')) ? calls() : []).toEqual([])
  })

  test.each([
    ['bind_addr = "0.0.0.0"', '127.0.0.1:4646'],
    ['addresses { http = "192.0.2.7" }', '192.0.2.7:4646'],
    ['bind_addr = "{{ GetPrivateIP }}"\nports { http = 14646 }', '192.0.2.9:14646'],
    ['advertise { http = "198.51.100.1:80" }\nports { http = 14646 }', '127.0.0.1:14646'],
  ])('%s: its host connects to %s', async (text, there) => {
    const { base, run, write, calls } = await bed()
    const own = spec.replace(
      'c1: { http: "127.0.0.1:4646" }',
      'c1: { ips: [192.0.2.9], config: c1.hcl, ssh: c1 }',
    )
    fs.writeFileSync(path.join(base, 'cluster.yaml'), own)
    fs.writeFileSync(path.join(base, 'c1.hcl'), `${text}\nclient { enabled = true }\n`)
    write('c1', 'ports', `${there} ${portOf(running[1]!.http)}\n`)
    await run('probe', 'c1', '--via', 'ssh')
    expect(calls().filter((call) => call.startsWith('forward'))).toEqual([`forward c1 ${there}`])
  })

  test('a rollout asks agents, and the API of servers, in the same way', async () => {
    const { run, calls } = await bed()
    const { status, stdout } = await run('rollout', '--via', 'ssh', '--dry-run')
    expect(status).toBe(3)
    // The hosts of this test have no unit: that their agents answer shows that they were asked.
    expect(stdout).toContain('its agent answers, and nomad.service is absent')
    expect(new Set(calls().filter((call) => call.startsWith('forward')))).toContain(
      'forward s1.example 192.0.2.11:4647',
    )
    expect(calls().filter((call) => call.startsWith('master'))).toHaveLength(2)
  })

  test('what it excludes', async () => {
    const { run } = await bed()
    const { status, stderr } = await run('probe', '--via', 'ssh', '--evidence', 'x.jsonl')
    expect(status).toBe(64)
    expect(stderr).toContain('--via')
    expect((await run('probe', '--via', 'telnet')).status).toBe(64)
  })
})
