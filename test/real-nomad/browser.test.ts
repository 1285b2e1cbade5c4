/**
 * A person with a browser: headless Chromium, with what `pack --layout p12` wrote in its NSS store, loads the Web UI
 * of a real agent under `verify_https_client`; without the certificate the agent does not answer it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command } from './harness/binaries.js'
import { type Cluster, layOut, startCluster } from './harness/cluster.js'
import { run, runOk } from './harness/run.js'

const spec = `version: 1
cluster: acme
regions: { global: { servers: { shared: true } } }
operators: { alice: {} }
`
const password = 'correct horse battery'

let base: string
let cluster: Cluster
let url: string

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-browser-'))
  writeFileSync(join(base, 'cluster.yaml'), spec)
  writeFileSync(join(base, 'password'), password)
  const p12 = ['pack', 'alice', '--layout', 'p12', '--password-file', 'password']
  for (const args of [
    ['init', '--new-store'],
    ['apply', '--yes'],
    ['pack', '--all', '--layout', 'nomad-tls', '--out-dir', 'certs'],
    [...p12, '--out', 'modern.p12'],
    [...p12, '--out', 'compat.p12', '--compat'],
  ]) {
    const ended = await run(process.execPath, [command, ...args], { cwd: base })
    expect(ended).toMatchObject({ status: 0 })
  }
  const certs = join(base, 'certs')
  const plans = await layOut(base, [{ name: 's1', region: 'global', role: 'server' }])
  for (const { directory } of plans) {
    writeFileSync(
      join(directory, 'tls.hcl'),
      `tls {
  http                   = true
  rpc                    = true
  ca_file                = "${certs}/nomad-agent-ca.pem"
  cert_file              = "${certs}/global-server-nomad.pem"
  key_file               = "${certs}/global-server-nomad-key.pem"
  verify_server_hostname = true
  verify_https_client    = true
}
`,
    )
  }
  const read = (name: string): string => readFileSync(join(certs, name), 'utf8')
  cluster = await startCluster(plans, {
    ca: read('nomad-agent-ca.pem'),
    cert: read('global-cli-nomad.pem'),
    key: read('global-cli-nomad-key.pem'),
  })
  url = `https://127.0.0.1:${cluster.agent('s1').plan.ports.http}/ui/servers`
})

afterAll(async () => {
  await cluster.stop()
  rmSync(base, { recursive: true, force: true })
})

/** The page as Chromium has it once its scripts have run, for a person with this NSS store, and its network errors. */
async function pageOf(
  home: string,
): Promise<{ readonly page: string; readonly errors: readonly number[] }> {
  // The only way to say which certificate is sent without a person who clicks: a policy, in a /etc of this process.
  const policy = join(home, 'select.json')
  const pattern = JSON.stringify({ pattern: 'https://127.0.0.1', filter: {} })
  writeFileSync(policy, JSON.stringify({ AutoSelectCertificateForUrls: [pattern] }))
  const script = `mount -t tmpfs none /etc/chromium && mkdir -p /etc/chromium/policies/managed &&
    cp "$1" /etc/chromium/policies/managed && shift && exec chromium "$@"`
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    `--log-net-log=${join(home, 'net.json')}`,
  ]
  const args = [...flags, `--user-data-dir=${join(home, 'profile')}`, '--virtual-time-budget=20000']
  const { stdout } = await run(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', policy, ...args, '--dump-dom', url],
    { env: { HOME: home }, timeout: 90_000 },
  )
  const log = readFileSync(join(home, 'net.json'), 'utf8')
  const errors = [...log.matchAll(/"net_error":(-\d+)/g)].map(([, code]) => Number(code))
  return { page: stdout, errors }
}

/** A home with an NSS store, which trusts the root. */
async function homeOf(name: string): Promise<{ home: string; db: string }> {
  const home = join(base, name)
  const store = join(home, '.pki/nssdb')
  mkdirSync(store, { recursive: true })
  const db = `sql:${store}`
  await runOk('certutil', ['-N', '-d', db, '--empty-password'])
  const root = join(base, 'certs/nomad-agent-ca.pem')
  await runOk('certutil', ['-A', '-d', db, '-n', 'root', '-t', 'CT,C,C', '-i', root])
  return { home, db }
}

describe('the Web UI under verify_https_client', () => {
  test.each(['modern', 'compat'])('loads with the certificate of %s.p12', async (form) => {
    const { home, db } = await homeOf(form)
    const imported = ['-i', join(base, `${form}.p12`), '-d', db, '-W', password, '-K', '']
    await runOk('pk12util', imported)
    // What the UI itself writes once its API has answered: the server, by its name. The browser's clock runs ahead
    // of ours, so on a busy machine the page can be read before the answer is there.
    let page = ''
    for (let tries = 0; tries < 3 && !page.includes('s1.global'); tries += 1) {
      ;({ page } = await pageOf(home))
    }
    expect(page).toContain('s1.global')
  })

  test('does not load without it: the agent asks, and the browser has none', async () => {
    const { home } = await homeOf('nobody')
    const { page, errors } = await pageOf(home)
    expect(page).not.toContain('s1.global')
    // net::ERR_SSL_CLIENT_AUTH_CERT_NEEDED
    expect(errors).toContain(-110)
  })
})
