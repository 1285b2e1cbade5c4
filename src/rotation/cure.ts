/**
 * What shuts a stolen key out. Nomad reads no revocation list, so agents take its certificate until it ends
 * or until they no longer trust its root. Rotating an intermediate changes nothing of that.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { rootAbove, rootsAbove } from '../evidence/generations.js'
import { evidenceIn } from '../evidence/evidence.js'
import type { Inventory } from '../inventory/inventory.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import type { Role } from '../address.js'
import type { Desired } from '../cluster/desired.js'
import type { ClusterSpec } from '../cluster/spec.js'
import type { RevocationReason } from '../revocation-reasons.js'
import { applySteps, here, namedIn, withEdits, type RecipeStep } from './recipe.js'
import { rotationOf } from './stages.js'

/** A revoked certificate that somebody may use. */
export interface StolenLeaf {
  /** The authority that signed it. */
  readonly issuer: string
  /** Absent where its role is not known: then the worst is assumed. */
  readonly role?: Role | undefined
  /** When it ends, epoch milliseconds; absent where that is not known. */
  readonly notAfter?: number | undefined
  readonly reason: RevocationReason
}

/**
 * What shuts it out at the least cost.
 *
 * - `over`: it has ended.
 * - `dropped`: the spec no longer trusts its root; each agent refuses it once it has its newest files.
 * - `unneeded`: nobody else is known to have the key.
 * - `wait`: it ends before a root could be replaced with less harm.
 * - `replace`: the root is replaced in stages.
 * - `rotating`: a rotation that takes its root out is under way.
 * - `foreign`: the spec does not have its root.
 */
export type Cheapest = 'over' | 'dropped' | 'unneeded' | 'wait' | 'replace' | 'rotating' | 'foreign'

/** The cure. */
export interface Cure {
  readonly cheapest: Cheapest
  /** When it ends of itself, epoch milliseconds; absent where that is not known. */
  readonly until?: number | undefined
  /** The root that agents must no longer trust, `authority/agent/1`. */
  readonly root: string
  /** What replaces the root, in order; empty where it cannot be, or need not. */
  readonly steps: readonly RecipeStep[]
  /** How many agents trust that root. */
  readonly agents: number
  /** How many of these hold their own keys: a new root needs a request by each. */
  readonly held: number
  /** How often each of them is reloaded for it. */
  readonly reloads: number
}

/** For so long a certificate is waited for: replacing a root takes three rounds through the cluster. */
const waits = { server: 86_400_000, other: 7 * 86_400_000 } as const

/** Finds out what shuts a revoked certificate out. */
export function cureOf(
  leaf: StolenLeaf,
  spec: ClusterSpec,
  desired: Desired,
  inventory: Inventory,
  { now }: { readonly now: number },
): Cure {
  const { issuer, notAfter, reason } = leaf
  const above = rootsAbove(issuer, inventory.authorities)
  const name = authorityNameOf(above[0] ?? issuer)
  const bundle = desired.bundles.find((one) => one.name === name)
  // Of several with one key the newest that agents trust: it keeps the leaf alive.
  const root =
    above.findLast((one) => bundle?.trusted.includes(one)) ??
    rootAbove(issuer, inventory.authorities) ??
    issuer
  const agents = desired.identities.filter(
    ({ profile }) => isAgent(profile.role) && profile.bundle === bundle?.address,
  )
  const known = {
    root,
    agents: agents.length,
    held: agents.filter(({ profile }) => profile.keyHeld === 'node' && profile.renewedBy !== 'node')
      .length,
    ...(notAfter !== undefined && { until: notAfter }),
  }
  const without = (cheapest: Cheapest): Cure => ({ ...known, cheapest, steps: [], reloads: 0 })
  if (notAfter !== undefined && notAfter <= now) return without('over')
  if (bundle === undefined) return without('foreign')
  const { compromised } = evidenceIn(inventory.ledger, { now })
  const marked = compromised.some(({ address }) => address === root || above.includes(address))
  if (!bundle.trusted.includes(root)) {
    const steps = [here('nomad-pki rollout'), marked ? proof(root) : here('nomad-pki probe')]
    return { ...known, cheapest: 'dropped', steps, reloads: 1 }
  }
  if (reason !== 'key-compromise' && reason !== 'unspecified') return without('unneeded')
  const rotation = rotationOf(spec, inventory, name, { now, compromised: true })!
  const isLeaving = rotation.position !== 'settled' && rotation.from === generationOf(root)
  if (isLeaving) {
    const left = rotation.position === 'trusting' ? 2 : 1
    const steps = [...rounds(name, left, spec, { inventory, now }), proof(root)]
    return { ...known, cheapest: 'rotating', steps, reloads: left }
  }
  const steps =
    rotation.position === 'settled'
      ? [
          here(`nomad-pki rotate authority ${name} --compromised`),
          ...rounds(name, 3, spec, { inventory, now }),
          proof(root),
        ]
      : // Its own rotation must end first: the newer root is the one that has to go.
        [
          here(`nomad-pki rotate authority ${name}`),
          here(`nomad-pki rotate authority ${name} --compromised --next`),
        ]
  const isServer = leaf.role === undefined || runsServer(leaf.role)
  const soon = notAfter !== undefined && notAfter - now <= (isServer ? waits.server : waits.other)
  return { ...known, cheapest: soon ? 'wait' : 'replace', steps, reloads: 3 }
}

/** The next stages, each with what follows its edit of the spec. Only the first from rest says that the key is stolen. */
function rounds(
  name: string,
  times: number,
  spec: ClusterSpec,
  { inventory, now }: { readonly inventory: Inventory; readonly now: number },
): readonly RecipeStep[] {
  const steps: RecipeStep[] = []
  const made = new Set<string>()
  let before = spec
  for (let round = 0; round < times; round += 1) {
    const { position, next } = rotationOf(before, inventory, name, { now, compromised: true })!
    const flag = position === 'settled' ? ' --compromised' : ''
    const after = withEdits(before, next.edits)
    steps.push(
      here(`nomad-pki rotate authority ${name}${flag} --next`),
      ...applySteps(after, { inventory, now, made }),
      here('nomad-pki rollout'),
    )
    for (const address of namedIn(after)) made.add(address)
    before = after
  }
  return steps
}

function proof(root: string): RecipeStep {
  return here(`nomad-pki probe --refuses ${root}`)
}
