/**
 * From which Nomad on something is so: what configuration and rotation have to ask before they rely
 * on it.
 *
 * @module
 */

/** A difference between versions. */
export interface VersionGate {
  readonly name: string
  /** The first version in which it is so. */
  readonly since?: string
  /** The first version in which it is no longer so. */
  readonly until?: string
  /** One sentence. */
  readonly fact: string
  /** Changelog entry or place. */
  readonly source: string
}

/** Every gate that matters to TLS. */
export const versionGates: readonly VersionGate[] = [
  {
    name: 'role-region-validation',
    since: '0.10.3',
    fact: 'role and region of a certificate are validated (CVE-2020-7956)',
    source: 'GH-7003',
  },
  {
    name: 'tls-commands',
    since: '1.4.5',
    fact: 'nomad tls makes authorities and certificates',
    source: 'command/tls_ca_create.go',
  },
  {
    name: 'hostname-off-honoured',
    since: '1.7.2',
    fact: 'with verify_server_hostname = false no check looks at names',
    source: 'GH-19425',
  },
  {
    name: 'custom-ca-days',
    since: '1.7.5',
    fact: 'nomad tls ca create with a custom subject has the validity it was asked for; before it was 0 days',
    source: 'GH-19892',
  },
  {
    name: 'cbc-sha256-suites',
    until: '1.8.2',
    fact: 'CBC suites with SHA-256 can be named in tls_cipher_suites',
    source: 'changelog 1.8.2, 1.7.10, 1.6.13',
  },
  {
    name: 'tls-min-version-tls13',
    since: '1.8.3',
    fact: 'tls_min_version can be tls13',
    source: 'helper/tlsutil/config.go:21-26',
  },
  {
    name: 'tls-prefer-server-cipher-suites',
    until: '1.9.0',
    fact: 'tls_prefer_server_cipher_suites is a key; later agents refuse a stanza that has it',
    source: 'GH-23712',
  },
  {
    name: 'reload-errors-fatal',
    since: '1.10.1',
    fact: 'a reload that cannot set up TLS ends the process',
    source: 'GH-25721, command/agent/command.go:1121-1127',
  },
  {
    name: 'hostname-reload',
    since: '1.10.3',
    fact: 'verify_server_hostname takes effect on a reload that also changes a file',
    source: 'GH-26107',
  },
  {
    name: 'go-constraint-validation',
    since: '1.10.6',
    fact: 'built with Go 1.25.3 or later, which validates names under constraints',
    source: 'GH-26949 (also 1.11.0)',
  },
  {
    name: 'expiry-metric',
    since: '1.11.3',
    fact: 'an agent whose tls stanza lacks one of the three files, or whose ca_file begins with something else, does not start',
    source: 'GH-27538, command/agent/agent.go:182-191',
  },
  {
    name: 'combined-pem',
    since: '2.0.0',
    fact: 'cert_file may begin with the key; 1.11.3 did not start with it',
    source: 'GH-27660, GH-27667',
  },
  {
    name: 'reload-api',
    since: '2.0.3',
    fact: 'PUT /v1/agent/reload reloads; it answers 200 also where nothing was reloaded',
    source: 'GH-27106',
  },
]

/**
 * Whether a gate's fact holds in a version.
 *
 * @param gate One of {@link versionGates}.
 * @param version `1.11.3`, also with a leading `v`, `+ent` or a pre-release (`2.0.0-beta.1`), which
 *   counts as its release.
 * @returns `undefined` for a version that cannot be read.
 */
export function holdsIn(gate: VersionGate, version: string): boolean | undefined {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(version)
  if (parts === null) return undefined
  const found = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  const reached = (bound: string): boolean => {
    const wanted = bound.split('.').map(Number)
    for (let at = 0; at < 3; at += 1) {
      if (found[at] !== wanted[at]) return found[at]! > wanted[at]!
    }
    return true
  }
  return (
    (gate.since === undefined || reached(gate.since)) &&
    (gate.until === undefined || !reached(gate.until))
  )
}
