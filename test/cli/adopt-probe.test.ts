/** `adopt --probe`: running agents say what no folder holds. */

import fs from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseSpec } from '../../src/cluster/parse.js'
import { fixture } from '../adoption/folders.js'
import { FakeAgent } from '../probe/agents.js'
import { cli, folder, type Said } from './cli.js'

const tool = (name: string, file: string): string =>
  fs.readFileSync(path.join(fixture(name), file), 'utf8')
const ca = tool('nomad-tls', 'nomad-agent-ca.pem')
const pair = (role: string): { cert: string; key: string } => ({
  cert: tool('nomad-tls', `global-${role}-nomad.pem`),
  key: tool('nomad-tls', `global-${role}-nomad-key.pem`),
})
const rsa = tool('easy-rsa', 'pki/ca.crt')
const foreign = {
  ca: rsa,
  cert: tool('easy-rsa', 'pki/issued/s1.crt'),
  key: tool('easy-rsa', 'pki/private/s1.key'),
}

let s1: FakeAgent
let c1: FakeAgent
let other: FakeAgent
beforeAll(async () => {
  s1 = await FakeAgent.start({ ca, ...pair('server') })
  c1 = await FakeAgent.start({ ca: ca + rsa, ...pair('client') }, { rpc: false })
  other = await FakeAgent.start(foreign)
})
afterAll(async () => {
  for (const one of [s1, c1, other]) await one.stop()
})

interface Document {
  readonly authorities: readonly { address: string; key: boolean }[]
  readonly identities: readonly { address: string }[]
  readonly leftOut: readonly { place: string; code: string; message: string }[]
}
const documentOf = ({ stdout }: Said): Document => JSON.parse(stdout) as Document
const agents = (cwd: string): readonly string[] => {
  const { spec } = parseSpec(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8'))
  return spec!.regions.flatMap(({ name, groups }) =>
    groups.map(
      ({ role, pattern, http }) => `${role} ${name}/${pattern.text} ${String(http?.text)}`,
    ),
  )
}

test('agents whose pairs no folder holds become nodes, and their authority is known by its certificate', async () => {
  const cwd = folder({ 'old/ca.pem': ca })
  const dry = await cli(cwd, ['adopt', 'old', '--probe', s1.http, '--probe', c1.http, '--dry-run'])
  expect([dry.status, fs.readdirSync(cwd)]).toEqual([0, ['old']])
  const said = documentOf(
    await cli(cwd, ['adopt', 'old', '--probe', s1.http, '--probe', c1.http, '--json']),
  )
  expect(said.authorities).toMatchObject([{ address: 'authority/agent/1', key: false }])
  expect(said.identities).toEqual([])
  expect(agents(cwd)).toEqual([
    `server global/s1 ${s1.http}`,
    `client global/ip-127-0-0-1 ${c1.http}`,
  ])
  expect(said.leftOut.map(({ place, code }) => `${place} ${code}`).sort()).toEqual(
    [
      `${c1.http} adoption/issuer`,
      `${c1.http} adoption/key-missing`,
      `${s1.http} adoption/key-missing`,
    ].sort(),
  )
  expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toContain(
    'identity/server/global/s1 gets a new pair with the first apply',
  )
  const plan = await cli(cwd, ['plan'])
  expect(plan.stdout).toContain('its key is not in the store')
})

test('a pair that a folder holds is adopted, and a port that shows it adds nothing', async () => {
  const { cert, key } = pair('server')
  const cwd = folder({ 'old/ca.pem': ca, 'old/s.pem': cert + key })
  const said = documentOf(await cli(cwd, ['adopt', 'old', '--probe', s1.http, '--json']))
  expect(said.identities.map(({ address }) => address)).toEqual(['identity/server/global/s1'])
  expect(said.leftOut).toEqual([])
  expect(agents(cwd)).toHaveLength(1)
})

test('without a value the agents of --agents are asked: what one presents is what it uses', async () => {
  const config = (at: string): string => `name = "s1"
server { enabled = true }
bind_addr = "127.0.0.1"
ports { http = ${at.split(':')[1]!} }
tls {
  http = true
  rpc = true
  ca_file = "ca.pem"
  cert_file = "s.pem"
  key_file = "s.pem"
}
`
  const { cert, key } = pair('server')
  const files = { 'old/ca.pem': ca, 'old/s.pem': cert + key }
  const same = folder({ ...files, 'agents/s1/nomad.hcl': config(s1.http) })
  const line = ['adopt', 'old', '--agents', 'agents/s1', '--probe', '--json']
  expect(documentOf(await cli(same, line)).identities).toMatchObject([
    { address: 'identity/server/global/s1' },
  ])
  // A file of that name is not what this agent uses.
  const moved = folder({ ...files, 'agents/s1/nomad.hcl': config(other.http) })
  const told = await cli(moved, line)
  expect([told.status, told.stderr]).toEqual([
    1,
    expect.stringContaining(
      `no certificate of an agent tells which one is in use: old/ca.pem, ${other.http}`,
    ),
  ])
})

test('an agent of another cluster is told, and is not a node', async () => {
  const { cert, key } = pair('server')
  const cwd = folder({ 'old/ca.pem': ca, 'old/s.pem': cert + key })
  const line = ['adopt', 'old', '--probe', s1.http, '--probe', other.http, '--json']
  const said = documentOf(await cli(cwd, line))
  expect(said.identities.map(({ address }) => address)).toEqual(['identity/server/global/s1'])
  expect(said.leftOut.map(({ place }) => place)).toEqual([other.http])
  expect(agents(cwd)).toHaveLength(1)
})

test('nor where it presents its root as well, so that its authority is known', async () => {
  const { cert, key } = pair('server')
  const whole = await FakeAgent.start({ ...foreign, cert: foreign.cert + rsa })
  try {
    const cwd = folder({ 'old/ca.pem': ca, 'old/s.pem': cert + key })
    const said = documentOf(await cli(cwd, ['adopt', 'old', '--probe', whole.http, '--json']))
    expect(said.leftOut).toMatchObject([{ place: whole.http, code: 'adoption/authority' }])
    expect(said.leftOut[0]!.message).toMatch(/is it an agent of another cluster\?$/)
    expect(agents(cwd)).toHaveLength(1)
  } finally {
    await whole.stop()
  }
})

/** Listeners that are not agents, and what is said of each below its address. */
const strangers: readonly (readonly [string, (socket: Socket) => void, string])[] = [
  [
    'plain HTTP',
    (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'answers in plain HTTP, not TLS',
  ],
  [
    'an alert instead of a handshake',
    (socket) => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 40])),
    'cannot be asked: it refuses the handshake (TLS alert 40, handshake failure)',
  ],
  [
    'a connection that is closed at once',
    (socket) => socket.destroy(),
    'cannot be asked: it closed the connection before it answered',
  ],
]

test.each(strangers)('%s is told in words, and the port once', async (_, answer, message) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      answer(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const { cert, key } = pair('server')
    const cwd = folder({ 'old/ca.pem': ca, 'old/s.pem': cert + key })
    const said = documentOf(await cli(cwd, ['adopt', 'old', '--probe', at, '--json']))
    expect(said.leftOut).toMatchObject([{ place: at, code: 'adoption/silent', message }])
    expect(said.identities).toHaveLength(1)
  } finally {
    server.close()
  }
})

test('a port that does not answer is told, and the rest is adopted', async () => {
  const { cert, key } = pair('server')
  const cwd = folder({ 'old/ca.pem': ca, 'old/s.pem': cert + key })
  const said = documentOf(await cli(cwd, ['adopt', 'old', '--probe', '127.0.0.1:1', '--json']))
  expect(said.identities).toHaveLength(1)
  expect(said.leftOut).toMatchObject([
    {
      place: '127.0.0.1:1',
      code: 'adoption/silent',
      message: 'cannot be asked: nothing listens there',
    },
  ])
})

test.each([[['--probe']], [['--probe', 'nonsense']], [['--probe', '127.0.0.1:99999']]])(
  '%j is refused without anything to ask',
  async (more) => {
    const cwd = folder({ 'old/ca.pem': ca })
    expect((await cli(cwd, ['adopt', 'old', ...more])).status).toBe(64)
  },
)
