/**
 * What all nodes have in common: where their files lie, whose they are, and the `tls` stanza.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import type { SuiteKey } from '../agent/cipher-suites.js'
import type { Resolving } from './raw.js'
import { checkReceipts } from './receipts.js'
import type { NodeSpec } from './spec.js'
import { checkStanza, mergeStanza } from './stanza.js'

/** Where nodes have their files: as `init` writes it into a spec, and where a spec says nothing. */
export const nodePlaces = { written: '/etc/nomad-tls', unsaid: '/etc/nomad.d/tls' } as const

/**
 * Resolves `node`.
 *
 * @param resolving The spec as read.
 * @param keysOf The kinds of keys that agents of a role have; of all agents without one.
 */
export function resolveNode(
  resolving: Resolving,
  keysOf: (role?: AgentRole) => ReadonlySet<SuiteKey | undefined>,
): NodeSpec {
  const {
    tls = nodePlaces.unsaid,
    owner,
    ssh,
    unit = 'nomad.service',
    receipts,
    receiptsCaFile,
    stanza,
  } = resolving.raw.node ?? {}
  if (resolving.raw.node !== undefined) {
    const at = resolving.sources.keyAt(resolving.raw.node, 'receiptsCaFile')
    checkReceipts(resolving.raw.node, resolving.report, at)
  }
  checkStanza(resolving, stanza, keysOf())
  for (const role of ['server', 'client', 'combined'] as const) {
    checkStanza(resolving, stanza?.[role], keysOf(role))
  }
  return {
    tls: tls === 'store' ? undefined : tls.length > 1 ? tls.replace(/\/+$/, '') : tls,
    owner: {
      server: owner?.server ?? 'nomad',
      client: owner?.client ?? 'root',
      combined: owner?.combined ?? 'root',
    },
    ssh: { user: ssh?.user, port: ssh?.port, sudo: ssh?.sudo ?? false },
    unit,
    receipts,
    receiptsCaFile,
    stanza: mergeStanza(stanza),
  }
}
