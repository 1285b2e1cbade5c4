/**
 * What `pack --layout cfssl` and `pack --layout nomad-tls` write: real agents come up on these files, named in the
 * `tls` stanza of Nomad's guide, and the tool whose names they are makes one more certificate that the agents take.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api, type Credentials } from './harness/api.js'
import { command, nomadBinary } from './harness/binaries.js'
import { type Cluster, layOut, startCluster } from './harness/cluster.js'
import { run, runOk } from './harness/run.js'

const spec = `version: 1
cluster: acme
regions:
  global: { servers: { shared: true }, clients: { c1: {} } }
operators: { alice: {} }
`

/** The stanza of the guide; only the folder stands before the names. */
const stanza = (folder: string, ca: string, pair: string): string => `tls {
  http = true
  rpc  = true

  ca_file   = "${folder}/${ca}.pem"
  cert_file = "${folder}/${pair}.pem"
  key_file  = "${folder}/${pair}-key.pem"

  verify_server_hostname = true
  verify_https_client    = true
}
`

interface Names {
  readonly ca: string
  readonly of: (part: 'server' | 'client' | 'cli') => string
  /** Makes one more operator's certificate with that tool, in the folder. */
  readonly another: (folder: string) => Promise<Pick<Required<Credentials>, 'cert' | 'key'>>
}

/** The programs of cfssl, built by `.ci/tools` on first use. */
function cfsslPrograms(): Record<string, string> {
  const said = execFileSync(join(import.meta.dirname, '../../.ci/tools'), ['cfssl'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = said.trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split('=') as [string, string]))
}

const layouts: Readonly<Record<string, Names>> = {
  cfssl: {
    ca: 'nomad-ca',
    of: (part) => part,
    async another(folder) {
      const { cfssl } = cfsslPrograms()
      const request =
        '{"CN":"cli.global.nomad","hosts":["localhost"],"key":{"algo":"ecdsa","size":256}}'
      const authority = ['-ca', 'nomad-ca.pem', '-ca-key', 'nomad-ca-key.pem']
      const args = ['gencert', ...authority, '-config', 'cfssl.json', '-']
      return JSON.parse(await runOk(cfssl!, args, { cwd: folder, input: request })) as never
    },
  },
  'nomad-tls': {
    ca: 'nomad-agent-ca',
    of: (part) => `global-${part}-nomad`,
    async another(folder) {
      // The tool writes over nothing: into a folder of its own.
      const own = join(folder, 'another')
      mkdirSync(own)
      const authority = ['-ca', '../nomad-agent-ca.pem', '-key', '../nomad-agent-ca-key.pem']
      await runOk(nomadBinary(), ['tls', 'cert', 'create', '-cli', ...authority], { cwd: own })
      const read = (name: string): string => readFileSync(join(own, name), 'utf8')
      return { cert: read('global-cli-nomad.pem'), key: read('global-cli-nomad-key.pem') }
    },
  },
}

/** A cluster is made in a folder, and packed into its `certs`. */
async function packed(base: string, layout: string): Promise<void> {
  writeFileSync(join(base, 'cluster.yaml'), spec)
  const line = ['pack', '--all', '--layout', layout, '--out-dir', 'certs', '--with-authority-key']
  for (const args of [['init', '--new-store'], ['apply', '--yes'], line]) {
    const ended = await run(process.execPath, [command, ...args], { cwd: base })
    expect(ended).toMatchObject({ status: 0 })
  }
}

describe.each(Object.entries(layouts))('%s', (layout, names) => {
  let base: string
  let folder: string
  let cluster: Cluster
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'nomad-pki-layouts-'))
    folder = join(base, 'certs')
    await packed(base, layout)
    const plans = await layOut(base, [
      { name: 's1', region: 'global', role: 'server' },
      { name: 'c1', region: 'global', role: 'client' },
    ])
    for (const { role, directory } of plans) {
      writeFileSync(join(directory, 'tls.hcl'), stanza(folder, names.ca, names.of(role)))
    }
    cluster = await startCluster(plans, operator())
  })

  afterAll(async () => {
    await cluster.stop()
    rmSync(base, { recursive: true, force: true })
  })

  const operator = (): Required<Credentials> => ({
    ca: read(`${names.ca}.pem`),
    cert: read(`${names.of('cli')}.pem`),
    key: read(`${names.of('cli')}-key.pem`),
  })

  test('a server and a client come up, and the operator is answered', async () => {
    expect((await cluster.leaders()).get('global')).toContain('127.0.0.1')
    expect((await cluster.nodesReady()).get('global')).toEqual(['c1'])
  })

  test('the tool goes on with the authority: agents take what it makes, and nothing else', async () => {
    const { http } = cluster.agent('s1').plan.ports
    const { ca } = operator()
    const made = await names.another(folder)
    const answer = await api(http, '/v1/status/leader', { ca, ...made })
    expect(answer.status).toBe(200)
    await expect(api(http, '/v1/status/leader', { ca })).rejects.toThrow()
  })
})

test('openssl takes each request for signed by its key', async () => {
  const base = mkdtempSync(join(tmpdir(), 'nomad-pki-requests-'))
  await packed(base, 'cfssl')
  for (const stem of ['nomad-ca', 'server', 'client', 'cli']) {
    const args = ['req', '-verify', '-noout', '-in', join(base, 'certs', `${stem}.csr`)]
    const { status, stderr } = await run('openssl', args)
    expect([status, stderr]).toEqual([0, expect.stringContaining('verify OK')])
  }
  rmSync(base, { recursive: true, force: true })
})
