/**
 * Values that decode and that Nomad refuses all the same when it starts: first those that
 * `nomad config validate` looks at too (command/agent/command.go:337-569 IsValidConfig), then those that
 * only a start does. Places are those of 1.11.3.
 *
 * @module
 */

import { isIPv4, isIPv6 } from 'node:net'
import { urlFault } from '../nomad/go-url.js'
import type { VersionRange } from '../nomad/versions.js'
import { goDuration, isGoDuration } from './duration.js'

/** What an agent is. */
export interface Roles {
  readonly server: boolean
  readonly client: boolean
}

/** An agent of unknown role. */
export const anyRole: Roles = { server: true, client: true }

/** What a value has to be: a test of its text, and the same in words; and since when. */
export interface ValueRule extends VersionRange {
  readonly fits: (text: string) => boolean
  readonly expected: string
  /** Who looks at it; absent: every agent. */
  readonly role?: keyof Roles
  /** What is told where it does not fit; default: `agent/value`. */
  readonly code?: 'agent/duration'
  /** Whether only a start looks at it, and `nomad config validate` does not. */
  readonly atStart?: true
}

type Test = Pick<ValueRule, 'fits' | 'expected' | 'code'>

const oneOf = (...words: readonly string[]): Test => ({
  fits: (text) => text === '' || words.includes(text),
  expected: words.join(', '),
})

/** As `asInteger` reads it: Go's syntax with a sign and a base. */
const numberOf = (text: string): number => {
  const negative = text.startsWith('-')
  const digits = text.replace(/^[+-]/, '')
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)
  return negative ? -value : value
}

const between = (least: number, most: number, zero: 'zero too' | 'no zero' = 'no zero'): Test => ({
  fits(text) {
    const value = numberOf(text)
    return (value >= least && value <= most) || (zero === 'zero too' && value === 0)
  },
  expected: `${least} to ${most}`,
})

const atLeast = (least: number): Test => ({
  fits: (text) => numberOf(text) >= least,
  expected: `${least} or more`,
})

const port = { ...between(0, 65_535), expected: 'a port, 0 to 65535' }

const moreThanZero: Test = {
  code: 'agent/duration',
  fits: (text) => text === '' || (isGoDuration(text) && goDuration(text)! > 0),
  expected: 'a duration of more than 0s',
}

/** A duration that has to be there, and is not negative. */
const timeout: Test = {
  code: 'agent/duration',
  fits: (text) => text !== '' && isGoDuration(text) && goDuration(text)! >= 0,
  expected: 'a duration such as "30m"',
}

const duration: Test = {
  code: 'agent/duration',
  fits: isGoDuration,
  expected: 'a duration such as "30s"',
}

const notNegative: Test = {
  code: 'agent/duration',
  fits: (text) => text === '' || (isGoDuration(text) && goDuration(text)! >= 0),
  expected: 'a duration of 0s or more',
}

/** What the reader of sizes takes: go-humanize ParseBytes; no more than 63 bits. */
const size: Test = {
  fits(text) {
    const match = /^([\d,]*\.?[\d,]*) *([kmgtpe]i?)?b?$/i.exec(text)
    const digits = match?.[1]!.replaceAll(',', '') ?? ''
    if (!/\d/.test(digits)) return false
    const unit = match?.[2]?.toLowerCase() ?? ''
    const factor = (unit.endsWith('i') ? 1024 : 1000) ** ' kmgtpe'.indexOf(unit[0] ?? ' ')
    return Number(digits) * factor < 2 ** 63
  },
  expected: 'a size such as "100GB"',
}

/** `80,100-120` (nomad/structs/funcs.go ParsePortRanges). */
const portRanges: Test = {
  fits: (text) =>
    text === '' ||
    text.split(',').every((part) => {
      const match = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(part.trim())
      if (match === null) return false
      const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])]
      return first > 0 && last <= 65_535 && first <= last
    }),
  expected: 'ports and ranges of them, "80,100-120"',
}

/** Go's `net.ParseCIDR`, of one family. */
const subnet = (is: (text: string) => boolean, bits: number, example: string): Test => ({
  fits(text) {
    const match = /^([^/]*)\/(\d{1,3})$/.exec(text)
    return text === '' || (match !== null && is(match[1]!) && Number(match[2]) <= bits)
  },
  expected: `a network such as "${example}"`,
})

const validated: Readonly<Record<string, ValueRule>> = {
  region: { fits: (text) => !text.includes('\0'), expected: 'a name without NUL' },
  'server.default_scheduler_config.scheduler_algorithm': oneOf('binpack', 'spread'),
  // command/agent/command.go:542
  'server.oidc_issuer': {
    role: 'server',
    fits: (text) => urlFault(text) === undefined,
    expected: 'a URL such as "https://nomad.example.com"',
  },
  'client.preferred_address_family': oneOf('ipv4', 'ipv6'),
  'client.min_dynamic_port': port,
  'client.max_dynamic_port': port,
  'client.reserved.reserved_ports': portRanges,
  'client.host_network.reserved_ports': portRanges,
  // nomad/structs/config/artifact.go:161-236
  'client.artifact.http_read_timeout': timeout,
  'client.artifact.gcs_timeout': timeout,
  'client.artifact.git_timeout': timeout,
  'client.artifact.hg_timeout': timeout,
  'client.artifact.s3_timeout': timeout,
  'client.artifact.http_max_size': size,
  'client.artifact.decompression_size_limit': size,
  'client.artifact.decompression_file_count_limit': atLeast(0),
  'client.artifact.filesystem_isolation_extra_paths': {
    // go-landlock ParsePath
    fits: (text) => /^[df]:[rwxc]+:[^]/.test(text.trim()),
    expected: 'a kind, modes and a path, "d:rx:/opt/bin"',
  },
  'eventlog.level': {
    fits: (text) => /^(?:|info|warn|error)$/i.test(text),
    expected: 'INFO, WARN or ERROR',
  },
  'client.node_pool': {
    fits: (text) => text !== 'all' && /^[a-zA-Z0-9-_]{0,128}$/.test(text),
    expected: 'letters, digits, "-" and "_", and not "all"',
  },
}

/** The start of every agent. */
const started: Readonly<Record<string, ValueRule>> = {
  // command/agent/command.go:580-586
  log_level: {
    fits: (text) => /^(?:|trace|debug|info|warn|error|off)$/i.test(text),
    expected: 'TRACE, DEBUG, INFO, WARN, ERROR or OFF',
  },
  // command/agent/http.go:122-136
  'limits.https_handshake_timeout': notNegative,
  'limits.http_max_conns_per_client': atLeast(0),
  // command/agent/config.go:1379-1393
  'telemetry.prefix_filter': {
    fits: (text) => /^(?:$|[+-])/.test(text),
    expected: 'a prefix with "+" or "-" before it',
  },
}

/** The start of a server (command/agent/agent.go:172-714 convertServerConfig). */
const servers: Readonly<Record<string, ValueRule>> = {
  // :235 "raft_protocol must be 3 in Nomad v1.4 and later"
  'server.raft_protocol': { since: '1.4.0', ...between(3, 3, 'zero too'), expected: '3' },
  'server.raft_multiplier': between(1, 10, 'zero too'), // :241
  'server.raft_trailing_logs': atLeast(1), // :247
  // :258
  'server.raft_snapshot_interval': {
    code: 'agent/duration',
    fits: (text) => isGoDuration(text) && text !== '' && goDuration(text)! >= 5e6,
    expected: 'a duration of 5ms or more',
  },
  'server.raft_snapshot_threshold': atLeast(1), // :265
  'server.event_buffer_size': atLeast(0), // :323
  'server.job_max_priority': between(100, 32_766, 'zero too'), // :358
  'server.job_max_count': atLeast(0), // :375
  'server.job_tracked_versions': atLeast(1), // :382
  // :432-521
  'server.node_gc_threshold': duration,
  'server.job_gc_threshold': duration,
  'server.eval_gc_threshold': duration,
  'server.batch_eval_gc_threshold': duration,
  'server.deployment_gc_threshold': duration,
  'server.csi_volume_claim_gc_threshold': duration,
  'server.csi_plugin_gc_threshold': duration,
  'server.acl_token_gc_threshold': duration,
  'server.root_key_gc_threshold': duration,
  'server.root_key_gc_interval': duration,
  'server.root_key_rotation_threshold': duration,
  'server.job_gc_interval': moreThanZero, // :439
  'server.csi_volume_claim_gc_interval': moreThanZero, // :476
  'limits.rpc_handshake_timeout': notNegative, // :589
  // :600, and nomad/structs/config/limits.go:14
  'limits.rpc_max_conns_per_client': {
    ...between(26, Infinity, 'zero too'),
    expected: '26 or more',
  },
  'server.deploy_query_rate_limit': { fits: (text) => Number(text) >= 0, expected: '0 or more' }, // :611
  'server.job_max_source_size': size, // :657
  'server.start_timeout': moreThanZero, // :670
  // :680; more than the machine has processors stops it too.
  'server.num_schedulers': { since: '1.10.0', ...atLeast(0) },
  'server.client_introduction.enforcement': oneOf('none', 'warn', 'strict'), // :699
  // nomad/server.go:1797
  'server.enabled_schedulers': {
    fits: (text) => /^(?:service|batch|system|sysbatch|_core)$/.test(text),
    expected: 'service, batch, system or sysbatch',
  },
  // nomad/server.go:1439-1461 of 2.0.5
  'server.raft_logstore.backend': oneOf('boltdb', 'wal'),
  'server.raft_logstore.verification.interval': duration,
}

/** The start of a client (command/agent/agent.go:845-1116 convertClientConfig). */
const clients: Readonly<Record<string, ValueRule>> = {
  'client.max_kill_timeout': duration, // :932
  'client.bridge_network_subnet': subnet(isIPv4, 32, '172.26.64.0/20'), // :1059-1063
  'client.bridge_network_subnet_ipv6': subnet(isIPv6, 128, 'fd00:a110:c8::/120'), // :1071-1075
  // client/config/drain.go:41
  'client.drain_on_shutdown.deadline': {
    code: 'agent/duration',
    fits: (text) => text !== '' && isGoDuration(text),
    expected: 'a duration such as "1h"',
  },
  // client/config/fingerprint.go:98-119
  'client.fingerprint.retry_interval': notNegative,
  'client.fingerprint.retry_attempts': atLeast(-1),
}

/** By the path of the setting. */
export const valueRules: ReadonlyMap<string, ValueRule> = new Map<string, ValueRule>([
  ...Object.entries(validated),
  ...Object.entries(started).map(([path, rule]) => [path, { ...rule, atStart: true }] as const),
  ...Object.entries(servers).map(
    ([path, rule]) => [path, { ...rule, atStart: true, role: 'server' }] as const,
  ),
  ...Object.entries(clients).map(
    ([path, rule]) => [path, { ...rule, atStart: true, role: 'client' }] as const,
  ),
])
