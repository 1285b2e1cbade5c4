/**
 * Why a node that renews itself holds the gate of a rotation. No generation of the store says what it has: what it
 * presents counts, and for its trust, where a handshake does not show it, the receipt of its own renewal.
 *
 * @module
 */

import { roleIn } from '../address.js'
import { formatDuration, formatInstant } from '../duration.js'
import { runsServer } from '../nomad/roles.js'
import { evidenceLife } from './evidence.js'
import type { GateCondition, Hold } from './gate.js'
import {
  nodeFilesRemedy,
  portsDiffer,
  probeRemedy,
  receiptRemedy,
  rpcUnseen,
} from './self-renewed-words.js'
import type { SelfRenewed } from './self-renewed.js'
import type { TrustReader } from './trust.js'

/** What the hold is read from. */
export interface SelfRenewedFacts {
  readonly condition: GateCondition
  /** Epoch milliseconds. */
  readonly now: number
  readonly trust: TrustReader
  /** The root above an authority, and those with its key. */
  readonly rootsOf: (issuer: string) => readonly string[]
  /** Whether it has no port that could be asked: then its receipt is all that there is. */
  readonly mute: boolean
}

/**
 * Says why a node holds a gate.
 *
 * @returns `undefined` where it does not: it was seen with a certificate and with trust that the stage needs.
 */
export function holdOfSelfRenewed(self: SelfRenewed, facts: SelfRenewedFacts): Hold | undefined {
  const { condition, now, trust, rootsOf, mute } = facts
  const { address, state, message, at, basis, issuer, made, leaf } = self
  const probe = probeRemedy(address)
  const hold = (why: string, remedy: string): Hold => ({ address, message: why, remedy })
  if (at === undefined || basis === undefined || state === 'silent' || state === 'foreign') {
    return hold(message, self.remedy ?? probe)
  }
  if (basis === 'received' && !mute) return hold(message, probe)
  if (basis === 'seen' && now - at > evidenceLife) {
    return hold(
      `it was last asked ${formatDuration(now - at)} ago; evidence holds for ${formatDuration(evidenceLife)}`,
      probe,
    )
  }
  const unseen = basis === 'seen' ? portFault(self) : undefined
  if (unseen !== undefined) return hold(unseen.message, unseen.remedy ?? probe)
  const notAfter = leaf?.notAfter ?? made?.notAfter ?? -Infinity
  if (notAfter <= now) {
    return hold(`what it presents ended at ${formatInstant(notAfter)}`, self.remedy ?? probe)
  }
  const signer = issuer ?? made?.issuer
  const { leafUnder, trusts = [], settled } = condition
  if (leafUnder !== undefined && (signer === undefined || !rootsOf(signer).includes(leafUnder))) {
    return hold(
      `it renews itself, and its certificate is of ${signer ?? 'another authority'}, which is not below ${leafUnder}`,
      nodeFilesRemedy(address),
    )
  }
  for (const root of trusts) {
    const fault = trustFault(root, self, trust)
    if (fault !== undefined) return hold(fault.message, fault.remedy)
  }
  // Other names, or a renewal that is overdue, are no matter of a root.
  const isOther =
    state === 'lagging' &&
    !['trust-changed', 'issuer-changed', 'not-seen'].includes(self.reason ?? '')
  return settled !== true || state === 'proven' || isOther
    ? undefined
    : hold(message, self.remedy ?? probe)
}

/** Why what one port presents does not say what the whole agent has. */
function portFault({
  address,
  ports: { seen, silent },
  remedy,
}: SelfRenewed): { readonly message: string; readonly remedy: string | undefined } | undefined {
  const [first] = silent
  if (first !== undefined) return { message: first.message, remedy: first.remedy }
  const leaves = new Set(seen.map(({ fingerprint }) => fingerprint)).size
  if (leaves > 1) {
    return {
      message: portsDiffer(leaves),
      remedy: remedy ?? `reload it, then: ${probeRemedy(address)}`,
    }
  }
  if (!runsServer(roleIn(address)) || seen.some(({ rpc }) => rpc)) return undefined
  return rpcUnseen(address)
}

/** Why it is not proven that a node trusts a root. */
function trustFault(
  root: string,
  { address, ports, received }: SelfRenewed,
  trust: TrustReader,
): Pick<Hold, 'message' | 'remedy'> | undefined {
  const said = ports.seen.map(
    (port) => [port, port.trusts === null ? undefined : trust.trusts(port, root)] as const,
  )
  const refusing = said.find(([, trusts]) => trusts === false)
  if (refusing !== undefined) {
    return {
      message: `it renews itself, and ${refusing[0].endpoint} does not trust ${root}`,
      remedy: nodeFilesRemedy(address),
    }
  }
  if (said.some(([, trusts]) => trusts === true)) return undefined
  if (received?.some((one) => trust.twins(root).includes(one)) === true) return undefined
  return {
    message:
      received === undefined
        ? `it renews itself, and whether it trusts ${root} is not proven: it asks for no certificate, and no receipt of what it presents was taken`
        : `it renews itself, and its ca.pem does not have ${root}, by its receipt`,
    remedy: received === undefined ? receiptRemedy : nodeFilesRemedy(address),
  }
}
