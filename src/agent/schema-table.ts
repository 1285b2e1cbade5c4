/**
 * The keys of an agent's configuration and the types that Nomad decodes them into, from 1.8 to 2.0.5
 * (command/agent/config.go, nomad/structs/config, client/config; the tags of each release). Blocks are
 * `strict` where Nomad stops at a key that it does not know, and `lax` where it silently ignores one.
 *
 * @module
 */

import { memoByText } from '../memo.js'
import { holdsIn, isVersion, type VersionRange } from '../nomad/versions.js'

/**
 * What a key holds. `any` is a map without a schema; a `duration` is a
 * string like `30s` that is read with the file (one that only a start reads is a `string`, see
 * `value-rules.ts`); `refused` is
 * a key that Nomad names and stops at, whatever its value.
 */
export type Shape =
  | 'bool'
  | 'int'
  | 'float'
  | 'string'
  | 'duration'
  | 'strings'
  | 'map'
  | 'any'
  | 'refused'
  | BlockShape

/** A block. */
export interface BlockShape {
  readonly type: 'strict' | 'lax' | 'labelled'
  readonly fields: Readonly<Record<string, Shape>>
}

type Plain = Exclude<Shape, BlockShape>

/** A block as the table has it, with the keys of all versions. */
interface Block {
  readonly type: BlockShape['type']
  readonly fields: Rows
}

/** A key that not every supported version knows. */
interface Dated extends VersionRange {
  readonly type: 'dated'
  readonly shape: Plain | Block
}

type Rows = Readonly<Record<string, Plain | Block | Dated>>

const strict = (fields: Rows): Block => ({ type: 'strict', fields })
const lax = (fields: Rows): Block => ({ type: 'lax', fields })
/** Any number of blocks, each with a name; unknown keys are ignored. */
const labelled = (fields: Rows): Block => ({ type: 'labelled', fields })
/** A key that Nomad knows from this version on. */
const from = (since: string, shape: Dated['shape']): Dated => ({ type: 'dated', since, shape })
/** A key that Nomad no longer knows from this version on. */
const before = (until: string, shape: Dated['shape']): Dated => ({ type: 'dated', until, shape })

/** The whole configuration. */
const table: Block = strict({
  region: 'string',
  datacenter: 'string',
  name: 'string',
  data_dir: 'string',
  plugin_dir: 'string',
  log_level: 'string',
  log_json: 'bool',
  log_file: 'string',
  log_include_location: 'bool',
  log_rotate_duration: 'string',
  log_rotate_bytes: 'int',
  log_rotate_max_files: 'int',
  bind_addr: 'string',
  enable_debug: 'bool',
  ports: strict({
    http: 'int',
    rpc: 'int',
    serf: 'int',
  }),
  addresses: strict({
    http: 'string',
    rpc: 'string',
    serf: 'string',
  }),
  advertise: strict({
    http: 'string',
    rpc: 'string',
    serf: 'string',
  }),
  client: strict({
    enabled: 'bool',
    state_dir: 'string',
    alloc_dir: 'string',
    alloc_mounts_dir: 'string',
    host_volumes_dir: from('1.10.0', 'string'),
    host_volume_plugin_dir: from('1.10.0', 'string'),
    common_plugin_dir: from('1.11.0', 'string'),
    servers: 'strings',
    node_class: 'string',
    node_pool: 'string',
    options: 'map',
    meta: 'map',
    chroot_env: 'map',
    network_interface: 'string',
    preferred_address_family: from('1.8.2', 'string'),
    network_speed: 'int',
    cpu_disable_dmidecode: from('1.9.7', 'bool'),
    cpu_total_compute: 'int',
    memory_total_mb: 'int',
    disk_total_mb: 'int',
    disk_free_mb: 'int',
    reservable_cores: 'string',
    max_kill_timeout: 'string',
    client_max_port: 'int',
    client_min_port: 'int',
    max_dynamic_port: 'int',
    min_dynamic_port: 'int',
    reserved: strict({
      cpu: 'int',
      memory: 'int',
      disk: 'int',
      reserved_ports: 'string',
      cores: 'string',
    }),
    gc_interval: 'duration',
    gc_parallel_destroys: 'int',
    gc_disk_usage_threshold: 'float',
    gc_inode_usage_threshold: 'float',
    gc_max_allocs: 'int',
    gc_volumes_on_node_gc: from('1.10.2', 'bool'),
    no_host_uuid: 'bool',
    disable_remote_exec: 'bool',
    template: lax({
      function_denylist: 'strings',
      function_blacklist: 'strings',
      disable_file_sandbox: 'bool',
      max_stale: 'duration',
      block_query_wait: 'duration',
      wait: lax({
        min: 'duration',
        max: 'duration',
      }),
      wait_bounds: lax({
        min: 'duration',
        max: 'duration',
      }),
      consul_retry: lax({
        attempts: 'int',
        backoff: 'duration',
        max_backoff: 'duration',
      }),
      vault_retry: lax({
        attempts: 'int',
        backoff: 'duration',
        max_backoff: 'duration',
      }),
      nomad_retry: lax({
        attempts: 'int',
        backoff: 'duration',
        max_backoff: 'duration',
      }),
      vault_default_lease_duration: from('2.0.4', 'duration'),
      use_client_consul_token: from('2.0.4', 'bool'),
    }),
    server_join: strict({
      start_join: 'strings',
      retry_join: 'strings',
      retry_max: 'int',
      retry_interval: 'duration',
    }),
    host_volume: labelled({
      path: 'string',
      read_only: 'bool',
    }),
    cni_path: 'string',
    cni_config_dir: 'string',
    bridge_network_name: 'string',
    bridge_network_subnet: 'string',
    bridge_network_subnet_ipv6: from('1.9.0', 'string'),
    bridge_network_hairpin_mode: 'bool',
    host_network: labelled({
      cidr: 'string',
      interface: 'string',
      reserved_ports: 'string',
    }),
    bind_wildcard_default_host_network: 'bool',
    cgroup_parent: 'string',
    nomad_service_discovery: 'bool',
    artifact: lax({
      http_read_timeout: 'string',
      http_max_size: 'string',
      gcs_timeout: 'string',
      git_timeout: 'string',
      hg_timeout: 'string',
      s3_timeout: 'string',
      decompression_file_count_limit: 'int',
      decompression_size_limit: 'string',
      disable_artifact_inspection: from('1.10.5', 'bool'),
      disable_filesystem_isolation: 'bool',
      filesystem_isolation_extra_paths: 'strings',
      set_environment_variables: 'string',
    }),
    drain_on_shutdown: lax({
      deadline: 'string',
      ignore_system_jobs: 'bool',
      force: 'bool',
    }),
    users: lax({
      dynamic_user_min: 'int',
      dynamic_user_max: 'int',
    }),
    node_max_allocs: from('1.10.2', 'int'),
    log_file: from('1.10.4', 'string'),
    fingerprint: from(
      '1.11.2',
      labelled({
        retry_interval: 'duration',
        retry_attempts: 'int',
        exit_on_failure: 'bool',
      }),
    ),
    default_ineligible: from('2.0.3', 'bool'),
  }),
  server: strict({
    enabled: 'bool',
    authoritative_region: 'string',
    bootstrap_expect: 'int',
    client_introduction: from(
      '1.11.0',
      strict({
        enforcement: 'string',
        default_identity_ttl: 'duration',
        max_identity_ttl: 'duration',
      }),
    ),
    data_dir: 'string',
    protocol_version: 'int',
    raft_protocol: 'int',
    raft_multiplier: 'int',
    num_schedulers: 'int',
    enabled_schedulers: 'strings',
    node_gc_threshold: 'string',
    job_gc_interval: 'string',
    job_gc_threshold: 'string',
    eval_gc_threshold: 'string',
    batch_eval_gc_threshold: 'string',
    deployment_gc_threshold: 'string',
    csi_volume_claim_gc_interval: 'string',
    csi_volume_claim_gc_threshold: 'string',
    csi_plugin_gc_threshold: 'string',
    acl_token_gc_threshold: 'string',
    root_key_gc_interval: 'string',
    root_key_gc_threshold: 'string',
    root_key_rotation_threshold: 'string',
    heartbeat_grace: 'duration',
    min_heartbeat_ttl: 'duration',
    max_heartbeats_per_second: 'float',
    failover_heartbeat_ttl: 'duration',
    start_join: 'strings',
    retry_join: 'strings',
    retry_max: 'int',
    retry_interval: 'duration',
    rejoin_after_leave: 'bool',
    non_voting_server: 'bool',
    redundancy_zone: 'string',
    upgrade_version: 'string',
    encrypt: 'string',
    server_join: strict({
      start_join: 'strings',
      retry_join: 'strings',
      retry_max: 'int',
      retry_interval: 'duration',
    }),
    default_scheduler_config: lax({
      scheduler_algorithm: 'string',
      preemption_config: lax({
        system_scheduler_enabled: 'bool',
        sysbatch_scheduler_enabled: 'bool',
        batch_scheduler_enabled: 'bool',
        service_scheduler_enabled: 'bool',
      }),
      memory_oversubscription_enabled: 'bool',
      reject_job_registration: 'bool',
      pause_eval_broker: 'bool',
      node_limit_for_feasibility_checks: from('2.0.1', 'refused'),
    }),
    plan_rejection_tracker: strict({
      enabled: 'bool',
      node_threshold: 'int',
      node_window: 'duration',
    }),
    enable_event_broker: 'bool',
    event_buffer_size: 'int',
    license_path: 'string',
    search: lax({
      fuzzy_enabled: 'bool',
      limit_query: 'int',
      limit_results: 'int',
      min_term_length: 'int',
    }),
    deploy_query_rate_limit: 'float',
    raft_boltdb: lax({
      no_freelist_sync: 'bool',
    }),
    raft_snapshot_threshold: 'int',
    raft_snapshot_interval: 'string',
    raft_trailing_logs: 'int',
    job_default_priority: 'int',
    job_max_priority: 'int',
    job_max_count: from('1.11.0', 'int'),
    job_max_source_size: 'string',
    job_tracked_versions: 'int',
    oidc_issuer: 'string',
    start_timeout: from('1.10.1', 'string'),
    log_file: from('1.10.4', 'string'),
    raft_logstore: from(
      '2.0.0',
      lax({
        backend: 'string',
        disable_log_cache: 'bool',
        boltdb: lax({
          no_freelist_sync: 'bool',
        }),
        wal: lax({
          segment_size_mb: 'int',
        }),
        verification: lax({
          enabled: 'bool',
          interval: 'string',
        }),
      }),
    ),
    non_production: from('2.0.0', 'bool'),
    plan_apply_pipeline: from('2.0.5', 'int'),
  }),
  rpc: from(
    '1.10.0',
    lax({
      accept_backlog: 'int',
      keep_alive_interval: 'duration',
      connection_write_timeout: 'duration',
      stream_open_timeout: 'duration',
      stream_close_timeout: 'duration',
      dial_timeout: from('2.0.1', 'duration'),
    }),
  ),
  acl: strict({
    enabled: 'bool',
    token_ttl: 'duration',
    policy_ttl: 'duration',
    role_ttl: 'duration',
    replication_token: 'string',
    token_min_expiration_ttl: 'duration',
    token_max_expiration_ttl: 'duration',
  }),
  telemetry: strict({
    in_memory_collection_interval: 'duration',
    in_memory_retention_period: 'duration',
    statsite_address: 'string',
    statsd_address: 'string',
    datadog_address: 'string',
    datadog_tags: 'strings',
    prometheus_metrics: 'bool',
    disable_hostname: 'bool',
    use_node_name: 'bool',
    collection_interval: 'duration',
    publish_allocation_metrics: 'bool',
    publish_node_metrics: 'bool',
    include_alloc_metadata_in_metrics: from('1.9.0', 'bool'),
    allowed_metadata_keys_in_metrics: from('1.9.0', 'strings'),
    prefix_filter: 'strings',
    filter_default: 'bool',
    disable_dispatched_job_summary_metrics: 'bool',
    disable_quota_utilization_metrics: from('1.8.1', 'bool'),
    disable_rpc_rate_metrics_labels: 'bool',
    disable_allocation_hook_metrics: from('1.9.4', 'bool'),
    circonus_api_token: 'string',
    circonus_api_app: 'string',
    circonus_api_url: 'string',
    circonus_submission_interval: 'string',
    circonus_submission_url: 'string',
    circonus_check_id: 'string',
    circonus_check_force_metric_activation: 'string',
    circonus_check_instance_id: 'string',
    circonus_check_search_tag: 'string',
    circonus_check_tags: 'string',
    circonus_check_display_name: 'string',
    circonus_broker_id: 'string',
    circonus_broker_select_tag: 'string',
  }),
  leave_on_interrupt: 'bool',
  leave_on_terminate: 'bool',
  enable_syslog: 'bool',
  syslog_facility: 'string',
  disable_update_check: 'bool',
  disable_anonymous_signature: 'bool',
  ui: lax({
    enabled: 'bool',
    content_security_policy: lax({
      connect_src: 'strings',
      default_src: 'strings',
      form_action: 'strings',
      frame_ancestors: 'strings',
      img_src: 'strings',
      script_src: 'strings',
      style_src: 'strings',
    }),
    consul: lax({
      ui_url: 'string',
    }),
    vault: lax({
      ui_url: 'string',
    }),
    label: lax({
      text: 'string',
      background_color: 'string',
      text_color: 'string',
    }),
    show_cli_hints: from('1.10.0', 'bool'),
  }),
  tls: strict({
    http: 'bool',
    rpc: 'bool',
    verify_server_hostname: 'bool',
    ca_file: 'string',
    cert_file: 'string',
    key_file: 'string',
    rpc_upgrade_mode: 'bool',
    verify_https_client: 'bool',
    tls_cipher_suites: 'string',
    tls_min_version: 'string',
    tls_prefer_server_cipher_suites: before('1.9.0', 'bool'),
  }),
  http_api_response_headers: 'map',
  sentinel: lax({
    import: labelled({
      path: 'string',
      args: 'strings',
    }),
    additional_enabled_modules: from('1.11.2', 'strings'),
  }),
  autopilot: strict({
    cleanup_dead_servers: 'bool',
    server_stabilization_time: 'duration',
    last_contact_threshold: 'duration',
    max_trailing_logs: 'int',
    min_quorum: 'int',
    enable_redundancy_zones: 'bool',
    disable_upgrade_migration: 'bool',
    enable_custom_upgrades: 'bool',
  }),
  plugin: labelled({
    args: 'strings',
    config: 'any',
  }),
  limits: lax({
    https_handshake_timeout: 'string',
    http_max_conns_per_client: 'int',
    rpc_handshake_timeout: 'string',
    rpc_max_conns_per_client: 'int',
  }),
  audit: strict({
    enabled: 'bool',
    sink: labelled({
      delivery_guarantee: 'string',
      type: 'string',
      format: 'string',
      path: 'string',
      rotate_duration: 'duration',
      rotate_bytes: 'int',
      rotate_max_files: 'int',
      mode: 'string',
    }),
    filter: labelled({
      type: 'string',
      endpoints: 'strings',
      stages: 'strings',
      operations: 'strings',
    }),
  }),
  reporting: lax({
    license: lax({
      enabled: 'bool',
    }),
    address: from('1.8.3', 'string'),
    export_interval: from('1.8.3', 'duration'),
    snapshot_retention_time: from('1.10.2', 'duration'),
    disable_product_usage_reporting: from('2.0.0', 'bool'),
  }),
  keyring: from(
    '1.8.3',
    labelled({
      name: 'string',
      active: 'bool',
    }),
  ),
  eventlog: from(
    '1.10.5',
    lax({
      enabled: 'bool',
      level: 'string',
    }),
  ),
})

/** Which versions know a key that not all of them do, by its path. */
export const datedKeys: ReadonlyMap<string, VersionRange> = new Map(datesOf(table, ''))

function* datesOf({ fields }: Block, path: string): Generator<[string, VersionRange]> {
  for (const [key, row] of Object.entries(fields)) {
    if (typeof row === 'string') continue
    const inner = path === '' ? key : `${path}.${key}`
    const held = row.type === 'dated' ? row.shape : row
    if (row.type === 'dated') yield [inner, { since: row.since, until: row.until }]
    if (typeof held === 'object') yield* datesOf(held, inner)
  }
}

/** The versions whose keys differ from those of the version before: a key begins or ends there. */
const changes: readonly VersionRange[] = [
  ...new Set([...datedKeys.values()].flatMap(({ since, until }) => [since, until])),
].flatMap((since) => (since === undefined ? [] : [{ since }]))

/** One schema for each stretch between two changes, however many versions are asked for. */
const schemaOfStretch = memoByText((_: string, version: string | undefined) =>
  blockOf(table, version),
)

/**
 * The keys that a version of Nomad knows; `consul` and `vault` are read by other means, see
 * `foreignBlocks`.
 *
 * @param version `1.11.3`; absent: what any supported version knows.
 */
export function schemaOf(version?: string): BlockShape {
  const stretch =
    version !== undefined && isVersion(version)
      ? String(changes.filter((change) => holdsIn(change, version)).length)
      : 'any'
  return schemaOfStretch(stretch, version)
}

function blockOf({ type, fields }: Block, version: string | undefined): BlockShape {
  const shapes: Record<string, Shape> = {}
  for (const [key, row] of Object.entries(fields)) {
    if (typeof row === 'object' && row.type === 'dated') {
      if (holdsIn(row, version)) shapes[key] = shapeOf(row.shape, version)
    } else shapes[key] = shapeOf(row, version)
  }
  return { type, fields: shapes }
}

function shapeOf(row: Plain | Block, version: string | undefined): Shape {
  return typeof row === 'string' ? row : blockOf(row, version)
}
