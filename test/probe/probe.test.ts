/** `probe` against listeners on loopback, from the command down. */

import { createServer as createHttpsServer } from 'node:https'
import { join } from 'node:path'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { cli, folder } from '../cli/cli.js'
import { sequence, setOf, utf8String } from '../../src/der/write.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { signBytes } from '../../src/keys/sign.js'
import { evidenceSchema } from '../../src/evidence/evidence-schema.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { assembleCertificate, encodeTbs } from '../../src/x509/encode.js'
import { encodedOid } from '../../src/x509/oids.js'
import { FakeAgent, trioIn, type AgentSettings, type Trio } from './agents.js'
import { copyFolder } from '../copy-folder.js'

// Handshakes and whole commands, beside whatever else the machine does.
vi.setConfig({ testTimeout: 30_000 })

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

const specText = (nodes: string): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
${nodes}
operators:
  alice: { region: global }
`

const made = new Map<string, string>()

/** The files of a cluster, made once: but a second one in one test has keys of its own. */
async function filesOf(whose: 'ours' | 'theirs'): Promise<string> {
  let place = made.get(whose)
  if (place === undefined) {
    place = folder({
      'cluster.yaml': specText('    servers: { s1: {}, s2: {} }\n    clients: { c1: {} }'),
    })
    await run(place, 'init', '--new-store')
    expect((await run(place, 'apply', '--yes')).status).toBe(0)
    made.set(whose, place)
  }
  return place
}

/** A cluster of two servers and a client that run. */
class Live {
  readonly cwd: string
  readonly s1: FakeAgent
  readonly s2: FakeAgent
  readonly c1: FakeAgent

  private constructor(cwd: string, [s1, s2, c1]: readonly FakeAgent[]) {
    this.cwd = cwd
    this.s1 = s1!
    this.s2 = s2!
    this.c1 = c1!
  }

  static async start(settings: AgentSettings = {}, ofServers: AgentSettings = {}): Promise<Live> {
    const cwd = folder()
    copyFolder(await filesOf(agents.length === 0 ? 'ours' : 'theirs'), cwd)
    const trio = (node: string): Trio => trioIn(join(cwd, 'pki/identity', node, 'current'))
    const s1 = await FakeAgent.start(trio('server/global/s1'), ofServers)
    const s2 = await FakeAgent.start(trio('server/global/s2'), ofServers)
    const c1 = await FakeAgent.start(trio('client/global/c1'), { rpc: false, ...settings })
    agents.push(s1, s2, c1)
    const server = (name: string, { http, rpc }: FakeAgent): string =>
      `${name}: { http: "${http}", rpc: "${rpc}" }`
    writeFileSync(
      join(cwd, 'cluster.yaml'),
      specText(
        `    servers: { ${server('s1', s1)}, ${server('s2', s2)} }\n    clients: { c1: { http: "${c1.http}" } }`,
      ),
    )
    return new Live(cwd, [s1, s2, c1])
  }

  /** The trio of a generation; by default the current one. */
  trio(node: string, generation?: number): Trio {
    const place = join(this.cwd, 'pki/identity', node)
    const name =
      generation === undefined
        ? 'current'
        : readdirSync(place).find((one) => one.startsWith(`${generation}-`))!
    return trioIn(join(place, name))
  }

  run(...argv: readonly string[]): ReturnType<typeof cli> {
    return run(this.cwd, ...argv)
  }

  get ledger(): Record<string, unknown>[] {
    return readFileSync(join(this.cwd, 'pki/ledger.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  edit(from: string, to: string): void {
    const file = join(this.cwd, 'cluster.yaml')
    const text = readFileSync(file, 'utf8')
    if (!text.includes(from)) throw new Error(`the spec does not hold ${from}`)
    writeFileSync(file, text.replace(from, to))
  }
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true })
const schema = (name: string): object =>
  JSON.parse(
    readFileSync(new URL(`../../src/report/schemas/${name}.json`, import.meta.url), 'utf8'),
  ) as object
const validate = ajv.compile(schema('probe'))
const objectsIn = (file: string): readonly unknown[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
const validateEvidence = ajv.compile(evidenceSchema())

interface ProbeDocument {
  readonly agents: readonly Record<string, unknown>[]
  readonly halfRotated: readonly {
    readonly sides: readonly { readonly roots: string[]; readonly agents: string[] }[]
  }[]
  readonly nomad: object
}

/** The document, which is what its schema says. */
function documentOf(stdout: string): ProbeDocument {
  const document = JSON.parse(stdout) as ProbeDocument
  validate(document)
  expect(validate.errors).toBeNull()
  return document
}

function run(cwd: string, ...argv: readonly string[]): ReturnType<typeof cli> {
  return cli(cwd, [...argv], { now: Date.now() })
}

describe('probe', () => {
  test('all agents have their newest generation: 0, and a line of the ledger for each port', async () => {
    const live = await Live.start()
    const { status, stdout, stderr } = await live.run('probe')
    expect(stderr).toBe('')
    expect(stdout).toContain('server/global/s1  proven  generation 1')
    expect(stdout).toMatch(/Nomad was not asked for the members of global: .* it answers 404/)
    expect(stdout).toContain('acme: 3 of 3 agents proven on the newest generation')
    expect(stdout).toContain('5 handshakes; each of the 2 RPC ports logged one')
    expect(status).toBe(0)
    const observed = live.ledger.filter(({ event }) => event === 'observed')
    expect(observed).toHaveLength(5)
    expect(observed).toContainEqual(
      expect.objectContaining({
        address: 'identity/server/global/s1',
        endpoint: live.s1.rpc,
        rpc: true,
        generation: 1,
        trusts: ['authority/agent/1'],
      }),
    )
    expect(live.s1.asked.rpc).toBe(1)
  })

  test('a new generation that is not loaded, loaded on one port, loaded on both', async () => {
    const live = await Live.start()
    await live.run('rotate', 'leaves', 's1', '--yes')
    const before = await live.run('probe', 's1')
    expect(before.stdout).toContain('presents generation 1, not 2')
    expect(before.stdout).toContain('fix: deliver generation 2, reload')
    expect(before.status).toBe(2)
    live.s1.reload(live.trio('server/global/s1'), { rpc: false })
    const half = await live.run('probe', 's1')
    expect(half.stdout).toContain(
      `its ports disagree: ${live.s1.http} presents generation 2, ${live.s1.rpc} presents generation 1`,
    )
    expect(half.status).toBe(2)
    live.s1.reload(live.trio('server/global/s1'))
    const after = await live.run('probe', 's1')
    expect(after.stdout).toContain('server/global/s1  proven  generation 2')
    expect(after.status).toBe(0)
  })

  test("another agent's leaf, and one that nobody knows", async () => {
    const live = await Live.start()
    live.s1.reload(live.trio('server/global/s2'))
    const stranger = await Live.start()
    live.c1.reload(stranger.trio('client/global/c1'))
    const { stdout, status } = await live.run('probe', '--json')
    const { agents: verdicts } = documentOf(stdout)
    expect(verdicts.map(({ address, state }) => [address, state])).toEqual([
      ['identity/server/global/s1', 'foreign'],
      ['identity/server/global/s2', 'proven'],
      ['identity/client/global/c1', 'foreign'],
    ])
    expect(verdicts[0]!['message']).toBe(
      `${live.s1.http} presents the leaf of identity/server/global/s2`,
    )
    expect(verdicts[2]!['message']).toMatch(/a leaf that the ledger does not have/)
    expect(status).toBe(2)
    const lines = live.ledger.filter(({ event }) => event === 'observed')
    expect(lines.map(({ address, generation }) => [address, generation])).toEqual([
      ['identity/server/global/s2', 1],
      ['identity/server/global/s2', 1],
      ['identity/server/global/s2', 1],
      ['identity/server/global/s2', 1],
      ['identity/client/global/c1', null],
    ])
  })

  test('one that does not answer, and one that nothing says the address of', async () => {
    const live = await Live.start()
    live.edit(', rpc: "', ', ips: [192.0.2.1], rpc: "')
    live.edit(`c1: { http: "${live.c1.http}" }`, 'c1: {}')
    await live.s2.stop()
    const { stdout, status } = await live.run('probe')
    expect(stdout).toMatch(/server\/global\/s2 {2}silent {3}.* cannot be asked: nothing listens/)
    expect(stdout).toMatch(/client\/global\/c1 {2}unknown {2}its address is unknown/)
    expect(status).toBe(2)
  })

  test('trust that cannot be seen is no proof once it matters, and a receipt is', async () => {
    const live = await Live.start({ verifyHttpsClient: false })
    expect((await live.run('probe')).status).toBe(0)
    await live.run('rotate', 'authority', 'agent', '--next')
    expect((await live.run('apply', '--yes')).status).toBe(0)
    for (const [agent, node] of [
      [live.s1, 'server/global/s1'],
      [live.s2, 'server/global/s2'],
      [live.c1, 'client/global/c1'],
    ] as const) {
      agent.reload(live.trio(node))
    }
    const { stdout, status } = await live.run('probe')
    expect(stdout).toContain('server/global/s1  proven          generation 2')
    expect(stdout).toContain('client/global/c1  not observable')
    expect(status).toBe(2)
    const issued = live.ledger.findLast(
      ({ event, address }) => event === 'issued' && address === 'identity/client/global/c1',
    )!
    const receipt = (state: string, at: number): string =>
      JSON.stringify({
        ...{ format: 'nomad-pki/receipt', version: 1, address: 'identity/client/global/c1' },
        ...{ generation: 2, fingerprint: issued['fingerprint'], archive: null, host: 'c1' },
        ...{ at, state },
      })
    const now = Date.now()
    writeFileSync(join(live.cwd, 'switched.json'), receipt('switched', now - 2))
    writeFileSync(join(live.cwd, 'reloaded.json'), receipt('reloaded', now - 1))
    const switched = await live.run('probe', '--evidence', 'switched.json')
    expect(switched.stderr).toBe('evidence: 1 line noted\n')
    expect(switched.stdout).toContain('client/global/c1  not observable')
    const reloaded = await live.run('probe', '--evidence', 'reloaded.json', 'switched.json')
    expect(reloaded.stderr).toBe('evidence: 1 line noted, 1 there already\n')
    expect(reloaded.stdout).toContain('generation 2 by the receipt of its installer')
    expect(reloaded.status).toBe(0)
  })
})

const gossip = (...names: readonly string[]): object => ({
  Members: [
    ...names.map((name, at) => ({
      ...{ Name: name, Status: 'alive', Addr: `10.0.0.${at + 1}` },
      Tags: { region: 'global', port: '4647' },
    })),
    { Name: 's9.global', Status: 'left', Tags: { region: 'global' } },
  ],
})

describe('listeners that are no agents', () => {
  test('what they say is told and noted as harmless text, and can be taken as evidence', async () => {
    const live = await Live.start()
    const key = generateKeySync('ecdsa-p256')
    const name = 'x'.repeat(5000)
    const terminal = '\u001b[2J\u202e'
    // Names that no authority of ours could have: far too long, and with what a terminal obeys.
    const [root] = parseCertificates(live.trio('client/global/c1').ca)
    const strange = (text: string): string => {
      const value = utf8String(text)
      const subject = sequence(setOf(sequence(encodedOid('2.5.4.3'), value)))
      const tbs = encodeTbs({
        ...{ serial: '01', signatureIdentifier: root!.innerSignatureAlgorithm, extensions: [] },
        ...{ issuer: subject, subject, spki: key.publicKey.spki },
        ...{ notBefore: root!.notBefore, notAfter: root!.notAfter },
      })
      return encodeCertificate(
        assembleCertificate(tbs, root!.innerSignatureAlgorithm, signBytes(key, tbs)),
      )
    }
    const trio = live.trio('client/global/c1')
    live.c1.reload({ ...trio, ca: trio.ca + strange(name) + strange(terminal) })
    const { stdout, status } = await live.run('probe', '--long', '--out', 'seen.json')
    expect(status).toBe(2)
    expect(stdout).toMatch(
      /client\/global\/c1 {2}foreign +.* also trusts CN=x+… and CN=.*, which is not ours/,
    )
    expect(stdout).not.toContain('\u001b')
    const [line] = live.ledger.filter(({ endpoint }) => endpoint === live.c1.http)
    expect(line!['trusts']).toEqual([
      'authority/agent/1',
      `CN=${name.slice(0, 897)}…`,
      'CN=\\1b[2J\\e2\\80\\ae',
    ])
    expect((await live.run('probe', '--evidence', 'seen.json')).status).toBe(2)
  })
})

describe('who belongs to the cluster', () => {
  test('is asked of a server, with the certificate of an operator, and noted', async () => {
    const live = await Live.start()
    live.s1.api = {
      '/v1/agent/members': gossip('s1.global', 's2.global'),
      '/v1/nodes': [{ ID: 'n1', Name: 'c1', Status: 'down' }],
      '/v1/node/n1': { StatusUpdatedAt: 1_795_500_000, HTTPAddr: '10.0.0.21:4646' },
      '/v1/status/leader': '10.0.0.2:4647',
    }
    const { stdout, stderr, status } = await live.run('probe')
    expect(stderr).toBe('')
    expect(stdout).toContain('Nomad names 2 servers and 1 client in global')
    expect(stdout).toContain('Nomad says of global: c1 down since 2026-11-24T')
    expect(status).toBe(0)
    expect(live.ledger.filter(({ event }) => event === 'members')).toEqual([
      expect.objectContaining({
        ...{ address: 'cluster', region: 'global', servers: ['s1.global', 's2.global'] },
        ...{ clients: ['c1'], gone: ['s9.global'], leader: 's2.global' },
        nodes: ['client c1 n1 down 10.0.0.21:4646 1795500000000'],
      }),
    ])
    expect(live.s1.requests).toEqual([
      '/v1/agent/members',
      '/v1/nodes?region=global',
      '/v1/status/leader?region=global',
      '/v1/node/n1?region=global',
    ])
    // Part of the cluster says nothing of the whole.
    await live.run('probe', 's1')
    expect(live.s1.requests).toHaveLength(4)
  })

  test('a server that failed still counts: it may come back with what it had', async () => {
    const live = await Live.start()
    const { Members } = gossip('s1.global', 's2.global') as { Members: object[] }
    const tags = { region: 'global', id: 'id-3', port: '4647' }
    Members.push({ Name: 's3.global', Status: 'failed', Addr: '10.0.0.3', Tags: tags })
    live.s1.api = { '/v1/agent/members': { Members }, '/v1/nodes': [] }
    const { stdout, status } = await live.run('probe')
    expect(stdout).toContain('the spec lacks the server s3 of global, which Nomad has')
    expect(status).toBe(2)
    expect(live.ledger).toContainEqual(
      expect.objectContaining({
        ...{ event: 'members', servers: ['s1.global', 's2.global', 's3.global'] },
        ...{ gone: ['s9.global'], nodes: ['server s3.global id-3 failed 10.0.0.3:4647 -'] },
      }),
    )
  })

  test('a port that refuses the connection once, as in a reload, is asked once more, and that is said', async () => {
    const live = await Live.start()
    const port = Number(live.c1.http.split(':')[1])
    const trio = live.trio('client/global/c1')
    await live.c1.stop()
    const again = createHttpsServer({ ...trio, requestCert: true })
    again.on('tlsClientError', () => undefined)
    setTimeout(() => again.listen(port, '127.0.0.1'), 100)
    try {
      const { stdout, stderr } = await live.run('probe', 'c1')
      expect(stdout).toContain('client/global/c1  proven')
      expect(stderr).toContain(
        `asked once more after a refused connection, as in a reload: ${live.c1.http}`,
      )
    } finally {
      again.close()
    }
  })

  test('of nobody nothing is proven: evidence without an agent exits 2', async () => {
    const live = await Live.start()
    const empty = { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: Date.now() }
    writeFileSync(join(live.cwd, 'empty.json'), JSON.stringify(empty))
    const { status, stdout } = await live.run('probe', '--evidence', 'empty.json')
    expect(stdout).toContain('acme: no agent was asked: nothing is proven')
    expect(status).toBe(2)
  })

  test('every server is asked until one has answered', async () => {
    const live = await Live.start()
    live.s2.api = { '/v1/agent/members': gossip('s1.global', 's2.global'), '/v1/nodes': [] }
    const { stdout } = await live.run('probe')
    expect(live.s1.requests).toEqual(['/v1/agent/members'])
    expect(stdout).toContain('Nomad names 2 servers and 0 clients in global')
  })

  test('a token that lacks a right is work, and a local one is told as what it is', async () => {
    const live = await Live.start()
    const env = { NOMAD_TOKEN: 'a-secret-token' }
    live.s1.denies = 'Permission denied'
    live.s2.denies = 'Permission denied'
    const lacking = await cli(live.cwd, ['probe'], { now: Date.now(), env })
    expect(lacking.stdout).toContain('NOMAD_TOKEN may not read nodes and agents')
    expect(lacking.status).toBe(2)
    live.s1.denies = 'ACL token not found'
    live.s2.denies = 'ACL token not found'
    const local = await cli(live.cwd, ['probe'], { now: Date.now(), env })
    expect(local.stdout).toContain('region global does not know NOMAD_TOKEN: a local token')
    expect(local.status).toBe(2)
    const none = await live.run('probe')
    expect(none.stdout).toContain('it wants a token: set NOMAD_TOKEN')
    expect(none.status).toBe(2)
  })

  test('a region that gossip names and the spec does not is asked about, noted, and work', async () => {
    const live = await Live.start()
    const { Members } = gossip('s1.global') as { Members: object[] }
    const west = { region: 'us-west', id: 'w-id', rpc_addr: '127.0.0.1', port: '1' }
    Members.push({ Name: 'w1.us-west', Status: 'alive', Addr: '127.0.0.1', Tags: west })
    live.s1.api = { '/v1/agent/members': { Members }, '/v1/nodes': [{ ID: 'n1', Name: 'c1' }] }
    const { stdout, status } = await live.run('probe')
    expect(stdout).toContain('the spec lacks the region us-west, which Nomad names')
    expect(stdout).toContain('the spec lacks the server w1 of us-west')
    expect(status).toBe(2)
    expect(live.s1.requests).toContain('/v1/nodes?region=us-west')
    expect(live.ledger).toContainEqual(
      expect.objectContaining({ event: 'members', region: 'us-west', servers: ['w1.us-west'] }),
    )
    // It is held fast also where its clients are not told.
    live.s1.api = { '/v1/agent/members': { Members } }
    const partial = documentOf((await live.run('probe', '--json')).stdout)
    expect(partial.nomad).toMatchObject({
      strange: ['us-west'],
      members: [
        { region: 'us-west', servers: ['w1.us-west'], incomplete: expect.any(String) as string },
      ],
    })
  })

  test('two hosts of one name are two: each is asked, and both have to be what it should be', async () => {
    const live = await Live.start()
    const twin = await FakeAgent.start(live.trio('client/global/c1'), { rpc: false })
    agents.push(twin)
    live.s1.api = {
      '/v1/agent/members': gossip('s1.global', 's2.global'),
      '/v1/nodes': [
        { ID: 'first-id', Name: 'c1', Status: 'ready' },
        { ID: 'other-id', Name: 'c1', Status: 'ready' },
      ],
      '/v1/node/first-id': { HTTPAddr: live.c1.http },
      '/v1/node/other-id': { HTTPAddr: twin.http },
    }
    const { stdout, status } = await live.run('probe')
    expect(stdout).toContain(
      `Nomad has 2 clients named c1 in global (first-id at ${live.c1.http}, other-id at ${twin.http})`,
    )
    expect(stdout).toContain('client/global/c1  proven')
    expect(status).toBe(0)
    expect(live.c1.asked.http).toBe(1)
    // The other one falls behind.
    await live.run('rotate', 'leaves', 'c1', '--yes')
    live.c1.reload(live.trio('client/global/c1'))
    const behind = await live.run('probe')
    expect(behind.stdout).not.toContain('client/global/c1  proven')
    expect(behind.stdout).toContain(twin.http)
    expect(behind.status).toBe(2)
  })

  test('a clock that differs from the one here is told', async () => {
    const live = await Live.start()
    live.s1.api = { '/v1/agent/members': gossip('s1.global', 's2.global'), '/v1/nodes': [] }
    live.s1.date = new Date(Date.now() + 50_000)
    expect((await live.run('probe')).status).toBe(0)
    live.s1.date = new Date(Date.now() - 3_600_000)
    const { stdout, status } = await live.run('probe')
    expect(stdout).toMatch(/answered for global is 360\d s behind the clock of this host/)
    expect(status).toBe(2)
  })

  test('one that the spec does not have is work', async () => {
    const live = await Live.start()
    live.s2.api = {
      '/v1/agent/members': gossip('s1.global', 's2.global', 's3.global'),
      '/v1/nodes': [{ Name: 'c1' }, { Name: 'c2' }],
    }
    const { stdout, status } = await live.run('probe')
    expect(stdout).toContain('the spec lacks the server s3 of global, which Nomad has')
    expect(stdout).toContain('nomad-pki add client global/c2')
    expect(status).toBe(2)
    const json = documentOf((await live.run('probe', '--json')).stdout)
    expect(json.nomad).toMatchObject({
      unknown: [{ address: 'member/global/s3' }, { address: 'member/global/c2' }],
    })
  })

  test('a token is shown to nobody but a server of the region', async () => {
    const live = await Live.start()
    const env = { NOMAD_TOKEN: 'a-secret-token' }
    live.s1.api = { '/v1/agent/members': gossip('s1.global'), '/v1/nodes': null }
    const { stdout } = await cli(live.cwd, ['probe'], { now: Date.now(), env })
    expect(stdout).toContain('Nomad names 1 server and 0 clients in global')
    expect(live.s1.requests[0]).toBe('/v1/agent/members a-secret-token')
    // A client's certificate is no server's.
    live.s1.reload(live.trio('client/global/c1'))
    live.s2.reload(live.trio('client/global/c1'))
    live.s1.requests.length = 0
    const refused = await cli(live.cwd, ['probe', '--json', '--out', 'x.json'], {
      now: Date.now(),
      env,
    })
    expect(live.s1.requests).toEqual([])
    expect(live.s2.requests).toEqual([])
    expect(refused.stdout).toMatch(/server.global.nomad/)
    const texts = [
      refused.stdout,
      readFileSync(join(live.cwd, 'x.json'), 'utf8'),
      readFileSync(join(live.cwd, 'pki/ledger.jsonl'), 'utf8'),
    ]
    expect(texts.join('')).not.toContain('a-secret-token')
  })

  test('one that Nomad calls otherwise is known by the leaf that it presents', async () => {
    const live = await Live.start()
    const portOf = (endpoint: string): string => endpoint.split(':')[1]!
    const member = (name: string, endpoint: string): object => ({
      ...{ Name: name, Status: 'alive', Addr: '127.0.0.1' },
      Tags: { region: 'global', port: portOf(endpoint) },
    })
    live.s1.api = {
      '/v1/agent/members': {
        Members: [member('ip-1.global', live.s1.rpc), member('s2.global', live.s2.rpc)],
      },
      '/v1/nodes': [{ ID: 'n1', Name: 'ip-9' }],
      '/v1/node/n1': { HTTPAddr: live.c1.http },
    }
    const { stdout, status } = await live.run('probe', '--out', 'seen.json')
    expect(stdout).not.toContain('the spec lacks')
    expect(stdout).toContain('5 handshakes; each of the 2 RPC ports')
    expect(status).toBe(0)
    expect(live.s1.asked.rpc).toBe(1)
    const lines = live.ledger
    expect(lines.findLast(({ event }) => event === 'members')).toMatchObject({
      servers: ['ip-1.global', 's2.global'],
      clients: ['ip-9'],
      known: ['ip-1.global', 'ip-9'],
    })
    expect(lines.filter(({ event }) => event === 'observed')).toHaveLength(5)
    expect((await live.run('rotate', 'authority', 'agent', '--next')).status).toBe(0)

    // Where there is no ledger nobody is known; where the evidence is taken, they are.
    const bare = readFileSync(join(live.cwd, 'seen.json'), 'utf8')
      .replace(/"known": \[[^\]]*\]/, '"known": []')
      .replaceAll('"generation": 1', '"generation": null')
      .replace(/"at": (\d+)/g, (_, at: string) => `"at": ${Number(at) + 1}`)
    writeFileSync(join(live.cwd, 'bare.json'), bare)
    expect((await live.run('probe', '--evidence', 'bare.json')).status).toBe(0)
    expect(live.ledger.findLast(({ event }) => event === 'members')).toMatchObject({
      known: ['ip-1.global', 'ip-9'],
    })
  })

  test('one that presents a leaf of nobody stays unknown, and what it showed is noted', async () => {
    const live = await Live.start()
    const stranger = await Live.start()
    live.s1.api = {
      '/v1/agent/members': gossip('s1.global', 's2.global'),
      '/v1/nodes': [
        { ID: 'n1', Name: 'c1' },
        { ID: 'n9', Name: 'ip-9' },
      ],
      '/v1/node/n9': { HTTPAddr: stranger.c1.http },
    }
    const { stdout, status } = await live.run('probe')
    expect(stdout).toContain('the spec lacks the client ip-9 of global, which Nomad has')
    expect(status).toBe(2)
    expect(live.ledger).toContainEqual(
      expect.objectContaining({
        event: 'observed',
        address: 'member/global/ip-9',
        generation: null,
      }),
    )
    expect((await live.run('verify', '--offline')).status).toBe(0)
    expect((await live.run('status')).status).toBe(0)
  })

  test('hosts that share one identity are asked where Nomad says they are', async () => {
    const live = await Live.start()
    live.edit(`clients: { c1: { http: "${live.c1.http}" } }`, 'clients: { shared: true }')
    await live.run('apply', '--yes')
    const node = 'client/global/shared'
    const first = await FakeAgent.start(live.trio(node), { rpc: false })
    agents.push(first)
    live.c1.reload(live.trio(node))
    live.s1.api = {
      '/v1/agent/members': gossip('s1.global', 's2.global'),
      '/v1/nodes': [
        { ID: 'n1', Name: 'x1' },
        { ID: 'n2', Name: 'x2' },
      ],
      '/v1/node/n1': { HTTPAddr: live.c1.http },
      '/v1/node/n2': { HTTPAddr: first.http },
    }
    const all = await live.run('probe')
    expect(all.stdout).toContain('client/global/shared  proven  generation 1, 2 hosts')
    expect(all.status).toBe(0)
    await live.run('rotate', 'leaves', 'shared', '--yes')
    first.reload(live.trio(node))
    const half = await live.run('probe')
    expect(half.stdout).toContain('1 of 2 hosts is not proven: ')
    expect(half.status).toBe(2)
    await live.c1.stop()
    const one = await live.run('probe')
    expect(one.stdout).toMatch(/silent +1 of 2 hosts is not proven: 127/)
  })

  test('without an operator: only where agents ask nobody who they are', async () => {
    const live = await Live.start({}, { verifyHttpsClient: false })
    live.s1.api = { '/v1/agent/members': gossip('s1.global'), '/v1/nodes': [] }
    live.edit('operators:\n  alice: { region: global }\n', '')
    expect((await live.run('probe')).stdout).toContain('there is no operator')
    live.edit('regions:', 'node: { stanza: { verify_https_client: false } }\nregions:')
    expect((await live.run('probe')).stdout).toContain('Nomad names 1 server and 0 clients')
  })

  test('from a bastion: with what env has set there', async () => {
    const live = await Live.start()
    live.s1.api = { '/v1/agent/members': gossip('s1.global'), '/v1/nodes': [] }
    const alice = live.trio('operator/global/alice')
    const bastion = folder({
      'cluster.yaml': readFileSync(join(live.cwd, 'cluster.yaml')),
      ...{ 'ca.pem': alice.ca, 'cert.pem': alice.cert, 'key.pem': alice.key },
    })
    const env = {
      ...{ NOMAD_CACERT: 'ca.pem', NOMAD_CLIENT_CERT: 'cert.pem', NOMAD_CLIENT_KEY: 'key.pem' },
    }
    const seen = await cli(bastion, ['probe', '--out', 'e.json'], { now: Date.now(), env })
    expect(seen.stdout).toContain('Nomad names 1 server and 0 clients in global')
    expect(objectsIn(join(bastion, 'e.json')).every((one) => validateEvidence(one))).toBe(true)
    const taken = await live.run('probe', '--evidence', join(bastion, 'e.json'))
    expect(taken.stderr).toBe('evidence: 6 lines noted\n')
    expect(live.ledger.filter(({ event }) => event === 'members')).toHaveLength(1)
    const none = await run(bastion, 'probe', '--json')
    documentOf(none.stdout)
    expect(none.stdout).toContain('no operator has a valid certificate')
  })
})

describe('a naive swap', () => {
  /** Somebody writes the new root into the spec at once, and reloads some of the agents. */
  async function swapped(...swap: readonly ('s1' | 's2' | 'c1')[]): Promise<Live> {
    const live = await Live.start()
    live.edit('agent: { lifetime: 10y }', 'agent: { lifetime: 10y, signing: 2, trusted: [2] }')
    expect((await live.run('apply', '--yes')).status).toBe(0)
    for (const name of swap) live[name].reload(live.trio(nodeOf[name]))
    return live
  }
  const nodeOf = {
    s1: 'server/global/s1',
    s2: 'server/global/s2',
    c1: 'client/global/c1',
  } as const

  test('on half of the agents is named, with its sides and the way out', async () => {
    const live = await swapped('s1')
    const { stdout, status } = await live.run('probe')
    expect(status).toBe(2)
    expect(stdout).toContain('half-rotated: agents under agent refuse each other')
    expect(stdout).toContain(
      '  global/s1: leaf under authority/agent/2, trusts authority/agent/2\n' +
        '  global/s2, global/c1: leaf under authority/agent/1, trusts authority/agent/1\n',
    )
    expect(stdout).toContain(
      '1. write into the spec: agent: signing: 2, trusted: [1, 2], crossed: true',
    )
    expect(stdout).toContain('each of the 3 agents, in any order')

    live.edit('signing: 2, trusted: [2]', 'signing: 2, trusted: [1, 2], crossed: true')
    expect((await live.run('apply', '--yes')).status).toBe(0)
    const said = await live.run('probe')
    expect(said.stdout).toContain('1. nomad-pki apply')
    live.s2.reload(live.trio('server/global/s2'))
    // The repaired one talks to both: those that are not yet are still two.
    const between = documentOf((await live.run('probe', '--json')).stdout)
    expect(between.halfRotated[0]!.sides).toHaveLength(3)
    expect(between.halfRotated[0]!.sides).toContainEqual({
      roots: ['authority/agent/1', 'authority/agent/2'],
      trusts: ['authority/agent/1', 'authority/agent/2'],
      agents: ['identity/server/global/s2'],
    })
    live.s1.reload(live.trio('server/global/s1'))
    const healed = await live.run('probe')
    expect(healed.stdout).not.toContain('half-rotated')
    expect(healed.stdout).toContain('client/global/c1  lagging')
    live.c1.reload(live.trio('client/global/c1'))
    expect((await live.run('probe')).status).toBe(0)
  })

  test('after a crossed rotation: the root that was dropped then does not come back', async () => {
    const live = await Live.start()
    const nodes = ['s1', 's2', 'c1'] as const
    const steps = [
      ['{ lifetime: 10y }', '{ lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }'],
      ['trusted: [1, 2]', 'trusted: [2]'],
    ] as const
    for (const [from, to] of steps) {
      live.edit(from, to)
      expect((await live.run('apply', '--yes')).status).toBe(0)
      for (const name of nodes) live[name].reload(live.trio(nodeOf[name]))
    }
    live.edit('signing: 2, trusted: [2], crossed: true', 'signing: 3, trusted: [3]')
    expect((await live.run('apply', '--yes')).status).toBe(0)
    live.s1.reload(live.trio(nodeOf.s1))
    const { stdout } = await live.run('probe')
    expect(stdout).toContain('half-rotated: agents under agent refuse each other')
    expect(stdout).toContain('agent: signing: 3, trusted: [2, 3], crossed: true')
  })

  test('without the key of the old root: not in any order', async () => {
    const live = await swapped('s1')
    rmSync(join(live.cwd, 'pki/authority/agent/1/ca-key.pem'))
    const { stdout } = await live.run('probe')
    expect(stdout).toContain('1. write into the spec: agent: signing: 2, trusted: [1, 2]\n')
    expect(stdout).toContain('the key of authority/agent/1 is not in the store')
  })

  test('the leaf alone, with the old trust, and the trust alone, with the old leaf', async () => {
    const live = await swapped()
    const old = live.trio('server/global/s1', 1)
    const fresh = live.trio('server/global/s2')
    live.s1.reload({ ...old, ca: fresh.ca })
    live.s2.reload({ ...fresh, ca: old.ca })
    const { stdout } = await live.run('probe', '--json')
    const { halfRotated } = documentOf(stdout)
    expect(halfRotated[0]!.sides.map((side) => side)).toEqual([
      {
        roots: ['authority/agent/1'],
        trusts: ['authority/agent/2'],
        agents: ['identity/server/global/s1'],
      },
      {
        roots: ['authority/agent/2'],
        trusts: ['authority/agent/1'],
        agents: ['identity/server/global/s2'],
      },
      {
        roots: ['authority/agent/1'],
        trusts: ['authority/agent/1'],
        agents: ['identity/client/global/c1'],
      },
    ])
  })

  test('from a bastion it is named where the evidence is taken', async () => {
    const live = await swapped('s1', 'c1')
    const bastion = folder({ 'cluster.yaml': readFileSync(join(live.cwd, 'cluster.yaml')) })
    await run(bastion, 'probe', '--out', 'evidence.json')
    const { stdout } = await live.run('probe', '--evidence', join(bastion, 'evidence.json'))
    expect(stdout).toContain('half-rotated: agents under agent refuse each other')
    expect(stdout).toContain('  global/s1, global/c1: leaf under authority/agent/2')
  })

  test('a cluster of another authority is none; one agent of ours among its own is', async () => {
    const live = await Live.start()
    const other = await Live.start()
    other.edit('cluster: acme', 'cluster: other')
    rmSync(join(other.cwd, 'pki'), { recursive: true })
    await other.run('init', '--new-store')
    await other.run('init', '--new-store')
    await other.run('apply', '--yes')
    for (const name of ['s1', 's2', 'c1'] as const) live[name].reload(other.trio(nodeOf[name]))
    const foreign = await live.run('probe')
    expect(foreign.stdout).toContain('a leaf that the ledger does not have')
    expect(foreign.stdout).toMatch(/and trusts CN=other agent CA 1 [0-9a-f]{8}, which is not ours/)
    // A reload would cut the agent off from those that still have the other authority.
    expect(foreign.stdout).toContain(
      'fix: the agent uses another authority: keep that one, or move all agents on purpose: docs/take-over.md',
    )
    expect(foreign.stdout).not.toContain('reload')
    expect(foreign.stdout).not.toContain('half-rotated')
    live.s1.reload(live.trio(nodeOf.s1))
    const { stdout } = await live.run('probe')
    expect(stdout).toMatch(
      / {2}global\/s2, global\/c1: leaf under CN=other agent CA 1 \S+, trusts CN=other agent CA 1 /,
    )
    expect(stdout).toContain('repair:\n  1. nomad-pki apply\n')
    expect(stdout).toMatch(
      /as close together as possible \(CN=other agent CA 1 \S+ is not ours and can certify nothing here/,
    )
  })

  test('the stages of a rotation, next to each other, are no half rotation', async () => {
    const live = await Live.start()
    await live.run('rotate', 'authority', 'agent', '--next')
    await live.run('apply', '--yes')
    for (const name of ['s1', 'c1', 's2'] as const) {
      live[name].reload(live.trio(nodeOf[name]))
      expect((await live.run('probe')).stdout).not.toContain('half-rotated')
    }
    live.edit('trusted: [1, 2]', 'trusted: [2]')
    await live.run('apply', '--yes')
    for (const name of ['c1', 's2', 's1'] as const) {
      live[name].reload(live.trio(nodeOf[name]))
      expect((await live.run('probe')).stdout).not.toContain('half-rotated')
    }
    expect((await live.run('probe')).status).toBe(0)
  })
})

describe('evidence', () => {
  test('from a bastion with the spec alone, into the ledger, once', async () => {
    const live = await Live.start()
    const bastion = folder({ 'cluster.yaml': readFileSync(join(live.cwd, 'cluster.yaml')) })
    const seen = await run(bastion, 'probe', '--out', 'evidence.json')
    expect(seen.stderr).toContain('nomad-pki probe --evidence evidence.json')
    expect(seen.stdout).toMatch(
      /server\/global\/s1 {2}seen {2}leaf SHA-256 [0-9a-f]{16}…, trusts CN=/,
    )
    expect(seen.stdout).toContain(
      '3 of 3 agents seen; without the ledger their generations are unknown',
    )
    expect(seen.stdout).not.toContain('half-rotated')
    expect(seen.status).toBe(0)
    expect(readdirSync(bastion).sort()).toEqual(['cluster.yaml', 'evidence.json'])
    const again = await run(bastion, 'probe', '--out', 'evidence.json')
    expect(again.stderr).not.toContain('error')
    const refused = await run(bastion, 'probe', '--out', 'cluster.yaml')
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('cluster.yaml exists, and is not evidence')

    const file = join(bastion, 'evidence.json')
    expect(objectsIn(file)).toHaveLength(6)
    for (const one of objectsIn(file)) expect(validateEvidence(one), JSON.stringify(one)).toBe(true)
    const taken = await live.run('probe', '--evidence', file)
    expect(taken.stderr).toBe('evidence: 5 lines noted\n')
    expect(taken.stdout).toContain('3 of 3 agents proven on the newest generation')
    expect(taken.status).toBe(0)
    const twice = await live.run('probe', '--evidence', file)
    expect(twice.stderr).toBe('evidence: 0 lines noted, 5 there already\n')
    expect(twice.status).toBe(0)
    const lines = live.ledger.filter(({ event }) => event === 'observed')
    expect(lines).toHaveLength(5)
    expect(lines.map(({ trusts }) => trusts)).toEqual(lines.map(() => ['authority/agent/1']))
    expect((await live.run('verify', '--offline')).status).toBe(0)
  })

  test('opens the gate of a rotation, in the same command', async () => {
    const live = await Live.start()
    live.s1.api = {
      '/v1/agent/members': gossip('s1.global', 's2.global'),
      '/v1/nodes': [{ Name: 'c1' }],
    }
    await live.run('rotate', 'authority', 'agent', '--next')
    await live.run('apply', '--yes')
    const alice = live.trio('operator/global/alice')
    const bastion = folder({
      'cluster.yaml': readFileSync(join(live.cwd, 'cluster.yaml')),
      ...{ 'ca.pem': alice.ca, 'cert.pem': alice.cert, 'key.pem': alice.key },
    })
    const env = {
      ...{ NOMAD_CACERT: 'ca.pem', NOMAD_CLIENT_CERT: 'cert.pem', NOMAD_CLIENT_KEY: 'key.pem' },
    }
    live.s1.reload(live.trio('server/global/s1'))
    await cli(bastion, ['probe', '--out', 'before.json'], { now: Date.now(), env })
    const file = (name: string): string => join(bastion, name)
    const held = await live.run('rotate', 'authority', 'agent', '--evidence', file('before.json'))
    expect(held.status).toBe(3)
    expect(held.stdout).toContain('gate: closed; 1 of 3 agents')
    live.s2.reload(live.trio('server/global/s2'))
    live.c1.reload(live.trio('client/global/c1'))
    await cli(bastion, ['probe', '--out', 'after.json'], { now: Date.now(), env })
    const next = ['rotate', 'authority', 'agent', '--next', '--evidence']
    const opened = await live.run(...next, file('before.json'), file('after.json'))
    expect(opened.stderr).toContain('evidence: 6 lines noted, 6 there already')
    expect(opened.status).toBe(0)
    expect(readFileSync(join(live.cwd, 'cluster.yaml'), 'utf8')).toContain('trusted: [2]')
  })

  test('with errors, none of it is noted', async () => {
    const live = await Live.start()
    await live.run('probe', '--out', 'evidence.json')
    const file = join(live.cwd, 'evidence.json')
    const length = live.ledger.length
    writeFileSync(
      join(live.cwd, 'bad.json'),
      readFileSync(file, 'utf8').replace('identity/server/global/s2', 'identity/server/global/s7'),
    )
    for (const argv of [
      ['probe', '--evidence', 'bad.json'],
      ['rotate', 'authority', 'agent', '--evidence', 'evidence.json', 'bad.json'],
    ]) {
      const { status, stderr } = await live.run(...argv)
      expect(status).toBe(1)
      expect(stderr).toMatch(/bad.json:4:\d+: address: unknown agent/)
      expect(stderr).toContain('did you mean')
    }
    expect(live.ledger).toHaveLength(length)
    expect((await live.run('probe', 's1', '--evidence', 'evidence.json')).status).toBe(64)
    expect((await run(folder({}), 'probe', '--evidence', 'x.json')).status).toBe(1)
  })
})
