/**
 * Values that decode and that Nomad refuses all the same when it starts
 * (command/agent/command.go:337-560, command/agent/agent.go convertServerConfig).
 *
 * @module
 */

/** What a value has to be: a test of its text, and the same in words. */
export interface ValueRule {
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
  ['server.raft_protocol', { fits: (text) => ['0', '3'].includes(text), expected: '3' }],
  ['server.default_scheduler_config.scheduler_algorithm', oneOf('binpack', 'spread')],
  ['client.preferred_address_family', oneOf('ipv4', 'ipv6')],
  ['client.min_dynamic_port', port],
  ['client.max_dynamic_port', port],
  [
    'client.node_pool',
    {
      fits: (text) => text !== 'all' && /^[a-zA-Z0-9-_]{0,128}$/.test(text),
      expected: 'letters, digits, "-" and "_", and not "all"',
    },
  ],
])

/** The providers of `keyring` blocks (nomad/structs/keyring.go). */
export const keyringProviders: readonly string[] = [
  'aead',
  'awskms',
  'azurekeyvault',
  'gcpckms',
  'transit',
]

/** Booleans of `consul` and `vault` blocks (nomad/structs/config/consul.go, vault.go). */
export const foreignBooleans: ReadonlySet<string> = new Set([
  'auto_advertise',
  'checks_use_advertise',
  'client_auto_join',
  'enabled',
  'server_auto_join',
  'share_ssl',
  'ssl',
  'tls_skip_verify',
  'verify_ssl',
])

/**
 * Whether the weak decoder behind those blocks takes a text for a boolean: Go's
 * `strconv.ParseBool`, or nothing.
 *
 * @param text The value as a string.
 */
export function isWeakBoolean(text: string): boolean {
  return /^(?:|1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text)
}
