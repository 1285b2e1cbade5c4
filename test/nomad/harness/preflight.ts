import type { Identity, Region } from './identities.js'
import type { RpcProtocol } from './rpc.js'

export type Protocol = RpcProtocol | 'http'

export function preflight(
  dialer: Identity,
  listener: Identity,
  protocol: Protocol,
  targetRegion?: Region,
): { readonly accepted: boolean; readonly reason: string } {
  throw new Error(`${protocol} ${dialer.label} ${listener.label} ${targetRegion ?? ''}`)
}
