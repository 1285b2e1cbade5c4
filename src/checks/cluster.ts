/**
 * Whether the store is of the cluster that the spec names. Two clusters may have nodes of the same
 * names: then nothing else in the store tells that it is another's.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import { keyIdentifierOf } from '../keys/public-key.js'
import { keyMarkLength } from '../authority/subject.js'
import { isOverridden, type Override } from '../overrides.js'
import type { Desired } from '../cluster/desired.js'
import { commonNames } from '../x509/name.js'

/**
 * The cluster of a store, as its ledger says: named at its beginning, or by `--override cluster=NAME`
 * since.
 *
 * @returns `undefined` where the ledger does not say it: a store of an earlier version.
 */
export function notedCluster({ events }: Pick<Ledger, 'events'>): string | undefined {
  let name: string | undefined
  for (const event of events) {
    if (event.address !== 'store') continue
    if (event.event === 'began') name = event.cluster ?? name
    if (event.event === 'override' && event.code === 'cluster') name = event.value
  }
  return name
}

/** When and why a person said that the store's cluster is called so now; `undefined`: nobody did. */
export function renamingOf(
  { events }: Pick<Ledger, 'events'>,
  cluster: string,
): { readonly at: number; readonly reason: string } | undefined {
  const found = events.findLast((event) => event.event === 'override' && event.code === 'cluster')
  return found?.event === 'override' && found.value === cluster ? found : undefined
}

/**
 * The clusters whose names stand in the roots of a store: those that have the default name with eight
 * digits of the key's identifier, which no other tool writes.
 */
function namedInRoots(
  { authorities }: Pick<Desired, 'authorities'>,
  inventory: Pick<Inventory, 'authorities'>,
): readonly string[] {
  const open = new Set(
    authorities
      .filter(({ named, issuer }) => !named && issuer === undefined)
      .map(({ name }) => name),
  )
  return [...inventory.authorities.values()].flatMap((found) =>
    open.has(found.name) ? (clusterInRoot(found) ?? []) : [],
  )
}

function clusterInRoot({ name, generation, certificate }: FoundAuthority): string | undefined {
  if (certificate === undefined) return undefined
  const part = keyIdentifierOf(certificate.publicKey).slice(0, keyMarkLength)
  const end = ` ${name} CA ${generation} ${part}`
  const commonName = commonNames(certificate.subject).at(-1)
  return commonName?.endsWith(end) === true ? commonName.slice(0, -end.length) : undefined
}

/**
 * The error that holds everything where the store is another cluster's, until a person says that the
 * cluster was renamed.
 *
 * @param desired What the spec names.
 * @param inventory The ledger, and the roots for a store of an earlier version.
 * @param options `overrides`: `cluster=NAME`.
 */
export function clusterFindings(
  desired: Pick<Desired, 'cluster' | 'authorities'>,
  inventory: Pick<Inventory, 'ledger' | 'authorities' | 'location'>,
  options: { readonly overrides?: readonly Override[] | undefined } = {},
): readonly Finding[] {
  const { cluster } = desired
  const { overrides = [] } = options
  // It would be noted, and count from then on.
  const wrong = overrides.find(({ code, value }) => code === 'cluster' && value !== cluster)
  if (wrong !== undefined) {
    return [
      {
        severity: 'error',
        address: 'store',
        reason: 'other-cluster',
        message: `the override names the cluster ${wrong.value}, the spec is of ${cluster}`,
        remedy: 'write the name that the spec has, or leave the override out',
      },
    ]
  }
  const noted = notedCluster(inventory.ledger)
  const names = noted === undefined ? namedInRoots(desired, inventory) : [noted]
  const [other] = names
  if (other === undefined || names.includes(cluster)) return []
  if (isOverridden(overrides, 'cluster', cluster)) return []
  return [
    {
      severity: 'error',
      address: 'store',
      reason: 'other-cluster',
      message: `the store ${inventory.location} is of the cluster ${other}, the spec is of ${cluster}`,
      remedy: `let \`store\` in the spec name the store of ${cluster}; or, where ${other} is now called ${cluster}: nomad-pki apply --override cluster=${cluster} --reason TEXT (each node asks for the same once)`,
    },
  ]
}
