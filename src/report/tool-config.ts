/**
 * What a tool's own configuration says to reach Nomad's HTTP API with a client certificate, and the ACL policy
 * that the tool needs: a certificate grants nothing.
 *
 * | tool | keys | after a renewal |
 * | --- | --- | --- |
 * | Prometheus | `tls_config` (prometheus.io/docs, `<tls_config>`) | nothing: read again by itself |
 * | Terraform | `provider "nomad"` (hashicorp/nomad, nomad/provider.go) | the next run reads it |
 * | Traefik | `providers.nomad.endpoint` (pkg/provider/nomad/nomad.go) | restart: the client is built once |
 * | Autoscaler | `nomad` (developer.hashicorp.com, autoscaling/agent/nomad) | SIGHUP |
 *
 * @module
 */

/** The tools whose configuration is known here. */
export const tools = ['prometheus', 'terraform', 'traefik', 'autoscaler'] as const

/** One of them. */
export type Tool = (typeof tools)[number]

/** Agents that Prometheus asks under one name. */
export interface ScrapeGroup {
  /** `nomad-global-server` */
  readonly job: string
  /** `10.0.0.11:4646` */
  readonly targets: readonly string[]
  /** The name that their certificates hold; `undefined`: the host of the target. */
  readonly serverName: string | undefined
}

/** Where the API is, and with what files it is asked. */
export interface ToolAccess {
  /** `https://10.0.0.11:4646` */
  readonly url: string
  readonly region: string
  /** The name that the certificate behind the URL holds; `undefined`: its host. */
  readonly serverName: string | undefined
  /** Absolute paths where the tool runs. */
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** What Prometheus scrapes. */
  readonly scraped: readonly ScrapeGroup[]
}

/**
 * The policy that a tool's token needs, as Nomad's ACL rules have it, a line each; and what is to be known.
 *
 * @see nomad/service_registration_endpoint.go:197 and :362 of Nomad 1.11.3 (services: read-job);
 *   command/agent/metrics_endpoint.go (metrics: no check); developer.hashicorp.com, autoscaling/agent (scale)
 */
const policies: Readonly<
  Record<
    Tool | 'variables',
    { readonly note: readonly string[]; readonly rules: readonly string[] }
  >
> = {
  prometheus: {
    note: [
      'ACL policy: none. Nomad serves /v1/metrics without a token, to each valid certificate.',
    ],
    rules: [],
  },
  terraform: {
    note: ['ACL policy of the token in NOMAD_TOKEN, for jobs of one namespace:'],
    rules: ['namespace "default" {', '  policy = "write"', '}'],
  },
  traefik: {
    note: ['ACL policy of the token in endpoint.token:'],
    rules: ['namespace "default" {', '  capabilities = ["read-job"]', '}'],
  },
  autoscaler: {
    note: [
      'ACL policy of the token in NOMAD_TOKEN; to scale clients too, also node { policy = "write" }:',
    ],
    rules: ['namespace "default" {', '  policy = "scale"', '}'],
  },
  variables: {
    note: ['ACL policy of the token in NOMAD_TOKEN, to read jobs; to run them, policy = "write":'],
    rules: ['namespace "default" {', '  policy = "read"', '}'],
  },
}

/**
 * The policy as comments, which each of the formats begins with `#`.
 *
 * @param tool `variables`: what reads NOMAD_* from its environment.
 */
export function policyComments(tool: Tool | 'variables'): string {
  const { note, rules } = policies[tool]
  return [...note, ...rules].map((line) => `# ${line}\n`).join('')
}

/**
 * The part of a tool's configuration that reaches Nomad.
 *
 * @param access Where, and with what files.
 * @param tool For which.
 * @returns The text without a line break at its end; `undefined` where the format cannot say a value.
 */
export function toolConfig(access: ToolAccess, tool: Tool): string | undefined {
  const head = policyComments(tool)
  switch (tool) {
    case 'prometheus':
      return head + prometheus(access)
    case 'traefik':
      return head + traefik(access)
    case 'terraform':
    case 'autoscaler': {
      const { url, region, ca, cert, key, serverName } = access
      // HCL expands both, and has no escape that its versions share.
      const values = [url, region, ca, cert, key, serverName ?? '']
      if (values.some((value) => /[\p{Cc}]|[$%]\{/u.test(value))) return undefined
      return head + (tool === 'terraform' ? terraform(access) : autoscaler(access))
    }
  }
}

function prometheus({ url, region, ca, cert, key, serverName, scraped }: ToolAccess): string {
  const { protocol, host } = new URL(url)
  const groups: readonly ScrapeGroup[] =
    scraped.length > 0 ? scraped : [{ job: `nomad-${region}`, targets: [host], serverName }]
  return [
    '# Each agent: telemetry { prometheus_metrics = true }. A renewal needs no reload.',
    'scrape_configs:',
    ...groups.flatMap((group) => [
      `  - job_name: ${quote(group.job)}`,
      '    metrics_path: /v1/metrics',
      '    params:',
      '      format: [prometheus]',
      `    scheme: ${protocol.slice(0, -1)}`,
      ...(protocol === 'http:'
        ? []
        : [
            '    tls_config:',
            `      ca_file: ${quote(ca)}`,
            `      cert_file: ${quote(cert)}`,
            `      key_file: ${quote(key)}`,
            ...(group.serverName === undefined
              ? []
              : [`      server_name: ${quote(group.serverName)}`]),
          ]),
      '    static_configs:',
      '      - targets:',
      ...group.targets.map((target) => `          - ${quote(target)}`),
    ]),
  ].join('\n')
}

function traefik({ url, region, ca, cert, key }: ToolAccess): string {
  return [
    '# Traefik reads these files at its start: after a renewal, restart it.',
    'providers:',
    '  nomad:',
    '    endpoint:',
    `      address: ${quote(url)}`,
    `      region: ${quote(region)}`,
    '      tls:',
    `        ca: ${quote(ca)}`,
    `        cert: ${quote(cert)}`,
    `        key: ${quote(key)}`,
  ].join('\n')
}

function terraform({ url, region, ca, cert, key, serverName }: ToolAccess): string {
  return [
    ...(serverName === undefined
      ? []
      : [
          '# The provider has no key for the name that is in the certificate. In its environment:',
          `# NOMAD_TLS_SERVER_NAME=${serverName}`,
        ]),
    'provider "nomad" {',
    `  address   = ${quote(url)}`,
    `  region    = ${quote(region)}`,
    `  ca_file   = ${quote(ca)}`,
    `  cert_file = ${quote(cert)}`,
    `  key_file  = ${quote(key)}`,
    '}',
  ].join('\n')
}

function autoscaler({ url, region, ca, cert, key, serverName }: ToolAccess): string {
  return [
    '# The autoscaler reads these files again on SIGHUP: after a renewal, reload it.',
    'nomad {',
    `  address         = ${quote(url)}`,
    `  region          = ${quote(region)}`,
    `  ca_cert         = ${quote(ca)}`,
    `  client_cert     = ${quote(cert)}`,
    `  client_key      = ${quote(key)}`,
    ...(serverName === undefined ? [] : [`  tls_server_name = ${quote(serverName)}`]),
    '}',
  ].join('\n')
}

/** JSON's strings are YAML's in double quotes, and HCL's where nothing is expanded. */
function quote(text: string): string {
  return JSON.stringify(text)
}
