/** What an operator is told where a token may not, and where an issuer was revoked in the engine: the command that cures it. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeEngine, listIn, type FakeEngine, type Scripted } from '../engine/fake-engine.js'
import { cli, folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const run = (line: string): Promise<Said> =>
  cli(place, line.split(' '), { env: { BAO_ADDR: engine.origin, BAO_TOKEN: 'root' } })
const good = async (line: string): Promise<Said> => {
  const said = await run(line)
  expect(said.status, `${line}\n${said.stdout}${said.stderr}`).toBe(0)
  return said
}
const begin = async (agent: string): Promise<void> => {
  fs.writeFileSync(
    path.join(place, 'cluster.yaml'),
    `version: 1
cluster: acme
vault: { address: "${engine.origin}" }
authorities:
  agent: { ${agent} }
  us-west: { issuer: agent, engine: { mount: pki/nomad } }
regions:
  us-west: { authority: us-west, servers: { s1: {} }, clients: { c1: {} } }
`,
  )
  await good('init --new-store')
}
const refused: Scripted = {
  status: 403,
  body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] },
}
/** The token lacks the right to some paths. */
const lacking = (paths: RegExp): void => {
  engine.script = ({ path: one }) => (paths.test(one) ? refused : undefined)
}
const policy = (name: string, authority = 'us-west'): string =>
  `give the token the policy \`${name}\`, which this prints: nomad-pki authority setup ${authority} --dry-run`
const issuer = (name: string): Record<string, unknown> =>
  [...engine.issuers.values()].find((one) => one.issuer_name === name)!
/** As OpenBao 2.7.2 leaves an issuer, by \`issuer/NAME/revoke\`. */
const revokeByHand = (name: string): void => {
  Object.assign(issuer(name), { revoked: true, usage: 'crl-signing,ocsp-signing,read-only' })
  engine.script = ({ method, path: one, body }) =>
    method === 'PATCH' && issuer(name).revoked === true && one.endsWith(name)
      ? { status: 400, body: { errors: [`This issuer was revoked; ${Object.keys(body).join()}`] } }
      : undefined
}

beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder()
})
afterEach(() => engine.close())

test('a token with a former policy of apply, which has the path and not the names', async () => {
  await begin('')
  await run('apply --yes')
  await good('authority setup us-west')
  lacking(/\/sign\//)
  const { stderr, status } = await run('apply --yes')
  expect(stderr).toContain('no policy of the token allows pki/nomad/issuer/us-west-1/sign/')
  expect(stderr).toContain(policy('apply'))
  expect(status).not.toBe(0)
})

test('where the variables are of Vault, so are the commands and variables that are printed', async () => {
  await begin('')
  const withVault = (line: string, token: Readonly<Record<string, string>>): Promise<Said> =>
    cli(place, line.split(' '), { env: { VAULT_ADDR: engine.origin, HOME: place, ...token } })
  await run('apply --yes')
  const without = await withVault('authority setup us-west', {})
  expect(without.stderr).toContain('set VAULT_TOKEN, or log in: vault login')
  const token = { VAULT_TOKEN: 'root' }
  expect((await withVault('authority setup us-west', token)).status).toBe(0)
  revokeByHand('us-west-1')
  const { stdout } = await withVault('verify', token)
  expect(stdout).toContain('vault delete pki/nomad/issuer/us-west-1 && nomad-pki authority setup')
  expect(stdout).not.toMatch(/\bbao /)
  engine.script = () => ({ status: 403, body: { errors: ['permission denied'] } })
  expect((await withVault('authority setup us-west', token)).stderr).toContain('(vault login)')
  const packed = await withVault('pack c1 --renew --out-dir node', token)
  expect(packed.stderr).toContain('in the engine: vault write pki/nomad/roles/')
})

test('a token with the policy of the former generation: said before anything is asked for', async () => {
  await begin('')
  await run('apply --yes')
  await good('authority setup us-west')
  await good('apply --yes')
  await run('rotate authority us-west --next')
  await good('authority setup us-west')
  engine.script = ({ path: one, body }) =>
    one === 'sys/capabilities-self'
      ? {
          status: 200,
          body: {
            data: Object.fromEntries(
              listIn(body.paths).map((way) => [
                way,
                way.includes('us-west-1') ? ['update'] : ['deny'],
              ]),
            ),
          },
        }
      : undefined
  const before = engine.signed.length
  const { stderr, status } = await run('apply --yes')
  expect(stderr).toContain('the token may not sign by pki/nomad/issuer/us-west-2/sign/')
  expect(stderr).toContain(policy('apply'))
  expect(status).toBe(1)
  expect(engine.signed).toHaveLength(before)
})

test.each([
  ['to certify', /sign-self-issued$/],
  ['to read the root', /^pki\/root\/issuer\/agent-1/],
])('a token without the policy certify, which lacks the right %s', async (_, paths) => {
  await begin('engine: { mount: pki/root }')
  await good('authority setup agent')
  lacking(paths)
  const { stderr, status } = await run('authority setup us-west')
  expect(stderr).toContain('no policy of the token allows pki/root/issuer/agent-1')
  expect(stderr).toContain(policy('certify', 'agent'))
  expect(status).toBe(3)
  engine.script = () => undefined
  const printed = (await good('authority setup agent --dry-run')).stdout
  expect(printed).toMatch(
    /^# policy: certify[^\n]*\n[^#]*pki\/root\/issuer\/agent-1\/sign-self-issued/m,
  )
})

test('a token that may not set up, and one that may not read', async () => {
  await begin('')
  await run('apply --yes')
  lacking(/^sys\/mounts/)
  expect((await run('authority setup us-west')).stderr).toContain(policy('set up'))
  engine.script = () => undefined
  await good('authority setup us-west')
  await good('apply --yes')
  lacking(/issuer\/us-west-1$/)
  const { stdout } = await run('verify --long')
  expect(stdout).toContain('was not seen: no policy of the token allows pki/nomad/issuer/us-west-1')
  expect(stdout).toContain(policy('plan and verify'))
})

test('an intermediate that was revoked in the engine: the issuer is made anew, or the next generation', async () => {
  await begin('')
  await run('apply --yes')
  await good('authority setup us-west')
  await good('apply --yes')
  revokeByHand('us-west-1')
  const cures =
    /If it was a mistake, [^:]*: bao delete pki\/nomad\/issuer\/us-west-1 && nomad-pki (authority setup us-west)\. Otherwise [^:]*: nomad-pki (rotate authority us-west --compromised --next)/
  for (const line of ['verify', 'plan', 'authority setup us-west', 'rotate leaves c1 --yes']) {
    const { stdout, stderr, status } = await run(line)
    expect(stdout + stderr).toContain('pki/nomad/issuer/us-west-1 was revoked in the engine')
    expect(stdout + stderr).toMatch(cures)
    expect(status).not.toBe(0)
  }
  const [, setUp, next] = cures.exec((await run('verify')).stdout)!
  const [id] = [...engine.issuers].find(([, one]) => one.issuer_name === 'us-west-1')!
  engine.issuers.delete(id)
  engine.script = () => undefined
  await good(setUp!)
  await good('verify')

  revokeByHand('us-west-1')
  await good(next!)
  await good('authority setup us-west --compromised')
  await good('apply --yes')
  await good('verify')
})

test('a root that was revoked in the engine signs until agents trust its successor: it is made anew first', async () => {
  await begin('engine: { mount: pki/root }')
  await good('authority setup agent')
  await good('authority setup us-west')
  revokeByHand('agent-1')
  expect((await run('authority setup agent')).stderr).toContain(
    'Make the issuer anew, with the same key: bao delete pki/root/issuer/agent-1 && nomad-pki authority setup agent. If its key may be in the wrong hands, then: nomad-pki rotate authority agent --compromised --next',
  )
})

test('a certificate that the spec still wants: `revoke` says what makes a new one, and plan and apply do', async () => {
  await begin('')
  await run('apply --yes')
  await good('authority setup us-west')
  await good('apply --yes')
  const { stdout } = await good('revoke c1')
  const [, line] =
    /^a new key for it \(the old one stays usable for who has it\):\n {2}nomad-pki (apply \S+)$/m.exec(
      stdout,
    )!
  expect((await run('plan')).stdout).toMatch(/client\/us-west\/c1 +renew +revoked/)
  await good(`${line!} --yes`)
  expect((await run('plan')).stdout).not.toContain('revoked')
  await good('verify')
})
