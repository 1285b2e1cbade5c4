/**
 * Whether agents use another authority today than the one that the spec would give them: moving them
 * one by one cuts those that were moved off from those that were not.
 *
 * @module
 */

import { generationOf, isOfAuthority } from '../address.js'
import { authorityText, takeOverAdvice, takeOverPage } from '../authority/take-over.js'
import { sameBytes } from '../bytes.js'
import { isIssuedBy } from '../checks/issued-by.js'
import type { Finding } from '../diagnostics.js'
import type { FilesInUse, Inventory } from '../inventory/inventory.js'
import { samePublicKey } from '../keys/public-key.js'
import { isOverridden, type Override } from '../overrides.js'
import type { Desired, DesiredConfig } from '../cluster/desired.js'
import { fingerprintOf, fingerprintText, type Certificate } from '../x509/certificate.js'

/**
 * Compares the roots that agents trust today with those of the store.
 *
 * @param desired The whole spec.
 * @param configs The agents whose configurations are looked at.
 * @param inventory With `inUse`; without it nothing is known, and nothing is said.
 * @param overrides `leave-root` makes a warning of an error.
 */
export function foreignAuthorities(
  desired: Desired,
  configs: readonly DesiredConfig[],
  inventory: Inventory,
  overrides: readonly Override[] = [],
): readonly Finding[] {
  const { inUse } = inventory
  if (inUse === undefined || inUse.size === 0) return []
  const bundles = new Map(desired.identities.map((one) => [one.address, one.profile.bundle]))
  // An intermediate of ours that an agent trusts is ours, too.
  const ours = [...inventory.authorities.values()].flatMap(({ certificate }) => certificate ?? [])
  const groups = new Map<string, Group>()
  const unread = new Map<string, string[]>()
  for (const { address, identity } of configs) {
    const found = inUse.get(address)
    const bundle = bundles.get(identity)?.slice('bundle/'.length)
    if (found === undefined || bundle === undefined) continue
    if (found.roots.length === 0) {
      const known = unread.get(found.path)
      if (known === undefined) unread.set(found.path, [address])
      else known.push(address)
      continue
    }
    const judged = judge(found, ours)
    if (judged === undefined) continue
    const key = `${bundle} ${judged.cut ? 'cut' : ''} ${judged.foreign.map(fingerprintOf).join(' ')}`
    const group = groups.get(key) ?? { ...judged, bundle, path: found.path, addresses: [] }
    groups.set(key, group)
    group.addresses.push(address)
  }
  return [
    ...[...groups.values()].flatMap((group) => tell(group, desired, inventory, overrides)),
    ...[...unread].flatMap(([path, addresses]) => addresses.map((one) => tellUnread(path, one))),
  ]
}

function tellUnread(path: string, address: string): Finding {
  return {
    severity: 'warning',
    address,
    reason: 'foreign-authority',
    message: `the agent trusts ${path}, which cannot be read here. If another authority made it, agents with the new files and agents with the old ones refuse each other`,
    remedy: `before apply, put a copy of the file beside the configuration, and plan again: ${takeOverPage}`,
    file: path,
  }
}

interface Judged {
  /** The roots in use that are not ours; the one that signed the leaf first. */
  readonly foreign: readonly Certificate[]
  /** Whether agents that were moved and agents that were not refuse each other. */
  readonly cut: boolean
}

interface Group extends Judged {
  readonly bundle: string
  readonly path: string
  readonly addresses: string[]
}

function judge({ roots, chain }: FilesInUse, ours: readonly Certificate[]): Judged | undefined {
  const foreign = roots.filter((root) => !ours.some((own) => isSameAuthority(own, root)))
  if (foreign.length === 0) return undefined
  // The leaf's own root is the last one that a certificate of the chain names as its issuer.
  const signs = (root: Certificate): boolean => chain.some((one) => isIssuedBy(one, root))
  const sorted = [...foreign.filter(signs), ...foreign.filter((root) => !signs(root))]
  const known = roots.length > foreign.length
  return { foreign: sorted, cut: !known || sorted.some(signs) }
}

/** A root that was issued again with its key and name is the same to every agent that trusts it. */
function isSameAuthority(a: Certificate, b: Certificate): boolean {
  return sameBytes(a.subject.der, b.subject.der) && samePublicKey(a.publicKey, b.publicKey)
}

function tell(
  { foreign, cut, bundle, path, addresses }: Group,
  desired: Desired,
  inventory: Inventory,
  overrides: readonly Override[],
): readonly Finding[] {
  const signing = desired.authorities.find(({ name, signing: signs }) => name === bundle && signs)!
  const made = inventory.authorities.get(signing.address)?.certificate !== undefined
  const [first] = foreign
  const overridden = foreign.every((one) =>
    isOverridden(overrides, 'leave-root', fingerprintText(one)),
  )
  const who =
    addresses.length === 1 ? addresses[0]! : `${addresses.length} agents (${addresses[0]!}, …)`
  const names = foreign.map(authorityText).join('; ')
  const message = cut
    ? `${who} ${addresses.length === 1 ? 'uses' : 'use'} another authority today: ${names} (${path}); agents with the new files and agents with the old ones would refuse each other`
    : `${who} would no longer trust ${names} (${path})`
  const flags = foreign.map((one) => `--override leave-root=${fingerprintText(one)}`).join(' ')
  const generation = made ? next(bundle, inventory) : signing.generation
  const more = made
    ? `, then set \`signing: ${generation}, trusted: [${generation}]\` for ${bundle} in the spec`
    : ''
  const remedy = `${takeOverAdvice({ name: bundle, generation }, inventory.location)}${more}; or cut over on purpose: ${flags} --reason TEXT`
  const severity = cut && !overridden ? 'error' : 'warning'
  const about = { severity, reason: 'foreign-authority', message, remedy, file: path } as const
  // Before its authority is made, everything waits: afterwards that generation would be taken.
  if (!made && first !== undefined) return [{ ...about, address: signing.address }]
  return addresses.map((address) => ({ ...about, address }))
}

/** The first number that no generation in the store has. */
function next(name: string, { authorities }: Inventory): number {
  const taken = [...authorities.keys()]
    .filter((address) => isOfAuthority(address, name))
    .map(generationOf)
  return Math.max(0, ...taken) + 1
}
