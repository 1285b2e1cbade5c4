/** `pack NODE --renew`: what it writes is enough for the node, and the engine gets a role for this node alone. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cli, now, type Said } from '../cli/cli.js'
import { linesOf } from '../cli/json-lines.js'
import { selfNode, type SelfNode } from './node.js'

let node: SelfNode
const run = (line: string): Promise<Said> =>
  cli(node.place, line.split(' '), { now, env: { BAO_ADDR: node.engine.origin } })
const out = (name: string): string => path.join(node.place, 'out', name)

beforeAll(async () => {
  node = await selfNode()
})
afterAll(() => node.engine.close())

test('a dry run writes nothing and names the files', async () => {
  const { stdout, status } = await run('pack c1 --renew --out-dir out --dry-run')
  expect(stdout.split('\n')).toContain('out/node.yaml')
  expect(status).toBe(0)
  expect(fs.existsSync(out(''))).toBe(false)
})

test('the node renews itself with nothing but these files and its login', async () => {
  const { stdout, stderr, status } = await run('pack c1 --renew --out-dir out')
  expect(status).toBe(0)
  expect(stdout).toBe(
    ['node.yaml', 'ca.pem', 'chain.pem', 'engine/role.json', 'engine/policy.hcl']
      .map((name) => `out/${name}\n`)
      .join(''),
  )
  expect(stderr).toContain(
    'bao write pki/nomad/roles/nomad-client-us-west-c1 @out/engine/role.json && bao policy write nomad-renew-us-west-c1 out/engine/policy.hcl',
  )
  const role = JSON.parse(fs.readFileSync(out('engine/role.json'), 'utf8')) as Record<
    string,
    unknown
  >
  expect(role).toMatchObject({
    allowed_domains: ['client.us-west.nomad', 'c1.acme.internal'],
    allow_glob_domains: false,
    allow_subdomains: false,
    allow_any_name: false,
    allowed_ip_sans_cidr: ['127.0.0.0/8', '::1/128', '10.0.0.1/32'],
  })
  expect(fs.readFileSync(out('engine/policy.hcl'), 'utf8')).toBe(
    'path "pki/nomad/issuer/us-west-1/sign/nomad-client-us-west-c1" {\n  capabilities = ["update"]\n  allowed_parameters = { "csr" = [], "ttl" = [], "common_name" = [], "alt_names" = [], "ip_sans" = [], "uri_sans" = [], "exclude_cn_from_sans" = [] }\n}\n',
  )
  const text = fs.readFileSync(out('node.yaml'), 'utf8')
  expect(text).toContain('reload: nomad.service\nprobe: "127.0.0.1:4646"\n')
  expect(text).toContain('auth: { method: token, tokenFile: token }')

  // On the node: its place, and no systemd here.
  node.engine.roles.set('nomad-client-us-west-c1', role)
  fs.writeFileSync(out('token'), 'root\n', { mode: 0o600 })
  const here = text
    .replace(/^tls: .*$/m, `tls: ${JSON.stringify(node.tls)}`)
    .replace(/^owner: .*\n/m, '')
    .replace(/^reload: .*\nprobe: .*$/m, 'reload: none')
  fs.writeFileSync(out('node.yaml'), here)
  const renewed = await run('renew --config out/node.yaml')
  expect(renewed.stderr).not.toMatch(/^error/m)
  expect(renewed.status).toBe(0)
  expect(node.isPair()).toBe(true)
})

test('as a document', async () => {
  const { stdout } = await run('pack c1 --renew --out-dir other --json')
  expect(linesOf(JSON.stringify(JSON.parse(stdout)))).toMatchObject([
    { format: 'nomad-pki/node', address: 'identity/client/us-west/c1', written: true },
  ])
})

test.each([
  ['pack c1 s1 --renew --out-dir several', /--renew is for one node/],
  ['pack c1 --renew', /--out-dir/],
  ['pack c1 --renew --out-dir other --trust-only', /--trust-only/],
])('%s', async (line, message) => {
  const { stderr, status } = await run(line)
  expect(stderr).toMatch(message)
  expect(status).toBe(64)
})

test.each([
  ['west: {}', 'us/west', 'the role of all clients of us-west'],
  ['west-c1: {}', 'us/west-c1', 'the role of identity/client/us-west/c1'],
  ['west-C1: {}', 'us/west-C1', 'the policy of identity/client/us-west/c1'],
])('a node of the region us, %s, gets no role or policy of us-west', async (key, name, other) => {
  const spec = path.join(node.place, 'cluster.yaml')
  const text = fs.readFileSync(spec, 'utf8')
  fs.writeFileSync(
    spec,
    `${text}  us:\n    authority: us-west\n    servers: { s1: {} }\n    clients: { ${key} }\n`,
  )
  const { stderr, status } = await run(`pack identity/client/${name} --renew --out-dir fourth`)
  fs.writeFileSync(spec, text)
  expect(stderr).toContain(`would have the name of ${other}: `)
  expect(status).toBe(64)
  expect(fs.existsSync(path.join(node.place, 'fourth'))).toBe(false)
})

test('an authority that is not in an engine signs for no node by itself', async () => {
  const spec = path.join(node.place, 'cluster.yaml')
  const text = fs.readFileSync(spec, 'utf8')
  fs.writeFileSync(
    spec,
    text.replace(/^vault: .*\n/m, '').replace(', engine: { mount: pki/nomad }', ''),
  )
  const { stderr, status } = await run('pack c1 --renew --out-dir third')
  fs.writeFileSync(spec, text)
  expect(stderr).toContain('is not in Vault or OpenBao: a node can ask nobody')
  expect(status).toBe(64)
})
