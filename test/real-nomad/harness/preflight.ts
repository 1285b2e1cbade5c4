/**
 * The library's verdict on the same files that the real agents got.
 *
 * @module
 */
import { type AgentFacts, judgeConnection } from '../../../src/nomad/judge.js'
import { parseCertificates } from '../../../src/x509/certificates.js'
import type { Identity, Region } from './identities.js'
import type { RpcProtocol } from './rpc.js'

export type Protocol = RpcProtocol | 'http'

function factsOf({ cert, ca, region, role }: Identity): AgentFacts {
  return {
    chain: parseCertificates(cert),
    trust: parseCertificates(ca),
    region,
    role: role === 'cli' ? 'operator' : role,
    verifyServerHostname: true,
    verifyHttpsClient: true,
  }
}

/**
 * `targetRegion`: whom the dialer means to reach; default its own region. `serverName`: by which name an
 * HTTPS client looks at the listener; default by none.
 */
export function preflight(
  dialer: Identity,
  listener: Identity,
  protocol: Protocol,
  options: { readonly targetRegion?: Region; readonly serverName?: string } = {},
): { readonly accepted: boolean; readonly reason: string } {
  const verdict = judgeConnection(factsOf(dialer), factsOf(listener), {
    protocol,
    ...options,
    now: Date.now(),
  })
  return verdict.ok
    ? { accepted: true, reason: 'accepted' }
    : { accepted: false, reason: `${verdict.check}, ${verdict.side}: ${verdict.message}` }
}
