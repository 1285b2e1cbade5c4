/**
 * What the next stage of a rotation waits for; at rest: what the last one has not reached.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import { evidenceIn } from '../evidence/evidence.js'
import { judgeGate, type GateVerdict } from '../evidence/gate.js'
import type { Inventory } from '../inventory/inventory.js'
import { unfinished } from '../plan/trust-gate.js'
import type { Desired } from '../cluster/desired.js'
import type { Rotation } from './stages.js'

/**
 * Judges the gate of a rotation.
 *
 * @param options `now`: epoch milliseconds.
 * @returns `undefined` where nothing is waited for.
 */
export function gateOf(
  { name, to, next }: Rotation,
  desired: Desired,
  inventory: Inventory,
  { now }: { readonly now: number },
): GateVerdict | undefined {
  // The stage before must have reached everybody, before another rotation begins or its end is written.
  if (next.gate === undefined) return unfinished(name, desired, inventory, { now })
  return judgeGate(next.gate, {
    ...{ desired, inventory, now },
    evidence: evidenceIn(inventory.ledger, { now }),
    authority: authorityAddress(name, to),
  })
}
