/**
 * The role of one node that renews itself, and the policy that lets it use that role alone. Each name and address of
 * the node stands in the role: a stolen login gets a certificate of this node, and of no other.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { Desired, DesiredAuthority, DesiredIdentity } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { groupBy } from '../grouping.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { signPath } from './look.js'
import { signRule, type EnginePolicy } from './policies.js'
import { engineRoles, type EngineRole } from './roles.js'
import { loopbackNetworks } from '../x509/ip-address.js'

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
  const asked = { ...identity, profile: { ...identity.profile, renewedBy: undefined } }
  const [shared] = engineRoles(authority, { identities: [asked] })
  if (engine === undefined || shared === undefined) return undefined
  const { name, names, ips, profile } = identity
  const role: EngineRole = {
    ...shared,
    name: `${shared.name}-${name}`,
    fields: {
      ...shared.fields,
      // A token that may sign by the role, but not by the path of an issuer, gets nothing of another issuer.
      issuer_ref: issuerNameIn(engine, generation),
      allowed_domains: [...profileOf(profile.role).roleNames(profile.region), ...names],
      allow_glob_domains: false,
      allowed_ip_sans_cidr: [
        ...loopbackNetworks,
        ...ips.map((ip) => `${ip}/${isIP(ip) === 4 ? 32 : 128}`),
      ],
    },
  }
  const path = signPath(engine.mount, issuerNameIn(engine, generation), role.name)
  return {
    role,
    policy: {
      name: `nomad-renew-${profile.region}-${name}`,
      text: signRule(path),
    },
  }
}

/**
 * Finds what else has the name of a node's role or policy: `west` of the region us, and all clients of us-west. The one
 * that is written last would be for both.
 *
 * @param desired The whole cluster, which is read once.
 * @returns For the address of a node a clause, such as `the role of all clients of us-west`; `undefined`: nothing.
 */
export function sharedRights({
  authorities,
  identities,
}: Pick<Desired, 'authorities' | 'identities'>): (address: string) => string | undefined {
  const signers = new Map(authorities.map((one) => [one.address, one]))
  const all = identities.flatMap(({ address, profile, ...rest }, at) => {
    const signer = signers.get(profile.issuer.address)
    const rights =
      signer && isAgent(profile.role)
        ? nodeRights(signer, { address, profile, ...rest })
        : undefined
    if (rights === undefined) return []
    const role = `${signer!.engine!.mount} ${rights.role.name}`
    // An engine writes the name of a policy in lower case.
    return [{ at, address, role, policy: rights.policy.name.toLowerCase() }]
  })
  const rolesOfAll = groupBy(
    authorities.flatMap((authority) =>
      authority.engine === undefined
        ? []
        : engineRoles(authority, { identities }).map((role) => ({
            role,
            key: `${authority.engine!.mount} ${role.name}`,
          })),
    ),
    ({ key }) => key,
  )
  const own = new Map(all.map((one) => [one.address, one]))
  const byRole = groupBy(all, ({ role }) => role)
  const byPolicy = groupBy(all, ({ policy }) => policy)
  return (address) => {
    const node = own.get(address)
    if (node === undefined) return undefined
    const [shared] = rolesOfAll.get(node.role) ?? []
    if (shared !== undefined) {
      return `the role of all ${shared.role.role}s of ${shared.role.region}`
    }
    const role = byRole.get(node.role)?.find((one) => one !== node)
    const policy = byPolicy.get(node.policy)?.find((one) => one !== node)
    if (role !== undefined && role.at <= (policy?.at ?? Infinity))
      return `the role of ${role.address}`
    return policy && `the policy of ${policy.address}`
  }
}
