/**
 * What a SIGHUP brings into effect and what only a restart does. An agent reloads when the contents of
 * its three files differ, and looks at nothing else: neither paths nor settings (nomad/structs/config
 * tls.go:229-295 CertificateInfoIsEqual, helper/tlsutil/config.go:467-487).
 *
 * @module
 */

/** What a change needs before it is in effect. */
export type Effect =
  /** A SIGHUP. */
  | 'reload'
  /** A restart; a SIGHUP does nothing, or half of it. */
  | 'restart'
  /** A SIGHUP, and established HTTPS connections live on in the old state until they end. */
  | 'reload-new-connections'

/** A change and its effect. */
export interface ReloadRule {
  /** A key of the `tls` stanza; the contents of a file are meant by `ca_file`, `cert_file`, `key_file`. */
  readonly change: string
  readonly effect: Effect
  readonly fact: string
  readonly source: string
}

/** Every key of the stanza. */
export const reloadRules: readonly ReloadRule[] = [
  {
    change: 'cert_file',
    effect: 'reload',
    fact: 'every new handshake of HTTPS, RPC and raft presents the new leaf',
    source: 'command/agent/command.go:1185-1271',
  },
  {
    change: 'key_file',
    effect: 'reload',
    fact: 'loaded with cert_file; a pair that does not match is logged, and the old one kept',
    source: 'command/agent/command.go:1214-1218',
  },
  {
    change: 'ca_file',
    effect: 'reload-new-connections',
    fact: 'RPC and raft connections are closed; established HTTPS connections keep their session',
    source: 'nomad/server.go:676-741, command/agent/http.go:364-370',
  },
  {
    change: 'rpc',
    effect: 'reload',
    fact: 'the RPC listener is opened anew',
    source: 'helper/tlsutil/config.go:467-487',
  },
  {
    change: 'http',
    effect: 'restart',
    fact: 'the listener changes, but the node stays advertised as before',
    source: 'command/agent/agent.go:1081',
  },
  {
    change: 'verify_server_hostname',
    effect: 'restart',
    fact: 'the change test does not look at it',
    source: 'helper/tlsutil/config.go:467-487',
  },
  {
    change: 'verify_https_client',
    effect: 'restart',
    fact: 'the change test does not look at it',
    source: 'command/agent/agent.go:1592-1630',
  },
  {
    change: 'tls_min_version',
    effect: 'restart',
    fact: 'the change test does not look at it',
    source: 'helper/tlsutil/config.go:467-487',
  },
  {
    change: 'tls_cipher_suites',
    effect: 'restart',
    fact: 'the change test does not look at it',
    source: 'helper/tlsutil/config.go:467-487',
  },
  {
    change: 'rpc_upgrade_mode',
    effect: 'restart',
    fact: 'noticed, but the server reads the configuration that only a change of files replaces',
    source: 'command/agent/agent.go:1625, nomad/rpc.go:303-304',
  },
]

/**
 * Whether a running agent takes a change up only when it is restarted.
 *
 * @param change A key of the stanza; an unknown one needs a restart.
 */
export function needsRestart(change: string): boolean {
  const rule = reloadRules.find((one) => one.change === change)
  return rule === undefined || rule.effect === 'restart'
}
