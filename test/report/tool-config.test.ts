import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../src/hcl/index.js'
import { policyComments, toolConfig, tools, type ToolAccess } from '../../src/report/tool-config.js'

const access: ToolAccess = {
  url: 'https://10.0.0.11:4646',
  region: 'global',
  serverName: 'server.global.nomad',
  ca: '/etc/a "b": {c}/ca.pem',
  cert: "/etc/it's #1/cert.pem",
  key: '/k/key.pem',
  scraped: [],
}

describe('the part of a tool’s configuration', () => {
  test.each(tools)('%s: says the policy first, in comments', (tool) => {
    const text = toolConfig(access, tool)!
    expect(text.startsWith(policyComments(tool))).toBe(true)
    expect(text).toMatch(/^# ACL policy/)
    // Without its comment signs it is what Nomad's ACL API takes.
    const rules = policyComments(tool).split('\n').slice(1).join('\n').replaceAll(/^# /gm, '')
    expect(parseConfig(rules).diagnostics).toEqual([])
  })

  test('Prometheus: a job for each name that certificates hold', () => {
    const scraped = [
      {
        job: 'nomad-global-server',
        targets: ['10.0.0.11:4646'],
        serverName: 'server.global.nomad',
      },
      { job: 'nomad-global-client', targets: ['[fd00::1]:4646'], serverName: undefined },
    ]
    const tls = { ca_file: access.ca, cert_file: access.cert, key_file: access.key }
    const common = {
      ...{ metrics_path: '/v1/metrics', params: { format: ['prometheus'] }, scheme: 'https' },
    }
    expect(parse(toolConfig({ ...access, scraped }, 'prometheus')!)).toEqual({
      scrape_configs: [
        {
          ...{ job_name: 'nomad-global-server', ...common },
          tls_config: { ...tls, server_name: 'server.global.nomad' },
          static_configs: [{ targets: ['10.0.0.11:4646'] }],
        },
        {
          ...{ job_name: 'nomad-global-client', ...common, tls_config: tls },
          static_configs: [{ targets: ['[fd00::1]:4646'] }],
        },
      ],
    })
  })

  test('Prometheus: where no agent has an address it is the one that was named; http without TLS', () => {
    const plain = toolConfig({ ...access, url: 'http://127.0.0.1:4646' }, 'prometheus')!
    expect(parse(plain)).toMatchObject({
      scrape_configs: [{ scheme: 'http', static_configs: [{ targets: ['127.0.0.1:4646'] }] }],
    })
    expect(plain).not.toContain('tls_config')
  })

  test('Traefik: providers.nomad.endpoint', () => {
    expect(parse(toolConfig(access, 'traefik')!)).toEqual({
      providers: {
        nomad: {
          endpoint: {
            ...{ address: access.url, region: 'global' },
            tls: { ca: access.ca, cert: access.cert, key: access.key },
          },
        },
      },
    })
  })

  test('Terraform and the autoscaler: their own keys, in HCL', () => {
    const keys = (tool: 'terraform' | 'autoscaler', one: ToolAccess = access): string[] =>
      [...toolConfig(one, tool)!.matchAll(/^ {2}(\w+) +=/gm)].map(([, key]) => key!)
    expect(keys('terraform')).toEqual(['address', 'region', 'ca_file', 'cert_file', 'key_file'])
    expect(toolConfig(access, 'terraform')).toContain(
      '# NOMAD_TLS_SERVER_NAME=server.global.nomad\nprovider "nomad" {\n',
    )
    const autoscaler = ['address', 'region', 'ca_cert', 'client_cert', 'client_key']
    expect(keys('autoscaler')).toEqual([...autoscaler, 'tls_server_name'])
    expect(keys('autoscaler', { ...access, serverName: undefined })).toEqual(autoscaler)
    for (const tool of ['terraform', 'autoscaler'] as const) {
      expect(parseConfig(toolConfig(access, tool)!).diagnostics).toEqual([])
    }
  })

  test.each(['/a\nb', '/a${b}', '/a%{b}'])('HCL cannot say the path %j', (ca) => {
    expect(toolConfig({ ...access, ca }, 'terraform')).toBeUndefined()
    expect(toolConfig({ ...access, ca }, 'autoscaler')).toBeUndefined()
    expect(parse(toolConfig({ ...access, ca }, 'traefik')!)).toMatchObject({
      providers: { nomad: { endpoint: { tls: { ca } } } },
    })
  })
})
