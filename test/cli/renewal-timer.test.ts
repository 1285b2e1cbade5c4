/** The scripts of docs/requests.md that renew by a timer, as the page has them. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPackage } from '../built.js'
import { blocksOf } from '../docs/machine.js'
import { cli, folder, now } from './cli.js'

const page = fs.readFileSync(
  fileURLToPath(new URL('../../docs/requests.md', import.meta.url)),
  'utf8',
)
const scripts = new Map(
  blocksOf(page)
    .filter(({ language }) => language === 'bash')
    .map(({ lines }) => [/\/bin\/([\w-]+)/.exec(lines[1]!)![1]!, lines.join('\n')] as const),
)

const day = 86_400_000
const spec = `version: 1
cluster: acme
defaults: { keyHeld: node }
node: { tls: /etc/nomad-tls }
regions: { global: { servers: { s1: {} } } }
`

let built = ''
beforeAll(() => {
  built = buildPackage()
})
afterAll(() => {
  fs.rmSync(built, { recursive: true, force: true })
})

/** The authority and a node whose certificate was made some days ago; both have the scripts of the page. */
async function world(daysAgo: number): Promise<{
  readonly admin: string
  readonly tls: string
  readonly renew: (more?: {
    readonly ssh?: string
  }) => ReturnType<typeof spawnSync> & { readonly said: string }
}> {
  const [admin, node, bin] = [folder({ 'cluster.yaml': spec }), folder(), folder()]
  const at = { now: now - daysAgo * day }
  const call = async (cwd: string, line: string, when = at): Promise<string> => {
    const { status, stdout, stderr } = await cli(cwd, line.split(' '), when)
    expect(status, stderr).toBe(0)
    return stdout
  }
  await call(admin, 'init --new-store')
  await call(admin, 'apply --yes')
  const asked = await call(node, 'request server/global/s1 --tls tls --out s1.csr --json')
  const { fingerprint } = JSON.parse(asked) as { readonly fingerprint: string }
  fs.renameSync(path.join(node, 's1.csr'), path.join(admin, 's1.csr'))
  await call(admin, `sign s1.csr --fingerprint ${fingerprint}`)
  await call(admin, 'pack s1 --out s1.tar.gz')
  fs.renameSync(path.join(admin, 's1.tar.gz'), path.join(node, 's1.tar.gz'))
  await call(node, 'install s1.tar.gz --tls tls --reload none', { now })
  // What is of these machines, and what stands for it here: no agent runs, and nobody is root.
  const tls = path.join(node, 'tls')
  const put = (name: string, text: string): void => {
    fs.writeFileSync(path.join(bin, name), text, { mode: 0o700 })
  }
  put('nomad-pki', `#!/bin/sh\nexec "$NODE" "$BUILT/bin/nomad-pki.js" "$@"\n`)
  put(
    'nomad-tls-renew',
    scripts
      .get('nomad-tls-renew')!
      .replace('/etc/nomad-tls', '"$TLS"')
      .replace('--reload nomad.service --probe', '--reload none'),
  )
  put('nomad-tls-sign', scripts.get('nomad-tls-sign')!.replace('/srv/nomad-pki', '"$ADMIN"'))
  return {
    admin,
    tls,
    renew: ({ ssh = 'exec nomad-tls-sign server/global/s1' } = {}) => {
      put('ssh', `#!/bin/sh\n[ "$*" = '-o BatchMode=yes pki@admin' ] || exit 99\n${ssh}\n`)
      const ran = spawnSync(path.join(bin, 'nomad-tls-renew'), {
        cwd: node,
        encoding: 'utf8',
        env: {
          ...{ PATH: `${bin}:${env['PATH']}`, TMPDIR: env['TMPDIR'] ?? '/tmp', HOME: node },
          ...{ NODE: execPath, BUILT: built, TLS: tls, ADMIN: admin },
        },
      })
      return { ...ran, said: `${ran.stdout}${ran.stderr}` }
    },
  }
}

const generation = (tls: string): string => fs.readlinkSync(path.join(tls, 'current'))

test('the page has the two scripts', () => {
  expect([...scripts.keys()].sort()).toEqual(['nomad-tls-renew', 'nomad-tls-sign'])
})

test('a certificate that is due is renewed by one run, and a second run does nothing', async () => {
  const { admin, tls, renew } = await world(70)
  const key = fs.readFileSync(path.join(tls, 'current/key.pem'), 'latin1')
  const ran = renew()
  expect(ran.status, ran.said).toBe(0)
  expect(ran.said).toContain('signed by the key of generation 1, and due')
  expect(generation(tls)).toMatch(/^2-/)
  expect(fs.readFileSync(path.join(tls, 'current/key.pem'), 'latin1')).not.toBe(key)
  expect((await cli(admin, ['plan'])).status).toBe(0)
  const again = renew()
  expect(again).toMatchObject({ status: 0, said: '' })
  expect(generation(tls)).toMatch(/^2-/)
})

test('a run that the network stopped goes on with the same key and the same certificate', async () => {
  const { admin, tls, renew } = await world(70)
  // The answer is lost on its way back.
  const lost = renew({ ssh: 'nomad-tls-sign server/global/s1 >/dev/null; exit 255' })
  expect(lost.status).not.toBe(0)
  expect(generation(tls)).toMatch(/^1-/)
  expect(fs.existsSync(path.join(tls, 'requested-key.pem'))).toBe(true)
  const ran = renew()
  expect(ran.status, ran.said).toBe(0)
  expect(ran.said).toContain('generation 2 is the certificate of this request')
  expect(generation(tls)).toBe(
    fs.readlinkSync(path.join(admin, 'pki/identity/server/global/s1/current')),
  )
  expect(fs.existsSync(path.join(tls, 'requested-key.pem'))).toBe(false)
})

test('what sign does not take without a person fails the run, and leaves the pair in use', async () => {
  const { admin, tls, renew } = await world(70)
  expect((await cli(admin, ['revoke', 's1', '--reason', 'key-compromise'])).status).toBe(0)
  const ran = renew()
  expect(ran.status).toBe(3)
  expect(ran.said).toContain('was revoked on')
  expect(generation(tls)).toMatch(/^1-/)
})
