/**
 * Whether the certificate of a node is renewed now, and why: the checks that plan and verify ask of the store, asked of
 * what is in place on the node.
 *
 * @module
 */

import { latin1Of } from '../bytes.js'
import type { CheckContext } from '../checks/context.js'
import { endsWithIssuer, goodChecks, runChecks } from '../checks/identity.js'
import { reasons, type ReasonGiven } from '../checks/reasons.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import type { NodeFile } from '../cluster/node-file.js'
import type { NodeGeneration } from '../delivery/node.js'
import { readQuietly } from '../delivery/judge.js'
import { formatDuration } from '../duration.js'
import { isNomadPkiError } from '../errors.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import type { FoundGeneration } from '../inventory/inventory.js'
import { publicHalfOf } from '../keys/private-key.js'
import { renewedBefore } from '../rotation/due.js'
import type { NodeAuthority } from './trust.js'

/** What messages call the roots. */
const trustName = 'the file of trust.roots'

/** What is to be done about a certificate. */
export interface Due {
  /** Why it is renewed now; empty: it is not. */
  readonly reasons: readonly ReasonGiven[]
  /** When it is renewed, epoch milliseconds; `undefined`: nothing is in place. */
  readonly at: number | undefined
  /** When it ends, epoch milliseconds; `undefined`: nothing is in place. */
  readonly notAfter: number | undefined
}

/**
 * Judges what is in place on a node.
 *
 * @param node What the node's file says.
 * @param present What is in place; `undefined`: nothing.
 * @param authority Who signs, and whom the agent trusts.
 * @param now Epoch milliseconds.
 */
export function dueOn(
  node: NodeFile,
  present: NodeGeneration | undefined,
  authority: NodeAuthority,
  now: number,
): Due {
  const chain = readQuietly(present?.cert)
  const [leaf] = chain
  if (present === undefined || leaf === undefined) {
    const message =
      present === undefined
        ? `no certificate is in place in ${node.tls}`
        : `${present.directory} has no certificate that can be read`
    return { reasons: [{ reason: 'missing', message }], at: undefined, notAfter: leaf?.notAfter }
  }
  const generation = foundOn(present, chain)
  const wanted = wantedOn(node, authority)
  const subject = {
    ...{ wanted, generation, leaf },
    found: {
      ...{ address: node.address, role: node.role, region: node.region, name: node.name },
      ...{ current: generation, generations: [present.directory], findings: [] },
    },
  }
  const found = runChecks(goodChecks, subject, contextOn(authority, now))
  const life = leaf.notAfter - leaf.notBefore
  const before = node.renewBefore < life ? node.renewBefore : life / 3
  const at = leaf.notAfter - renewedBefore(node.address, before, life)
  // It cannot live longer than its issuer: the authority is what ages, and a new leaf ends on the same day.
  const aged = endsWithIssuer(leaf, authority.notAfter) && leaf.notAfter > now
  const due: readonly ReasonGiven[] =
    found.length === 0 && now >= at && !aged
      ? [
          {
            reason: 'nearing-expiry',
            message: `${formatDuration(Math.max(0, leaf.notAfter - now))} left of ${formatDuration(life)}`,
          },
        ]
      : []
  return { reasons: [...found, ...due], at, notAfter: leaf.notAfter }
}

function wantedOn(node: NodeFile, { address }: NodeAuthority): DesiredIdentity {
  const { role, region, name, names, ips, key, lifetime, renewBefore, beyondIssuer } = node
  return {
    address: node.address,
    ...{ name, names, ips },
    uris: [],
    profile: {
      ...{ role, region, key, lifetime, renewBefore, beyondIssuer },
      issuer: { address, name: node.engine.issuer, generation: 1 },
      bundle: trustName,
      // The node is where the key is: here it is looked at.
      keyHeld: 'store',
      keep: 3,
      shared: false,
    },
  }
}

function contextOn(authority: NodeAuthority, now: number): CheckContext {
  return {
    now,
    authorities: new Map([[authority.address, authority]]),
    bundles: new Map([[trustName, authority.bundle]]),
    deferrals: new Map(),
    sharedKeys: new Map(),
    revoked: () => undefined,
    adopted: new Set(),
    crossObstacle: () => undefined,
    signerOf: () => 'engine',
  }
}

function foundOn(present: NodeGeneration, chain: FoundGeneration['chain']): FoundGeneration {
  const bundle = present.ca === undefined ? '' : latin1Of(present.ca)
  return {
    directory: present.directory,
    number: parseGenerationName(present.directory)?.number ?? 0,
    ...{ chain, bundle },
    key: keyOn(present),
    trust: readQuietly(present.ca),
    manifest: null,
    sums: {},
  }
}

function keyOn({ key }: NodeGeneration): FoundGeneration['key'] {
  if (key === undefined) return { state: 'absent' }
  try {
    return { state: 'present', publicKey: publicHalfOf(key) }
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return { state: 'malformed', message: error.message }
  }
}

/** The sentence of the reasons, for people. */
export function whyText(given: readonly ReasonGiven[]): string {
  return given.map(({ reason, message }) => message || reasons[reason]).join('; ')
}
