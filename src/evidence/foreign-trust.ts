/**
 * Agents with a certificate that this program did not make: the old tool made it, and its key never came
 * here. A stage that needs trust alone does not need to know the certificate: whom an agent trusts, its
 * handshake says.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { Inventory } from '../inventory/inventory.js'
import { runsServer } from '../nomad/roles.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import { evidenceLife, type Evidence } from './evidence.js'
import type { GateCondition } from './gate.js'
import { portsIn, type Ports } from './ports.js'
import { trustReader, type TrustReader } from './trust.js'

/** What is known of such agents; read when the first of them is met. */
export type ForeignReader = () => {
  /** As the newest probe saw them, by the agent's address. */
  readonly ports: ReadonlyMap<string, Ports>
  readonly trust: TrustReader
  /** Epoch milliseconds. */
  readonly now: number
}

/** Makes a reader of what was seen. */
export function foreignReader(
  inventory: Inventory,
  evidence: Evidence,
  now: number,
): ForeignReader {
  let read: ReturnType<ForeignReader> | undefined
  return () =>
    (read ??= {
      ports: portsIn(evidence, { now }),
      trust: trustReader(inventory, evidence, { now }),
      now,
    })
}

/** Authorities that cannot sign, because their keys are nowhere: not in the store, and not elsewhere. */
export function keylessIn(desired: Desired, { authorities }: Inventory): ReadonlySet<string> {
  const keyless = desired.authorities.filter(({ address, signer }) => {
    const found = authorities.get(address)
    return signer === 'file' && found?.certificate !== undefined && found.key.state === 'absent'
  })
  return new Set(keyless.map(({ address }) => address))
}

/**
 * Whether an agent with a certificate that the ledger does not have trusts what a stage needs.
 *
 * @param condition What every agent must have.
 * @returns Why not; `null` where it does; `undefined` where the stage needs more than trust.
 */
export function foreignFault(
  identity: DesiredIdentity,
  { trusts = [], leafUnder, settled }: GateCondition,
  foreign: ForeignReader,
): string | null | undefined {
  if (trusts.length === 0 || leafUnder !== undefined || settled === true) return undefined
  return trustFault(identity, trusts, foreign()) ?? null
}

/** One sentence, lower case, no full stop; `undefined` where each port that says whom it trusts trusts them. */
function trustFault(
  { profile, address }: DesiredIdentity,
  wanted: readonly string[],
  { ports, trust, now }: ReturnType<ForeignReader>,
): string | undefined {
  const { seen = [], silent = [] } = ports.get(address) ?? {}
  if (seen.length + silent.length === 0) return 'it was never seen'
  if (silent.length > 0) return silent[0]!.message
  const oldest = Math.min(...seen.map(({ at }) => at))
  if (now - oldest > evidenceLife) {
    return `it was last asked ${formatDuration(now - oldest)} ago; evidence holds for ${formatDuration(evidenceLife)}`
  }
  const other = seen.find(({ fingerprint }) => (trust.leafOf(fingerprint) ?? address) !== address)
  if (other !== undefined) {
    return `${other.endpoint} presents the leaf of ${trust.leafOf(other.fingerprint)!}`
  }
  if (seen.every(({ fingerprint }) => trust.leafOf(fingerprint) === address)) {
    return 'it presents a certificate of the ledger'
  }
  // Another copy of this store made it: that is another fault, with another cure.
  const copied = seen.find(({ under }) => under !== undefined)
  if (copied !== undefined)
    return `${copied.endpoint} presents a leaf of another copy of this store`
  if (runsServer(profile.role) && !seen.some(({ rpc }) => rpc)) {
    return 'its RPC port was not seen, and may trust something else than its HTTP port'
  }
  // The names that it says, and the certificates that it accepted or refused.
  const telling = seen.filter((one) => one.trusts !== null)
  if (telling.length === 0) return 'it asks for no certificate: whom it trusts cannot be seen'
  for (const port of telling) {
    const missing = wanted.find((root) => trust.trusts(port, root) !== true)
    if (missing === undefined) continue
    return trust.trusts(port, missing) === undefined
      ? `it cannot be told whether ${port.endpoint} trusts ${missing}: another authority has the same name`
      : `${port.endpoint} does not trust ${missing}`
  }
  return undefined
}
