/**
 * Values that decode and that Nomad refuses all the same when it starts
 * (command/agent/command.go:337-560, command/agent/agent.go convertServerConfig).
 *
 * @module
 */

import type { VersionRange } from '../nomad/versions.js'
import { goDuration, isGoDuration } from './duration.js'

/** What a value has to be: a test of its text, and the same in words; and since when. */
export interface ValueRule extends VersionRange {
  readonly fits: (text: string) => boolean
  readonly expected: string
}

const oneOf = (...words: readonly string[]): ValueRule => ({
  fits: (text) => text === '' || words.includes(text),
  expected: words.join(', '),
})

const port: ValueRule = {
  fits: (text) => Number(text) >= 0 && Number(text) <= 65_535,
  expected: 'a port, 0 to 65535',
}

const moreThanZero: ValueRule = {
  fits: (text) => text === '' || /[1-9]/.test(text),
  expected: 'a duration of more than 0s',
}

/** A duration that has to be there, and is not negative (nomad/structs/config/artifact.go Validate). */
const timeout: ValueRule = {
  fits: (text) => text !== '' && isGoDuration(text) && goDuration(text)! >= 0,
  expected: 'a duration such as "30m"',
}

/** What the reader of sizes takes: go-humanize ParseBytes; no more than 63 bits. */
const size: ValueRule = {
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
const portRanges: ValueRule = {
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

/** By the path of the setting. */
export const valueRules: ReadonlyMap<string, ValueRule> = new Map<string, ValueRule>([
  [
    'log_level',
    {
      fits: (text) => /^(?:|trace|debug|info|warn|error|off)$/i.test(text),
      expected: 'TRACE, DEBUG, INFO, WARN, ERROR or OFF',
    },
  ],
  ['server.job_gc_interval', moreThanZero],
  ['server.csi_volume_claim_gc_interval', moreThanZero],
  // "raft_protocol must be 3 in Nomad v1.4 and later" (command/agent/agent.go:235).
  [
    'server.raft_protocol',
    { since: '1.4.0', fits: (text) => ['0', '3'].includes(text), expected: '3' },
  ],
  ['server.default_scheduler_config.scheduler_algorithm', oneOf('binpack', 'spread')],
  ['client.preferred_address_family', oneOf('ipv4', 'ipv6')],
  ['client.min_dynamic_port', port],
  ['client.max_dynamic_port', port],
  ['client.reserved.reserved_ports', portRanges],
  ['client.host_network.reserved_ports', portRanges],
  ...['http_read', 'gcs', 'git', 'hg', 's3'].map(
    (what) => [`client.artifact.${what}_timeout`, timeout] as const,
  ),
  ['client.artifact.http_max_size', size],
  ['client.artifact.decompression_size_limit', size],
  [
    'client.artifact.decompression_file_count_limit',
    { fits: (text) => !text.startsWith('-'), expected: '0 or more' },
  ],
  [
    'client.artifact.filesystem_isolation_extra_paths',
    {
      // go-landlock ParsePath, at nomad/structs/config/artifact.go:226.
      fits: (text) => /^[df]:[rwxc]+:[^]/.test(text.trim()),
      expected: 'a kind, modes and a path, "d:rx:/opt/bin"',
    },
  ],
  [
    'eventlog.level',
    { fits: (text) => /^(?:|info|warn|error)$/i.test(text), expected: 'INFO, WARN or ERROR' },
  ],
  [
    'client.node_pool',
    {
      fits: (text) => text !== 'all' && /^[a-zA-Z0-9-_]{0,128}$/.test(text),
      expected: 'letters, digits, "-" and "_", and not "all"',
    },
  ],
])
