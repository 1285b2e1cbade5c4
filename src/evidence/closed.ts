/**
 * When the gate of a compromised root has closed: no agent trusts it, and every agent was seen to refuse it.
 * Until then its probe leaf is kept, because nothing else can show that.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { isAgent } from '../nomad/roles.js'
import type { Inventory } from '../inventory/inventory.js'
import type { Desired } from '../cluster/desired.js'
import { evidenceIn } from './evidence.js'
import { judgeGate } from './gate.js'
import { generationsIn } from './generations.js'
import { judgeSeenAlone } from './judge.js'
import { authorityNames } from './recognise.js'

/**
 * The compromised roots whose gate is closed for the first time: the spec has left them, every agent that
 * ever had one is proven, and no agent holds the gate. An agent that a person excepted may have to be
 * asked yet. So may every agent where another root has the same name.
 *
 * @param options `now`: epoch milliseconds.
 * @returns Addresses, in the order in which they were marked.
 */
export function closedRoots(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number },
): readonly string[] {
  const evidence = evidenceIn(inventory.ledger, options)
  const open = evidence.compromised.filter(({ closed }) => closed === undefined)
  if (open.length === 0) return []
  const judgements = judgeSeenAlone(inventory, { ...options, evidence })
  const made = generationsIn(inventory)
  const names = authorityNames(inventory)
  const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
  return open.flatMap(({ address: root }) => {
    const name = authorityNameOf(root)
    const signing = desired.authorities.find((one) => one.name === name && one.signing)
    if (signing === undefined || signing.address === root) return []
    if (desired.bundles.some(({ trusted }) => trusted.includes(root))) return []
    const said = names.nameOf(root)
    if (said !== undefined && names.withName(said).length > 1) return []
    const isOpen = agents.some(
      ({ address }) =>
        made.get(address)?.some(({ trusted }) => trusted?.includes(root) ?? true) === true &&
        judgements.get(address)?.state !== 'proven',
    )
    if (isOpen) return []
    const verdict = judgeGate(
      { trusts: [signing.address], settled: true },
      { desired, inventory, evidence, now: options.now, authority: signing.address, judgements },
    )
    return verdict.open ? [root] : []
  })
}
