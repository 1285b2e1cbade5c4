import fs from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHostPort } from '../../src/adoption/host-port.js'
import { surveyAgents, type SurveyedAgent } from '../../src/adoption/survey-agents.js'
import { newSpec } from '../../src/cluster/new-spec.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { seed } from '../seed.js'

/** An agent started with one file. */
function agent(text: string, config = 'agents/s1'): SurveyedAgent {
  const path = `${config}/nomad.hcl`
  return { config, files: [{ name: 'nomad.hcl', path, bytes: new TextEncoder().encode(text) }] }
}

const server = 'name = "s1"\nregion = "global"\nserver { enabled = true }\n'
const client = server.replace('server', 'client')

function listed(text: string): unknown {
  const { spec, diagnostics } = surveyAgents([agent(text)])
  expect(diagnostics).toEqual([])
  const { value, notes } = spec.listed![0]!
  return { ...value, notes }
}

describe('addresses', () => {
  test.each<[string, string, Record<string, unknown>]>([
    [
      'advertise, with and without ports',
      `${server}advertise { http = "10.0.0.1" rpc = "10.0.0.1:4647" serf = "10.0.0.1:4648" }`,
      { ips: ['10.0.0.1'] },
    ],
    ['what it binds to', `${server}bind_addr = "10.0.0.1"`, { ips: ['10.0.0.1'] }],
    [
      'advertise goes before what it binds to',
      `${server}bind_addr = "10.0.0.1"\nadvertise { http = "1.1.1.1" rpc = "1.1.1.1" serf = "1.1.1.1" }`,
      { ips: ['1.1.1.1'] },
    ],
    [
      'IPv6',
      `${server}advertise { http = "[2001:db8::1]:14646" rpc = "2001:db8::1" }`,
      { ips: ['2001:db8::1'], http: '[2001:db8::1]:14646' },
    ],
    [
      'ports of its own',
      `${server}bind_addr = "10.0.0.1"\nports { http = 1 rpc = 2 }`,
      { ips: ['10.0.0.1'], http: '10.0.0.1:1', rpc: '10.0.0.1:2' },
    ],
    [
      'a client agent has no RPC port',
      `${client}bind_addr = "10.0.0.1"\nports { http = 1 rpc = 2 }`,
      { ips: ['10.0.0.1'], http: '10.0.0.1:1' },
    ],
    [
      'the loopback is where to probe, and no address of the certificate',
      `${server}advertise { http = "127.0.0.1:5646" rpc = "127.0.0.1:5647" serf = "127.0.0.1:5648" }`,
      { http: '127.0.0.1:5646', rpc: '127.0.0.1:5647' },
    ],
    [
      'a host of ours, and one whose name is an identity for Nomad',
      `${server}advertise { http = "S1.Acme.internal" rpc = "server.global.nomad" }`,
      {
        names: ['s1.acme.internal'],
        http: 'S1.Acme.internal:4646',
        rpc: 'server.global.nomad:4647',
      },
    ],
  ])('%s', (_, text, expected) => {
    // Hosts are compared as they are written: a probe of a name in capitals is still right.
    const { http, ...rest } = listed(text) as Record<string, string>
    const { http: wanted, ...others } = expected as Record<string, string>
    expect(http?.toLowerCase()).toBe(wanted?.toLowerCase())
    expect(rest).toEqual({ ...others, config: 'agents/s1', notes: [] })
  })

  test.each<[string, string, Record<string, unknown>]>([
    [
      'several for the API, as Nomad allows there alone',
      'addresses { http = "10.0.0.1 127.0.0.1 10.0.0.2" }',
      { ips: ['10.0.0.1', '10.0.0.2'] },
    ],
    [
      'one address in two spellings',
      'advertise { http = "2001:DB8:0::1" rpc = "2001:db8::1" }',
      { ips: ['2001:db8::1'] },
    ],
    ['a zone', 'bind_addr = "fe80::1%eth0"', { ips: ['fe80::1'] }],
    ['IPv4 in IPv6', 'bind_addr = "::ffff:10.0.0.1"', { ips: ['10.0.0.1'] }],
    [
      'the loopback at length',
      'bind_addr = "0:0:0:0:0:0:0:1"',
      { http: '[::1]:4646', rpc: '[::1]:4647' },
    ],
    [
      'all of them at length',
      'bind_addr = "0:0::0"\nadvertise { http = "h.x" }',
      { names: ['h.x'], http: 'h.x:4646' },
    ],
    [
      'a final dot',
      'advertise { http = "S1.acme.internal.:80" }',
      { names: ['s1.acme.internal'], http: 's1.acme.internal:80' },
    ],
    ['`_` in a name', 'advertise { serf = "s_1.acme.internal" }', { names: ['s_1.acme.internal'] }],
  ])('%s', (_, text, expected) => {
    const { notes, ...found } = listed(`${server}${text}`) as Record<string, unknown>
    expect(found).toEqual({ ...expected, config: 'agents/s1' })
    expect(notes).toEqual([])
  })

  test.each<[string, string, string]>([
    [
      'a place not filled in',
      'advertise { http = "${IP}" }',
      'advertise.http says is not an address (agents/s1/nomad.hcl:4:20)',
    ],
    [
      'another kind of such',
      'bind_addr = "{IP}"',
      'bind_addr says is not an address (agents/s1/nomad.hcl:4:13)',
    ],
    ['a URL', 'advertise { rpc = "http://10.0.0.1" }', 'advertise.rpc says is not an address'],
    [
      'a port that is none',
      'bind_addr = "127.0.0.1"\nports { http = 70000 rpc = 1 }',
      'http is left out: ports.http is not a port: 70000',
    ],
    [
      'a negative one',
      'bind_addr = "127.0.0.1"\nports { http = 1 rpc = -4 }',
      'rpc is left out: ports.rpc is not a port: -4',
    ],
    [
      "another agent's name",
      'advertise { serf = "client.west.nomad" }',
      'names is left out: "client.west.nomad"',
    ],
    ['a wildcard', 'advertise { serf = "*.x.y" }', 'names is left out: "*.x.y"'],
  ])('%s is told and left out', (_, text, note) => {
    const { notes } = listed(`${server}${text}`) as { notes: string[] }
    expect(notes).toEqual([expect.stringContaining(note)])
  })

  test.each(['0.0.0.0', '::'])('%s says nothing', (address) => {
    expect(listed(`${server}bind_addr = "${address}"`)).toEqual({
      config: 'agents/s1',
      notes: ['its address is not in its configuration: add ips or names'],
    })
  })

  test('a template is told with its place, once where several settings have it', () => {
    expect(listed(`${server}bind_addr = "{{ GetInterfaceIP \\"eth0\\" }}"`)).toEqual({
      config: 'agents/s1',
      notes: [
        'its address is a template, which only its host can fill in (agents/s1/nomad.hcl:4:13): add it to ips',
      ],
    })
  })

  test.each([
    ['10.0.0.1:0', undefined],
    ['10.0.0.1:99999', undefined],
    ['[10.0.0.1]:4646', undefined],
    ['a:b:c', undefined],
    ['', undefined],
    ['::1', { host: '::1' }],
    ['h:80', { host: 'h', port: 80 }],
  ])('%s', (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected)
  })
})

describe('what is refused, with its place', () => {
  test.each<[string, string, string]>([
    ['no role', 'name = "s1"', '1:1 neither server nor client is enabled in it'],
    ['a range for a name', 'name = "c[1-3]"\nclient { enabled = true }', '1:8 the name "c[1-3]"'],
    ['a space', 'name = "web 1"\nclient { enabled = true }', '1:8 the name "web 1" holds a space'],
    [
      'a reserved name',
      'name = "shared"\nclient { enabled = true }',
      '1:8 the name "shared" is re',
    ],
    ['a region', server.replace('global', 'eu/west'), '2:10 the region "eu/west"'],
    [
      'a region that is not a DNS name',
      server.replace('global', 'eu-'),
      '2:10 the region "eu-" has a label',
    ],
    ['two tls blocks', `${server}tls {}\ntls {}`, '5:1 '],
    ['no HCL at all', 'server {', '1:'],
  ])('%s', (_, text, expected) => {
    const { diagnostics } = surveyAgents([agent(text)])
    expect(diagnostics.length).toBeGreaterThan(0)
    const { file, line, column, message, severity } = diagnostics[0]!
    expect(severity).toBe('error')
    expect(file).toBe('agents/s1/nomad.hcl')
    expect(`${line}:${column} ${message}`.slice(0, expected.length)).toBe(expected)
  })

  test('what cannot be read is not said to have no role', () => {
    const { diagnostics } = surveyAgents([agent('server {'), agent('name = "x"', 'agents/x')])
    expect(diagnostics.map(({ file, code }) => `${file} ${code}`)).toEqual([
      'agents/s1/nomad.hcl hcl/unclosed',
      'agents/x/nomad.hcl adoption/role',
    ])
  })

  test('two of one name in a region; in two regions it is no matter', () => {
    const twice = [agent(server), agent(client, 'agents/c1')]
    expect(surveyAgents(twice).diagnostics).toMatchObject([
      { file: 'agents/c1/nomad.hcl', line: 1, message: 'agents/s1 is s1 of global already' },
    ])
    const apart = [agent(server), agent(client.replace('global', 'west'), 'agents/c1')]
    expect(surveyAgents(apart).diagnostics).toEqual([])
  })
})

describe('what their tls says alike', () => {
  const tls = (text: string): string => `${server}tls { http = true rpc = true ${text} }`
  const survey = (...texts: string[]): ReturnType<typeof surveyAgents>['spec'] =>
    surveyAgents(
      texts.map((text, index) => agent(text.replace('"s1"', `"s${index}"`), `agents/s${index}`)),
    ).spec

  test('without any encryption nothing is carried over', () => {
    const { stanza, notes } = survey(server, server)
    const note =
      '2 of 2 agents have no TLS today: apply turns http and rpc on, which needs a restart of each; if they run together already, write transport: plaintext into this file first'
    expect([stanza, notes]).toEqual([undefined, [note]])
  })
  describe('http that is off on purpose stays off', () => {
    const checks = 'verify_server_hostname = true verify_https_client = true'
    const off = `${server}tls { http = false rpc = true ${checks} }`
    const on = tls(checks)
    const asClient = (text: string): string => text.replace('server {', 'client {')
    test.each<[string, string[], unknown, unknown[], string]>([
      ['everywhere', [off, off], { http: false }, [], '2 of 2'],
      ['at all clients', [on, asClient(off)], { client: { http: false } }, [], '1 of 2'],
      ['at one of several', [on, off], undefined, [undefined, { http: false }], '1 of 2'],
    ])('%s', (_, texts, expected, own, count) => {
      const { stanza, notes, listed: nodes } = survey(...texts)
      expect(stanza).toEqual(expected)
      expect(notes).toContain(`http is off at ${count} agents with TLS today, and stays so`)
      if (own.length > 0) expect(nodes!.map(({ value }) => value['stanza'])).toEqual(own)
    })
  })
  test('a consul block on the files of tls is told', () => {
    const { notes } = survey(`${tls('cert_file = "/c.pem"')}\nconsul { cert_file = "/c.pem" }`)
    expect(notes).toContainEqual(
      expect.stringContaining('consul of agents/s0 names the files of tls too'),
    )
  })
  test('rpc that is off, and rpc_upgrade_mode, are told', () => {
    const { notes } = survey(tls('rpc_upgrade_mode = true'), `${server}tls { http = true }`)
    expect(notes).toContainEqual(expect.stringContaining('rpc is off at 1 of 2 agents today'))
    expect(notes).toContainEqual(expect.stringContaining('rpc_upgrade_mode is on at 1 of 2'))
  })
  test('an open API stays open; a missing check of names does not', () => {
    const { stanza, notes } = survey(tls(''), tls(''))
    expect(stanza).toEqual({ verify_https_client: false })
    expect(notes).toEqual([
      expect.stringContaining('verify_server_hostname is on at 0 of 2 agents today'),
      expect.stringContaining('verify_https_client is off on all agents today'),
    ])
  })
  test('where they differ the safer one is taken and said', () => {
    const safe = 'verify_server_hostname = true verify_https_client = true'
    const { stanza, notes } = survey(tls(safe), tls('verify_server_hostname = true'))
    expect(stanza).toBeUndefined()
    expect(notes).toEqual([expect.stringContaining('verify_https_client is on at 1 of 2')])
  })
  test.each([
    ['tls_min_version = "TLS1.2"', 'tls_min_version is left out: "TLS1.2" is not possible here'],
    [
      'tls_cipher_suites = "TLS_A, TLS_B"',
      'tls_cipher_suites is left out: "TLS_A, TLS_B" does not fit',
    ],
    [
      'tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"',
      "no suite in the list works with the agent's ECDSA key",
    ],
  ])('%s is told and left out', (text, note) => {
    const safe = 'verify_server_hostname = true verify_https_client = true'
    const { stanza, notes } = survey(tls(`${safe} ${text}`))
    expect(stanza).toBeUndefined()
    expect(notes).toEqual([expect.stringContaining(note)])
  })
  test('versions and suites', () => {
    const safe =
      'verify_server_hostname = true verify_https_client = true tls_min_version = "tls12"'
    const other = safe.replace('tls12', 'tls13')
    expect(survey(tls(safe), tls(safe)).stanza).toEqual({ tls_min_version: 'tls12' })
    expect(survey(tls(safe), tls(other)).notes).toEqual([
      'tls_min_version differs between the agents, and is left alone',
    ])
  })
})

describe('the name and the path', () => {
  const survey = (surveyed: SurveyedAgent): unknown => surveyAgents([surveyed]).spec.listed
  test('a name that is set to nothing is not set', () => {
    expect(survey(agent(server.replace('"s1"', '""')))).toMatchObject([
      { name: 's1', notes: [expect.stringContaining('its name is guessed'), expect.anything()] },
    ])
  })
  test('where the path has no end, the folder it stands for', () => {
    expect(survey({ ...agent('client { enabled = true }', '.'), host: 'web' })).toMatchObject([
      { name: 'web', value: { config: '.' } },
    ])
  })
  test.each(['{node}', 'agents/{x}', '}'])('%s would be another directory', (config) => {
    const [node] = surveyAgents([agent(server, config)]).spec.listed!
    expect(node?.value).toEqual({})
    expect(node?.notes).toContainEqual(expect.stringContaining('config is left out'))
  })
  test('a name that objects have already is one like others', () => {
    const [node] = surveyAgents([agent(server.replace('"s1"', '"__proto__"'))]).spec.listed!
    expect(node).toMatchObject({ name: '__proto__', value: { config: 'agents/s1' } })
  })
})

describe('whatever stands in the configurations', () => {
  const template = fs.readFileSync(new URL('../../templates/cluster.yaml', import.meta.url), 'utf8')
  const odd = [
    ...[
      "$'",
      '$&',
      '$`',
      '#',
      ': ',
      '\\n',
      '\\u2028',
      '\\u0085',
      '"]',
      '{{',
      '}}',
      '${a}',
      '%',
      '@',
      '--',
      '...',
    ],
    ...[
      '10.0.0.1',
      '[::1]:1',
      '::ffff:127.0.0.1',
      ' ',
      'h.x',
      '*.x',
      'server.global.nomad',
      ':99999',
      'true',
    ],
  ]
  const text = fc
    .array(fc.oneof(fc.constantFrom(...odd), fc.string({ maxLength: 4 })), { maxLength: 4 })
    .map((parts) => JSON.stringify(parts.join('')))
  const path = fc.array(fc.constantFrom(...odd, 'a', '/'), { minLength: 1, maxLength: 4 })

  test('the spec is valid and names the same nodes, or the place is in a file that is there', () => {
    let valid = 0
    const property = fc.property(text, text, text, text, fc.integer(), path, (...given) => {
      const [name, http, bind, certificate, port, parts] = given
      const files = surveyAgents([
        agent(
          `name = ${name}
server { enabled = true }
bind_addr = ${bind}
advertise { http = ${http} }
ports { http = ${port} }
tls { http = true cert_file = ${certificate} tls_min_version = ${bind} tls_cipher_suites = ${http} }`,
          parts.join(''),
        ),
        agent(client, 'agents/c1'),
      ])
      const places = [`${parts.join('')}/nomad.hcl`, 'agents/c1/nomad.hcl']
      for (const { file } of files.diagnostics) expect(places).toContain(file)
      if (files.diagnostics.some(({ severity }) => severity === 'error')) return
      const written = newSpec({ cluster: 'c', ...files.spec }, template)
      expect(written.diagnostics).toEqual([])
      const { spec } = parseSpec(written.text)
      expect(spec?.regions.flatMap(({ groups }) => groups.map(({ role }) => role))).toEqual([
        'server',
        'client',
      ])
      valid += 1
    })
    fc.assert(property, { numRuns: 400, seed })
    expect(valid).toBeGreaterThan(20)
  })
})
