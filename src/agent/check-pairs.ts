/**
 * Values that are fine each by itself, and not together. Places are those of Nomad 1.11.3.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { asString, positionsIn } from '../hcl/index.js'
import { holdsIn, type VersionRange } from '../nomad/versions.js'
import { diagnostic } from './codes.js'
import { decodedOf } from './decoded.js'
import { goDuration } from './duration.js'
import type { AgentConfig, Origin } from './read-agent-config.js'
import type { Roles } from './value-rules.js'

/** What the last file says for a path. */
interface Said {
  readonly text: string
  readonly origin: Origin
}

type Values = ReadonlyMap<string, Said>

interface PairRule extends VersionRange {
  /** The paths that it needs; the place that is told is that of the first which is set. */
  readonly paths: readonly string[]
  /** Who looks at them; absent: every agent. */
  readonly role?: keyof Roles
  /** What is wrong, if anything is. */
  readonly fault: (values: Values) => string | undefined
  readonly duration?: true
}

const number = (values: Values, path: string, fallback: number): number =>
  Number(values.get(path)?.text ?? 0) || fallback

const length = (values: Values, path: string, fallback: number): number =>
  // What is not a duration has been told.
  (goDuration(values.get(path)?.text ?? '') ?? 0) || fallback

/** Two settings of which only one may be there. */
const notBoth = (
  one: string,
  other: string,
  role: keyof Roles | undefined,
  range: VersionRange = {},
): PairRule => ({
  ...range,
  ...(role === undefined ? {} : { role }),
  paths: [one, other],
  fault: (values) =>
    values.has(one) && values.has(other)
      ? `"${one}" and "${other}" cannot both be set: Nomad stops`
      : undefined,
})

const logstore = [
  'backend',
  'disable_log_cache',
  'verification.enabled',
  'wal.segment_size_mb',
].map((key) => `server.raft_logstore.${key}`)

const facilities =
  /^(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local[0-7])$/i

const rules: readonly PairRule[] = [
  {
    // command/agent/command.go:460-471
    paths: ['client.min_dynamic_port', 'client.max_dynamic_port'],
    fault(values) {
      const first = number(values, 'client.min_dynamic_port', 20_000)
      const last = number(values, 'client.max_dynamic_port', 32_000)
      return first > last ? `the dynamic ports begin at ${first} and end at ${last}` : undefined
    },
  },
  {
    // command/agent/config.go:1400-1420
    duration: true,
    paths: ['telemetry.in_memory_collection_interval', 'telemetry.in_memory_retention_period'],
    fault(values) {
      const interval = length(values, 'telemetry.in_memory_collection_interval', 1e9)
      const period = length(values, 'telemetry.in_memory_retention_period', 60e9)
      return interval < 0 || period < 0 || interval > period
        ? 'the interval of the metrics in memory is not within the time they are kept (by default 1s and 1m)'
        : undefined
    },
  },
  {
    // command/agent/agent.go:354-367
    role: 'server',
    paths: ['server.job_default_priority', 'server.job_max_priority'],
    fault(values) {
      const priority = number(values, 'server.job_default_priority', 50)
      const most = number(values, 'server.job_max_priority', 100)
      return priority < 50 || priority >= most
        ? `"job_default_priority" is ${priority}, and must be 50 or more and less than "job_max_priority" (${most})`
        : undefined
    },
  },
  {
    // nomad/structs/node.go, at command/agent/agent.go:698
    role: 'server',
    duration: true,
    paths: [
      'server.client_introduction.default_identity_ttl',
      'server.client_introduction.max_identity_ttl',
    ],
    fault(values) {
      const usual = length(values, 'server.client_introduction.default_identity_ttl', 5 * 60e9)
      const most = length(values, 'server.client_introduction.max_identity_ttl', 30 * 60e9)
      return usual > 0 && most > 0 && usual > most
        ? '"default_identity_ttl" is longer than "max_identity_ttl" (by default 5m and 30m)'
        : undefined
    },
  },
  // command/agent/retry_join.go:124-156, command/agent/command.go:1391
  notBoth('server.server_join.retry_join', 'server.retry_join', 'server'),
  notBoth('server.server_join.retry_join', 'server.start_join', 'server'),
  notBoth('server.server_join.retry_join', 'server.server_join.start_join', 'server'),
  notBoth('server.server_join.retry_join', 'server.retry_max', 'server'),
  notBoth('server.server_join.retry_join', 'server.retry_interval', 'server'),
  notBoth('server.server_join.start_join', 'server.start_join', 'server'),
  {
    // command/agent/agent.go:657 of 2.0.5
    since: '2.0.0',
    role: 'server',
    paths: ['server.raft_boltdb.no_freelist_sync', ...logstore],
    fault: (values) =>
      values.has('server.raft_boltdb.no_freelist_sync') && logstore.some((path) => values.has(path))
        ? '"raft_boltdb" and "raft_logstore" cannot both be set: Nomad stops'
        : undefined,
  },
  {
    // command/agent/command.go:607, hashicorp/go-syslog unix.go
    paths: ['syslog_facility', 'enable_syslog'],
    fault(values) {
      const facility = values.get('syslog_facility')?.text ?? 'LOCAL0'
      return /^(?:1|true)$/i.test(values.get('enable_syslog')?.text ?? '') &&
        !facilities.test(facility)
        ? `syslog has no facility "${facility.slice(0, 40)}"`
        : undefined
    },
  },
  notBoth('client.server_join.start_join', 'client.server_join.retry_join', 'client'),
]

const interesting: ReadonlySet<string> = new Set(rules.flatMap(({ paths }) => paths))

/**
 * Checks what all files say together.
 *
 * @param config As read.
 * @param roles What the agent is.
 * @param nomadVersion `1.11.3`; absent: any that is supported.
 */
export function checkPairs(
  config: AgentConfig,
  roles: Roles,
  nomadVersion: string | undefined,
): Diagnostic[] {
  const values = new Map<string, Said>()
  for (const { file, document } of config.files) {
    if (document === undefined) continue
    const position = positionsIn(document.text)
    for (const { path, literal } of decodedOf(document, nomadVersion).values) {
      if (!interesting.has(path)) continue
      const text = asString(document, literal)
      // Merging leaves out what is empty or 0.
      if (text === '' || text === '0') continue
      values.set(path, { text, origin: { file, ...position(literal.start) } })
    }
  }
  return rules.flatMap((rule) => {
    const { origin } = rule.paths.map((path) => values.get(path)).find(Boolean) ?? {}
    if (origin === undefined || !holdsIn(rule, nomadVersion)) return []
    if (rule.role !== undefined && !roles[rule.role]) return []
    const fault = rule.fault(values)
    const code = rule.duration === true ? 'agent/duration' : 'agent/value'
    return fault === undefined
      ? []
      : [diagnostic('error', code, origin, fault, { file: origin.file })]
  })
}
