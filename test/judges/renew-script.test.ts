/** renew.sh against an engine that lies: nothing that it answers is a command, and no other root counts. */

import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

const file = (name: string): string =>
  fileURLToPath(new URL(`../../templates/${name}`, import.meta.url))
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki renew-script-'))
const at = (name: string): string => path.join(home, name)
const openssl = (...args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: home, stdio: 'pipe' })
}

/** What the engine answers. */
let token = 'hvs.token'
let signer = 'us-west'
let more = ''
/** What it was asked last. */
let asked: object = {}
let server: Server
let round = 0

beforeAll(async () => {
  for (const name of ['root', 'other']) {
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const out = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
    openssl('req', '-x509', ...made, ...out, '-subj', `/CN=${name}`, '-days', '30')
  }
  fs.writeFileSync(at('ca.ext'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n')
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', ...made, '-keyout', 'us-west.key', '-out', 'us-west.csr', '-subj', '/CN=us-west')
  const under = ['-CA', 'root.pem', '-CAkey', 'root.key', '-days', '20', '-extfile', 'ca.ext']
  openssl('x509', '-req', '-in', 'us-west.csr', ...under, '-out', 'us-west.pem')
  // Whatever the umask is here.
  fs.copyFileSync(file('install.sh'), at('install.sh'))
  for (const name of ['install.sh', 'root.pem', 'us-west.pem']) fs.chmodSync(at(name), 0o644)
  fs.mkdirSync(at('system'))
  fs.copyFileSync(at('other.pem'), at('system/other.pem'))
  openssl('rehash', 'system')
  for (const name of ['role-id', 'secret-id']) fs.writeFileSync(at(name), 'id\n', { mode: 0o600 })
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('end', () => {
      if (request.url!.endsWith('/login')) {
        response.end(JSON.stringify({ auth: { client_token: token } }))
        return
      }
      const said = JSON.parse(body) as { csr: string }
      fs.writeFileSync(at('csr.pem'), said.csr)
      asked = said
      const by = ['-CA', `${signer}.pem`, '-CAkey', `${signer}.key`, '-days', '10']
      const out = ['-copy_extensions', 'copyall', '-out', 'leaf.pem']
      openssl('x509', '-req', '-in', 'csr.pem', ...by, ...out)
      const certificate = fs.readFileSync(at('leaf.pem'), 'utf8')
      response.end(JSON.stringify({ data: { more, certificate } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.close()
  fs.rmSync(home, { recursive: true, force: true })
})
beforeEach(() => {
  token = 'hvs.token'
  signer = 'us-west'
  more = ''
  round += 1
})

const tls = (): string => at(`tls-${round}`)
async function renew(
  settings: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const all: Readonly<Record<string, string>> = {
    ADDR: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ ROLE_ID: at('role-id'), SECRET_ID: at('secret-id') },
    ...{ MOUNT: 'pki/nomad', ISSUER: 'us-west-1', ROLE: 'nomad-client-us-west-c1' },
    ...{ CLUSTER: 'acme', ADDRESS: 'identity/client/us-west/c1', CN: 'client.us-west.nomad' },
    SANS: 'DNS:client.us-west.nomad,DNS:localhost,IP:127.0.0.1,IP:::1',
    ...{ TTL: '80000s', WINDOW: '28800', RELOAD: 'none' },
    ...{ CA: at('root.pem'), CHAIN: at('us-west.pem'), INSTALLER: at('install.sh'), TLS: tls() },
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}='${value}'\n`)
  fs.writeFileSync(at('renew.env'), lines.join(''), { mode: 0o600 })
  // `sh` is looked for where the script will look for its tools.
  const child = spawn('sh', [file('renew/renew.sh'), at('renew.env')], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, stderr }
}

test('a token is a word: no line of it becomes a setting of curl', async () => {
  const planted = path.join(tmpdir(), `nomad-pki-planted-${process.pid}`)
  token = `t\noutput = ${planted}`
  const { status, stderr } = await renew()
  expect(stderr).toContain('the login gave a token that is not one word')
  expect(status).toBe(3)
  expect(fs.existsSync(planted)).toBe(false)
})

test('an answer without an end is not taken', async () => {
  more = 'x'.repeat(10_000_000)
  const { status, stderr } = await renew()
  expect(stderr).toContain('cannot be asked; the pair in place stays')
  expect(status).toBe(3)
})

test('the roots of the system do not count', async () => {
  signer = 'other'
  const { status, stderr } = await renew({}, { SSL_CERT_DIR: at('system') })
  expect(stderr).toContain('is not under the roots')
  expect(status).toBe(1)
})

test('an address is the same in each way that it is written', async () => {
  const { status, stderr } = await renew({
    SANS: 'DNS:client.us-west.nomad, DNS:localhost,IP:127.0.0.1,IP:::1,IP:fd00::21',
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  // The engine takes the names of the call alone.
  expect(asked).toMatchObject({
    common_name: 'client.us-west.nomad',
    alt_names: 'client.us-west.nomad,localhost',
    ip_sans: '127.0.0.1,::1,fd00::21',
    exclude_cn_from_sans: true,
  })
})

test('under BusyBox, with its own tools, curl and openssl: a whole generation is in place, and the next run waits', async () => {
  const found = (name: string): string =>
    execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
  fs.mkdirSync(at('busybox'))
  execFileSync(found('busybox'), ['--install', '-s', at('busybox')])
  for (const name of ['curl', 'openssl']) fs.symlinkSync(found(name), at(`busybox/${name}`))
  const first = await renew({}, { PATH: at('busybox') })
  expect(first).toEqual({ status: 0, stderr: '' })
  const current = path.join(tls(), fs.readlinkSync(path.join(tls(), 'current')))
  expect(fs.readdirSync(current).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem', 'manifest.json'])
  expect(await renew({}, { PATH: at('busybox') })).toEqual({ status: 0, stderr: '' })
  expect(fs.readlinkSync(path.join(tls(), 'current'))).toMatch(/^1-/)
})

test('a key that was not made leaves nothing behind', async () => {
  fs.mkdirSync(at('bin'), { recursive: true })
  const real = execFileSync('sh', ['-c', 'command -v openssl'], { encoding: 'utf8' }).trim()
  const script = `#!/bin/sh\n[ "$1" != genpkey ] || { echo half; exit 1; }\nexec ${real} "$@"\n`
  fs.writeFileSync(at('bin/openssl'), script, { mode: 0o755 })
  const { status } = await renew({}, { PATH: `${at('bin')}:${process.env.PATH}` })
  expect(status).toBe(1)
  expect(fs.readdirSync(tls())).toEqual([])
})

test.each(['INSTALLER', 'CA', 'CHAIN'])('%s that others can change is not used', async (name) => {
  const own = { INSTALLER: at('install.sh'), CA: at('root.pem'), CHAIN: at('us-west.pem') }[name]!
  const open = at(`open-${name}`)
  fs.copyFileSync(own, open)
  fs.chmodSync(open, 0o666)
  const changed = await renew({ [name]: open })
  expect(changed.stderr).toContain(`other users can change ${open}`)
  expect(changed.status).toBe(1)
  fs.symlinkSync(own, at(`link-${name}`))
  const linked = await renew({ [name]: at(`link-${name}`) })
  expect(linked.stderr).toContain('is a link')
  expect(fs.existsSync(tls())).toBe(false)
})
