/**
 * The whole life of a cluster whose authorities' keys are in a PKCS#11 token, by the script that the package brings:
 * root, intermediate, crossed rotation, verify. No key is in the store at any time.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { cli, folder } from '../cli/cli.js'

const script = fileURLToPath(new URL('../../templates/signers/pkcs11-tool.sh', import.meta.url))
const module = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
].find((file) => fs.existsSync(file))

const spec = (generations: string): string => `version: 1
cluster: acme
authorities:
  agent: { key: ecdsa-p384, signer: command${generations} }
  west: { issuer: agent, signer: command }
regions:
  global:
    authority: agent
    servers: { s1: {} }
  us-west:
    authority: west
    servers: { w1: {} }
`

test('a root and an intermediate in SoftHSM: made, crossed, verified, and no key in the store', async () => {
  expect(module, 'SoftHSM is missing: .ci/tools debian installs it').toBeDefined()
  const place = folder({ 'cluster.yaml': spec(''), pin: '12345678' })
  fs.chmodSync(path.join(place, 'pin'), 0o600)
  fs.mkdirSync(path.join(place, 'tokens'))
  const conf = path.join(place, 'softhsm2.conf')
  fs.writeFileSync(conf, `directories.tokendir = ${place}/tokens\nobjectstore.backend = file\n`)
  const env = { ...process.env, SOFTHSM2_CONF: conf, PIN: '12345678' }
  const run = (program: string, ...args: readonly string[]): void => {
    execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  run(
    'softhsm2-util',
    '--init-token',
    '--free',
    '--label',
    'pki',
    '--pin',
    '12345678',
    '--so-pin',
    '87654321',
  )
  for (const [label, curve, id] of [
    ['west-1', 'prime256v1', '11'],
    ['agent-2', 'secp384r1', '02'],
    ['agent-1', 'secp384r1', '01'],
  ] as const) {
    const token = ['--module', module!, '--token-label', 'pki', '--login', '--pin', 'env:PIN']
    run(
      'pkcs11-tool',
      ...token,
      '--keypairgen',
      '--key-type',
      `EC:${curve}`,
      '--usage-sign',
      '--label',
      label,
      '--id',
      id,
    )
  }
  const command = JSON.stringify([script, module, 'pki', path.join(place, 'pin')])
  const local = path.join(place, 'nomad-pki.local.yaml')
  fs.writeFileSync(
    local,
    `signers: { agent: { command: ${command} }, west: { command: ${command} } }\n`,
  )
  fs.chmodSync(local, 0o600)
  const world = { env: { ...env } as Record<string, string> }
  const ok = async (line: string): Promise<string> => {
    const { status, stdout, stderr } = await cli(place, line.split(' '), world)
    expect(status, stdout + stderr).toBe(0)
    return stdout
  }
  await ok('init --new-store')
  await ok('apply --yes')
  expect(await ok('plan')).toMatch(/nothing to do/)
  expect(await ok('verify')).toMatch(/proven/)
  fs.writeFileSync(
    path.join(place, 'cluster.yaml'),
    spec(', signing: 2, trusted: [1, 2], crossed: true'),
  )
  await ok('apply --yes')
  expect(await ok('verify')).toMatch(/proven/)
  expect(await ok('authority show')).toMatch(/authority\/agent\/2 +signer: command/)
  const names = fs.readdirSync(path.join(place, 'pki/authority'), {
    recursive: true,
    encoding: 'utf8',
  })
  expect(names.filter((name) => name.endsWith('ca-key.pem'))).toEqual([])
  expect(names).toContain('agent/2/crossed-by-1.pem')
})
