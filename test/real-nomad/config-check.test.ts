/**
 * Real agents on configurations good and bad: whether one starts equals whether `checkAgentConfig`
 * says error.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkAgentConfig, readAgentConfig } from '../../src/agent/index.js'
import { namedFiles } from '../../src/cli/named-files.js'
import { startCases, startText, verdictOf } from '../agent/values.js'
import { nomadBinary, nomadVersion } from './harness/binaries.js'
import { agentPorts } from './harness/ports.js'
import { cleanEnvironment, runOk } from './harness/run.js'

const pair = 'ca_file = "CERT" cert_file = "CERT" key_file = "KEY"'
const suite = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'

/** What is added to a server that starts; `!` in front: the whole text. */
const additions: readonly string[] = [
  '',
  'tls { http = "yes" }',
  `tls { http = true rpc = true ${pair} }`,
  `tls { ${pair} } tls { http = true }`,
  `TLS { HTTP = "TRUE" Rpc = 1 ${pair} }`,
  `tls "x" { ${pair} }`,
  'tls { http = true cert_file = "CERT" }',
  'tls = [{ }]',
  `tls = { http = true rpc = true ${pair} }`,
  'tls { rpc = true ca_file = "CERT" }',
  'tls { rpc_upgrade_mode = true }',
  'tls { http = true verify_https_client = true ca_file = "CERT" }',
  `tls { http = true rpc = true tls_min_version = "tls13" ${pair} }`,
  'tls { tls_min_version = "tls14" }',
  `tls { http = true rpc = true tls_cipher_suites = "${suite}" ${pair} }`,
  'tls { tls_cipher_suites = "x" }',
  'tls { ca_file = "CERT" }',
  `tls { http = true rpc = true tls_cipher_suites = "${suite}, ${suite}" ${pair} }`,
  `tls { http = true rpc = true tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" ${pair} }`,
  'tls { cert_file = "MISSING" }',
  'tls { key_file = "MISSING" }',
  'tls { ca_file = "MISSING" }',
  'tls { ca_file = "CERT" cert_file = "CERT" key_file = "OTHER" }',
  'tls { http = true ca_file = "CERT" cert_file = "CERT" key_file = "OTHER" }',
  'tls { ca_file = "JUNK" }',
  'tls { cert_file = "JUNK" }',
  'tls { ca_file = "CERT" cert_file = "CERT" key_file = "JUNK" }',
  'tls { ca_file = "CERT" cert_file = "ED-CERT" key_file = "ED-KEY" }',
  'tls { http = true ca_file = "CERT" cert_file = "FIRST" key_file = "FIRST" }',
  'tls { http = true ca_file = "FIRST" cert_file = "CERT" key_file = "KEY" }',
  'tls { ca_file = "FOLDER" }',
  'tls { key_file = "FOLDER" }',
  'tls { http = true ca_file = "CERT" cert_file = "CERT" key_file = "FOLDER" }',
  'ui { bogus = 1 }',
  'bogus = 1',
  'server { rejoin_after_leave = true }',
  'tls { tls_prefer_server_cipher_suites = true }',
  'region = 5',
  'region = "a" region = "b"',
  'region = <<E\neu\nE\n',
  'region = <<-E\neu\nE\n',
  'limits { bogus = 1 }',
  'server { encrypt = "x" }',
  'server { encrypt = "cg8StVXbQJ0gPvMd9o7yrg==" }',
  'server { encrypt = "YWJj" }',
  'http_api_response_headers { a = "b" }',
  'server { heartbeat_grace = 30 }',
  'leave_on_interrupt = "1"',
  'datacenter = "a*"',
  'name = "größe ${x} \\u00e9"',
  'name = null',
  'name = "a" // }',
  'name = "a',
  'plugin "docker" { config { a = [1, { b = 2 }] } }',
  'plugin "docker" { config { a = 99999999999999999999 } }',
  'consul { address = 5 bogus = 1 }',
  'consul { ssl = "yes" }',
  'vault { enabled = "f" }',
  'vault { enabled = "maybe" }',
  'consul { timeout = "5s" }',
  'Vault { }',
  'keyring "aead" { active = true }',
  'keyring "bogus" { active = true }',
  'telemetry { prometheus_metrics = true } telemetry { }',
  'telemetry { collection_interval = "x" }',
  'ports { bogus = 1 }',
  'log_level = "BOGUS"',
  'log_level = "warn"',
  'server { raft_protocol = 2 }',
  'autopilot { last_contact_threshold = "1s" }',
  'server { default_scheduler_config { scheduler_algorithm = "bogus" } }',
  'acl { enabled = true token_ttl = "30s" }',
  'acl { token_ttl = "30" }',
  '!data_dir = "DATA"\nserver { enabled = false }',
  '!server { enabled = true }',
  '!data_dir = "relative"\nserver { enabled = true }',
  '!\ufeffdata_dir = "DATA"\nserver { enabled = true }',
  '!{"data_dir": "DATA", "server": {"enabled": true}, "tls": [{}, {}]}',
  '!{"data_dir": "DATA", "server": {"enabled": true}, /* x */ "tls": {}}',
]

let base: string

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-check-'))
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const names = [
    '-subj',
    '/CN=server.global.nomad',
    '-addext',
    'subjectAltName=DNS:server.global.nomad',
  ]
  const files = ['-keyout', join(base, 'key.pem'), '-out', join(base, 'cert.pem'), '-days', '30']
  await runOk('openssl', [...request, ...names, ...files])
  const ed = ['req', '-x509', '-newkey', 'ed25519', '-nodes', ...names, '-days', '30']
  await runOk('openssl', [
    ...ed,
    '-keyout',
    join(base, 'ed-key.pem'),
    '-out',
    join(base, 'ed-cert.pem'),
  ])
  await runOk('openssl', [
    'genpkey',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-out',
    join(base, 'other.pem'),
  ])
  const text = (name: string): string => readFileSync(join(base, name), 'utf8')
  writeFileSync(join(base, 'first.pem'), text('key.pem') + text('cert.pem'))
  writeFileSync(join(base, 'junk.pem'), 'junk\n')
  mkdirSync(join(base, 'folder.pem'))
})

afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

async function textOf(addition: string, folder: string): Promise<string> {
  const { http, rpc, serf } = await agentPorts()
  const server = `data_dir = "DATA"
bind_addr = "127.0.0.1"
disable_update_check = true
ports { http = ${http} rpc = ${rpc} serf = ${serf} }
advertise { http = "127.0.0.1:${http}" rpc = "127.0.0.1:${rpc}" serf = "127.0.0.1:${serf}" }
server { enabled = true bootstrap_expect = 1 }
`
  const whole = addition.startsWith('!')
  return (whole ? addition.slice(1) : server + addition)
    .replaceAll('"DATA"', JSON.stringify(join(folder, 'data')))
    .replaceAll(/"(CERT|KEY|MISSING|OTHER|JUNK|ED-CERT|ED-KEY|FIRST|FOLDER)"/g, (_, name: string) =>
      JSON.stringify(join(base, `${name.toLowerCase()}.pem`)),
    )
    .concat('\n')
}

/** Whether the agent gets as far as running, or what it says before it ends. */
function starts(folder: string): Promise<{ started: boolean; said: string }> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(nomadBinary(), ['agent', '-config', join(folder, 'config')], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    let started = false
    const hear = (chunk: Buffer): void => {
      said += chunk.toString()
      // The last thing that it says before it waits for signals; only what is wrong about joining ends
      // it after that, at once.
      if (!started && said.includes('Nomad agent started!')) {
        started = true
        setTimeout(() => child.kill('SIGKILL'), 500)
      }
    }
    child.stdout!.on('data', hear)
    child.stderr!.on('data', hear)
    child.on('error', reject)
    child.on('close', (_, signal) => {
      resolve({ started: started && signal === 'SIGKILL', said })
    })
  })
}

describe('a real agent starts where the check says no error, and only there', () => {
  test('on configurations good and bad', async () => {
    const disagreements: unknown[] = []
    let good = 0
    let bad = 0
    for (const [index, addition] of additions.entries()) {
      const folder = join(base, String(index))
      mkdirSync(join(folder, 'config'), { recursive: true })
      const text = await textOf(addition, folder)
      writeFileSync(join(folder, 'config/nomad.hcl'), text)
      const files = [{ name: 'nomad.hcl', bytes: new TextEncoder().encode(text) }]
      const named = namedFiles(readAgentConfig(files), [join(folder, 'config')], Date.now()).found
      const errors = checkAgentConfig(files, { named, nomadVersion: nomadVersion() }).filter(
        // With what peers refuse an agent starts all the same.
        ({ severity, code }) => severity === 'error' && code !== 'agent/file-peers',
      )
      const { started, said } = await starts(folder)
      if (started) good += 1
      else bad += 1
      if (started === errors.length > 0) disagreements.push({ addition, errors, said })
    }
    console.log(`verdicts compared: ${good + bad} configurations, ${good} start, ${bad} do not`)
    expect(disagreements).toEqual([])
    expect(good).toBeGreaterThan(5)
    expect(bad).toBeGreaterThan(5)
  }, 600_000)

  test('and where a value stops it that only a start looks at', async () => {
    const disagreements: unknown[] = []
    const version = nomadVersion()
    for (const [index, [role, addition, verdict]] of startCases.entries()) {
      const folder = join(base, `start-${index}`)
      mkdirSync(join(folder, 'config'), { recursive: true })
      const { http, rpc, serf } = await agentPorts()
      const text = startText(role, addition, { data: join(folder, 'data'), http, rpc, serf })
      writeFileSync(join(folder, 'config/nomad.hcl'), text)
      const { started, said } = await starts(folder)
      if (started !== verdictOf(verdict, version))
        disagreements.push({ role, addition, started, said })
    }
    console.log(`verdicts compared: ${startCases.length} starts of ${version}`)
    expect(disagreements).toEqual([])
  }, 600_000)
})
