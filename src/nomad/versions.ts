/**
 * Versions of Nomad: which ones are supported, and from which on, or until which, something is so.
 * Everything that depends on a version asks here.
 *
 * @module
 */

/** The first and the last version whose keys and rules are known. */
export const supportedVersions = { oldest: '1.8.0', newest: '2.0.5' } as const

/**
 * The last release of each line whose source is public. Later ones of a line are of Enterprise, which
 * gets a key now and then from a newer line.
 */
const lastOfLine: Readonly<Record<string, number>> = {
  '1.8': 4,
  '1.9': 7,
  '1.10': 5,
  '1.11': 3,
  '2.0': 5,
}

/** The versions in which something is so. */
export interface VersionRange {
  /** The first version; absent: it was always so. */
  readonly since?: string | undefined
  /** The first version in which it is no longer so; absent: it still is. */
  readonly until?: string | undefined
}

/** A difference between versions. */
export interface VersionGate extends VersionRange {
  /** One sentence. */
  readonly fact: string
  /** Changelog entry or place. */
  readonly source: string
}

/** Every gate that matters to TLS, by name. */
export const versionGates = {
  'role-region-validation': {
    since: '0.10.3',
    fact: 'role and region of a certificate are validated (CVE-2020-7956)',
    source: 'GH-7003',
  },
  'tls-commands': {
    since: '1.4.5',
    fact: 'nomad tls makes authorities and certificates',
    source: 'command/tls_ca_create.go',
  },
  'hostname-off-honoured': {
    since: '1.7.2',
    fact: 'with verify_server_hostname = false no check looks at names',
    source: 'GH-19425',
  },
  'custom-ca-days': {
    since: '1.7.5',
    fact: 'nomad tls ca create with a custom subject has the validity it was asked for; before it was 0 days',
    source: 'GH-19892',
  },
  'cbc-sha256-suites': {
    until: '1.8.2',
    fact: 'CBC suites with SHA-256 can be named in tls_cipher_suites',
    source: 'changelog 1.8.2, 1.7.10, 1.6.13',
  },
  'tls-min-version-tls13': {
    since: '1.8.3',
    fact: 'tls_min_version can be tls13',
    source: 'helper/tlsutil/config.go:21-26',
  },
  'tls-prefer-server-cipher-suites': {
    until: '1.9.0',
    fact: 'tls_prefer_server_cipher_suites is a key; later agents refuse a stanza that has it',
    source: 'GH-23712',
  },
  'keyring-rotate-now': {
    since: '1.8.3',
    fact: 'nomad operator root keyring rotate needs -now or -prepublish',
    source: 'command/operator_root_keyring_rotate.go:109',
  },
  'reload-errors-fatal': {
    since: '1.10.1',
    fact: 'a reload that cannot set up TLS ends the process',
    source: 'GH-25721, command/agent/command.go:1121-1127',
  },
  'hostname-reload': {
    since: '1.10.3',
    fact: 'verify_server_hostname takes effect on a reload that also changes a file',
    source: 'GH-26107',
  },
  'go-constraint-validation': {
    since: '1.10.6',
    fact: 'built with Go 1.25.3 or later, which validates names under constraints',
    source: 'GH-26949 (also 1.11.0)',
  },
  'client-introduction': {
    since: '1.11.0',
    fact: 'a server can demand a token of clients that register for the first time',
    source: 'GH-26430, nomad/node_endpoint.go:313',
  },
  'expiry-metric': {
    since: '1.11.3',
    fact: 'an agent whose tls stanza lacks one of the three files, or whose ca_file begins with something else, does not start',
    source: 'GH-27538, command/agent/agent.go:182-191',
  },
  'combined-pem': {
    since: '2.0.0',
    fact: 'cert_file may begin with the key; 1.11.3 did not start with it',
    source: 'GH-27660, GH-27667',
  },
  'reload-api': {
    since: '2.0.3',
    fact: 'PUT /v1/agent/reload reloads; it answers 200 also where nothing was reloaded',
    source: 'GH-27106',
  },
} as const

type Numbers = readonly [number, number, number]

/** A version as people write it: `1.11.3`, `v1.11`, `1.9.0-beta.1+ent`. */
export const versionPattern: string =
  '^v?([0-9]{1,4})(?:\\.([0-9]{1,4}))?(?:\\.([0-9]{1,4}))?(?:[-+][0-9A-Za-z.+-]{1,60})?$'

const versionText = new RegExp(versionPattern)

/** A pre-release counts as its release. */
function numbersOf(text: string): Numbers | undefined {
  const match = versionText.exec(text)
  return match === null
    ? undefined
    : [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)]
}

/** Whether a text is a version: `1.11.3`, also with `v` before it and `+ent` or `-rc.1` behind it. */
export function isVersion(text: string): boolean {
  return numbersOf(text) !== undefined
}

function compare(a: Numbers, b: Numbers): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

const known = (text: string): Numbers => numbersOf(text)!
const oldest = known(supportedVersions.oldest)
const newest = known(supportedVersions.newest)

/** What may be meant: one version, or every supported one where none is given or it is not readable. */
function meant(version: string | undefined): readonly [first: Numbers, last: Numbers] {
  const one = version === undefined ? undefined : numbersOf(version)
  return one === undefined ? [oldest, newest] : [one, one]
}

/**
 * Whether something is so in a version, or in some supported version where none is given.
 *
 * @param range When it is so.
 * @param version `1.11.3`; absent: any supported one may be meant.
 */
export function holdsIn({ since, until }: VersionRange, version?: string): boolean {
  const [first, last] = meant(version)
  return (
    (since === undefined || compare(last, known(since)) >= 0) &&
    (until === undefined || compare(first, known(until)) < 0)
  )
}

/**
 * Whether something is so in a version, or in every supported version where none is given.
 *
 * @param range When it is so.
 * @param version `1.11.3`; absent: any supported one may be meant.
 */
export function alwaysHoldsIn({ since, until }: VersionRange, version?: string): boolean {
  const [first, last] = meant(version)
  return (
    (since === undefined || compare(first, known(since)) >= 0) &&
    (until === undefined || compare(last, known(until)) < 0)
  )
}

/**
 * Whether every key of a version is known.
 *
 * @returns True where none is given: then the supported ones are meant.
 */
export function isKnownRelease(version?: string): boolean {
  const numbers = version === undefined ? undefined : numbersOf(version)
  if (numbers === undefined) return true
  const [major, minor, patch] = numbers
  const last = lastOfLine[`${major}.${minor}`]
  return last !== undefined && patch <= last
}
