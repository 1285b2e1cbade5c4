/**
 * Whether the other agents would still talk to one that goes back to an earlier generation.
 *
 * @module
 */

import { isAgent, runsServer } from '../nomad/roles.js'
import { roleIn } from '../address.js'
import type { Inventory } from '../inventory/inventory.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import { revocationsIn } from '../inventory/revoked.js'
import { formatName } from '../x509/name.js'
import { rootsAbove, type MadeGeneration } from './generations.js'
import { judgeAll } from './judge.js'
import { recogniser } from './recognise.js'

/**
 * Says why an agent must not go back, by what the ledger knows of the others.
 *
 * @param address The agent's.
 * @param directory The generation that its host has from before: `2-9f2c41ab`.
 * @param inventory What was made, and what was seen.
 * @param options `now`: epoch milliseconds.
 * @returns One sentence; `undefined` where nothing that is known speaks against it.
 */
export function whyNotBack(
  address: string,
  directory: string,
  inventory: Inventory,
  options: { readonly now: number },
): string | undefined {
  const judged = judgeAll(inventory, options)
  const name = parseGenerationName(directory)
  const back = judged
    .get(address)
    ?.made.find(
      ({ number, fingerprint }) =>
        number === name?.number && fingerprint.startsWith(name.fingerprint),
    )
  if (back === undefined) return `the ledger does not know ${directory} of it`
  if (revocationsIn(inventory.ledger).byFingerprint.has(back.fingerprint)) {
    return `the leaf of ${directory} was revoked`
  }
  const known = recogniser(inventory)
  const rootsOf = (made: MadeGeneration, owner: string): readonly string[] => {
    const current = inventory.identities.get(owner)?.current
    // What is presented beyond the leaf's own issuer makes roots accept it that did not sign it.
    const issuers =
      current?.number === made.number ? current.chain.map(({ issuer }) => formatName(issuer)) : []
    return [...rootsAbove(made.issuer, inventory.authorities), ...known.roots(issuers)]
  }
  const refuses = (trusted: readonly string[] | undefined, roots: readonly string[]): boolean =>
    trusted !== undefined && roots.length > 0 && !roots.some((root) => trusted.includes(root))
  const own = rootsOf(back, address)
  const server = runsServer(roleIn(address))
  const [theirs, ours]: [string[], string[]] = [[], []]
  for (const [other, judgement] of judged) {
    const role = roleIn(other)
    if (other === address || role === undefined || !isAgent(role)) continue
    // Two clients hardly meet; each meets servers.
    if (judgement.known === undefined || (!server && !runsServer(role))) continue
    if (refuses(judgement.known.trusted, own)) theirs.push(other)
    if (refuses(back.trusted, rootsOf(judgement.known, other))) ours.push(other)
  }
  if (theirs.length > 0) {
    return `${some(theirs)} would refuse the leaf of ${directory}: the root of it is not trusted there any more`
  }
  return ours.length > 0
    ? `with ${directory} it would refuse the leaves of ${some(ours)}: it did not trust their root then`
    : undefined
}

function some([first, ...more]: readonly string[]): string {
  return more.length === 0 ? first! : `${first!} and ${more.length} more`
}
