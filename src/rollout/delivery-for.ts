/**
 * What a host receives, and whether its agent runs.
 *
 * @module
 */

import type { RolloutNode } from './order.js'
import type { RollOutOptions, RolloutPorts } from './ports.js'
import type { LookedHost } from './preflight.js'
import type { HostDelivery } from './scripts.js'

/** Packed anew each time: the archives of ten thousand hosts need not be in memory together. */
export async function deliveryFor(
  node: RolloutNode,
  ports: RolloutPorts,
  { tls, unit }: RollOutOptions,
  replaces = false,
): Promise<{ readonly delivery: HostDelivery; readonly notBefore: number }> {
  const { address, overrides } = node
  const { archive, fingerprint, notBefore } = await ports.pack(address)
  const own = await ports.configs(node)
  const configs = 'fault' in own ? [] : own.puts
  return { delivery: { tls, unit, archive, fingerprint, overrides, configs, replaces }, notBefore }
}

/** Whether an agent runs that loads its files now: else its next start does. */
export function isRunning({ look, plaintext }: Pick<LookedHost, 'look' | 'plaintext'>): boolean {
  return plaintext !== true && ['active', 'reloading', 'activating'].includes(look.unit)
}
