/**
 * The role of one node that renews itself, and the policy that lets it use that role alone. Each name and address of
 * the node stands in the role: a stolen login gets a certificate of this node, and of no other.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { DesiredAuthority, DesiredIdentity } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { profileOf } from '../nomad/roles.js'
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
  const asked = { profile: { ...identity.profile, keyHeld: 'store' as const } }
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
