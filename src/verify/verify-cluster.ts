/**
 * Is everything true? The checks of the plan, asked the other question, and what only a whole cluster
 * shows: whether Nomad will let every agent talk to every other. Pure and synchronous; real
 * handshakes are `probe/`.
 *
 * @module
 */

import { clusterFindings } from '../checks/cluster.js'
import { checkContext } from '../checks/context.js'
import { lostStoreRemedy } from '../checks/lost-store.js'
import type { Finding } from '../diagnostics.js'
import { attemptFindings } from '../evidence/attempts.js'
import { copyFindings } from '../evidence/copies.js'
import type { Inventory } from '../inventory/inventory.js'
import { recordedSignatures } from '../inventory/recorded-signatures.js'
import { transportFindings } from '../plan/transport.js'
import type { Desired } from '../cluster/desired.js'
import { verifyAgents } from './agents.js'
import { verifyAuthorities } from './authorities.js'
import { verifyBundles } from './bundles.js'
import { chainVerdicts } from './chains.js'
import { agentClasses } from './classes.js'
import { verifyConfigs } from './configs.js'
import { verifyConnections } from './connections.js'
import { verifyCrosses } from './crosses.js'
import { federationFindings } from './fleet.js'
import { verifyIdentities } from './identities.js'
import { verifyLedger } from './ledger.js'
import { revocationFindings } from './revocations.js'
import { verifyRegions } from './regions.js'
import { verifySharing } from './sharing.js'

/** What to verify. */
export interface VerifyOptions {
  /** Epoch milliseconds: `Date.now()`. */
  readonly now: number
  /** What would be wrong at this moment if nothing were done until then, epoch milliseconds. Default: now. */
  readonly at?: number | undefined
  /** The ledger's head as it was written down elsewhere, hex: the ledger must still contain it. */
  readonly ledgerHead?: string | undefined
  /**
   * `all`: every signature of a certificate is computed. `unrecorded`: that of a certificate which the ledger
   * records as issued here, by the one certificate of an authority that it records, is not computed: the ledger
   * is believed. Default: all.
   */
  readonly signatures?: 'all' | 'unrecorded' | undefined
}

/**
 * Checks the files of a store against the spec and against Nomad's rules: keys, names, usages, chains, trust,
 * modes, the ledger, and whether each agent would accept each agent that connects to it. It makes no
 * handshake (`proveCluster` does) and does not know what agents have loaded (`probeCluster` does).
 *
 * @param desired What should be: `desire(spec)`.
 * @param inventory What is: `await readInventory(ports)`.
 * @param options The time of the verdict.
 * @returns What is wrong or worth knowing, each with the command that cures it. Empty: Nomad will accept
 * this cluster. Order: the store, its ledger, authorities, bundles, identities, what their agents are
 * proven to have loaded, their connections, configurations.
 *
 * @see docs/verify.md
 * @example
 *
 * ```ts
 * import { desire, memoryConfigs, memoryStore, parseSpec, readInventory, verifyCluster } from 'nomad-pki'
 *
 * const { spec } = parseSpec('version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n')
 * if (spec === undefined) throw new Error('the spec has errors')
 * const inventory = await readInventory({ store: memoryStore(), configs: memoryConfigs() })
 * const findings = verifyCluster(desire(spec), inventory, { now: Date.now() })
 * for (const { severity, address, message } of findings) console.log(severity, address, message)
 * ```
 */
export function verifyCluster(
  desired: Desired,
  inventory: Inventory,
  options: VerifyOptions,
): readonly Finding[] {
  if (!inventory.storeExists) {
    return [
      noStore(desired, inventory),
      ...verifyRegions(desired),
      ...verifyConfigs(desired, inventory),
    ]
  }
  const now = options.at ?? options.now
  const context = checkContext(desired, inventory, { now })
  const isSigned =
    options.signatures === 'unrecorded' ? recordedSignatures(inventory.ledger) : undefined
  const verdicts = chainVerdicts(desired, inventory, { now, isSigned })
  const classes = agentClasses(desired, inventory, { now, verdicts })
  const identities = verifyIdentities(desired, inventory, context, verdicts)
  return [
    ...inventory.findings,
    ...clusterFindings(desired, inventory),
    ...transportFindings(desired, inventory, { now }),
    ...verifyLedger(inventory, options.ledgerHead),
    ...copyFindings(inventory, { now }),
    ...attemptFindings(desired, inventory, { now }),
    ...verifyAuthorities(desired, inventory, context),
    ...verifyBundles(desired, inventory, context),
    ...identities,
    ...revocationFindings(desired, inventory, { now }),
    ...verifyAgents(desired, inventory, identities, { now }),
    ...verifySharing(desired, inventory),
    ...verifyRegions(desired),
    ...verifyConnections(classes, { now }),
    ...verifyCrosses(desired, inventory, classes, { now }),
    ...verifyConfigs(desired, inventory),
    ...federationFindings(desired, inventory),
  ]
}

function noStore(desired: Desired, { location }: Inventory): Finding {
  return {
    severity: 'error',
    address: 'store',
    reason: 'missing',
    message: `there is no store at ${location}`,
    remedy: lostStoreRemedy(desired),
  }
}
