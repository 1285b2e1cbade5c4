/**
 * The gate before a stage of turning TLS on. While all speak plaintext no handshake shows anything, so the
 * receipts of the installers say who has files; later each agent has to be seen with its certificate.
 *
 * @module
 */

import type { Desired } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent } from '../nomad/roles.js'
import { evidenceIn } from './evidence.js'
import { generationsIn } from './generations.js'
import { judgeGate, type GateVerdict, type Hold } from './gate.js'
import { judgeSeenAlone } from './judge.js'
import { placedIn } from './placed.js'
import { selfRenewedIn } from './self-renewed.js'

/**
 * Decides whether every agent has what the stage after `transport` needs: its files after `plaintext`, a
 * handshake with its own certificate after `upgrading` and `tls`.
 *
 * @param options `now`: epoch milliseconds.
 */
export function transportGate(
  desired: Desired,
  inventory: Inventory,
  { now }: { readonly now: number },
): GateVerdict {
  const evidence = evidenceIn(inventory.ledger, { now })
  const judgements = judgeSeenAlone(inventory, { now, evidence })
  const verdicts = desired.bundles.map(({ trusted }) =>
    judgeGate(
      { trusts: trusted },
      {
        ...{ desired, inventory, evidence, now, judgements },
        authority: trusted.at(-1)!,
      },
    ),
  )
  const excepted = verdicts.flatMap((one) => one.excepted)
  const left = new Set(excepted.map(({ address }) => address))
  const plaintext = desired.transport === 'plaintext'
  // Agents that read the store have their files when these are made.
  const made = desired.tls === undefined ? new Set(generationsIn(inventory).keys()) : undefined
  const placed = plaintext ? (made ?? placedIn(inventory)) : none
  const self = [...selfRenewedIn(desired, inventory, { now, evidence }).values()]
  const inPlace = self.filter(({ basis, state }) => basis === 'received' && state === 'proven')
  const own = new Set(plaintext ? inPlace.map(({ address }) => address) : [])
  const shared = sharedHolds(desired, (address) => judgements.get(address)?.state === 'proven')
  const holds = [
    ...verdicts
      .flatMap((one) => one.holds)
      .filter(({ address }) => !placed.has(address) && !own.has(address))
      .map((hold) => (plaintext ? inPlaintext(hold) : byRestart(hold))),
    ...shared.filter(({ address }) => !left.has(address)),
  ]
  const agents = verdicts.reduce((sum, one) => sum + one.agents, 0)
  const held = new Set(holds.flatMap(({ address }) => (isMember(address) ? [] : [address])))
  return {
    open: holds.length === 0,
    ...{ holds, excepted, agents },
    proven: agents - held.size - [...left].filter((address) => !isMember(address)).length,
    notes: verdicts.flatMap((one) => one.notes),
  }
}

const none: ReadonlySet<string> = new Set()

function isMember(address: string): boolean {
  return address.startsWith('member/')
}

/** A reload does not turn TLS on. */
function byRestart(hold: Hold): Hold {
  if (isMember(hold.address) || !hold.remedy.includes('reload')) return hold
  const { address } = hold
  const remedy = `restart it with its files and its configuration (nomad-pki rollout), then: nomad-pki probe ${address}`
  return { ...hold, remedy }
}

/** Before there is TLS a receipt is all that can show it. */
function inPlaintext(hold: Hold): Hold {
  if (isMember(hold.address)) return hold
  return {
    address: hold.address,
    message: 'its files are not in place, as far as receipts say',
    remedy: `nomad-pki rollout; then, with the receipt.json that its installer wrote: nomad-pki rotate tls --evidence receipt.json`,
  }
}

/** Of hosts that share a certificate each has to be seen: one that still speaks plaintext would be cut off. */
function sharedHolds(
  { identities }: Desired,
  isProven: (address: string) => boolean,
): readonly Hold[] {
  return identities.flatMap(({ address, profile }) =>
    profile.shared && isAgent(profile.role) && !isProven(address)
      ? [
          {
            address,
            message: 'many hosts share it, and not each of them was seen with it',
            remedy: `nomad-pki probe; or, when every host has it: --except ${address} --reason "…"`,
          },
        ]
      : [],
  )
}
