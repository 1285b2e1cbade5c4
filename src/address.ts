/**
 * The names of everything managed: plan line, JSON key, command-line argument, error context and
 * the path in the store, all from one value.
 *
 * ```text
 * authority/agent/2                    generation 2 of the authority `agent`
 * bundle/agent                         the roots that agents under `agent` trust
 * identity/server/global/s1            a node's identity; identity/server/global/s1/3 is a generation of it
 * identity/client/us-west/shared       one identity for all clients of a region
 * identity/operator/global/alice          a person's
 * identity/machine/global/prometheus       a machine's
 * config/global/s1                     the configuration of the agent on s1
 * ```
 *
 * @module
 */

import { NomadPkiError } from './errors.js'

/** What an identity is for. */
export const roles = ['server', 'client', 'combined', 'operator', 'machine'] as const

/** What an identity is for: an agent's role, a person's (`operator`), or a machine's. */
export type Role = (typeof roles)[number]

/** What uses the HTTP API and is not an agent: a person, or a machine such as Prometheus. */
export type OperatorRole = Extract<Role, 'operator' | 'machine'>

/** What an agent is. */
export type AgentRole = Exclude<Role, OperatorRole>

/** The name that stands for "one identity for all of this role in the region". */
export const sharedName = 'shared'

/** What tells an identity from all others. */
export interface IdentityName {
  /** What it is for. */
  readonly role: Role
  /** The region in its address. */
  readonly region: string
  /** The name in its address: a node's, a person's, or `shared`. */
  readonly name: string
}

/** A parsed address. */
export type Address =
  | {
      readonly kind: 'authority'
      /** Its name in the spec. */
      readonly name: string
      /** Which generation of it, from 1. */
      readonly generation: number
    }
  | {
      readonly kind: 'bundle'
      /** The name of the root that agents trust. */
      readonly name: string
    }
  | (IdentityName & {
      readonly kind: 'identity'
      /** Which generation of it, from 1; absent: the identity as a whole. */
      readonly generation?: number
    })
  | {
      readonly kind: 'config'
      /** The region of the agent. */
      readonly region: string
      /** The name of the agent's node. */
      readonly name: string
    }

/** The kinds of things that have addresses. */
export type AddressKind = Address['kind']

/**
 * Region names are Nomad's, not DNS's: `us_west`, `EU` and `eu.west` run in the wild. 51
 * characters leave room for `server.` and `.nomad` in a common name of at most 64 (RFC 5280 §A.1
 * ub-common-name). A leading `-` would read as a flag, `.` and `..` as a directory.
 */
export const regionPattern = '^(?!\\.{1,2}$)[A-Za-z0-9_.][A-Za-z0-9._-]{0,50}$'

/** Names of nodes, operators and authorities: the same letters, up to 63 (one DNS label). */
export const namePattern = '^(?!\\.{1,2}$)[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$'

const region = new RegExp(regionPattern)
const name = new RegExp(namePattern)

/** Whether the text can be a region's name. */
export function isRegionName(text: string): boolean {
  return region.test(text)
}

/** Whether the text can be the name of a node, an operator or an authority. */
export function isName(text: string): boolean {
  return name.test(text)
}

/** The address of a generation of an authority. */
export function authorityAddress(name: string, generation: number): string {
  return `authority/${name}/${generation}`
}

/** The address of the trust bundle under an authority. */
export function bundleAddress(name: string): string {
  return `bundle/${name}`
}

/** The address of an identity. */
export function identityAddress(identity: IdentityName): string {
  return `identity/${identity.role}/${identity.region}/${identity.name}`
}

/** The address of an agent's configuration. */
export function configAddress(agent: { readonly region: string; readonly name: string }): string {
  return `config/${agent.region}/${agent.name}`
}

/**
 * Writes an address as one text, `identity/server/global/s1`. The same text, behind the store's folder, is its
 * place in the store.
 *
 * @param address Its parts.
 * @returns The text; {@link parseAddress} reads it.
 */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case 'authority':
      return authorityAddress(address.name, address.generation)
    case 'bundle':
      return bundleAddress(address.name)
    case 'identity': {
      const { generation } = address
      return `${identityAddress(address)}${generation === undefined ? '' : `/${generation}`}`
    }
    case 'config':
      return configAddress(address)
  }
}

/**
 * Reads a whole address. A shortened one (`s1`) is an error: only commands take those.
 *
 * @param text Such as `identity/server/global/s1` or `authority/agent/2`.
 * @returns Its parts.
 * @throws {NomadPkiError} `ERR_ADDRESS_INVALID`
 */
export function parseAddress(text: string): Address {
  const parts = text.split('/')
  const [kind, a = '', b = '', c = '', d = ''] = parts
  if (kind === 'authority' && parts.length === 3 && isName(a) && isGeneration(b)) {
    return { kind, name: a, generation: Number(b) }
  }
  if (kind === 'bundle' && parts.length === 2 && isName(a)) return { kind, name: a }
  if (kind === 'identity' && isRole(a) && isRegionName(b) && isName(c)) {
    if (parts.length === 4) return { kind, role: a, region: b, name: c }
    if (parts.length === 5 && isGeneration(d)) {
      return { kind, role: a, region: b, name: c, generation: Number(d) }
    }
  }
  if (kind === 'config' && parts.length === 3 && isRegionName(a) && isName(b)) {
    return { kind, region: a, name: b }
  }
  throw new NomadPkiError('ERR_ADDRESS_INVALID', `not an address: ${JSON.stringify(text)}`, {
    hint: 'addresses look like identity/server/global/s1, authority/agent/1, bundle/agent or config/global/s1',
  })
}

/**
 * Finds what a person meant by an address or the end of one: `s1`, `global/s1` and
 * `identity/server/global/s1` can all be the same thing.
 *
 * @param text What was typed.
 * @param candidates The addresses that the command works on.
 * @returns The one candidate that equals the text or ends in it at a `/`.
 * @throws {NomadPkiError} `ERR_ADDRESS_UNKNOWN`, `ERR_ADDRESS_AMBIGUOUS` (the hint lists them).
 */
export function resolveAddress(text: string, candidates: readonly string[]): string {
  if (candidates.includes(text)) return text
  const found = candidates.filter((candidate) => candidate.endsWith(`/${text}`))
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    const some = candidates.slice(0, 8).join(', ')
    throw new NomadPkiError('ERR_ADDRESS_UNKNOWN', `unknown address ${JSON.stringify(text)}`, {
      hint:
        candidates.length === 0
          ? 'no address exists yet for this command'
          : `there are: ${some}${candidates.length > 8 ? `, … (${candidates.length} in all)` : ''}`,
    })
  }
  throw new NomadPkiError(
    'ERR_ADDRESS_AMBIGUOUS',
    `${JSON.stringify(text)} could be ${found.length} things`,
    { hint: `say which: ${found.slice(0, 8).join(', ')}${found.length > 8 ? ', …' : ''}` },
  )
}

function isRole(text: string): text is Role {
  return (roles as readonly string[]).includes(text)
}

function isGeneration(text: string): boolean {
  return /^[1-9][0-9]{0,8}$/.test(text)
}

/** The kind of a text that is known to be an address. */
export function kindOf(address: string): AddressKind {
  return address.slice(0, address.indexOf('/')) as AddressKind
}

/** The role in an identity's address; `undefined` where the text names none. */
export function roleIn(identity: string): Role | undefined {
  const role = identity.split('/', 2)[1] ?? ''
  return isRole(role) ? role : undefined
}

/** Whether it is the address of an operator's identity: a person's, or a machine's. */
export function isOfOperator(address: string): boolean {
  return address.startsWith('identity/operator/') || address.startsWith('identity/machine/')
}

/** The name in an authority's address: `agent` of `authority/agent/2`. */
export function authorityNameOf(authority: string): string {
  return authority.slice('authority/'.length, authority.lastIndexOf('/'))
}

/** Whether it is the address of a generation of this authority; what agents trust can also be a name. */
export function isOfAuthority(address: string, name: string): boolean {
  return address.startsWith(`authority/${name}/`)
}

/**
 * Takes an identity's address apart.
 *
 * @throws {NomadPkiError} `ERR_INTERNAL` if it is another kind of address.
 */
export function parseIdentity(text: string): Extract<Address, { kind: 'identity' }> {
  const address = parseAddress(text)
  if (address.kind === 'identity') return address
  throw new NomadPkiError('ERR_INTERNAL', `not an identity: ${text}`)
}

/** The number at the end of an authority's address: 2 of `authority/agent/2`. */
export function generationOf(authority: string): number {
  return Number(authority.slice(authority.lastIndexOf('/') + 1))
}

/** Gives the address of an identity as commands take it: `client/us-west/c1`. */
export function shortOf(identity: string): string {
  return identity.slice('identity/'.length)
}
