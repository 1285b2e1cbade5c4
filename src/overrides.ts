/**
 * The guards that a person can override, each under a code. The value of an override names what is
 * accepted, so that a command line that was kept does not accept anything else later.
 *
 * @module
 */

/** A guard, and what it takes to pass it. */
export interface OverrideEntry {
  /** What the value is, for help: `SHA256:HEX`. */
  readonly value: string
  readonly pattern: RegExp
  /** What the reader accepts with it. */
  readonly accepts: string
}

const generation = /^[1-9][0-9]{0,8}-[0-9a-f]{8}$/

/** A code of an override. */
export type OverrideCode =
  | 'leave-root'
  | 'reinstate'
  | 'copy'
  | 'new-root'
  | 'rollback'
  | 'older'
  | 'process'
  | 'cluster'
  | 'address'
  | 'attempt'
  | 'tolerance'
  | 'unhealthy'
  | 'unseen'

/** All codes. */
export const overrideCodes: Readonly<Record<OverrideCode, OverrideEntry>> = {
  'new-root': {
    value: 'SHA256:HEX',
    pattern: /^SHA256:[0-9a-f]{64}$/,
    accepts: 'the root with this fingerprint, which nothing in place vouches for',
  },
  'leave-root': {
    value: 'SHA256:HEX',
    pattern: /^SHA256:[0-9a-f]{64}$/,
    accepts:
      'that agents stop using the root with this fingerprint, and refuse those that still use it',
  },
  reinstate: {
    value: 'AUTHORITY',
    pattern: /^authority\/[A-Za-z0-9._-]{1,253}\/[1-9][0-9]{0,8}$/,
    accepts: 'that this root, which was marked as compromised, is trusted and signs again',
  },
  copy: {
    value: 'STATE',
    pattern: /^[0-9a-f]{16}$/,
    accepts: 'that this copy of the store goes on, although another one made what was seen',
  },
  rollback: {
    value: 'GENERATION',
    pattern: generation,
    accepts: 'a way back to this generation, although it has ended or the other agents refuse it',
  },
  older: {
    value: 'GENERATION',
    pattern: generation,
    accepts: 'an archive with this generation, which is older than the one in place',
  },
  process: {
    value: 'NAME',
    pattern: /^[A-Za-z0-9._-]{1,64}$/,
    accepts: 'that the process with this name is the agent',
  },
  cluster: {
    value: 'NAME',
    pattern: /^[A-Za-z0-9._-]{1,253}$/,
    accepts: 'that this node, or this store, becomes one of this cluster',
  },
  address: {
    value: 'ADDRESS',
    pattern: /^identity\/[A-Za-z0-9._/-]{1,500}$/,
    accepts: 'that this node becomes the node with this address',
  },
  attempt: {
    value: 'ATTEMPT',
    pattern: /^(?:[0-9a-f]{2}){1,20}$/,
    accepts: 'that the certificate which may have come of this attempt does no harm',
  },
  tolerance: {
    value: 'REGION',
    pattern: /^[A-Za-z0-9._-]{1,51}$/,
    accepts: 'that this region has no leader for some seconds: it has one or two servers',
  },
  unhealthy: {
    value: 'SERVER',
    pattern: /^[A-Za-z0-9._-]{1,315}$/,
    accepts: 'that this server is not healthy while others are reloaded: its name as gossip has it',
  },
  unseen: {
    value: 'ADDRESS',
    pattern: /^identity\/[A-Za-z0-9._/-]{1,500}$/,
    accepts:
      'that a rollout goes on although nobody saw this agent, which a person brings its files',
  },
}

/** A guard that somebody overrode, with the reason. It is noted in the ledger, on a node in the receipt. */
export interface Override {
  /** Which guard. */
  readonly code: OverrideCode
  /** What is accepted. */
  readonly value: string
  /** Why: text for the ledger. */
  readonly reason: string
}

/**
 * Whether an override of a guard was given, for exactly this value.
 *
 * @param overrides All that were given.
 * @param code Which guard.
 * @param value What the guard would refuse.
 */
export function isOverridden(
  overrides: readonly Override[],
  code: OverrideCode,
  value: string,
): boolean {
  return overrides.some((one) => one.code === code && one.value === value)
}
