/**
 * The key of the old authority is lost, and one agent's certificate never came into the store: a new root
 * comes by trust alone, without an edit of the spec by hand.
 */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { formatName } from '../../src/x509/name.js'
import { fixture } from '../adoption/folders.js'
import { cli, folder, now, type Said } from './cli.js'

const agent = (name: string, role: string, host: string): string => `name = "${name}"
region = "global"
${role} { enabled = true }
bind_addr = "${host}"
tls {
  http = true
  rpc = true
  ca_file = "/etc/nomad.d/tls/ca.pem"
  cert_file = "/etc/nomad.d/tls/${name}.pem"
  key_file = "/etc/nomad.d/tls/${name}-key.pem"
}
`
const read = (cwd: string, file: string): string => fs.readFileSync(path.join(cwd, file), 'utf8')

/** s1 is adopted with its pair; the pair of c1 lies on its host alone. */
async function begun(): Promise<string> {
  const cwd = folder({
    'agents/s1/nomad.hcl': agent('s1', 'server', '10.0.0.11'),
    'agents/c1/nomad.hcl': agent('c1', 'client', '10.0.0.21'),
  })
  fs.mkdirSync(path.join(cwd, 'old'))
  for (const file of [
    'nomad-agent-ca.pem',
    'global-server-nomad.pem',
    'global-server-nomad-key.pem',
  ]) {
    fs.copyFileSync(path.join(fixture('nomad-tls'), file), path.join(cwd, 'old', file))
  }
  for (const line of [
    ['adopt', 'old', '--agents', 'agents/s1', 'agents/c1', '--cluster', 'acme'],
    ['rotate', 'authority', 'agent', '--next'],
  ]) {
    const said = await cli(cwd, line)
    expect([line, said.stderr.match(/^error/m)]).toEqual([line, null])
  }
  // c1 gets no certificate: the old root cannot sign. Everything else is made.
  const applied = await cli(cwd, ['apply', '--yes'])
  expect([applied.status, applied.stderr]).toEqual([
    1,
    expect.stringContaining('identity/client/global/c1 needs its signature'),
  ])
  return cwd
}

const root = (cwd: string, generation: number): string =>
  formatName(parseCertificates(read(cwd, `pki/authority/agent/${generation}/ca.pem`))[0]!.subject)

/** What a probe saw: the ports of each agent, with the roots that it named. */
async function seen(
  cwd: string,
  agents: Readonly<
    Record<string, { ports: readonly number[]; leaf: string; trusts: readonly number[] }>
  >,
): Promise<Said> {
  const lines = [
    { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: now },
    ...Object.entries(agents).flatMap(([address, { ports, leaf, trusts }]) =>
      ports.map((port) => ({
        ...{
          event: 'observed',
          address: `identity/${address}`,
          endpoint: `${address.slice(-2)}:${port}`,
        },
        ...{ rpc: port === 4647, at: now, fingerprint: leaf, generation: null },
        ...{ trusts: trusts.map((one) => root(cwd, one)) },
      })),
    ),
    {
      ...{ event: 'members', address: 'cluster/acme', at: now, region: 'global' },
      ...{ servers: ['s1.global'], clients: ['c1'], gone: [] },
    },
  ]
  fs.writeFileSync(
    path.join(cwd, 'evidence.json'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  )
  const said = await cli(cwd, ['probe', '--evidence', 'evidence.json'])
  expect(said.stderr).toContain('noted')
  return said
}

const stranger = 'ab'.repeat(32)
const leafOf = (cwd: string, place: string): string =>
  fingerprintOf(parseCertificates(read(cwd, `pki/identity/${place}/current/cert.pem`))[0]!)
const server = (cwd: string, trusts: readonly number[] = [1, 2]) => ({
  ports: [4646, 4647],
  leaf: leafOf(cwd, 'server/global/s1'),
  trusts,
})
const next = (cwd: string): Promise<Said> => cli(cwd, ['rotate', 'authority', 'agent', '--next'])

describe('an agent whose certificate is not in the store', () => {
  test('holds the new root until it was seen to trust it, with what to bring it', async () => {
    const cwd = await begun()
    await seen(cwd, { 'server/global/s1': server(cwd) })
    const unseen = await next(cwd)
    expect(unseen.status).toBe(3)
    expect(unseen.stdout + unseen.stderr).toContain(
      'its certificate is not in the store, and it was never seen',
    )
    expect(unseen.stdout + unseen.stderr).toContain('nomad-pki pack --trust-only --out ca.pem')
    await seen(cwd, {
      'server/global/s1': server(cwd),
      'client/global/c1': { ports: [4646], leaf: stranger, trusts: [1] },
    })
    const old = await next(cwd)
    expect(old.status).toBe(3)
    expect(old.stdout + old.stderr).toContain('c1:4646 does not trust authority/agent/2')
  })

  test('counts when it trusts both, and then gets a certificate of the new root', async () => {
    const cwd = await begun()
    await seen(cwd, {
      'server/global/s1': server(cwd),
      'client/global/c1': { ports: [4646], leaf: stranger, trusts: [1, 2] },
    })
    const moved = await next(cwd)
    expect([moved.status, moved.stderr.match(/^error/m)]).toEqual([0, null])
    const applied = await cli(cwd, ['apply', '--yes'])
    expect(applied.status).toBe(0)
    for (const place of ['server/global/s1', 'client/global/c1']) {
      const [leaf] = parseCertificates(read(cwd, `pki/identity/${place}/current/cert.pem`))
      expect(formatName(leaf!.issuer)).toBe(root(cwd, 2))
      expect(parseCertificates(read(cwd, `pki/identity/${place}/current/ca.pem`))).toHaveLength(2)
    }
    // The old root leaves only when that certificate is loaded.
    await seen(cwd, {
      'server/global/s1': server(cwd),
      'client/global/c1': { ports: [4646], leaf: stranger, trusts: [1, 2] },
    })
    expect((await next(cwd)).status).toBe(3)
    await seen(cwd, {
      'server/global/s1': server(cwd),
      'client/global/c1': { ports: [4646], leaf: leafOf(cwd, 'client/global/c1'), trusts: [1, 2] },
    })
    expect((await next(cwd)).status).toBe(0)
  })

  test('counts as well where the old tool renewed what was adopted', async () => {
    const cwd = await begun()
    const renewed = { ...server(cwd), leaf: 'cd'.repeat(32) }
    const client = { ports: [4646], leaf: stranger, trusts: [1, 2] }
    await seen(cwd, { 'server/global/s1': { ...renewed, trusts: [1] }, 'client/global/c1': client })
    expect((await next(cwd)).status).toBe(3)
    await seen(cwd, { 'server/global/s1': renewed, 'client/global/c1': client })
    expect((await next(cwd)).status).toBe(0)
  })

  test.each([
    ['a server of which only the HTTP port was seen', { ports: [4646], trusts: [1, 2] }],
    ['a server of which one port has the old trust', { ports: [4646, 4647], trusts: [1] }],
  ])('does not count: %s', async (_, shown) => {
    const cwd = await begun()
    await seen(cwd, {
      'server/global/s1': { ...shown, leaf: stranger },
      'client/global/c1': { ports: [4646], leaf: stranger, trusts: [1, 2] },
    })
    expect((await next(cwd)).status).toBe(3)
  })
})

describe('pack --trust-only without an address', () => {
  test('writes the roots that every agent is to trust, once, and nothing secret', async () => {
    const cwd = await begun()
    const packed = await cli(cwd, ['pack', '--trust-only', '--out', 'ca.pem'])
    expect(packed.status).toBe(0)
    expect(packed.stdout).toMatch(/^[0-9a-f]{64} {2}ca\.pem\n$/)
    expect(packed.stderr).toContain('it holds no secret')
    expect(parseCertificates(read(cwd, 'ca.pem'))).toHaveLength(2)
    expect(read(cwd, 'ca.pem')).toBe(read(cwd, 'pki/identity/server/global/s1/current/ca.pem'))
    expect((fs.statSync(path.join(cwd, 'ca.pem')).mode & 0o777).toString(8)).toBe('644')
    const again = await cli(cwd, ['pack', '--trust-only', '--out', 'ca.pem', '--region', 'global'])
    expect([again.status, again.stderr]).toEqual([
      0,
      expect.stringContaining('it is there already'),
    ])
  })

  test.each([
    [['--trust-only'], 64],
    [['--trust-only', '--out-dir', 'x'], 64],
    [['--trust-only', '--out', 'x', '--region', 'eu'], 64],
    [['--trust-only', '--out', 'pki/x'], 1],
    [['--trust-only', '--out', 'cluster.yaml'], 1],
  ])('%j is refused', async (line, status) => {
    const cwd = await begun()
    const { stdout, ...said } = await cli(cwd, ['pack', ...line])
    expect([said.status, stdout]).toEqual([status, ''])
  })

  test('refuses a bundle that lacks a root of the spec, and a dry run writes nothing', async () => {
    const cwd = await begun()
    const dry = await cli(cwd, ['pack', '--trust-only', '--out', 'ca.pem', '--dry-run', '--json'])
    expect(JSON.parse(dry.stdout)).toMatchObject({
      ...{ format: 'nomad-pki/trust', bundle: 'bundle/agent', written: false },
      roots: [{ address: 'authority/agent/1' }, { address: 'authority/agent/2' }],
    })
    expect(fs.existsSync(path.join(cwd, 'ca.pem'))).toBe(false)
    const spec = read(cwd, 'cluster.yaml')
    fs.writeFileSync(
      path.join(cwd, 'cluster.yaml'),
      spec.replace('trusted: [1, 2]', 'trusted: [1, 2, 3]'),
    )
    const lacking = await cli(cwd, ['pack', '--trust-only', '--out', 'ca.pem'])
    expect(lacking.status).toBe(1)
    expect(lacking.stderr).toContain('bundle/agent does not have all roots that the spec trusts')
  })
})
