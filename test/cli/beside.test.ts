/** Consul's and Vault's TLS beside Nomad's: on the page, in the metrics, in `status` and `config check`. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, now } from './cli.js'

const day = 86_400_000

/** s1 is on this machine, s2 is a copy of another one with its files beside it, s3 a copy alone. */
const spec = (here: string): string => `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers:
      s1: { config: ${JSON.stringify(here)} }
      s2: { config: agents/s2 }
      s3: { config: agents/s3.hcl }
`
const consul = (file: string): string =>
  `consul {\n  ca_file = "/etc/consul/ca.pem"\n  cert_file = ${JSON.stringify(file)}\n  key_file = "/etc/consul/key.pem"\n}\n`

let cwd = ''
const read = (name: string): string => fs.readFileSync(path.join(cwd, name), 'utf8')
const copy = (from: string, to: string): void => {
  fs.mkdirSync(path.dirname(path.join(cwd, to)), { recursive: true })
  fs.copyFileSync(path.join(cwd, from), path.join(cwd, to))
}

beforeAll(async () => {
  const here = folder({ 'nomad.hcl': '' })
  fs.writeFileSync(path.join(here, 'nomad.hcl'), consul(path.join(here, 'away.pem')))
  cwd = folder({
    'cluster.yaml': spec(here),
    'agents/s2/nomad.hcl': consul('/etc/consul/cert.pem'),
    'agents/s3.hcl': `vault {\n  cert_file = "/etc/nomad-tls/current/cert.pem"\n}\ntls {\n  cert_file = "/etc/nomad-tls/current/cert.pem"\n}\n`,
  })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).stderr).not.toContain('error:')
  // Any certificate does: one of an agent, that ends after 90 days, and its root.
  copy('pki/identity/server/global/s2/current/cert.pem', 'agents/s2/consul/cert.pem')
  copy('pki/identity/server/global/s2/current/ca.pem', 'agents/s2/consul/ca.pem')
  copy('pki/identity/server/global/s2/current/key.pem', 'agents/s2/consul/key.pem')
})

describe('status', () => {
  test('says what is missing where the agent is on this machine, and what has ended', async () => {
    const { stdout } = await cli(cwd, ['status', '--json'], { now: now + 100 * day })
    const { findings } = JSON.parse(stdout) as {
      findings: { address: string; reason: string; severity: string; message: string }[]
    }
    const said = findings.filter(({ reason }) => reason === 'foreign-file')
    expect(said).toEqual([
      ...['/etc/consul/ca.pem', 'away.pem', '/etc/consul/key.pem'].map(
        (file) =>
          expect.objectContaining({
            ...{ address: 'config/global/s1', severity: 'warning' },
            message: expect.stringMatching(
              new RegExp(
                `nomad\\.hcl:\\d:\\d: "consul" names .*${file.replaceAll('.', '\\.')} .*not there$`,
              ),
            ) as string,
          }) as object,
      ),
      expect.objectContaining({
        address: 'config/global/s2',
        message: expect.stringMatching(
          /"consul" names \/etc\/consul\/cert\.pem as "cert_file", and its certificate has ended, on 20/,
        ) as string,
      }),
    ])
  })

  test('counts them in the metrics, with the end of each certificate that is here', async () => {
    await cli(cwd, ['status', '--metrics', 'a.prom'], { now: now + 100 * day })
    const text = read('a.prom')
    const line = (block: string, state: string): RegExp =>
      new RegExp(
        `^nomad_pki_beside_files\\{cluster="acme",block="${block}",state="${state}"\\} (\\d+)$`,
        'm',
      )
    const counted = (block: string): readonly unknown[] =>
      ['present', 'missing', 'invalid', 'ended', 'unseen'].map(
        (state) => line(block, state).exec(text)?.[1],
      )
    expect(counted('consul')).toEqual(['2', '3', '0', '1', '0'])
    expect(counted('vault')).toEqual(['0', '0', '0', '0', '1'])
    const ends = text.match(/^nomad_pki_beside_certificate_not_after.*$/gm)
    expect(ends).toHaveLength(2)
    expect(ends?.join('\n')).toContain(
      '{cluster="acme",address="config/global/s2",block="consul",key="cert_file"}',
    )
    await cli(cwd, ['status', '--metrics', 'a.prom', '--per-region'])
    expect(read('a.prom')).toContain(
      'not_after_timestamp_seconds{cluster="acme",address="config/global",block="consul",key="cert_file"}',
    )
  })

  test('shows them on the page, shared files too; a page without such blocks has no such part', async () => {
    await cli(cwd, ['status', '--html', 'a.html'], { now: now + 100 * day })
    const text = read('a.html').replaceAll(/\s+/g, ' ')
    expect(text).toContain('TLS of Consul and Vault</h2>')
    expect(text).toMatch(/config\/global\/s2<\/th>[^]*?cert\.pem<\/td> ?<td class="bad">ended/)
    expect(text).toMatch(/config\/global\/s1<\/th>[^]*?away\.pem<\/td> ?<td class="bad">missing/)
    expect(text).toMatch(
      /config\/global\/s3<\/th>[^]*?not seen: it is on another machine<\/td>[^]*?the file is that of tls too/,
    )
    expect(text).not.toContain('PRIVATE')
    const plain = folder({
      'cluster.yaml': 'version: 1\ncluster: b\nregions:\n  global:\n    servers: { s1: {} }\n',
    })
    await cli(plain, ['init', '--new-store'])
    await cli(plain, ['status', '--html', 'b.html'])
    expect(fs.readFileSync(path.join(plain, 'b.html'), 'utf8')).not.toContain('Consul')
  })

  test('verify says them too, and at another day', async () => {
    const reasons = async (...args: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await cli(cwd, ['verify', '--offline', '--json', ...args])
      const { findings } = JSON.parse(stdout) as {
        findings: { address: string; reason: string }[]
      }
      return findings.flatMap(({ address, reason }) => (reason === 'foreign-file' ? [address] : []))
    }
    const missing = Array.from({ length: 3 }, () => 'config/global/s1')
    expect(await reasons()).toEqual(missing)
    expect(await reasons('--at', '+100d')).toEqual([...missing, 'config/global/s2'])
  })

  test('a file that holds no certificate is told, counted and shown', async () => {
    const file = path.join(cwd, 'agents/s2/consul/cert.pem')
    const text = fs.readFileSync(file)
    fs.writeFileSync(file, 'to be done\n')
    const { stdout } = await cli(cwd, [
      ...['status', '--json', '--metrics', 'a.prom'],
      ...['--html', 'a.html'],
    ])
    const checked = await cli(cwd, ['config', 'check', 'agents/s2'])
    fs.writeFileSync(file, text)
    const says = '"consul" names /etc/consul/cert.pem as "cert_file", and it holds no certificate'
    expect((JSON.parse(stdout) as { findings: unknown[] }).findings).toContainEqual(
      expect.objectContaining({
        ...{ address: 'config/global/s2', reason: 'foreign-file', severity: 'warning' },
        message: expect.stringContaining(says) as string,
      }),
    )
    expect(checked.stdout).toContain(says)
    expect(read('a.prom')).toContain(
      'beside_files{cluster="acme",block="consul",state="invalid"} 1',
    )
    expect(read('a.html')).toContain('<td class="bad">not a certificate</td>')
  })

  test('a key is never read', async () => {
    const key = path.join(cwd, 'agents/s2/consul/key.pem')
    const text = fs.readFileSync(key)
    fs.writeFileSync(key, fs.readFileSync(path.join(cwd, 'agents/s2/consul/cert.pem')))
    const { stdout } = await cli(cwd, ['status', '--json'], { now: now + 100 * day })
    fs.writeFileSync(key, text)
    expect(stdout).not.toMatch(/key_file\\", and its certificate/)
  })
})

describe('config check', () => {
  test('says the same of a copy with its files beside it', async () => {
    const said = await cli(cwd, ['config', 'check', 'agents/s2'], { now: now + 100 * day })
    expect(said.stdout).toContain(
      'warning: agents/s2/nomad.hcl:3:3: "consul" names /etc/consul/cert.pem as "cert_file", and its certificate has ended',
    )
    expect((await cli(cwd, ['config', 'check', 'agents/s2'])).stdout).not.toContain('has ended')
    const json = await cli(cwd, ['config', 'check', 'agents/s2', '--json'], {
      now: now + 100 * day,
    })
    expect(json.stdout).toContain('"agent/file-ended"')
  })

  test('says nothing of files on another machine', async () => {
    const said = await cli(cwd, ['config', 'check', 'agents/s3.hcl'])
    expect(said.stdout).not.toContain('it is not there')
  })
})
