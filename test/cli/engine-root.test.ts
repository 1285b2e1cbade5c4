/** A root in Vault or OpenBao: what an operator runs, against an engine in this process. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fingerprintText, type Certificate } from '../../src/x509/certificate.js'
import { verifyChain } from '../../src/x509/verify-chain.js'
import {
  certificatesIn,
  engineSpec,
  good as succeeds,
  namedServer,
  withToken,
} from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const run = (line: string, at = place): Promise<Said> => withToken(engine, at, line)
const good = (line: string, at = place): Promise<Said> => succeeds(run(line, at), line)

const inside = 'engine: { mount: pki/root }'
/** Each authority as YAML, and which one signs for the region. */
const specText = (agent: string, west = 'none'): string =>
  engineSpec(engine, {
    agent,
    below: west,
    region: { ...namedServer, networks: '[10.0.0.0/8]' },
  })
const write = (agent: string, west?: string): void =>
  fs.writeFileSync(path.join(place, 'cluster.yaml'), specText(agent, west))
const certificates = (file: string): readonly Certificate[] => certificatesIn(place, file)
const root = (generation = 1): Certificate =>
  certificates(`authority/agent/${generation}/ca.pem`)[0]!
const chain = (of = 'server/us-west/s1'): readonly Certificate[] =>
  certificates(`identity/${of}/current/cert.pem`)
const verifies = (roots: readonly Certificate[], of?: string): boolean => {
  const [leaf, ...between] = chain(of)
  return verifyChain(leaf!, between, roots, { now }).ok
}
const asked = (what: string): number =>
  engine.calls.filter((one) => one.path.includes(what) && one.method !== 'GET').length

beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder()
})
afterEach(() => engine.close())

describe('that signs leaves itself', () => {
  beforeEach(async () => {
    write(`${inside}, key: ecdsa-p384, lifetime: 10y, subject: { organization: "Acme, Inc" }`)
    await good('init --new-store')
  })

  test('from nothing to leaves; a second set-up does nothing', async () => {
    const first = await run('apply --yes')
    expect(first.stderr).toContain('nomad-pki authority setup agent')
    expect(first.status).toBe(1)
    expect(engine.calls).toEqual([])

    const dry = await good('authority setup agent --dry-run')
    expect(dry.stdout).toContain(
      'would be done: let it sign its own certificate, the root authority/agent/1',
    )
    expect([engine.keys.size, engine.issuers.size]).toEqual([0, 0])

    const setUp = await good('authority setup agent')
    expect(setUp.stdout).toContain(`done: the issuer pki/root/issuer/agent-1, SHA256:`)
    expect(setUp.stdout).toMatch(/# policy: set up \(it signs roots alone\)\n/)
    expect(setUp.stdout).toContain(
      'path "pki/root/issuer/agent-1/sign-self-issued" { capabilities = ["update"] }',
    )
    expect(fs.readdirSync(path.join(place, 'pki/authority/agent/1'))).toEqual(['ca.pem'])
    const role = engine.roles.get('nomad-server-us-west')!
    expect(role.allowed_domains).toEqual(['server.us-west.nomad', '*.acme.internal'])
    expect(role.allowed_ip_sans_cidr).toContain('10.0.0.0/8')
    expect((await good('authority setup agent')).stdout).not.toMatch(/^(done|would)/m)

    await good('apply --yes')
    expect(chain()).toHaveLength(1)
    expect(verifies([root()])).toBe(true)
    expect((await good('apply --yes')).stdout).toContain('nothing to do')
    expect((await good('verify --long')).stdout).not.toContain('engine-')
    // Each request has its line before it goes out, and each is closed: the root's, and two leaves'.
    const lines = fs.readFileSync(path.join(place, 'pki/ledger.jsonl'), 'utf8')
    expect(lines.match(/"event":"attempted"/g)).toHaveLength(3)
    expect((await good('plan')).stdout).not.toContain('may exist')
  })

  test('an answer that is lost: the next run takes the root that was made', async () => {
    engine.script = ({ path: call }) =>
      call.endsWith('generate/root/existing') ? { status: 200, cut: true } : undefined
    const lost = await run('authority setup agent')
    expect(lost.stderr).toContain('run this again: it takes the root that the engine made')
    expect(lost.status).toBe(1)
    expect(fs.existsSync(path.join(place, 'pki/authority/agent/1/ca.pem'))).toBe(false)
    engine.script = () => undefined
    expect((await run('plan')).stdout).toMatch(
      /may exist until [^\n]*\n *(?:fix: )?nomad-pki authority setup agent\n/,
    )
    expect((await good('authority setup agent --dry-run')).stdout).toContain(
      'would be done: take pki/root/issuer/agent-1 as authority/agent/1',
    )
    expect((await good('authority setup agent')).stdout).toContain('an earlier run asked for it')
    expect(asked('generate/root/existing')).toBe(1)
    await good('apply --yes')
    expect((await good('plan')).stdout).not.toContain('may exist')
    await good('verify')
  })

  test('an answer that was lost, and another root in its place: it is not taken', async () => {
    engine.script = ({ path: call }) =>
      call.endsWith('generate/root/existing') ? { status: 200, cut: true } : undefined
    await run('authority setup agent')
    engine.script = () => undefined
    // Somebody makes another key and root of the same name.
    engine.keys.clear()
    engine.issuers.clear()
    const other = folder({ 'cluster.yaml': specText(`${inside}, key: ecdsa-p384, lifetime: 10y`) })
    await good('init --new-store', other)
    await good('authority setup agent', other)
    const refused = await run('authority setup agent')
    expect(refused.stderr).toContain('this store did not ask for it, and the spec pins none')
    expect(refused.status).toBe(1)
  })

  test('a root that another store made: refused with its pin, and taken by it', async () => {
    await good('authority setup agent')
    const second = folder({ 'cluster.yaml': fs.readFileSync(path.join(place, 'cluster.yaml')) })
    await good('init --new-store', second)
    const refused = await run('authority setup agent', second)
    const pin = fingerprintText(root())
    expect(refused.stderr).toContain(`agent: { fingerprint: { 1: "${pin}" } }`)
    expect(refused.status).toBe(1)
    expect(fs.existsSync(path.join(second, 'pki/authority/agent/1/ca.pem'))).toBe(false)

    const text = specText(`${inside}, key: ecdsa-p384, subject: { organization: "Acme, Inc" }`)
    const pinned = (value: string): void =>
      fs.writeFileSync(
        path.join(second, 'cluster.yaml'),
        text.replace('agent: {', `agent: { fingerprint: { 1: "${value}" },`),
      )
    pinned(`SHA256:${'0'.repeat(64)}`)
    expect((await run('authority setup agent', second)).status).toBe(1)
    pinned(pin)
    const [issuer] = [...engine.issuers.values()]
    issuer!.issuer_name = 'old-root'
    const unnamed = await run('authority setup agent', second)
    expect(unnamed.stderr).toContain(
      'where pki/root has it under another name, name that issuer agent-1',
    )
    expect(engine.issuers.size).toBe(1)
    issuer!.issuer_name = 'agent-1'
    expect((await good('authority setup agent', second)).stdout).toContain(
      'its fingerprint is known',
    )
    await good('apply --yes', second)
    await good('verify', second)
    expect(engine.issuers.size).toBe(1)
  })

  test('a root that says something else than was asked for is not taken', async () => {
    engine.script = ({ path: call, body }) => {
      if (call.endsWith('generate/root/existing')) Object.assign(body, { ttl: '999999999s' })
      return undefined
    }
    const refused = await run('authority setup agent')
    expect(refused.stderr).toContain('it lives longer than asked for')
    expect(refused.status).toBe(1)
    engine.script = () => undefined
    expect((await run('authority setup agent')).stderr).toContain('it lives longer than asked for')
  })

  test('the next generation: the older one signs until it is set up; then it is crossed', async () => {
    await good('authority setup agent')
    await good('apply --yes')
    const [before, roles] = [root(), JSON.stringify([...engine.roles])]
    const next = await run('rotate authority agent --next')
    expect(next.stdout + next.stderr).toMatch(
      /next:\n {2}nomad-pki authority setup agent\n {2}nomad-pki apply\n/,
    )
    // Until then everything is as before.
    const waits = await run('plan')
    expect(waits.stdout).toContain('nomad-pki authority setup agent')
    expect(waits.stdout).not.toMatch(/identity\//)
    await run('rotate leaves c1 --yes')
    expect(engine.calls.at(-1)!.path).toContain('issuer/agent-1/sign/')

    // By roles that are read as ever.
    const role = engine.roles.get('nomad-client-us-west')!
    engine.roles.set('nomad-client-us-west', { ...role, allow_any_name: true })
    const signed = engine.signed.length
    for (const line of ['plan', 'verify --long', 'apply --yes', 'rotate leaves c1 --yes']) {
      const wide = await run(line)
      expect(wide.stdout + wide.stderr, line).toContain('allow_any_name is true, wanted false')
      expect(wide.stdout + wide.stderr, line).toContain('nomad-pki authority setup agent')
      expect(wide.status, line).not.toBe(0)
    }
    expect(engine.signed).toHaveLength(signed)

    const setUp = await good('authority setup agent')
    for (const generation of [1, 2]) {
      expect(setUp.stdout).toContain(`pki/root/issuer/agent-${generation}/sign-self-issued`)
    }
    await good('apply --yes')
    await good('verify')
    // The leaf under the new root, and the new root as the old one certified it.
    expect(chain()).toHaveLength(2)
    expect(verifies([before])).toBe(true)
    expect(verifies([root(2)])).toBe(true)
    expect(certificates('bundle/agent/ca.pem')).toHaveLength(2)
    expect(JSON.stringify([...engine.roles])).toBe(roles)
    expect(engine.calls.map(({ path: call }) => call)).not.toContain('pki/root/config/issuers')
    expect((await good('plan')).stdout).not.toMatch(/agent\/1 .*engine/)
  })
})

test('a key that may be stolen: in stages, and the old issuer is stopped when the new one signs', async () => {
  write(inside)
  await good('init --new-store')
  await good('authority setup agent')
  await good('apply --yes')
  const of = (name: string): Record<string, unknown> =>
    [...engine.issuers.values()].find((one) => one.issuer_name === name)!
  const first = await run('rotate authority agent --compromised --next')
  expect(first.stdout + first.stderr).toMatch(/nomad-pki authority setup agent\n/)
  expect(first.stdout + first.stderr).not.toContain('setup agent --compromised')
  // The old one signs, until every agent trusts both.
  const setUp = await good('authority setup agent')
  expect(setUp.stdout).toContain('done: the issuer pki/root/issuer/agent-2')
  await good('apply --yes')
  expect(certificates('bundle/agent/ca.pem')).toHaveLength(2)
  const early = await run('authority setup agent --compromised')
  expect(early.status).toBe(3)
  expect(of('agent-1').usage).toContain('issuing-certificates')
  expect(asked('sign-self-issued')).toBe(0)
  write(`${inside}, signing: 2, trusted: [1, 2]`)
  expect((await good('authority setup agent --compromised')).stdout).toContain(
    'done: pki/root/issuer/agent-1 signs no more certificates; it still signs its list',
  )
  expect(of('agent-1').usage).toBe('crl-signing,ocsp-signing,read-only')
  expect(of('agent-2').usage).toContain('issuing-certificates')
})

test('the stage in which the new root signs prints the command that stops the old one', async () => {
  write(inside)
  await good('init --new-store')
  await good('authority setup agent')
  await good('apply --yes')
  await run('rotate authority agent --compromised --next')
  await good('authority setup agent')
  await good('apply --yes')
  seenEverywhere()
  await good('probe --evidence evidence.json')
  const { stdout, stderr, status } = await run('rotate authority agent --compromised --next')
  expect(stdout + stderr).toMatch(
    /next:\n {2}nomad-pki authority setup agent --compromised\n {2}nomad-pki apply\n/,
  )
  expect(status).toBe(0)
})

/** Writes evidence that both agents have loaded their newest generation, and trust both roots. */
function seenEverywhere(): void {
  const trusts = ['authority/agent/1', 'authority/agent/2']
  const ledger = fs
    .readFileSync(path.join(place, 'pki/ledger.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const lines = ['server/us-west/s1', 'client/us-west/c1'].flatMap((name, index) => {
    const address = `identity/${name}`
    const { fingerprint, generation } = ledger.findLast(
      (line) => line['address'] === address && 'fingerprint' in line && 'generation' in line,
    )!
    return [4646, 4647].map((port) => ({
      ...{ event: 'observed', address, endpoint: `10.0.0.${index + 1}:${port}` },
      ...{ rpc: port === 4647, at: now, fingerprint, generation, trusts },
    }))
  })
  const members = {
    ...{ event: 'members', address: 'cluster/acme', at: now, region: 'us-west' },
    ...{ servers: ['s1.us-west'], clients: ['c1'], gone: [] },
  }
  const head = { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: now }
  const text = [head, ...lines, members].map((line) => `${JSON.stringify(line)}\n`).join('')
  fs.writeFileSync(path.join(place, 'evidence.json'), text)
}

test('above an intermediate in the engine, and one whose key is a file: each name constraint is in both', async () => {
  for (const [west, mount] of [
    ['engine: { mount: pki/west }', 'pki/west'],
    ['engine: { mount: pki/root }', 'pki/root'],
    ['key: ecdsa-p256', undefined],
  ] as const) {
    place = folder()
    engine.issuers.clear()
    engine.keys.clear()
    write(inside, west)
    await good('init --new-store')
    if (mount !== undefined) {
      const early = await run('authority setup us-west')
      expect(early.stderr).toContain('first: nomad-pki authority setup agent')
      expect(early.status).toBe(3)
    }
    await good('authority setup agent')
    if (mount !== undefined) {
      const setUp = await good('authority setup us-west')
      expect(setUp.stdout).toContain(
        'path "pki/root/issuer/agent-1/sign-self-issued" { capabilities = ["update"] }',
      )
    }
    await good('apply --yes')
    await good('verify')
    const [west1] = certificates('authority/us-west/1/ca.pem')
    expect(west1!.nameConstraints?.permitted).toEqual(
      expect.arrayContaining([
        { type: 'dns', value: 'us-west.nomad' },
        { type: 'dns', value: 'acme.internal' },
        { type: 'ip', value: '10.0.0.0/8' },
      ]),
    )
    expect(chain()).toHaveLength(2)
    expect(verifies([root()])).toBe(true)
  }
})

test('two generations of one name: the cross-certificate is the one that was asked for', async () => {
  const spec = `${inside}, subject: { commonName: acme root }`
  write(spec)
  await good('init --new-store')
  await good('authority setup agent')
  await good('apply --yes')
  write(`${spec}, signing: 2, trusted: [1, 2], crossed: true`)
  await good('authority setup agent')
  await good('apply --yes')
  expect(chain()).toHaveLength(2)
  for (const generation of [1, 2]) expect(verifies([root(generation)])).toBe(true)
})

test('from a file to the engine by its next generation, and back', async () => {
  write('', undefined)
  await good('init --new-store')
  await good('apply --yes')
  const spec = `${inside}, signer: { 1: file, 2: engine, 3: file }`
  write(`${spec}, signing: 2, trusted: [1, 2], crossed: true`)
  await good('authority setup agent')
  await good('apply --yes')
  await good('verify')
  expect(chain()).toHaveLength(2)
  expect(verifies([root(1)])).toBe(true)
  expect(verifies([root(2)])).toBe(true)

  write(`${spec}, signing: 3, trusted: [1, 2, 3], crossed: true`)
  await good('apply --yes')
  await good('verify')
  for (const generation of [1, 2, 3]) expect(verifies([root(generation)])).toBe(true)
  expect(asked('issuer/agent-2/sign-self-issued')).toBe(1)
})

test('a node that renews itself by the root: its files name the root, and no chain', async () => {
  write(inside)
  const file = path.join(place, 'cluster.yaml')
  fs.writeFileSync(
    file,
    `${fs.readFileSync(file, 'utf8').replace('c1: {}', 'c1: { renewedBy: node }')}node: { tls: /etc/nomad-tls }\n`,
  )
  await good('init --new-store')
  await good('authority setup agent')
  await good('apply --yes')
  await good('pack c1 --renew --out-dir out')
  expect(fs.readdirSync(path.join(place, 'out')).sort()).toEqual(['ca.pem', 'engine', 'node.yaml'])
  const node = fs.readFileSync(path.join(place, 'out/node.yaml'), 'utf8')
  expect(node).toContain(`signer: "${fingerprintText(root())}"`)
  const role = JSON.parse(
    fs.readFileSync(path.join(place, 'out/engine/role.json'), 'utf8'),
  ) as Record<string, unknown>
  expect(role.allowed_domains).toEqual(['client.us-west.nomad'])
})

test('an intermediate whose root is not set up: what is there signs on', async () => {
  write('', 'signer: file')
  await good('init --new-store')
  await good('apply --yes')
  write(
    `${inside}, signer: { 1: file, 2: engine }, signing: 2, trusted: [1, 2], crossed: true`,
    'signing: 2',
  )
  await run('rotate leaves c1 --yes')
  const [leaf] = chain('client/us-west/c1')
  const all = fs.readdirSync(path.join(place, 'pki/identity/client/us-west/c1'))
  expect(all.some((one) => one.startsWith('2-'))).toBe(true)
  expect(verifies([root()], 'client/us-west/c1')).toBe(true)
  expect(leaf!.issuer.der).toEqual(certificates('authority/us-west/1/ca.pem')[0]!.subject.der)
  await good('authority setup agent')
  await good('apply --yes')
  await good('verify')
  expect(verifies([root(1)])).toBe(true)
  expect(verifies([root(2)])).toBe(true)
})

test('a root of the engine that was replaced by hand is an error, and signs nothing', async () => {
  write(inside)
  await good('init --new-store')
  await good('authority setup agent')
  await good('apply --yes')
  const other = folder({ 'cluster.yaml': specText(inside) })
  await good('init --new-store', other)
  engine.issuers.clear()
  engine.keys.clear()
  await good('authority setup agent', other)
  expect((await run('verify --long')).stdout).toContain('is another certificate')
  const setUp = await run('authority setup agent')
  expect(setUp.stderr).toContain('and the store has SHA256:')
  expect(setUp.status).toBe(1)
  const before = engine.signed.length
  expect((await run('rotate leaves --all --yes')).status).not.toBe(0)
  expect(engine.signed).toHaveLength(before)
})
