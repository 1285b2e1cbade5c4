/**
 * Roles that set-ups of former versions made and that nobody needs any more: `….node`, for keys that nodes hold. No
 * set-up narrows them, and a token with the policy of that time signs by them.
 *
 * @module
 */

import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import { roleNameIn } from '../cluster/vault.js'
import type { Finding } from '../diagnostics.js'
import { inParallel } from '../in-parallel.js'
import { nodeRights } from './node-role.js'
import { engineRoles } from './roles.js'
import { engineCommand, callsInFlight, type EngineSession } from './session.js'

/**
 * Names the roles of former versions that are in a mount.
 *
 * @param session It reads roles, and changes nothing.
 * @param authority One whose key is in an engine.
 * @param desired The whole cluster: a role that it needs is not named.
 * @returns A warning for each, with the command that removes it. Empty also where the token reads no roles.
 */
export async function lookAtFormerRoles(
  session: EngineSession,
  authority: DesiredAuthority,
  desired: Pick<Desired, 'authorities' | 'identities'>,
): Promise<readonly Finding[]> {
  const { engine, name, address } = authority
  if (engine === undefined) return []
  const { mount } = engine
  const former = new Set<string>()
  for (const { profile } of desired.identities) {
    const { role, region, issuer } = profile
    if (issuer.name !== name) continue
    for (const keys of ['ec', 'rsa'] as const) {
      former.add(`${roleNameIn(engine, role, region, keys)}.node`)
    }
  }
  const findings: Finding[] = []
  const reads = await inParallel([...former], callsInFlight, async (one) => {
    const path = `${mount}/roles/${one}`
    return { one, path, read: await session.call({ method: 'GET', path }) }
  })
  for (const { one, path, read } of reads) {
    if (read.is === 'refused' && read.status === 404) continue
    // A token that reads no role was told by those that look at the others.
    if (read.is !== 'done') break
    if (isNeeded(mount, one, desired)) continue
    findings.push({
      severity: 'warning',
      address,
      reason: 'engine-differs',
      message: `${path} is a role of a former version that nobody needs: a token with a policy for it can still sign by it`,
      remedy: engineCommand(session, 'delete', path),
    })
  }
  return findings
}

/** Whether another authority of the mount, or a node that renews itself, has a role of this name. */
function isNeeded(
  mount: string,
  name: string,
  { authorities, identities }: Pick<Desired, 'authorities' | 'identities'>,
): boolean {
  return authorities.some((authority) => {
    if (authority.engine?.mount !== mount) return false
    return (
      engineRoles(authority, { identities }).some((role) => role.name === name) ||
      identities.some(
        (node) =>
          node.profile.issuer.address === authority.address &&
          name.endsWith(`-${node.name}`) &&
          nodeRights(authority, node)?.role.name === name,
      )
    )
  })
}
