/**
 * The one table of what a certificate is for: server, client, both in one agent, a person, or a machine.
 * Profile, lint, checks, terms and configuration are handed an entry.
 *
 * | role     | CN                    | role names in the SAN       | usages                 |
 * | -------- | --------------------- | --------------------------- | ---------------------- |
 * | server   | `server.<region>.nomad` | its CN                    | serverAuth, clientAuth |
 * | client   | `client.<region>.nomad` | its CN                    | serverAuth, clientAuth |
 * | combined | `server.<region>.nomad` | its CN, `client.<region>.nomad` | serverAuth, clientAuth |
 * | operator | `cli.<region>.nomad`    | its CN                    | clientAuth             |
 * | machine  | none                    | none                      | clientAuth             |
 *
 * @module
 */

import { isName, type AgentRole, type OperatorRole, type Role } from '../address.js'

/** The first label of a name that Nomad, or we, read as a role. */
export type RoleLabel = 'server' | 'client' | 'cli'

/** The purposes that a leaf of ours can have (RFC 5280 §4.2.1.12). */
export type LeafPurpose = 'serverAuth' | 'clientAuth'

/** The key usages that a leaf of ours can have (RFC 5280 §4.2.1.3). */
export type LeafKeyUsage = 'digitalSignature' | 'keyEncipherment'

/** All that is to be said about one role. */
export interface RoleProfile {
  readonly role: Role
  /** Whether it is an agent's: such a certificate is presented to dialers and to listeners. */
  readonly agent: boolean
  /** Whether it belongs to a host, which receives it as an archive: an agent's and a machine's. */
  readonly hosted: boolean
  /** The role in a sentence: `a server`. */
  readonly title: string
  /** The first labels of its role names; the first of them makes the common name. None: it has no role name. */
  readonly labels: readonly RoleLabel[]
  /**
   * The one common name of this role, `server.global.nomad`; `undefined`: it has none. Nomad takes a CN as an identity
   * (nomad/auth/auth.go:429).
   */
  commonName(region: string): string | undefined
  /** The role names that its subjectAltName holds, the common name first. */
  roleNames(region: string): readonly string[]
  readonly extendedKeyUsage: readonly LeafPurpose[]
  /**
   * Key usage by kind of key. RFC 8813 §3 forbids keyEncipherment for EC keys; with RSA it is what
   * TLS 1.2 suites without ephemeral keys need of a server, and of no other agent (RFC 5280 §4.2.1.12).
   */
  keyUsage(kind: 'ec' | 'rsa' | 'ed25519'): readonly LeafKeyUsage[]
  /** Whether `localhost`, `127.0.0.1` and `::1` belong into it: {@link loopback}. */
  readonly localNames: boolean
  /** The life of its certificates where nothing nearer says it, milliseconds; `undefined`: that of all agents. */
  readonly usualLife?: number | undefined
  /** Whether short certificates are made when somebody asks for them, and expire without being work. */
  readonly onDemand: boolean
}

/**
 * The names and addresses under which an agent is reached on its own host. `NOMAD_ADDR` is
 * `http://127.0.0.1:4646` unless set (api/api.go:337-391).
 */
export const loopback: { readonly names: readonly string[]; readonly ips: readonly string[] } = {
  names: ['localhost'],
  ips: ['127.0.0.1', '::1'],
}

/**
 * A probe leaf: offered to agents to see whether they trust the key that signed it. Its names are those of
 * no role and no operator, so Nomad's RPC refuses it; Nomad's HTTP API takes every certificate that
 * verifies, so it is a credential all the same.
 */
export const probeProfile: {
  readonly commonName: string
  readonly uri: string
  /** Between its two dates, milliseconds: 31 days and the backdating. */
  readonly longest: number
} = { commonName: 'nomad-pki probe', uri: 'nomad-pki:probe', longest: 31 * 86_400_000 + 3_600_000 }

const agentPurposes: readonly LeafPurpose[] = ['serverAuth', 'clientAuth']
const withEncipherment: readonly LeafKeyUsage[] = ['digitalSignature', 'keyEncipherment']
const signatureOnly: readonly LeafKeyUsage[] = ['digitalSignature']

/**
 * The role name that Nomad compares: `server.<region>.nomad`. The zone is the literal `nomad`
 * (helper/tlsutil/config.go:278, nomad/auth/auth.go:87-91), the region the agent's configured one.
 *
 * @param label `server`, `client` or `cli`.
 * @param region The region as the agents' configuration writes it; letters keep their case.
 */
export function roleName(label: RoleLabel, region: string): string {
  return `${label}.${region}.nomad`
}

type Entry = Pick<
  RoleProfile,
  'title' | 'labels' | 'extendedKeyUsage' | 'agent' | 'hosted' | 'usualLife'
> & {
  readonly onDemand?: boolean
}

function profile(role: Role, entry: Entry): RoleProfile {
  const { labels, extendedKeyUsage, agent, hosted, usualLife, onDemand = false } = entry
  return {
    role,
    agent,
    hosted,
    title: entry.title,
    labels,
    commonName: (region) => (labels[0] === undefined ? undefined : roleName(labels[0], region)),
    roleNames: (region) => labels.map((label) => roleName(label, region)),
    extendedKeyUsage,
    keyUsage: (kind) =>
      kind === 'rsa' && extendedKeyUsage.includes('serverAuth') ? withEncipherment : signatureOnly,
    localNames: agent,
    usualLife,
    onDemand,
  }
}

const ofAgents = { extendedKeyUsage: agentPurposes, agent: true, hosted: true } as const
const ofOperators = { extendedKeyUsage: ['clientAuth'], agent: false } as const
const day = 86_400_000

/**
 * Every role. An agent needs both purposes: a server dials other servers (config.go:369), a client
 * serves its HTTPS API and the migration of allocations (client/allocwatcher/alloc_watcher.go:535).
 * An operator only ever dials. A person's certificate lives a day, because it lies in a home directory and
 * cannot be revoked, and is made when the person asks. Nobody asks for a machine's: it is renewed as an
 * agent's. It has no role name, so Nomad's RPC refuses it; the HTTP API takes every certificate that verifies.
 *
 * It has no common name either. An engine takes host names alone as common names, and a role that takes any other text
 * takes the name of a server too, which Nomad reads there.
 */
export const roleProfiles: Readonly<Record<Role, RoleProfile>> = {
  server: profile('server', { title: 'a server', labels: ['server'], ...ofAgents }),
  client: profile('client', { title: 'a client', labels: ['client'], ...ofAgents }),
  combined: profile('combined', { title: 'an agent', labels: ['server', 'client'], ...ofAgents }),
  operator: profile('operator', {
    ...{ title: 'an operator', labels: ['cli'], ...ofOperators },
    ...{ hosted: false, usualLife: day, onDemand: true },
  }),
  machine: profile('machine', {
    ...{ title: 'a machine', labels: [], ...ofOperators },
    ...{ hosted: true, usualLife: 30 * day },
  }),
}

/**
 * The entry of a role.
 *
 * @param role `server`, `client`, `combined`, `operator` or `machine`.
 */
export function profileOf(role: Role): RoleProfile {
  return roleProfiles[role]
}

/** What machines had for a common name before they had none: it means nothing to Nomad, so it stays until renewal. */
const formerMachineName = 'nomad-pki machine'

/**
 * What a certificate of a role should have for a common name, where it has another.
 *
 * @param found Its common names.
 * @returns `server.global.nomad`, or `no common name`; `undefined` where it is right.
 */
export function wantedCommonName(
  role: Role,
  region: string,
  found: readonly string[],
): string | undefined {
  const wanted = roleProfiles[role].commonName(region)
  const [only, ...more] = found
  const right = only === wanted || (role === 'machine' && only === formerMachineName)
  return right && more.length === 0 ? undefined : (wanted ?? 'no common name')
}

/** Whether the role is an agent's, and not an operator's. */
export function isAgent(role: Role): role is AgentRole {
  return roleProfiles[role].agent
}

/** Whether an agent of the role is a server: others dial its RPC port, and it counts for the quorum. */
export function runsServer(role: Role | undefined): boolean {
  return role !== undefined && roleProfiles[role].labels.includes('server')
}

/** Whether an agent of the role is a client: it dials servers, and runs allocations. */
export function runsClient(role: Role | undefined): boolean {
  return role !== undefined && roleProfiles[role].labels.includes('client')
}

/**
 * The name of an operator as its certificate carries it: `nomad-pki://machine.nomad/prometheus`. With a host:
 * under any name constraint Go 1.26 refuses a URI that has none (x509 parseURIs).
 */
export function operatorUri(role: OperatorRole, name: string): string {
  return `nomad-pki://${role}.nomad/${name}`
}

/** Whose certificate it is, by a name that {@link operatorUri} made; `undefined` for any other. */
export function readOperatorUri(
  uri: string,
): { readonly role: OperatorRole; readonly name: string } | undefined {
  const [, role, name] = /^nomad-pki:\/\/(operator|machine)\.nomad\/([^/?#]+)$/.exec(uri) ?? []
  return name !== undefined && isName(name) ? { role: role as OperatorRole, name } : undefined
}
