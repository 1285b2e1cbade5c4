import { describe, expect, test } from 'vitest'
import { parseHostPort } from '../../src/adoption/host-port.js'
import { surveyAgents, type SurveyedAgent } from '../../src/adoption/survey-agents.js'

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
    expect([stanza, notes]).toEqual([undefined, []])
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
