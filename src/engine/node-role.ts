/**
 * The role of one node that renews itself, and the policy that lets it use that role alone. Each name and address of
 * the node stands in the role: a stolen login gets a certificate of this node, and of no other.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { Desired, DesiredAuthority, DesiredIdentity } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { signPath } from './look.js'
import type { EnginePolicy } from './policies.js'
import { engineRoles, type EngineRole } from './roles.js'

/** What a node needs in the engine. */
export interface NodeRights {
  readonly role: EngineRole
  readonly policy: EnginePolicy
}

/**
 * Gives the role and the policy of one node.
 *
 * @param authority The one that signs for it; its key is in an engine.
 * @param identity The node.
 * @returns `undefined` where the authority is not in an engine.
 */
export function nodeRights(
  authority: DesiredAuthority,
  identity: DesiredIdentity,
): NodeRights | undefined {
  const { engine, generation } = authority
  // The request is made by the key that is certified, so the names can be those of the request.
  const asked = {
    profile: { ...identity.profile, keyHeld: 'store' as const, renewedBy: undefined },
  }
  const shared = engineRoles(authority, { identities: [asked] }).find(
    ({ namesFrom }) => namesFrom === 'request',
  )
  if (engine === undefined || shared === undefined) return undefined
  const { name, names, ips, profile } = identity
  const role: EngineRole = {
    ...shared,
    name: `${shared.name}-${name}`,
    fields: {
      ...shared.fields,
      allowed_domains: [...profileOf(profile.role).roleNames(profile.region), ...names],
      allow_glob_domains: false,
      allowed_ip_sans_cidr: [
        '127.0.0.0/8',
        '::1/128',
        ...ips.map((ip) => `${ip}/${isIP(ip) === 4 ? 32 : 128}`),
      ],
    },
  }
  const path = signPath(engine.mount, issuerNameIn(engine, generation), role.name)
  return {
    role,
    policy: {
      name: `nomad-renew-${profile.region}-${name}`,
      text: `path "${path}" {\n  capabilities = ["update"]\n  allowed_parameters = { "csr" = [], "ttl" = [] }\n}\n`,
    },
  }
}

/**
 * Finds what else has the name of a node's role or policy: `west` of the region us, and all clients of us-west. The one
 * that is written last would be for both.
 *
 * @param address Of the node.
 * @param desired The whole cluster.
 * @returns A clause, such as `the role of all clients of us-west`; `undefined`: nothing.
 */
export function sameRights(
  address: string,
  { authorities, identities }: Pick<Desired, 'authorities' | 'identities'>,
): string | undefined {
  const signers = new Map(authorities.map((one) => [one.address, one]))
  const rightsOf = (identity: DesiredIdentity): NodeRights | undefined => {
    const signer = signers.get(identity.profile.issuer.address)
    return signer && isAgent(identity.profile.role) ? nodeRights(signer, identity) : undefined
  }
  const mountOf = (identity: DesiredIdentity): string | undefined =>
    signers.get(identity.profile.issuer.address)?.engine?.mount
  const node = identities.find((one) => one.address === address)
  const rights = node && rightsOf(node)
  if (rights === undefined) return undefined
  for (const authority of authorities) {
    if (authority.engine?.mount !== mountOf(node!)) continue
    const shared = engineRoles(authority, { identities }).find(
      ({ name }) => name === rights.role.name,
    )
    if (shared !== undefined) return `the role of all ${shared.role}s of ${shared.region}`
  }
  // An engine writes the name of a policy in lower case.
  const policy = rights.policy.name.toLowerCase()
  for (const other of identities) {
    const theirs = other.address === address ? undefined : rightsOf(other)
    if (theirs === undefined) continue
    if (theirs.role.name === rights.role.name && mountOf(other) === mountOf(node!))
      return `the role of ${other.address}`
    if (theirs.policy.name.toLowerCase() === policy) return `the policy of ${other.address}`
  }
  return undefined
}
