/**
 * Values: additions to a server's configuration, and whether Nomad takes them: each answered so by
 * `nomad config validate` of 1.11.3 and of 2.0.5. `test/real-nomad/config-validate.test.ts` asks the Nomad at
 * hand again (`NOMAD_PKI_NOMAD` names another); this table carries the answers of the other.
 */

import { asBoolean, asString, type Item, parseConfig, type Value } from '../../src/hcl/index.js'

/** The same for both, or each one's own. */
export type Verdict = boolean | { readonly '1.11.3': boolean; readonly '2.0.5': boolean }

/** The versions that were asked. */
export const askedVersions = ['1.11.3', '2.0.5'] as const

/** What a version answered. */
export function verdictOf(verdict: Verdict, version: (typeof askedVersions)[number]): boolean {
  return typeof verdict === 'boolean' ? verdict : verdict[version]
}

const since2 = { '1.11.3': false, '2.0.5': true } as const
const until2 = { '1.11.3': true, '2.0.5': false } as const

export const valueCases: readonly (readonly [addition: string, verdict: Verdict])[] = [
  ['client { default_ineligible = true }', since2],
  ['client { default_ineligible = "yes" }', false],
  ['server { raft_logstore { backend = "wal" } }', since2],
  ['server { raft_logstore { } }', since2],
  ['server { raft_logstore { bogus = 1 } }', since2],
  ['server { raft_logstore { backend = [] } }', false],
  ['server { raft_logstore { wal { segment_size_mb = "x" } } }', false],
  ['server { raft_logstore { wal { segment_size_mb = 128 } } }', since2],
  ['server { raft_logstore { verification { enabled = true interval = "1m" } } }', since2],
  ['server { raft_logstore { boltdb { no_freelist_sync = true } } }', since2],
  ['server { raft_logstore = "wal" }', false],
  ['server { plan_apply_pipeline = 2 }', since2],
  ['server { plan_apply_pipeline = "x" }', false],
  ['server { non_production = true }', since2],
  ['server { default_scheduler_config { node_limit_for_feasibility_checks = 5 } }', until2],
  ['server { default_scheduler_config { node_limit_for_feasibility_checks = "5" } }', until2],
  ['server { default_scheduler_config { node_limit_for_feasibility_checks { } } }', until2],
  ['rpc { dial_timeout = "5s" }', true],
  ['rpc { dial_timeout = "5" }', until2],
  ['rpc { bogus = "5s" }', true],
  ['reporting { disable_product_usage_reporting = true }', true],
  ['reporting { disable_product_usage_reporting = "x" }', until2],
  ['consul { use_client_consul_token = true }', true],
  ['consul { tags = {} }', false],
  ['consul { tags { a = "b" } }', false],
  ['consul { tags = [] }', true],
  ['consul { tags = [1, true, 1.5] }', true],
  ['consul { tags = [["a"]] }', false],
  ['consul { tags = [[]] }', false],
  ['consul { tags = [{}] }', false],
  ['consul { tags = ["a"] tags = ["b"] }', true],
  ['consul { tags = 5 }', true],
  ['consul { Tags {} }', false],
  ['vault { default_identity { aud = {} } }', false],
  ['vault { default_identity { aud = ["a", []] } }', false],
  ['vault { default_identity { extra_claims { a = "b" } } }', true],
  ['vault { default_identity { extra_claims { a = 5 } } }', true],
  ['vault { default_identity { extra_claims { a = ["x"] } } }', false],
  ['vault { default_identity { extra_claims { a { b = "c" } } } }', false],
  ['vault { default_identity { extra_claims = {} } }', true],
  ['vault { default_identity { extra_claims = "x" } }', false],
  ['vault { default_identity { extra_claims = [] } }', true],
  ['vault { default_identity { extra_claims = ["a"] } }', false],
  ['vault { default_identity { filepath = [] } }', false],
  ['vault { default_identity { filepath = 5 } }', true],
  ['consul { service_identity { aud {} } }', false],
  ['consul { task_identity { filepath {} } }', false],
  ['server { oidc_issuer = "%zz" }', false],
  ['server { oidc_issuer = "https://a/%zz" }', false],
  ['server { oidc_issuer = "https://a b/" }', false],
  ['server { oidc_issuer = "https://[::1" }', false],
  ['server { oidc_issuer = "https://a:x" }', false],
  ['server { oidc_issuer = "https://a..b/" }', true],
  ['server { oidc_issuer = "https://%C3%A4/" }', true],
  ['server { oidc_issuer = ":" }', false],
  ['server { oidc_issuer = "a:b" }', true],
  ['server { oidc_issuer = "1a:b" }', false],
  ['server { oidc_issuer = "https://ä/" }', true],
  ['server { oidc_issuer = "https://a/\\n" }', false],
  ['server { oidc_issuer = "//a:b/" }', false],
  ['server { oidc_issuer = "https://u:p@a/?%zz#%z" }', false],
  ['server { oidc_issuer = "https://a/?%zz" }', true],
  ['server { oidc_issuer = "https://a_b./" }', true],
  ['vault { vault_default_lease_duration = "1h" }', true],
  ['client { template { vault_default_lease_duration = "1h" } }', true],
  ['client { template { vault_default_lease_duration = "1" } }', until2],
  ['client { template { use_client_consul_token = "x" } }', until2],
  ['tls { tls_prefer_server_cipher_suites = true }', false],
  ['keyring "aead" { name = "x" active = 1 }', true],
  ['keyring "awskms" { region = "x" active = true }', true],
  ['keyring "awskms" { region = 5 }', false],
  ['keyring "awskms" { region = <<E\nx\nE\n}', true],
  ['keyring { active = true }', false],
  ['keyring "aead" "b" { active = true }', false],
  ['keyring "aead" { active = true ACTIVE = true }', false],
  ['keyring "aead" { active = "yes" }', false],
  ['keyring "aead" { active = [] }', false],
  ['keyring "aead" { x = ["a"] }', false],
  ['keyring "aead" { x { } }', false],
  ['keyring "aead" { } keyring "aead" { }', true],
  ['KEYRING "aead" { }', true],
  ['keyring "AEAD" { }', false],
  ['keyring = "x"', false],
  ['consul { address = [] }', false],
  ['consul { address = {} }', false],
  ['consul { Address = [] }', false],
  ['consul { address = true }', true],
  ['consul { address = "a" address = "b" }', true],
  ['consul { enabled = [] }', true],
  ['consul { ssl = "yes" }', false],
  ['consul { ssl = "T" }', true],
  ['consul { ssl = 1.5 }', true],
  ['consul { ssl = ["a"] }', false],
  ['consul { tags = "a" }', true],
  ['consul { client_failures_before_critical = "x" }', false],
  ['consul { server_failures_before_critical = "x" }', false],
  ['consul { server_failures_before_warning = [] }', false],
  ['consul { server_failures_before_critical = 3 }', true],
  ['consul { client_failures_before_critical = "5" }', true],
  ['consul { client_failures_before_critical = "0x5" }', true],
  ['consul { client_failures_before_critical = "" }', true],
  ['consul { client_failures_before_critical = [] }', false],
  ['consul { client_failures_before_critical = true }', true],
  ['consul { service_identity = "x" }', false],
  ['consul { service_identity { aud = "x" } }', true],
  ['consul { Service_Identity { aud = "x" } }', false],
  [
    'client { artifact { filesystem_isolation_extra_paths = ["d:rx:/opt/bin", " f:r:/etc/x "] } }',
    true,
  ],
  ['client { artifact { filesystem_isolation_extra_paths = ["/opt/bin"] } }', false],
  ['client { artifact { filesystem_isolation_extra_paths = ["d:z:/opt"] } }', false],
  ['client { artifact { filesystem_isolation_extra_paths = ["x:r:/opt"] } }', false],
  ['client { artifact { filesystem_isolation_extra_paths = ["d:rwxc:"] } }', false],
  ['consul { service_identity { ttl = "5" } }', false],
  ['consul { service_identity { env = "yes" } }', false],
  ['consul { service_identity { } service_identity { } }', true],
  ['consul { task_identity = ["x"] }', false],
  ['consul { timeout = 5 }', false],
  ['consul { timeout = ["5s"] }', false],
  ['consul = [{ address = "x" }]', false],
  ['consul = []', false],
  ['consul "x" { address = "y" }', false],
  ['vault { default_identity = "x" }', false],
  ['vault { default_identity { aud = 5 } }', true],
  ['vault { default_identity { ttl = 5 } }', false],
  ['vault { default_identity { extra_claims "x" { a = "b" } } }', false],
  ['vault { default_identity { env = [] } }', false],
  ['vault { enabled = "maybe" }', false],
  ['vault { token = [] }', false],
  ['vault { jwt_auth_backend_path = [] }', false],
  ['vault { connection_retry_interval = "x" }', true],
  ['vault = []', false],
  ['client { reserved { reserved_ports = "x" } }', false],
  ['client { reserved { reserved_ports = "80,100-90" } }', false],
  ['client { reserved { reserved_ports = "80, 100-110" } }', true],
  ['client { reserved { reserved_ports = "70000" } }', false],
  ['client { reserved { reserved_ports = "0" } }', false],
  ['client { reserved { reserved_ports = "80," } }', false],
  ['client { reserved { reserved_ports = "" } }', true],
  ['client { host_network "a" { reserved_ports = "x" } }', false],
  ['client { host_network "a" { reserved_ports = "1-2,3" } }', true],
  ['client { artifact { http_read_timeout = "x" } }', false],
  ['client { artifact { http_read_timeout = "" } }', false],
  ['client { artifact { http_read_timeout = "-5s" } }', false],
  ['client { artifact { gcs_timeout = "5" } }', false],
  ['client { artifact { git_timeout = "5m" hg_timeout = "0" s3_timeout = "1h30m" } }', true],
  ['client { artifact { http_max_size = "x" } }', false],
  ['client { artifact { http_max_size = "5 GB" } }', true],
  ['client { artifact { http_max_size = "5 g" } }', true],
  ['client { artifact { http_max_size = "5ki" } }', true],
  ['client { artifact { http_max_size = "5ib" } }', false],
  ['client { artifact { http_max_size = "5GiB" } }', true],
  ['client { artifact { http_max_size = "5" } }', true],
  ['client { artifact { http_max_size = "-5" } }', false],
  ['client { artifact { http_max_size = "" } }', false],
  ['client { artifact { http_max_size = "." } }', false],
  ['client { artifact { http_max_size = "1.2.3" } }', false],
  ['client { artifact { http_max_size = "5,000.5kb" } }', true],
  ['client { artifact { http_max_size = "99999999999GB" } }', false],
  ['client { artifact { decompression_file_count_limit = -1 } }', false],
  ['client { artifact { decompression_size_limit = "5x" } }', false],
  ['client { min_dynamic_port = 40000 }', false],
  ['client { max_dynamic_port = 4 }', false],
  ['client { min_dynamic_port = 5 max_dynamic_port = 5 }', true],
  ['client { min_dynamic_port = 0 }', true],
  ['client { host_volume "x" { } }', false],
  ['client { host_volume "x" { path = "" } }', false],
  ['client { host_volume "x" { path = "a" } }', true],
  ['client { host_volume "x" { } host_volume "x" { path = "/a" } }', false],
  ['client { host_volume { path = "/a" } }', true],
  ['client { host_volume { zz = 1 } }', false],
  ['client { host_volume { } }', true],
  ['client { host_volume { x { path = "/a" } } }', true],
  ['client { host_volume { path = "/a" read_only = false } }', false],
  ['client { host_volume { path "label" { zz = "/a" } } }', false],
  ['client { host_volume { x "label" { path = "/a" } } }', false],
  ['client { host_volume { x { zzz = "/a" } } }', false],
  ['client { host_volume { x { path = "/a" } y { } } }', false],
  ['client { host_volume { x = "a" } }', false],
  ['client { host_volume { } host_volume "a" { path = "/a" } }', true],
  ['client { host_volume "x" { y { path = "/x" } } }', false],
  ['keyring "aead" { name = "x" active = 1\nname = "x" }', true],
  ['keyring "aead" { active = true\nactive = true }', false],
  ['keyring "aead" { active = true\nactive = "true" }', false],
  ['keyring "aead" { active = "true"\nactive = true }', true],
  ['keyring "aead" { name = 5\nname = 5 }', false],
  ['consul { service_identity { } service_identity "l" { } }', false],
  ['consul { service_identity "l" { } service_identity { } }', false],
  ['consul { service_identity { } service_identity { } }', true],
  ['consul { task_identity { } task_identity "x" { } }', false],
  ['vault { default_identity { } default_identity "x" { } }', false],
  ['consul { address "l" { } address = "x" }', false],
  // What a key holds at a second place is decoded into what the first one was.
  ['consul { enabled = true\nenabled = "a" }', false],
  ['consul { enabled = true\nenabled = "1" }', true],
  ['consul { enabled = []\nenabled = true }', false],
  ['consul { enabled = "a"\nenabled = [] }', false],
  ['consul { zz { }\nzz = true }', false],
  ['consul { zz { }\nzz = ["a"] }', false],
  ['consul { zz = 5\nzz = "7" }', true],
  ['consul { zz = 5\nzz = true }', false],
  ['consul { zz = 1.5\nzz = 2 }', true],
  ['consul { zz = 1.5\nzz = "2" }', false],
  ['consul { service_identity { }\nservice_identity = [{}] }', true],
  ['consul { ssl = "a"\nssl = true }', true],
  ['consul { ssl = true\nssl = "a" }', false],
  ['consul { client_failures_before_warning = "a"\nclient_failures_before_warning = true }', false],
  ['keyring = []', false],
  ['keyring "aead" { }\nkeyring = []', false],
  ['keyring "aead" { "ACTIVE" = true\nactive = "true" }', true],
  ['keyring "aead" { "ACTIVE" = "true"\nactive = true }', false],
  ['client { enabled = true meta { "a.b" = "c" } }', true],
  ['client { enabled = true meta { "a..b" = "c" } }', false],
  ['client { enabled = true meta { ".b" = "c" } }', false],
  ['client { meta { "a." = "c" } }', true],
  ['client { meta = "x" }', false],
  ['eventlog { level = "x" }', false],
  ['eventlog { level = "info" }', true],
  ['telemetry { in_memory_collection_interval = "0s" }', true],
  ['telemetry { in_memory_collection_interval = "60s" }', true],
  ['telemetry { in_memory_collection_interval = "61s" }', false],
  ['telemetry { in_memory_collection_interval = "-1s" }', false],
  ['telemetry { in_memory_retention_period = "1ms" }', false],
  ['rpc { keep_alive_interval = "-1s" }', true],
]

/** Where the placeholders of a start stand for something. */
export interface Place {
  readonly data: string
  readonly http: number
  readonly rpc: number
  readonly serf: number
}

/** The configuration of an agent of one role that starts, but for what is added. */
export function startText(role: 'server' | 'client', addition: string, place: Place): string {
  const { data, http, rpc, serf } = place
  const own = (name: string, text: string): string =>
    new RegExp(`\\b${name}\\b`).test(addition) ? '' : text
  return [
    `data_dir = ${JSON.stringify(data)}`,
    'disable_update_check = true',
    own('bind_addr', 'bind_addr = "127.0.0.1"'),
    own('ports', 'ports { http = HTTP rpc = RPC serf = SERF }'),
    own('advertise', 'advertise { http = "127.0.0.1" rpc = "127.0.0.1" serf = "127.0.0.1" }'),
    role === 'server'
      ? 'server { enabled = true bootstrap_expect = 1 }'
      : // Nothing here may depend on the machine or take time.
        'client { enabled = true options { "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,network,cni,bridge" } }',
    addition,
  ]
    .join('\n')
    .replaceAll('HTTP', String(http))
    .replaceAll('RPC', String(rpc))
    .replaceAll('SERF', String(serf))
}

/**
 * Additions to an agent of a role, and whether it starts: answered so by agents of 1.11.3 and 2.0.5, which
 * `test/real-nomad/config-check.test.ts` starts again. `nomad config validate` looks at none of these.
 */
export const startCases: readonly (readonly [
  role: 'server' | 'client',
  addition: string,
  starts: Verdict,
])[] = [
  ['server', '', true],
  ['client', '', true],
  ['server', 'limits { https_handshake_timeout = "x" }', false],
  ['server', 'limits { https_handshake_timeout = "-1s" }', false],
  ['server', 'limits { https_handshake_timeout = "" }', true],
  ['server', 'limits { http_max_conns_per_client = -1 }', false],
  ['client', 'limits { http_max_conns_per_client = -1 }', false],
  ['server', 'limits { rpc_handshake_timeout = "-1s" }', false],
  ['client', 'limits { rpc_handshake_timeout = "-1s" }', true],
  ['server', 'limits { rpc_max_conns_per_client = 25 }', false],
  ['server', 'limits { rpc_max_conns_per_client = 26 }', true],
  ['server', 'limits { rpc_max_conns_per_client = 0 }', true],
  ['client', 'limits { rpc_max_conns_per_client = 10 }', true],
  ['server', 'telemetry { prefix_filter = ["nomad."] }', false],
  ['server', 'telemetry { prefix_filter = ["+nomad.", "-x", ""] }', true],
  ['server', 'log_level = "LOUD"', false],
  ['server', 'enable_syslog = false syslog_facility = "bogus"', true],
  // Ports and addresses.
  ['server', 'ports { http = -1 rpc = RPC serf = SERF }', false],
  ['server', 'ports { http = HTTP rpc = 70000 serf = SERF }', false],
  ['server', 'ports { http = HTTP rpc = RPC serf = -1 }', false],
  ['client', 'ports { http = HTTP rpc = -1 serf = -1 }', true],
  ['client', 'ports { http = 70000 rpc = RPC serf = SERF }', false],
  ['server', 'ports { http = HTTP rpc = HTTP serf = SERF }', false],
  ['server', 'addresses { http = "127.0.0.1:4646" }', false],
  ['server', 'addresses { rpc = "127.0.0.1:4647" }', false],
  ['server', 'addresses { serf = "127.0.0.1:4648" }', false],
  ['client', 'addresses { rpc = "127.0.0.1:4647" }', true],
  ['server', 'addresses { http = "127.0.0.1 ::1" }', true],
  ['server', 'addresses { rpc = "127.0.0.1 ::1" }', false],
  ['server', 'addresses { http = "[::1]" }', true],
  ['server', 'addresses { http = "localhost" }', true],
  ['server', 'bind_addr = "127.0.0.1:4646"', false],
  ['server', 'bind_addr = "127.0.0.1 "', false],
  ['server', 'advertise { http = "127.0.0.1 " rpc = "127.0.0.1" serf = "127.0.0.1" }', false],
  ['server', 'advertise { http = "[::1" rpc = "127.0.0.1" serf = "127.0.0.1" }', false],
  ['server', 'advertise { http = "127.0.0.1" rpc = "0.0.0.0" serf = "127.0.0.1" }', false],
  ['server', 'advertise { http = "127.0.0.1" rpc = "127.0.0.1" serf = "0.0.0.0" }', false],
  ['server', 'advertise { http = "0.0.0.0" rpc = "127.0.0.1" serf = "127.0.0.1" }', true],
  ['client', 'advertise { http = "127.0.0.1" rpc = "0.0.0.0" serf = "0.0.0.0" }', true],
  ['server', 'advertise { http = "127.0.0.1" rpc = "127.0.0.1:70000" serf = "127.0.0.1" }', false],
  ['server', 'advertise { http = "127.0.0.1" rpc = "127.0.0.1:RPC" serf = "[::1]:SERF" }', true],
  // Templates.
  ['server', 'bind_addr = "{{ host_address }}"', false],
  ['server', 'bind_addr = "{{ \'127.0.0.1\' }}"', false],
  ['server', 'bind_addr = "{{ .Values.address }}"', false],
  ['server', 'bind_addr = "{{ }}"', false],
  ['server', 'bind_addr = "{{ GetInterfaceIP `lo` "', false],
  [
    'server',
    'bind_addr = "{{ GetAllInterfaces | include \\"name\\" \\"^lo$\\" | include \\"type\\" \\"IPv4\\" | limit 1 | attr \\"address\\" }}"',
    true,
  ],
  ['server', 'bind_addr = "{{- /* {{ x }} */ -}}127.0.0.1"', true],
  ['server', 'bind_addr = "{{ range . }}{{ end }}127.0.0.1"', true],
  ['server', 'addresses { serf = "{{ hostvars.ip }}" }', false],
  ['client', 'addresses { serf = "{{ hostvars.ip }}" }', false],
  [
    'server',
    'advertise { http = "{{ host_address }}" rpc = "127.0.0.1" serf = "127.0.0.1" }',
    false,
  ],
  ['server', 'advertise { http = "127.0.0.1" rpc = "127.0.0.1" serf = "{{ x }}" }', false],
  ['client', 'advertise { http = "127.0.0.1" rpc = "127.0.0.1" serf = "{{ x }}" }', true],
  ['server', 'client { network_interface = "{{ x }}" }', true],
  ['client', 'client { network_interface = "{{ x }}" }', false],
  ['server', 'consul { address = "{{ x }}:8500" }', false],
  ['server', 'consul { address = "{{ GetInterfaceIP `lo` }}:8500" }', true],
  ['client', 'client { host_network "a" { interface = "{{ x }}" } }', true],
  // A server's values.
  ['server', 'server { raft_protocol = 2 }', false],
  ['client', 'server { raft_protocol = 2 }', true],
  ['server', 'server { raft_multiplier = 11 }', false],
  ['server', 'server { raft_multiplier = 0 }', true],
  ['client', 'server { raft_multiplier = 11 }', true],
  ['server', 'server { raft_trailing_logs = 0 }', false],
  ['server', 'server { raft_snapshot_interval = "1ms" }', false],
  ['server', 'server { raft_snapshot_interval = "" }', false],
  ['server', 'server { raft_snapshot_threshold = 0 }', false],
  ['server', 'server { event_buffer_size = -1 }', false],
  ['server', 'server { event_buffer_size = 0 }', true],
  ['server', 'server { job_max_priority = 99 }', false],
  ['server', 'server { job_max_priority = 32766 }', true],
  ['server', 'server { job_max_priority = 32767 }', false],
  ['server', 'server { job_default_priority = 49 }', false],
  ['server', 'server { job_default_priority = 100 }', false],
  ['server', 'server { job_default_priority = 100 job_max_priority = 200 }', true],
  ['client', 'server { job_default_priority = 100 }', true],
  ['server', 'server { job_max_count = -1 }', false],
  ['server', 'server { job_tracked_versions = 0 }', false],
  ['server', 'server { node_gc_threshold = "x" }', false],
  ['client', 'server { node_gc_threshold = "x" }', true],
  ['server', 'server { root_key_rotation_threshold = "1" }', false],
  ['server', 'server { job_gc_interval = "0s" }', false],
  ['server', 'server { csi_volume_claim_gc_interval = "-1m" }', false],
  ['server', 'server { deploy_query_rate_limit = -1 }', false],
  ['server', 'server { job_max_source_size = "x" }', false],
  ['server', 'server { start_timeout = "0s" }', false],
  ['server', 'server { num_schedulers = -1 }', false],
  ['server', 'server { num_schedulers = 0 }', true],
  ['server', 'server { enabled_schedulers = ["service", "bogus"] }', false],
  ['server', 'server { enabled_schedulers = ["service"] }', true],
  ['server', 'server { client_introduction { enforcement = "maybe" } }', false],
  ['server', 'server { client_introduction { enforcement = "strict" } }', true],
  ['server', 'server { client_introduction { default_identity_ttl = "1h" } }', false],
  ['server', 'server { server_join { retry_join = ["127.0.0.1"] } retry_max = 1 }', false],
  [
    'server',
    'server { server_join { retry_join = ["127.0.0.1"] } retry_join = ["127.0.0.1"] }',
    false,
  ],
  ['server', 'server { raft_logstore { backend = "bogus" } }', false],
  ['server', 'server { raft_logstore { verification { interval = "x" } } }', false],
  [
    'server',
    'server { raft_logstore { backend = "boltdb" } raft_boltdb { no_freelist_sync = true } }',
    false,
  ],
  ['server', 'server { raft_logstore { backend = "wal" } }', since2],
  // A client's values.
  ['client', 'client { bridge_network_subnet = "10.0.0.0" }', false],
  ['client', 'client { bridge_network_subnet = "fd00::/64" }', false],
  ['client', 'client { bridge_network_subnet = "10.0.0.0/20" }', true],
  ['server', 'client { bridge_network_subnet = "10.0.0.0" }', true],
  ['client', 'client { bridge_network_subnet_ipv6 = "10.0.0.0/20" }', false],
  ['client', 'client { bridge_network_subnet_ipv6 = "fd00::/64" }', true],
  ['client', 'client { max_kill_timeout = "x" }', false],
  ['client', 'client { drain_on_shutdown { deadline = "x" } }', false],
  ['client', 'client { drain_on_shutdown { deadline = "1m" } }', true],
  ['client', 'client { fingerprint "env_aws" { retry_attempts = -2 } }', false],
  ['client', 'client { fingerprint "bogus" { retry_attempts = 1 } }', false],
  ['client', 'client { fingerprint "env_aws" { bogus = 1 } }', false],
  ['server', 'client { fingerprint "bogus" { bogus = 1 } }', true],
  [
    'client',
    'client { fingerprint "env_aws" { retry_interval = "5s" exit_on_failure = false } }',
    true,
  ],
  ['client', 'client { server_join { start_join = ["127.0.0.1"] } }', true],
  [
    'client',
    'client { server_join { start_join = ["127.0.0.1"] retry_join = ["127.0.0.1"] } }',
    false,
  ],
]

/**
 * The same configuration in JSON.
 *
 * @param text In HCL.
 * @param wrap Whether blocks stand in lists of one, as generators of JSON write them.
 * @returns `undefined` for what JSON cannot say, such as a key that stands there twice.
 */
export function inJson(text: string, wrap: boolean): string | undefined {
  const { document } = parseConfig(text)
  if (document === undefined) return undefined
  const plain = (value: Value): unknown => {
    switch (value.type) {
      case 'literal': {
        const written = asString(document, value)
        if (value.kind === 'bool') return asBoolean(document, value)
        return value.kind === 'number' || value.kind === 'float' ? Number(written) : written
      }
      case 'list':
        return value.items.map(plain)
      case 'object':
        return block(value.items)
    }
  }
  const block = (items: readonly Item[]): Record<string, unknown> => {
    const made: Record<string, unknown> = {}
    for (const { keys, value } of items) {
      let place = made
      for (const { name } of keys.slice(0, -1)) {
        place[name] ??= {}
        place = place[name] as Record<string, unknown>
      }
      const { name } = keys.at(-1)!
      const held = plain(value)
      const wrapped = wrap && value.type === 'object' ? [held] : held
      const before = place[name]
      if (before === undefined) place[name] = wrapped
      else if (value.type === 'object' && Array.isArray(before)) before.push(held)
      else if (value.type === 'object') place[name] = [before, held]
      else place[name] = wrapped
    }
    return made
  }
  return JSON.stringify(block(document.root.items))
}
