/**
 * What the holder of a leaf's private key can do in a cluster. Lines of Nomad's source are of v1.11.3.
 *
 * @module
 */

import type { Role } from '../address.js'
import { runsClient, runsServer } from './roles.js'

/** What is known of the leaf and of the agents. */
export interface ReachFacts {
  readonly role: Role
  readonly region: string
  /** Whether the agents check names (`verify_server_hostname`); `false` where one of them does not. */
  readonly namesChecked: boolean
  /** Whether many hosts have the key. */
  readonly shared: boolean
}

/**
 * Lists what a key can reach, the gravest first.
 *
 * @returns Sentences: lower case, no full stop.
 */
export function reachOf({ role, region, namesChecked, shared }: ReachFacts): readonly string[] {
  const asServer = runsServer(role)
  const asClient = runsClient(role)
  return [
    ...(namesChecked || asServer
      ? []
      : [
          'an agent has verify_server_hostname = false and checks no names: to it this key is that of a server, of each region',
        ]),
    ...(asServer || !namesChecked
      ? [
          // Keyring.Get: nomad/keyring_endpoint.go:263; the certificate alone is asked for.
          `it reads the keyring of ${namesChecked ? region : 'each region'}: who has that decrypts variables and signs workload identities`,
          // validateRaftTLS: nomad/rpc.go:919. tls_cert_create.go:237 says the same of such a certificate.
          `it connects to Raft as a server of ${namesChecked ? region : 'each region'}: all state is in reach, ACL tokens too`,
        ]
      : []),
    ...(asServer && namesChecked
      ? [
          // rpcNameAndRegionValidator takes a server of any region: nomad/server.go:640.
          'servers of other regions take its connections, as in a federation; it reads no keyring there',
        ]
      : []),
    ...(asClient
      ? [
          // Node.Register: nomad/node_endpoint.go:95-193.
          `it registers new nodes in ${region} and receives the jobs that are placed there, with their secrets`,
          // AuthenticateClientOnly compares the secret of the node: nomad/auth/auth.go:356.
          'for a node that is registered, it also needs the secret of that node (in the state directory of its client)',
        ]
      : []),
    // The HTTP API asks for a chain and clientAuth, and looks at no name: command/agent/http.go:143.
    'under verify_https_client the HTTPS API of every agent takes it, in each region; what it may do there, the ACL token decides (without ACLs: everything)',
    ...(shared
      ? ['many hosts have this key: nothing shows which host lost it, and each needs the new one']
      : []),
  ]
}
