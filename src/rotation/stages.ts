/**
 * The rotation of an authority as successive edits of the spec: where it stands is read from the
 * spec, and the next stage is the next edit. Nothing else remembers anything.
 *
 * ```text
 * crossed   signing 1, trusted [1] → signing 2, trusted [1, 2], crossed ─gate→ trusted [2] → without crossed
 * staged    signing 1, trusted [1] → trusted [1, 2] ─gate→ signing 2 ─gate→ trusted [2]
 * ```
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import { crossDemand, crossObstacle } from '../checks/cross.js'
import type { GateCondition } from '../evidence/gate.js'
import type { Inventory } from '../inventory/inventory.js'
import { desire } from '../cluster/desire.js'
import type { AuthorityEdit } from '../cluster/edit-authority.js'
import type { AuthoritySpec, ClusterSpec } from '../cluster/spec.js'

/** How a root is replaced. An intermediate is replaced by one edit, without a gate. */
export type Way = 'crossed' | 'staged'

/** Where an authority stands. */
export type RotationPosition =
  /** One generation signs and is trusted. */
  | 'settled'
  /** Leaves of the new root with a cross-certificate, trust in both. */
  | 'crossed'
  /** The old root has left; leaves still carry the cross-certificate. */
  | 'carrying'
  /** Both are trusted, the old one signs. */
  | 'trusting'
  /** Both are trusted, the new one signs, without a cross-certificate. */
  | 'signing'

/** The next edit. */
export interface NextStage {
  /** What it does, one sentence. */
  readonly title: string
  /** What to change in the spec. */
  readonly edits: readonly AuthorityEdit[]
  /** What must be seen before; absent where nothing has to be. */
  readonly gate?: GateCondition | undefined
  /** Whether agents have to be reloaded after it, once. */
  readonly reloads: boolean
  /** Whether that waits for each agent's next renewal. */
  readonly rides: boolean
}

/** Where a rotation stands, and its next edit. */
export interface Rotation {
  /** The authority. */
  readonly name: string
  /** Where it stands. */
  readonly position: RotationPosition
  /** `2 of 2`: which of the stages that reload agents this is; `undefined` where it is settled. */
  readonly stage?: string | undefined
  /** The way it goes, or would go. */
  readonly way: Way | 'intermediate'
  /** Why that way, one sentence. */
  readonly why: string
  /** The older generation that is on its way out. */
  readonly from: number
  /** The generation that is coming. */
  readonly to: number
  /** What comes next. */
  readonly next: NextStage
}

/** What was asked for. */
export interface RotationOptions {
  /** Epoch milliseconds. */
  readonly now: number
  /** The way to go from a settled state; default: crossed, where that can be. */
  readonly way?: Way | undefined
  /** The old key may be in other hands: it must not sign anything any more. */
  readonly compromised?: boolean | undefined
  /** Whether renewals shall carry it as they fall due. Default: what the spec says of a rotation under way. */
  readonly rideAlong?: boolean | undefined
}

/**
 * Says where an authority's rotation stands and which edit of the spec comes next.
 *
 * @param spec The cluster.
 * @param inventory The store: it decides whether the old root can sign.
 * @param name The authority.
 * @param options The time, and which way is wanted.
 * @returns `undefined` for a name that the spec does not have.
 * @see docs/rotation.md
 * @example
 *
 * ```ts
 * import { memoryConfigs, memoryStore, parseSpec, readInventory, rotationOf } from 'nomad-pki'
 *
 * const { spec } = parseSpec('version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n')
 * if (spec === undefined) throw new Error('the spec has errors')
 * const inventory = await readInventory({ store: memoryStore(), configs: memoryConfigs() })
 * const rotation = rotationOf(spec, inventory, 'agent', { now: Date.now() })
 * console.log(rotation?.position, rotation?.next.title)
 * ```
 */
export function rotationOf(
  spec: ClusterSpec,
  inventory: Inventory,
  name: string,
  options: RotationOptions,
): Rotation | undefined {
  const authority = spec.authorities.find((one) => one.name === name)
  if (authority === undefined) return undefined
  const rotation = inOneGo(authority, spec, inventory, options)
  const above = spec.authorities.find((one) => one.name === authority.issuer)
  // Of the rotation before, only its end is in the spec: the next one begins anew.
  const begins = rotation.position === 'settled'
  const rides =
    options.rideAlong ??
    (begins ? above?.rollout === 'ride-along' : authority.rollout === 'ride-along')
  const changes = rides !== (authority.rollout === 'ride-along')
  if (!changes) return { ...rotation, next: { ...rotation.next, rides } }
  const rollout: AuthorityEdit['rollout'] = rides ? 'ride-along' : false
  const edits = rotation.next.edits.map((edit) =>
    edit.name === name ? { ...edit, rollout } : edit,
  )
  return { ...rotation, next: { ...rotation.next, edits, rides } }
}

type Stage = Omit<NextStage, 'rides'>
type Plain = Omit<Rotation, 'next'> & { readonly next: Stage }

/** The same, whenever it reaches the agents. */
function inOneGo(
  authority: AuthoritySpec,
  spec: ClusterSpec,
  inventory: Inventory,
  options: RotationOptions,
): Plain {
  const { name } = authority
  if (authority.issuer !== undefined) return ofIntermediate(authority)
  const others = authority.trusted.filter((generation) => generation !== authority.signing)
  const below = spec.authorities.filter(({ issuer }) => issuer === name)
  if (others.length === 0) {
    return authority.crossed ? carrying(authority) : settled(authority, spec, inventory, options)
  }
  const { signing } = authority
  const from = Math.max(...others)
  if (from > signing) return trusting(authority, from, below)
  return authority.crossed ? crossed(authority, from) : signingStage(authority, from)
}

function ofIntermediate({ name, signing }: AuthoritySpec): Plain {
  const to = signing + 1
  return {
    name,
    position: 'settled',
    way: 'intermediate',
    why: 'agents trust its root, and take its next generation as it comes',
    from: signing,
    to,
    next: {
      title: `generation ${to} signs: every leaf of it is renewed`,
      edits: [{ name, signing: to }],
      reloads: true,
    },
  }
}

function settled(
  authority: AuthoritySpec,
  spec: ClusterSpec,
  inventory: Inventory,
  options: RotationOptions,
): Plain {
  const below = spec.authorities.filter(({ issuer }) => issuer === authority.name)
  const { name, signing: from } = authority
  // Numbers only rise: one that was made and never used is not taken up again for another purpose.
  const to = from + 1
  const { way, why } = chooseWay(authority, spec, inventory, options)
  const next: Stage =
    way === 'crossed'
      ? {
          title: `generation ${to} signs and is trusted beside ${from}; leaves carry the cross-certificate`,
          edits: [{ name, signing: to, trusted: [from, to], crossed: true }, ...below.map(raised)],
          reloads: true,
        }
      : {
          title: `generation ${to} is trusted beside ${from}, which goes on signing`,
          edits: [{ name, signing: from, trusted: [from, to] }],
          reloads: true,
        }
  return { name, position: 'settled', way, why, from, to, next }
}

/** Whether the old root can and may certify the new one, and why not. */
function chooseWay(
  authority: AuthoritySpec,
  spec: ClusterSpec,
  inventory: Inventory,
  { way, compromised, now }: RotationOptions,
): { readonly way: Way; readonly why: string } {
  const address = authorityAddress(authority.name, authority.signing)
  const obstacle =
    compromised === true
      ? 'the old key may be in other hands, and must not certify anything'
      : crossObstacle(address, crossDemand(authority.name, desire(spec)), inventory, now)
  if (obstacle !== undefined) return { way: 'staged', why: obstacle }
  if (way === 'staged') return { way, why: 'it was asked for' }
  return {
    way: 'crossed',
    why: 'the old root can certify the new one: two reloads an agent instead of three, and one gate',
  }
}

function trusting(
  { name, signing: from }: AuthoritySpec,
  to: number,
  below: readonly AuthoritySpec[],
): Plain {
  return {
    name,
    position: 'trusting',
    stage: '1 of 3',
    way: 'staged',
    why: 'both are trusted, and the old one signs',
    from,
    to,
    next: {
      title: `generation ${to} signs: every leaf is renewed`,
      edits: [{ name, signing: to }, ...below.map(raised)],
      gate: { trusts: [authorityAddress(name, to)] },
      reloads: true,
    },
  }
}

function signingStage({ name, signing: to }: AuthoritySpec, from: number): Plain {
  return {
    name,
    position: 'signing',
    stage: '2 of 3',
    way: 'staged',
    why: 'the new one signs, without a cross-certificate',
    from,
    to,
    next: dropping(name, to),
  }
}

function crossed({ name, signing: to }: AuthoritySpec, from: number): Plain {
  return {
    name,
    position: 'crossed',
    stage: '1 of 2',
    way: 'crossed',
    why: 'the new one signs, and the old one has certified it',
    from,
    to,
    next: dropping(name, to),
  }
}

/** Nobody may drop the old root before everybody carries the new leaf. */
function dropping(name: string, to: number): Stage {
  const root = authorityAddress(name, to)
  return {
    title: `the older generations are no longer trusted; keys and leaves stay`,
    edits: [{ name, trusted: [to] }],
    gate: { trusts: [root], leafUnder: root },
    reloads: true,
  }
}

function carrying({ name, signing }: AuthoritySpec): Plain {
  return {
    name,
    position: 'carrying',
    stage: '2 of 2',
    way: 'crossed',
    why: 'the old root has left, and leaves still carry the cross-certificate',
    from: signing - 1,
    to: signing,
    next: {
      title: 'leaves lose the cross-certificate as they are renewed',
      edits: [{ name, crossed: false }],
      reloads: false,
    },
  }
}

function raised({ name, signing }: AuthoritySpec): AuthorityEdit {
  return { name, signing: signing + 1 }
}
