/**
 * Nodes that renew themselves, in the plan and in the schedule: no step makes anything for them, and what each has is
 * told by what was seen.
 *
 * @module
 */

import { shortOf } from '../address.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'
import { count } from '../count.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import { selfRenewedIn, type SelfRenewed, type SelfRenewedNodes } from '../evidence/self-renewed.js'
import { nodeFilesRemedy } from '../evidence/self-renewed-words.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import type { LifeState, ScheduleEntry } from './schedule.js'

/**
 * Gives the entries of the schedule for nodes that renew themselves.
 *
 * @param options `now`: epoch milliseconds; `endOf`: the earliest end of an authority and what is above it.
 * @returns By address.
 */
export function selfRenewedLives(
  desired: Desired,
  inventory: Inventory,
  { now, endOf }: { readonly now: number; readonly endOf: (issuer: string) => number },
): ReadonlyMap<string, ScheduleEntry> {
  const lives = new Map<string, ScheduleEntry>()
  for (const [address, self] of selfRenewedIn(desired, inventory, { now })) {
    const { leaf, made, issuer, dueAt } = self
    const own = leaf?.notAfter ?? made?.notAfter
    const above = issuer === undefined ? Infinity : endOf(issuer)
    const notAfter = own === undefined ? undefined : Math.min(own, above)
    const isOver = notAfter !== undefined && notAfter <= now
    lives.set(address, {
      ...{ address, kind: 'identity', orphan: false, onDemand: false, selfRenewed: self },
      state: isOver ? 'expired' : lifeStateOf(self),
      ...(notAfter !== undefined && { notAfter }),
      ...(own !== undefined && own > above && { endedBy: issuer }),
      ...(own !== undefined && { ownNotAfter: own }),
      ...(dueAt !== undefined && { dueAt }),
    })
  }
  return lives
}

/** How it stands in its life. */
function lifeStateOf({ state, reason }: SelfRenewed): LifeState {
  switch (state) {
    case 'proven':
      return 'good'
    case 'expired':
      return 'expired'
    case 'silent':
      return 'silent'
    case 'unobservable':
      return 'unproven'
    case 'unknown':
      return 'unseen'
    case 'foreign':
      return 'differs'
    case 'lagging':
      if (reason === 'renewal-overdue') return 'overdue'
      if (reason === 'not-seen') return 'unseen'
      return reason === 'revoked' || reason === 'not-yet-valid' ? reason : 'differs'
  }
}

/** How many nodes a line names. */
const mostNamed = 3

function named(addresses: readonly string[]): string {
  const shown = addresses.slice(0, mostNamed).map(shortOf)
  const more = addresses.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(' and ')
}

/**
 * Says what the plan leaves to nodes that renew themselves, and what it does that they have to be told.
 *
 * @param nodes Those that the plan is about.
 * @param changed Addresses of authorities and bundles that the plan changes.
 */
export function selfRenewedFindings(
  nodes: readonly DesiredIdentity[],
  inventory: Inventory,
  seen: SelfRenewedNodes,
  changed: ReadonlySet<string>,
): readonly Finding[] {
  const findings: Finding[] = []
  const classes = groupBy(nodes, ({ profile: { role, region } }) => `${role} ${region}`)
  for (const members of classes.values()) {
    const { address, profile } = members[0]!
    const isOne = members.length === 1
    const who = named(members.map((one) => one.address))
    findings.push({
      severity: 'note',
      address,
      reason: 'renewed-by-node',
      message: `no certificate is made for ${count(members.length, profile.role)} of ${profile.region} (${who}): the spec says renewedBy: node, so ${isOne ? 'it asks' : 'each asks'} ${profile.issuer.name} by itself`,
    })
    const files = [profile.bundle, profile.issuer.address].filter((one) => changed.has(one))
    if (files.length > 0) {
      findings.push({
        severity: 'warning',
        address,
        reason: 'renewed-by-node',
        message: `${files.join(' and ')} will change, and ${who} ${isOne ? 'needs its' : 'need their'} files anew: ca.pem, chain.pem and node.yaml`,
        remedy: `after apply, for ${isOne ? 'it' : 'each'}: ${nodeFilesRemedy(address)}`,
      })
    }
  }
  for (const { address } of nodes) {
    const leaf = inventory.identities.get(address)?.current?.chain[0]
    const self = seen.get(address)
    if (leaf === undefined || self === undefined || hasItsOwn(self)) continue
    findings.push({
      severity: 'warning',
      address,
      reason: 'not-seen',
      message: `its certificate of the store, valid until ${formatInstant(leaf.notAfter)}, is kept and not renewed: the node was not seen with its own yet`,
      remedy: nodeFilesRemedy(address),
    })
  }
  return findings
}

/** Whether a node was seen with a certificate that it got by itself. */
function hasItsOwn({ leaf }: SelfRenewed): boolean {
  return leaf !== undefined
}

/** Nodes that renew themselves and were seen with a certificate of their own: what the store still has for them is left over. */
export function leftByNodes(desired: Desired, seen: SelfRenewedNodes): ReadonlySet<string> {
  return new Set(
    desired.identities.filter(renewsItself).flatMap(({ address }) => {
      const self = seen.get(address)
      return self !== undefined && hasItsOwn(self) ? [address] : []
    }),
  )
}
