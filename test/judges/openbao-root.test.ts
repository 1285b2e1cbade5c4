/**
 * A real OpenBao with the root in it: leaves by the root itself, an intermediate with networks in its constraints, the
 * next generation as the old one certified it, and a root that moves there from a file. OpenSSL judges the chains.
 */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { folder, type Said } from '../cli/cli.js'
import { engineSpec, good as succeeds, namedServer, withToken } from '../engine/cluster.js'
import { openbaoBinary } from '../real-nomad/harness/binaries.js'
import { openbao, type OpenBao } from './openbao.js'

let bao: OpenBao
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-openbao-root-'))
const run = (at: string, line: string, token = 'root'): Promise<Said> =>
  withToken(bao, at, line, { BAO_TOKEN: token })
const good = (at: string, line: string, token?: string): Promise<Said> =>
  succeeds(run(at, line, token), line)

const spec = (agent: string, west = 'none'): string =>
  engineSpec(bao, {
    agent: `key: ecdsa-p384, ${agent}`,
    below: west,
    region: { ...namedServer, networks: '[10.0.0.0/8, "fd00::/8"]' },
  })
const begin = async (text: string): Promise<string> => {
  const at = folder({ 'cluster.yaml': text })
  await good(at, 'init --new-store')
  return at
}
const rewrite = (at: string, text: string): void =>
  fs.writeFileSync(path.join(at, 'cluster.yaml'), text)
const inStore = (at: string, file: string): string => path.join(at, 'pki', file)
const leaf = (at: string): string => inStore(at, 'identity/server/us-west/s1/current/cert.pem')
const rootOf = (at: string, generation = 1): string =>
  inStore(at, `authority/agent/${generation}/ca.pem`)
/** Whether OpenSSL accepts the server's leaf, with what stands behind it, under a root. */
const opensslVerifies = (at: string, root: string): string =>
  execFileSync(
    'openssl',
    ['verify', '-x509_strict', '-no-CApath', '-CAfile', root, '-untrusted', leaf(at), leaf(at)],
    { encoding: 'utf8' },
  )
const text = (file: string): string =>
  execFileSync('openssl', ['x509', '-in', file, '-noout', '-text'], { encoding: 'utf8' })
/** A token with printed policies. */
const policy = async (said: Said, ...names: readonly string[]): Promise<string> => {
  const all = said.stdout.split('\n# policy: ')
  const texts = names.map((name) => {
    const one = all.find((other) => other.startsWith(name))!
    return one.slice(one.indexOf('\n'))
  })
  made += 1
  return bao.tokenWith(`made-${made}`, texts.join('\n'))
}
let made = 0

beforeAll(async () => {
  bao = await openbao(home)
})
afterAll(async () => {
  await bao.close()
  fs.rmSync(home, { recursive: true, force: true })
})

test('a root that signs leaves: set up, rotated and crossed with the printed policies alone', async () => {
  const named = 'subject: { organization: "Acme, Inc", country: DE }, lifetime: 10y'
  const at = await begin(spec(`${named}, engine: { mount: pki/direct }`))
  const dry = await good(at, 'authority setup agent --dry-run')
  await good(at, 'authority setup agent', await policy(dry, 'set up'))
  expect((await good(at, 'authority setup agent')).stdout).not.toMatch(/^(done|would)/m)
  expect(text(rootOf(at))).toMatch(/Subject: .*O = "Acme, Inc"/)
  const apply = await policy(dry, 'apply')
  await good(at, 'apply --yes', apply)
  const verified = await good(at, 'verify --long', await policy(dry, 'plan'))
  expect(verified.stdout.replaceAll(/.*may not sign by.*/g, '')).not.toContain('engine-')
  expect(opensslVerifies(at, rootOf(at))).toContain('OK')

  const role = 'pki/direct/roles/nomad-client-us-west'
  const before = (await bao.call('GET', role)).data
  const issuers = (await bao.call('GET', 'pki/direct/config/issuers')).data
  await run(at, 'rotate authority agent --next')
  // Until it is set up, the old one signs.
  await run(at, 'rotate leaves c1 --yes', apply)
  const next = await good(at, 'authority setup agent --dry-run')
  await good(at, 'authority setup agent', await policy(next, 'set up'))
  // The day's token cannot make an authority: the old root certifies the new one for a token that may.
  const refused = await run(at, 'apply --yes', await policy(next, 'apply'))
  expect(refused.stderr).toContain(
    'no policy of the token allows pki/direct/issuer/agent-1/sign-self-issued',
  )
  expect(refused.status).not.toBe(0)
  await good(at, 'apply --yes', await policy(next, 'apply', 'certify'))
  await good(at, 'verify')
  for (const generation of [1, 2]) {
    expect(opensslVerifies(at, rootOf(at, generation))).toContain('OK')
  }
  expect((await bao.call('GET', role)).data).toEqual(before)
  expect((await bao.call('GET', 'pki/direct/config/issuers')).data).toEqual(issuers)
})

test.each([
  ['in a mount of its own', 'engine: { mount: pki/west }', 'pki/above-1'],
  ['in the mount of the root', 'engine: { mount: pki/above-2 }', 'pki/above-2'],
  ['in a file', 'key: ecdsa-p256', 'pki/above-3'],
])('an intermediate %s: its networks are in the certificate', async (_, west, mount) => {
  const at = await begin(spec(`engine: { mount: ${mount} }`, west))
  await good(at, 'authority setup agent')
  if (west.startsWith('engine')) {
    const dry = await good(at, 'authority setup us-west --dry-run')
    const alone = await run(at, 'authority setup us-west', await policy(dry, 'set up'))
    expect(alone.status).not.toBe(0)
    await good(at, 'authority setup us-west', await policy(dry, 'set up', 'certify'))
  }
  await good(at, 'apply --yes')
  expect((await good(at, 'verify --long')).stdout).not.toContain('engine-')
  const said = text(inStore(at, 'authority/us-west/1/ca.pem'))
  expect(said).toMatch(/X509v3 Name Constraints: critical/)
  expect(said).toContain('IP:10.0.0.0/255.0.0.0')
  expect(said).toContain('DNS:acme.internal')
  expect(said).toMatch(/CA:TRUE, pathlen:0/)
  expect(opensslVerifies(at, rootOf(at))).toContain('OK')

  // The root is replaced above it, and the certificate behind the leaves leads to both.
  const { stdout, stderr } = await run(at, 'rotate authority agent --next')
  const printed = [...`${stdout}\n${stderr}`.matchAll(/^ {2}nomad-pki (.*)$/gm)].map(
    ([, line]) => line!,
  )
  expect(printed[0]).toBe('authority setup agent')
  for (const line of printed) await good(at, line === 'apply' ? 'apply --yes' : line)
  await good(at, 'verify')
  for (const generation of [1, 2]) {
    expect(opensslVerifies(at, rootOf(at, generation))).toContain('OK')
  }
})

test('a key that another person brought is refused until it is deleted; an issuer without a name gets it', async () => {
  const at = await begin(spec('signer: file', 'engine: { mount: pki/planted }'))
  await run(at, 'apply --yes')
  await bao.call('POST', 'sys/mounts/pki/planted', { type: 'pki' })
  const key = { key_type: 'ec', key_bits: 384, key_name: 'us-west-1' }
  const planted = await bao.call('POST', 'pki/planted/keys/generate/exported', key)
  expect(planted.data.private_key).toContain('PRIVATE KEY')
  const refused = await run(at, 'authority setup us-west')
  expect(refused.stderr).toContain('bao delete pki/planted/key/us-west-1')
  expect(refused.status).toBe(1)
  expect((await bao.call('DELETE', 'pki/planted/key/us-west-1')).status).toBeLessThan(300)
  await good(at, 'authority setup us-west')
  // As a run leaves it that was killed before it named the issuer.
  await bao.call('DELETE', 'pki/planted/issuer/us-west-1')
  const certificate = fs.readFileSync(inStore(at, 'authority/us-west/1/ca.pem'), 'utf8')
  await bao.call('POST', 'pki/planted/intermediate/set-signed', { certificate })
  expect((await bao.call('GET', 'pki/planted/issuer/us-west-1')).status).not.toBe(200)
  expect((await good(at, 'authority setup us-west')).stdout).toContain(
    'done: the issuer pki/planted/issuer/us-west-1',
  )
  await good(at, 'apply --yes')
  await good(at, 'verify')
})

test('from a file to the engine by the next generation', async () => {
  const at = await begin(spec('signer: file'))
  await good(at, 'apply --yes')
  rewrite(
    at,
    spec(
      'engine: { mount: pki/moved }, signer: { 1: file, 2: engine }, signing: 2, trusted: [1, 2], crossed: true',
    ),
  )
  await good(at, 'authority setup agent')
  await good(at, 'apply --yes')
  await good(at, 'verify')
  for (const generation of [1, 2]) {
    expect(opensslVerifies(at, rootOf(at, generation))).toContain('OK')
  }
  expect(fs.existsSync(inStore(at, 'authority/agent/2/ca-key.pem'))).toBe(false)
})

test('a store that is lost: a pin brings back the root, which the set-up prints, and the intermediate below it', async () => {
  const agent = 'engine: { mount: pki/lost }'
  const at = await begin(spec(agent, 'engine: { mount: pki/lost-west }'))
  await good(at, 'authority setup agent')
  await good(at, 'authority setup us-west')
  const second = folder({ 'cluster.yaml': spec(agent, 'engine: { mount: pki/lost-west }') })
  await good(second, 'init --new-store')
  const refused = await run(second, 'authority setup agent')
  const [pin] = /fingerprint: \{ 1: "SHA256:[0-9a-f]{64}" \}/.exec(refused.stderr)!
  rewrite(second, spec(`${agent}, ${pin}`, 'engine: { mount: pki/lost-west }'))
  await good(second, 'authority setup agent')
  await good(second, 'authority setup us-west')
  expect(fs.readFileSync(rootOf(second))).toEqual(fs.readFileSync(rootOf(at)))

  // What the store of the second adopts of the first: the root by its pin, the leaves by their signatures.
  await good(at, 'apply --yes')
  const third = folder({ 'cluster.yaml': spec(agent, 'engine: { mount: pki/lost-west }') })
  const unknown = await run(third, 'adopt --engine')
  expect(unknown.stderr).toContain(`pin it in the spec (agent: { ${pin} })`)
  expect(unknown.status).not.toBe(0)
  rewrite(third, spec(`${agent}, ${pin}`, 'engine: { mount: pki/lost-west }'))
  await good(third, 'adopt --engine')
  expect(fs.readFileSync(rootOf(third))).toEqual(fs.readFileSync(rootOf(at)))
  expect((await run(third, 'plan')).stdout).toContain('key-elsewhere')
})

describe('another issuer of the mount with a key of ours', () => {
  /** Runs a printed line of the engine's own client. */
  const client = (line: string): string => {
    const [program, ...args] = line.split(' ')
    expect(program).toBe('bao')
    return execFileSync(openbaoBinary(), args, {
      env: { HOME: home, BAO_ADDR: bao.origin, BAO_CACERT: bao.ca, BAO_TOKEN: 'root' },
      encoding: 'utf8',
    })
  }
  const openssl = (...args: readonly string[]): string =>
    execFileSync('openssl', args, { cwd: home, encoding: 'utf8', stdio: 'pipe' })
  const authorityFor = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']

  test('its certificate is not for lists, the mount is in a namespace: the printed command cures it', async () => {
    expect((await bao.call('POST', 'sys/namespaces/infra')).status).toBeLessThan(300)
    const at = await begin(
      spec('signer: file', 'engine: { mount: pki/spare }').replace(
        /vault: \{/,
        'vault: { namespace: infra,',
      ),
    )
    await run(at, 'apply --yes')
    await good(at, 'authority setup us-west')
    await good(at, 'apply --yes')
    const there = { 'X-Vault-Namespace': 'infra' }
    const call = async (way: string, body: object) =>
      bao.call('POST', `pki/spare/${way}`, body, 'root', there)
    const asked = { key_ref: 'us-west-1', common_name: 'another', format: 'pem' }
    const { data } = await call('intermediate/generate/existing', asked)
    fs.writeFileSync(path.join(home, 'spare.csr'), String(data.csr))
    fs.writeFileSync(path.join(home, 'spare.cnf'), authorityFor.join('\n'))
    openssl(
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout x.key -out x.pem'.split(
        ' ',
      ),
    )
    const signs = 'x509 -req -in spare.csr -CA x.pem -CAkey x.key -extfile spare.cnf -out spare.pem'
    openssl(...signs.split(' '))
    const certificate = fs.readFileSync(path.join(home, 'spare.pem'), 'utf8')
    expect((await call('intermediate/set-signed', { certificate })).status).toBe(200)

    const found = await run(at, 'verify --long')
    const [line] = /bao patch .*$/m.exec(found.stdout) ?? []
    expect(line, found.stdout).toMatch(
      /^bao patch -namespace=infra pki\/spare\/issuer\/[\w-]+ usage=/,
    )
    expect(found.status).not.toBe(0)
    client(line!)
    await good(at, 'verify')
    await good(at, 'apply --yes')
  })

  test('its key was in a file, and its issuer was never here: it signs no more when the next one does', async () => {
    const at = await begin(spec('signer: file', 'key: ecdsa-p256'))
    await good(at, 'apply --yes')
    await bao.call('POST', 'sys/mounts/pki/held', { type: 'pki' })
    const pem = ['ca-key.pem', 'ca.pem'].map((one) =>
      fs.readFileSync(inStore(at, `authority/us-west/1/${one}`), 'utf8'),
    )
    const held = { pem_bundle: pem.join('') }
    const { data } = await bao.call('POST', 'pki/held/issuers/import/bundle', held)
    const [id] = data.imported_issuers as readonly string[]
    rewrite(
      at,
      spec(
        'signer: file',
        'engine: { mount: pki/held }, signer: { 1: file, 2: engine }, signing: 2',
      ),
    )
    const stopped = await good(at, 'authority setup us-west --compromised')
    expect(stopped.stdout).toContain(`done: pki/held/issuer/${id} signs no more certificates`)
    const { usage } = (await bao.call('GET', `pki/held/issuer/${id}`)).data
    expect(usage).not.toContain('issuing-certificates')
    await good(at, 'apply --yes')
  })
})

test('an issuer that was revoked by hand: the two printed commands make it anew, of a root too', async () => {
  const at = await begin(
    spec('engine: { mount: pki/undone }', 'engine: { mount: pki/undone-west }'),
  )
  for (const name of ['agent', 'us-west']) await good(at, `authority setup ${name}`)
  await good(at, 'apply --yes')
  for (const [name, issuer] of [
    ['us-west', 'pki/undone-west/issuer/us-west-1'],
    ['agent', 'pki/undone/issuer/agent-1'],
  ] as const) {
    expect((await bao.call('POST', `${issuer}/revoke`)).status).toBe(200)
    const printed = `bao delete ${issuer} && nomad-pki authority setup ${name}`
    expect((await run(at, 'verify')).stdout).toContain(printed)
    expect((await run(at, `authority setup ${name}`)).stderr).toContain(printed)
    expect((await bao.call('DELETE', issuer)).status).toBeLessThan(300)
    await good(at, `authority setup ${name}`)
    await good(at, 'verify')
  }
  await good(at, 'rotate leaves c1 --yes')
})
