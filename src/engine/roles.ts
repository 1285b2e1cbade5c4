/**
 * The roles of an engine: what a key may be certified for. A role is the boundary: name constraints of the
 * intermediate do not bind a common name, and Nomad takes a common name for an identity.
 *
 * The names are those of the call, and none of the request (PKCS#10). OpenBao 2.7.2 checks the names of a request in
 * order and takes an empty one for the end of its check: a dNSName behind an empty one is signed, whatever the role
 * says. A call has its names in a text, where an empty one is no name.
 *
 * @module
 */

import type { Role } from '../address.js'
import {
  renewsItself,
  type DesiredAuthority,
  type DesiredIssuer,
  type IdentityProfile,
} from '../cluster/desired.js'
import { engineKeysOf, roleNameIn, type EngineKeys } from '../cluster/vault.js'
import { isAgent, operatorUri, profileOf, type LeafKeyUsage } from '../nomad/roles.js'
import { namesOfRole, networksOfRole, type Named } from './role-names.js'

/** A role of an engine, as it should be. */
export interface EngineRole {
  /** Its name in the mount. */
  readonly name: string
  readonly keys: EngineKeys
  readonly role: Role
  readonly region: string
  /** What is written to it, and what it must say when it is read. */
  readonly fields: RoleFields
}

/** The fields of a call that name what is certified. */
export const nameFields = [
  'common_name',
  'alt_names',
  'ip_sans',
  'uri_sans',
  'exclude_cn_from_sans',
] as const

/** One of {@link nameFields}. */
export type NameField = (typeof nameFields)[number]

/** What an authority signs for: a cluster as it should be. */
export interface Signed {
  readonly identities: readonly (Named & {
    readonly profile: Pick<
      IdentityProfile,
      'role' | 'region' | 'lifetime' | 'key' | 'renewedBy'
    > & {
      readonly issuer: Pick<DesiredIssuer, 'name'>
    }
  })[]
}

type RoleFields = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** Fields that OpenBao alone has: compared where they are read. */
const openBaoOnly: ReadonlySet<string> = new Set([
  'not_after_bound',
  'not_before_bound',
  'allowed_ip_sans_cidr',
])

/** Fields of names and usages whose order means nothing. */
const written: Readonly<Record<LeafKeyUsage, string>> = {
  digitalSignature: 'DigitalSignature',
  keyEncipherment: 'KeyEncipherment',
}

/** A role sets the beginning of a certificate back: clocks differ. Seconds. */
const backdate = 60

/**
 * Gives the roles that an authority needs: one for each kind of certificate and region that it signs for.
 *
 * @param authority One whose key is in an engine.
 * @param desired The whole cluster.
 */
export function engineRoles(
  { name, engine, roleBounds }: Pick<DesiredAuthority, 'name' | 'engine' | 'roleBounds'>,
  { identities }: Signed,
): readonly EngineRole[] {
  if (engine === undefined) return []
  const found = new Map<string, Kind & { longest: number; readonly nodes: Named[] }>()
  for (const node of identities) {
    const { profile } = node
    const { role, region, issuer, lifetime, key } = profile
    // A node that renews itself has a role of its own (node-role.ts): nobody needs one for all of them.
    if (issuer.name !== name || renewsItself({ profile })) continue
    const keys = engineKeysOf(key)
    const id = `${role} ${region} ${keys}`
    const one = found.get(id) ?? { role, region, keys, longest: 0, nodes: [] }
    one.longest = Math.max(one.longest, lifetime)
    one.nodes.push(node)
    found.set(id, one)
  }
  return [...found.values()].map(({ longest, nodes, ...kind }) => {
    const bounds = roleBounds?.find(({ region }) => region === kind.region) ?? nothing
    return {
      name: roleNameIn(engine, kind.role, kind.region, kind.keys),
      ...kind,
      fields: fieldsOf({
        ...{ ...kind, longest },
        hosts: namesOfRole(bounds, nodes),
        networks: networksOfRole(bounds, nodes),
      }),
    }
  })
}

/** What the certificates of one role have in common. */
type Kind = Omit<EngineRole, 'name' | 'fields'>

const nothing = { domains: [], networks: [] }

function fieldsOf({
  role,
  region,
  longest,
  keys,
  hosts,
  networks,
}: Kind & {
  readonly longest: number
  readonly hosts: readonly string[]
  readonly networks: readonly string[]
}): RoleFields {
  const profile = profileOf(role)
  const agent = isAgent(role)
  // A machine has no common name and no host name: of all names its role takes the URI alone.
  const named = profile.commonName(region) !== undefined
  const seconds = Math.ceil(longest / 1000)
  return {
    // The path that signs names the issuer; a rotation changes no role.
    issuer_ref: 'default',
    allowed_domains: [...profile.roleNames(region), ...hosts],
    allowed_domains_template: false,
    allow_bare_domains: named,
    allow_glob_domains: hosts.some((host) => host.includes('*')),
    allow_subdomains: false,
    allow_wildcard_certificates: false,
    allow_any_name: false,
    enforce_hostnames: true,
    allow_localhost: profile.localNames,
    allow_ip_sans: agent,
    allowed_uri_sans: agent ? [] : [operatorUri(role, '*')],
    allowed_uri_sans_template: false,
    allowed_other_sans: [],
    allowed_serial_numbers: [],
    allowed_user_ids: [],
    cn_validations: ['hostname'],
    // A common name that is asked for all the same is refused: none is allowed.
    require_cn: named,
    use_csr_common_name: false,
    use_csr_sans: false,
    key_type: keys,
    // The least that is taken.
    key_bits: keys === 'rsa' ? 2048 : 256,
    key_usage: profile.keyUsage(keys).map((usage) => written[usage]),
    ext_key_usage: [],
    ext_key_usage_oids: [],
    server_flag: profile.extendedKeyUsage.includes('serverAuth'),
    client_flag: profile.extendedKeyUsage.includes('clientAuth'),
    code_signing_flag: false,
    email_protection_flag: false,
    basic_constraints_valid_for_non_ca: false,
    organization: [],
    ou: [],
    country: [],
    locality: [],
    province: [],
    street_address: [],
    postal_code: [],
    not_before_duration: backdate,
    // A date in the role counts before each span: the call's and `max_ttl`.
    not_before: '',
    not_after: '',
    ttl: seconds,
    max_ttl: seconds,
    policy_identifiers: [],
    allow_token_displayname: false,
    allow_globs_in_identity_templates: false,
    // The hash that fits the issuer's key.
    signature_bits: 0,
    use_pss: false,
    no_store: false,
    generate_lease: false,
    allowed_ip_sans_cidr: agent ? networks : [],
    not_after_bound: 'ttl-limited',
    not_before_bound: 'forbid',
  }
}

/**
 * Writes a role as the body of a call: lists as text, because OpenBao refuses a body with 1,000 strings
 * (`max_request_json_strings`), and takes a list with commas in one. No name has a comma.
 */
export function roleBody({
  fields,
}: Pick<EngineRole, 'fields'>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [
      field,
      Array.isArray(value) && value.length > 0 ? value.join(',') : value,
    ]),
  )
}

/**
 * Compares a role that was read with what it should be.
 *
 * @param wanted The role.
 * @param read The fields that the engine gives.
 * @returns A clause for each field that differs: `allow_any_name is true, wanted false`.
 */
export function roleFaults(
  { fields }: EngineRole,
  read: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(fields).flatMap(([field, wanted]) => {
    if (openBaoOnly.has(field) && !Object.hasOwn(read, field)) return []
    // A longer or shorter default counts for requests without a span alone; ours name one.
    if (field === 'issuer_ref' || field === 'ttl') return []
    const has = read[field]
    // Vault writes SHA-256 for nought below an RSA issuer, and where the mount has no issuer yet. It is what nought
    // means there, and an EC issuer takes the hash of its curve (builtin/logical/pki/path_roles.go:1174 of 1.21.4).
    if (field === 'signature_bits' && wanted === 0 && has === 256) return []
    if (same(has, wanted)) return []
    return [`${field} ${difference(has, wanted)}`]
  })
}

/** Of two long lists, what they do not have in common: a message has no room for both. */
function difference(has: unknown, wanted: unknown): string {
  const isLong = [has, wanted].some((one) => JSON.stringify(one ?? null).length > mostShown)
  if (!isLong || !Array.isArray(has) || !Array.isArray(wanted)) {
    return `is ${shown(has)}, wanted ${shown(wanted)}`
  }
  const without = (all: unknown[], others: unknown[]): unknown[] => {
    const known = new Set(others)
    return all.filter((one) => !known.has(one))
  }
  return `has ${shown(without(has, wanted))} too many, and lacks ${shown(without(wanted, has))}`
}

/** Fields of Vault that allow nothing by themselves: which serial number is asked for, where none is allowed. */
const harmless: ReadonlySet<string> = new Set(['serial_number_source'])

/**
 * Finds what a role says beyond the fields that are known here: a newer engine has more of them.
 *
 * @param role The role as it should be.
 * @param read The fields that the engine gives.
 * @returns A clause for each that says anything: `allow_all is true`.
 */
export function unknownFields(
  { fields }: EngineRole,
  read: Readonly<Record<string, unknown>>,
): readonly string[] {
  return Object.entries(read).flatMap(([field, has]) =>
    Object.hasOwn(fields, field) || harmless.has(field) || isBlank(has)
      ? []
      : [`${field.slice(0, 100)} is ${shown(has)}`],
  )
}

function same(has: unknown, wanted: unknown): boolean {
  // An older engine does not know a field, or leaves out one that says nothing.
  if (has === undefined || has === null) return isBlank(wanted)
  if (!Array.isArray(wanted)) return has === wanted
  if (!Array.isArray(has) || has.length !== wanted.length) return false
  const all = new Set<unknown>(has)
  return wanted.every((one) => all.has(one))
}

/** Whether a field allows nothing: off, empty, nought or absent. */
function isBlank(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return value === undefined || value === null || value === false || value === 0 || value === ''
}

const mostShown = 200

/** A value of an engine for a message: it may be anything. */
export function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, mostShown)
}
