/**
 * The roles of nodes that renew themselves, read back from an engine and held against the spec: such a role is the
 * boundary of what its node can get.
 *
 * @module
 */

import { shortOf } from '../address.js'
import {
  renewsItself,
  type Desired,
  type DesiredAuthority,
  type DesiredIdentity,
} from '../cluster/desired.js'
import { shellQuote } from '../shell-quote.js'
import type { Finding } from '../diagnostics.js'
import { inParallel } from '../in-parallel.js'
import { saysMore, unseen } from './look.js'
import { nodeRights, sharedRights } from './node-role.js'
import { roleFaults } from './roles.js'
import { engineCommand, callsInFlight, type EngineSession } from './session.js'

/**
 * Compares the role of each node that renews itself.
 *
 * @param session It reads roles, and changes nothing.
 * @param desired The whole cluster.
 * @returns In the order of the spec; empty where every role is as the spec has it.
 */
export async function lookAtNodes(
  session: EngineSession,
  desired: Pick<Desired, 'authorities' | 'identities'>,
): Promise<readonly Finding[]> {
  const nodes = desired.identities.filter(renewsItself)
  const signers = new Map(desired.authorities.map((one) => [one.address, one]))
  const shared = sharedRights(desired)
  // One answer that no call would change ends the asking: a token that reads no role reads none of a thousand.
  let isRefused = false
  const found = await inParallel(nodes, callsInFlight, async (node) => {
    const authority = signers.get(node.profile.issuer.address)
    if (authority === undefined || isRefused) return undefined
    const finding = await lookAtNode(session, node, authority, shared(node.address))
    isRefused ||= finding?.reason === 'engine-unseen'
    return finding
  })
  return found.filter((one) => one !== undefined)
}

async function lookAtNode(
  session: EngineSession,
  node: DesiredIdentity,
  authority: DesiredAuthority,
  same: string | undefined,
): Promise<Finding | undefined> {
  const { address } = node
  const rights = nodeRights(authority, node)
  if (authority.engine === undefined || rights === undefined) return undefined
  const { role } = rights
  const path = `${authority.engine.mount}/roles/${role.name}`
  const error = (message: string, remedy: string): Finding => ({
    ...{ severity: 'error', address, reason: 'engine-differs', message, remedy },
  })
  if (same !== undefined) {
    return error(
      `its role or policy would have the name of ${same}: one login would get names of both`,
      'rename the node in the spec',
    )
  }
  const short = shortOf(address)
  const folder = shellQuote(node.name)
  const cure = `nomad-pki pack ${short} --renew --out-dir ${folder} && ${engineCommand(session, 'write', `${path} @${folder}/engine/role.json`)}`
  const read = await session.call({ method: 'GET', path })
  if (read.is === 'refused' && read.status === 404) {
    return error(`${session.origin} has no role ${path}, by which it renews itself`, cure)
  }
  if (read.is !== 'done') return unseen(address, session.origin, read.reason)
  const faults = roleFaults(role, read.data)
  return faults.length === 0
    ? saysMore(address, path, role, read.data)[0]
    : error(`${path} is not as the spec has it: ${faults.join('; ')}`, cure)
}
