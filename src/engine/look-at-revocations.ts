/**
 * What is revoked in one of two places alone: in an engine, or in the ledger. Nothing is changed.
 *
 * @module
 */

import type { Desired } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import { issuerOfNoted, presentedBy } from '../evidence/presented.js'
import type { Inventory } from '../inventory/inventory.js'
import { knownCertificates } from '../inventory/known-certificates.js'
import { revocationsIn } from '../inventory/revoked.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { RevocationList } from '../x509/crl.js'
import { certificatePath } from './certificates.js'
import { unseen } from './look.js'
import { engineCommand, type EngineSession } from './session.js'
import type { EngineVerdict } from './verdict.js'

/** How many certificates are read, of those that the ledger does not have: a reading command ends soon. */
export const mostRead = 500
/** What is compared. */
export interface LookedAt {
  readonly desired: Pick<Desired, 'authorities' | 'formerInEngine' | 'identities'>
  readonly inventory: Pick<Inventory, 'authorities' | 'identities' | 'ledger'>
  /** Epoch milliseconds. */
  readonly now: number
}

/** An authority of the store whose key is in an engine. */
export interface Issuing {
  readonly address: string
  readonly mount: string
  /** `pki/nomad/issuer/us-west-1` */
  readonly issuer: string
  readonly certificate: Certificate
}

/** Revoked in one of the two places alone. */
export async function revocationsThere(
  session: EngineSession,
  issuing: readonly Issuing[],
  lists: ReadonlyMap<string, RevocationList>,
  { inventory, now }: LookedAt,
): Promise<readonly Finding[]> {
  const { ledger } = inventory
  const findings: Finding[] = []
  const { all } = revocationsIn(ledger)
  const here = new Set(all.map(({ issuer, serial }) => `${issuer} ${serial}`))
  // A node that renews itself was seen with its own: no line of the ledger made them.
  const presented = presentedBy(ledger).flatMap(({ address, leaf }) => {
    const issuer = issuerOfNoted(leaf, inventory)
    const { serial, notAfter } = leaf
    return issuer === undefined
      ? []
      : [{ address, serial, issuer, notAfter, fingerprint: fingerprintOf(leaf) }]
  })
  const known = new Map(
    [...presented, ...knownCertificates(ledger)].map((one) => [one.fingerprint, one]),
  )
  for (const { address, serial, issuer, fingerprint, notAfter = Infinity } of known.values()) {
    if (notAfter <= now || here.has(`${issuer} ${serial}`)) continue
    const by = issuing.find((one) => one.address === issuer)
    if (by === undefined || lists.get(issuer)?.revoked.has(serial) !== true) continue
    findings.push({
      severity: 'warning',
      address,
      reason: 'engine-differs',
      message: `${certificatePath(by.mount, serial)} is revoked in the engine, and the ledger does not say so`,
      remedy: `nomad-pki revoke SHA256:${fingerprint}`,
    })
  }
  const lacking = all.flatMap((one) => {
    const by = issuing.find(({ address }) => address === one.issuer)
    const list = lists.get(one.issuer)
    if (by === undefined || list === undefined || list.revoked.has(one.serial)) return []
    return (one.notAfter ?? Infinity) > now ? [{ ...one, mount: by.mount }] : []
  })
  for (const { address, serial, mount } of lacking.slice(0, mostRead)) {
    const place = certificatePath(mount, serial)
    const read = await session.call({ method: 'GET', path: place })
    if (read.is !== 'done' && !(read.is === 'refused' && read.status === 404)) {
      findings.push(unseen(address, session.origin, read.reason))
      continue
    }
    findings.push({ address, reason: 'engine-differs', ...ofState(read, mount, place) })
  }
  if (lacking.length > mostRead) {
    findings.push(
      unread(lacking[mostRead]!.issuer, lacking.length, 'revoked certificates', 'nomad-pki revoke'),
    )
  }
  return findings

  /** A certificate that is revoked here, and that the list of its issuer lacks. */
  function ofState(
    read: EngineVerdict,
    mount: string,
    place: string,
  ): Pick<Finding, 'severity' | 'message' | 'remedy'> {
    if (read.is !== 'done') {
      const message = `it is revoked here, and ${place} is not there: the list of the engine does not name it`
      return { severity: 'note', message }
    }
    return Number(read.data.revocation_time) > 0
      ? {
          severity: 'note',
          message: `${place} is revoked, and the list of the engine does not name it yet`,
          remedy: engineCommand(session, 'read', `${mount}/crl/rotate`),
        }
      : {
          severity: 'warning',
          message: `it is revoked here, and ${place} is not`,
          remedy: 'nomad-pki revoke',
        }
  }
}

/** That only some of many were read. */
export function unread(address: string, all: number, what: string, remedy: string): Finding {
  return {
    severity: 'warning',
    address,
    reason: 'engine-unseen',
    message: `${all} ${what} are unknown here or differ, and ${mostRead} of them were read: the others were not looked at`,
    remedy,
  }
}
