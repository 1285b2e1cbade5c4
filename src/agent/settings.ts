/**
 * The settings of an agent that a certificate authority has to know, and how Nomad merges each over
 * several files.
 *
 * @module
 */

import { tlsKeys } from './tls-keys.js'

/** Where a setting stands, its type, and its default. */
export interface Setting {
  /** `tls.http`, `region`. */
  readonly path: string
  readonly type: 'boolean' | 'string' | 'integer'
  /** Nomad's default (command/agent/config.go:1800-1990), if it has one. */
  readonly fallback?: boolean | string | number | undefined
}

/**
 * Every setting that is read. Merging is by type (nomad/structs/config/tls.go:188-222,
 * command/agent/config.go Merge): a later string or number wins unless it is empty or 0, booleans
 * only add up.
 */
export const settings: readonly Setting[] = [
  { path: 'region', type: 'string', fallback: 'global' },
  { path: 'datacenter', type: 'string', fallback: 'dc1' },
  { path: 'name', type: 'string' },
  { path: 'data_dir', type: 'string' },
  { path: 'log_file', type: 'string' },
  { path: 'log_rotate_duration', type: 'string' },
  { path: 'plugin_dir', type: 'string' },
  { path: 'server.license_path', type: 'string' },
  { path: 'server.heartbeat_grace', type: 'string' },
  { path: 'server.authoritative_region', type: 'string' },
  { path: 'client.state_dir', type: 'string' },
  { path: 'client.alloc_dir', type: 'string' },
  { path: 'client.alloc_mounts_dir', type: 'string' },
  { path: 'client.host_volumes_dir', type: 'string' },
  { path: 'client.host_volume_plugin_dir', type: 'string' },
  { path: 'client.min_dynamic_port', type: 'integer' },
  { path: 'client.max_dynamic_port', type: 'integer' },
  { path: 'client.network_interface', type: 'string' },
  { path: 'telemetry.in_memory_collection_interval', type: 'string' },
  { path: 'telemetry.in_memory_retention_period', type: 'string' },
  { path: 'bind_addr', type: 'string', fallback: '0.0.0.0' },
  { path: 'server.enabled', type: 'boolean', fallback: false },
  { path: 'client.enabled', type: 'boolean', fallback: false },
  { path: 'ports.http', type: 'integer', fallback: 4646 },
  { path: 'ports.rpc', type: 'integer', fallback: 4647 },
  { path: 'ports.serf', type: 'integer', fallback: 4648 },
  { path: 'addresses.http', type: 'string' },
  { path: 'addresses.rpc', type: 'string' },
  { path: 'addresses.serf', type: 'string' },
  { path: 'advertise.http', type: 'string' },
  { path: 'advertise.rpc', type: 'string' },
  { path: 'advertise.serf', type: 'string' },
  ...tlsKeys.map(({ key, type }): Setting => {
    return type === 'boolean'
      ? { path: `tls.${key}`, type, fallback: false }
      : { path: `tls.${key}`, type }
  }),
]
