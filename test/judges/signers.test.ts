/**
 * The whole life of a cluster wherever its authorities' keys are: in a PKCS#11 token, by the script that the package
 * brings and by ssh-agent; under a passphrase; on another machine. Root, intermediate, crossed rotation, verify.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { cli, folder } from '../cli/cli.js'

const script = fileURLToPath(new URL('../../templates/signers/pkcs11-tool.sh', import.meta.url))
const module = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
].find((file) => fs.existsSync(file))

const spec = (agent: string, west: string): string => `version: 1
cluster: acme
authorities:
  agent: { key: ecdsa-p384, signer: ${agent} }
  west: { issuer: agent, signer: ${west} }
regions:
  global:
    authority: agent
    servers: { s1: {} }
  us-west:
    authority: west
    servers: { w1: {} }
`

const agents: ChildProcess[] = []
afterAll(() => {
  for (const agent of agents) agent.kill()
})

interface Token {
  readonly place: string
  readonly env: Readonly<Record<string, string>>
}

/** A folder with a token in it that has three keys. */
function token(): Token {
  expect(module, 'SoftHSM is missing: .ci/tools debian installs it').toBeDefined()
  const place = folder({ pin: '12345678' })
  fs.chmodSync(path.join(place, 'pin'), 0o600)
  fs.mkdirSync(path.join(place, 'tokens'))
  const conf = path.join(place, 'softhsm2.conf')
  fs.writeFileSync(conf, `directories.tokendir = ${place}/tokens\nobjectstore.backend = file\n`)
  const env = { ...(process.env as Record<string, string>), SOFTHSM2_CONF: conf, PIN: '12345678' }
  const run = (program: string, line: string): void => {
    execFileSync(program, line.split(' '), { env, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  run('softhsm2-util', '--init-token --free --label pki --pin 12345678 --so-pin 87654321')
  for (const [label, curve, id] of [
    ['west-1', 'prime256v1', '11'],
    ['agent-2', 'secp384r1', '02'],
    ['agent-1', 'secp384r1', '01'],
  ] as const) {
    run(
      'pkcs11-tool',
      `--module ${module!} --token-label pki --login --pin env:PIN --keypairgen --key-type EC:${curve} --usage-sign --label ${label} --id ${id}`,
    )
  }
  return { place, env }
}

/** The whole life; no key is in the store at any time. */
async function lives(
  { place, env }: Token,
  first: readonly [agent: string, west: string],
  crossed: readonly [agent: string, west: string],
): Promise<void> {
  const ok = async (line: string): Promise<string> => {
    const { status, stdout, stderr } = await cli(place, line.split(' '), { env })
    expect(status, stdout + stderr).toBe(0)
    return stdout
  }
  const says = (text: string): void => fs.writeFileSync(path.join(place, 'cluster.yaml'), text)
  says(spec(...first))
  await ok('init --new-store')
  await ok('apply --yes')
  expect(await ok('plan')).toMatch(/nothing to do/)
  expect(await ok('verify')).toMatch(/proven/)
  says(spec(...crossed))
  await ok('apply --yes')
  expect(await ok('verify')).toMatch(/proven/)
  expect(await ok('authority show')).toMatch(/authority\/agent\/2 +signer: (command|ssh-agent)/)
  const names = fs.readdirSync(path.join(place, 'pki/authority'), {
    recursive: true,
    encoding: 'utf8',
  })
  expect(names.filter((name) => name.endsWith('ca-key.pem'))).toEqual([])
  expect(names).toContain('agent/2/crossed-by-1.pem')
  // openssl follows the leaf of the new root to the old one, by the cross-certificate.
  expect(judged(place, 'authority/agent/1/ca.pem', 'authority/agent/2/crossed-by-1.pem')).toMatch(
    /: OK/,
  )
}

const generations = ', signing: 2, trusted: [1, 2], crossed: true'

test('a root and an intermediate in SoftHSM, by a command: made, crossed, verified', async () => {
  const made = token()
  const { place } = made
  // A checkout may belong to another user, whose programs are not run.
  const own = path.join(place, 'pkcs11-tool.sh')
  fs.copyFileSync(script, own)
  fs.chmodSync(own, 0o700)
  const command = JSON.stringify([own, module, 'pki', path.join(place, 'pin')])
  const local = path.join(place, 'nomad-pki.local.yaml')
  fs.writeFileSync(
    local,
    `signers: { agent: { command: ${command} }, west: { command: ${command} } }\n`,
  )
  fs.chmodSync(local, 0o600)
  await lives(made, ['command', 'command'], [`command${generations}`, 'command'])
})

test('the same by ssh-agent, which has the token by ssh-add -s', async () => {
  const { place, env: own } = token()
  const sockets = fs.mkdtempSync(path.join(tmpdir(), 'ssh'))
  const env = { ...own, SSH_AUTH_SOCK: path.join(sockets, 's') }
  const agent = spawn('ssh-agent', ['-D', '-a', env.SSH_AUTH_SOCK], { env, stdio: 'ignore' })
  agents.push(agent)
  await expect.poll(() => fs.existsSync(env.SSH_AUTH_SOCK), { timeout: 5000 }).toBe(true)
  const ask = path.join(place, 'ask')
  fs.writeFileSync(ask, '#!/bin/sh\necho 12345678\n', { mode: 0o700 })
  execFileSync('ssh-add', ['-s', module!], {
    env: { ...env, SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' },
    stdio: 'pipe',
  })
  const listed = execFileSync('ssh-add', ['-l'], { env, encoding: 'utf8' })
  const key = (label: string): string => {
    const [, print] = new RegExp(`(SHA256:\\S+) ${label} `).exec(listed) ?? []
    expect(print, listed).toBeDefined()
    return `ssh-agent, sshKey: "${print}"`
  }
  const west = key('west-1')
  await lives({ place, env }, [key('agent-1'), west], [key('agent-2') + generations, west])
  fs.rmSync(sockets, { recursive: true, force: true })
})

/** What openssl says of a leaf under a root of `trust`. */
function judged(place: string, trust: string, ...untrusted: readonly string[]): string {
  const inStore = (name: string): string => path.join(place, 'pki', name)
  return execFileSync('openssl', [
    'verify',
    ...['-CAfile', inStore(trust)],
    ...untrusted.flatMap((name) => ['-untrusted', inStore(name)]),
    inStore('identity/server/global/s1/current/cert.pem'),
  ]).toString()
}

async function good(place: string, line: string): Promise<string> {
  const { status, stdout, stderr } = await cli(place, line.split(' '))
  expect(status, stdout + stderr).toBe(0)
  return stdout
}

test('the same with keys under a passphrase, which openssl opens', async () => {
  const place = folder({ pass: 'correct horse battery\n', 'cluster.yaml': '' })
  fs.chmodSync(path.join(place, 'pass'), 0o600)
  const source = '{ file: pass }'
  fs.writeFileSync(
    path.join(place, 'nomad-pki.local.yaml'),
    `passphrases: { agent: ${source}, west: ${source} }\n`,
    { mode: 0o600 },
  )
  const says = (agent: string): void =>
    fs.writeFileSync(path.join(place, 'cluster.yaml'), spec(agent, 'encrypted'))
  says('encrypted')
  await good(place, 'init --new-store')
  await good(place, 'apply --yes')
  says(`encrypted${generations}`)
  await good(place, 'apply --yes')
  expect(await good(place, 'verify')).toMatch(/proven/)
  for (const name of ['agent/1', 'agent/2', 'west/1']) {
    const key = path.join(place, 'pki/authority', name, 'ca-key.pem')
    expect(fs.readFileSync(key, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    const pass = ['-passin', `file:${path.join(place, 'pass')}`]
    execFileSync('openssl', ['pkey', '-in', key, ...pass, '-check', '-noout'])
  }
  expect(judged(place, 'authority/agent/1/ca.pem', 'authority/agent/2/crossed-by-1.pem')).toMatch(
    /: OK/,
  )
})

test('the same with a root on another machine', async () => {
  const text = (signer: string, agent = '', low = ''): string => `version: 1
cluster: acme
authorities:
  agent: { key: ecdsa-p384, signer: ${signer}${agent} }
  low: { issuer: agent${low} }
regions:
  global:
    authority: low
    servers: { s1: {} }
`
  const [store, key] = [folder(), folder()]
  const says = (...more: readonly string[]): void => {
    fs.writeFileSync(path.join(store, 'cluster.yaml'), text('offline', ...more))
    fs.writeFileSync(path.join(key, 'cluster.yaml'), text('file', ...more))
  }
  const signed = async (name: string): Promise<void> => {
    await good(store, `authority request agent --out ${name}`)
    const digest = await good(store, `authority request agent --out ${name}-again`)
    const [print] = digest.split(' ')
    fs.copyFileSync(path.join(store, name), path.join(key, name))
    await good(key, `authority accept ${name} --out ${name}.answer --fingerprint ${print!}`)
    fs.copyFileSync(path.join(key, `${name}.answer`), path.join(store, `${name}.answer`))
    await good(store, `authority accept ${name}.answer --fingerprint ${print!}`)
    await good(store, 'apply --yes')
    expect(await good(store, 'verify')).toMatch(/proven/)
  }
  says()
  for (const place of [store, key]) await good(place, 'init --new-store')
  await signed('one')
  const root = 'authority/agent/1/ca.pem'
  expect(judged(store, root, 'authority/low/1/ca.pem')).toMatch(/: OK/)
  says(generations, ', signing: 2')
  await signed('two')
  const cross = 'authority/agent/2/crossed-by-1.pem'
  expect(judged(store, root, 'authority/low/2/ca.pem', cross)).toMatch(/: OK/)
  const names = fs.readdirSync(path.join(store, 'pki/authority/agent'), {
    recursive: true,
    encoding: 'utf8',
  })
  expect(names.filter((name) => name.endsWith('ca-key.pem'))).toEqual([])
})
