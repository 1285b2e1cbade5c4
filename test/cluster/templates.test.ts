import { readFileSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkAgentConfig } from '../../src/agent/index.js'
import { parseSpec } from '../../src/cluster/parse.js'

const read = (name: string): string => readFileSync(`templates/${name}`, 'utf8')

test('the spec has nothing wrong with it', () => {
  expect(parseSpec(read('cluster.yaml')).diagnostics).toEqual([])
})

test.each(['server', 'client'] as const)(
  '%s.hcl is a configuration of such an agent that lacks nothing but TLS',
  (role) => {
    const tls =
      'tls {\n  http = true\n  rpc = true\n  ca_file = "/a"\n  cert_file = "/b"\n  key_file = "/c"\n  verify_server_hostname = true\n  verify_https_client = true\n}\n'
    const files = [
      { name: `${role}.hcl`, bytes: Buffer.from(read(`${role}.hcl`)) },
      { name: 'tls.hcl', bytes: Buffer.from(tls) },
    ]
    expect(checkAgentConfig(files, { role, region: 'global' })).toEqual([])
    expect(checkAgentConfig(files, { role: role === 'server' ? 'client' : 'server' })).not.toEqual(
      [],
    )
  },
)

test('operator.env is lines that a shell reads, and names the files of an identity', () => {
  const set = read('operator.env')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of set) expect(line).toMatch(/^export NOMAD_[A-Z_]+=[A-Za-z0-9:/._-]+$/)
  expect(set.join('\n')).toMatch(
    /CACERT=.*\/current\/ca\.pem\n.*CLIENT_CERT=.*\/current\/cert\.pem\n.*CLIENT_KEY=.*\/current\/key\.pem/,
  )
})

test('nomad.service reloads by SIGHUP and reads the directory that tls.hcl goes into', () => {
  const unit = read('nomad.service')
  expect(unit).toContain('ExecReload=/bin/kill -HUP $MAINPID\n')
  expect(unit).toContain('ExecStart=/usr/bin/nomad agent -config /etc/nomad.d\n')
  for (const line of unit.split('\n'))
    expect(line).toMatch(/^(|#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=.+)$/)
})

test('the timer starts the service of its name, which renews what is due', () => {
  const [service, timer] = [read('nomad-pki-renew.service'), read('nomad-pki-renew.timer')]
  expect(service).toContain('ExecStart=/usr/bin/env nomad-pki rotate leaves --due\n')
  expect(service).toContain('UMask=0077\n')
  expect(timer).toContain('OnCalendar=daily\n')
  for (const line of `${service}${timer}`.split('\n'))
    expect(line).toMatch(/^(|#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=.+)$/)
})

test('the timer of the metrics starts the service of its name, which work to do does not fail', () => {
  const [service, timer] = ['service', 'timer'].map((end) =>
    read(`monitoring/nomad-pki-status.${end}`),
  )
  expect(service).toMatch(
    /^ExecStart=\/usr\/bin\/env nomad-pki status --quiet --metrics \S+\.prom$/m,
  )
  expect(service).toContain('SuccessExitStatus=2\n')
  expect(timer).toContain('OnCalendar=*:0/15\n')
  for (const line of `${service}${timer}`.split('\n'))
    expect(line).toMatch(/^(|#.*|\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=.+)$/)
})

test('every template ends its last line and holds no tab', () => {
  const all = readdirSync('templates', { recursive: true, withFileTypes: true })
  const files = all.filter((one) => one.isFile())
  expect(files.length).toBeGreaterThan(10)
  for (const { parentPath, name: file } of files) {
    const name = `${parentPath}/${file}`.slice('templates/'.length)
    expect(read(name).endsWith('\n')).toBe(true)
    if (name !== 'install.sh') expect(read(name)).not.toContain('\t')
  }
})
