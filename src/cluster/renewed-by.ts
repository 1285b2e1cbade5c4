/**
 * Whether the nodes of a group can renew themselves: an engine must sign for them, and each must have files of its own.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import type { AuthorityDraft } from './authorities.js'
import type { Resolving } from './raw.js'

/** What is asked about. */
export interface RenewedGroup {
  readonly role: AgentRole
  /** Whether hosts share one identity. */
  readonly shared: boolean
  /** The offset of `renewedBy`. */
  readonly at: number
}

/**
 * Complains where nodes cannot renew themselves.
 *
 * @param frame Their region, and the authority that signs for it.
 */
export function checkRenewed(
  { raw, sources, report }: Resolving,
  frame: { readonly name: string; readonly authority: AuthorityDraft | undefined },
  { role, shared, at }: RenewedGroup,
): void {
  const { name: region, authority } = frame
  if (authority !== undefined && authority.signers[authority.signing] !== 'engine') {
    const { name, issuer, signing } = authority
    report.error(
      'spec/renewed-by',
      at,
      `renewedBy: node: a ${role} of ${region} would ask an engine, and the key of ${name} ${signing}, which signs for it, is not in one`,
      issuer === undefined
        ? {
            expected: `an intermediate in Vault or OpenBao that signs for ${region}`,
            hint: `authorities: { ${region}: { issuer: ${name}, engine: { mount: pki/${raw.cluster ?? 'nomad'} } } }, and authority: ${region} in the region`,
          }
        : {
            expected: `engine: { mount: pki/${raw.cluster ?? 'nomad'} } in the authority ${name}`,
            hint: 'or renewedBy: store',
          },
    )
  }
  if (raw.node?.tls === 'store') {
    report.error(
      'spec/renewed-by',
      sources.at(raw.node, 'tls'),
      'renewedBy: node: the agents read the store itself, and a node that renews itself has files of its own',
      { expected: 'node: { tls: /etc/nomad-tls }, or renewedBy: store' },
    )
  }
  if (shared) {
    report.error(
      'spec/renewed-by',
      at,
      'renewedBy: node: hosts that share a certificate cannot each renew it',
      { expected: 'the nodes one by one, or as a range; or shared: { renewedBy: store }' },
    )
  }
}
