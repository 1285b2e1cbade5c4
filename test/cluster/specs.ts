/**
 * Specs for the tests of this room.
 */

import { parseSpec } from '../../src/cluster/parse.js'
import type { ClusterSpec } from '../../src/cluster/spec.js'

/** A spec that uses everything once. */
export const fullSpec = `version: 1
cluster: acme
store: pki                       # keys, certificates, ledger

authorities:
  agent:                         # the root that all regions share
    key: ecdsa-p384
    lifetime: 10y
    renewBefore: 2y
    subject: { commonName: "Acme CA {generation}", organization: Acme Ltd, country: DE }
    signing: 2
    trusted: [1, 2]
    crossed: false
  us-west:                       # constrained to the regions that name it
    issuer: agent
    lifetime: 3y
    beyondIssuer: clamp

defaults:
  { key: ecdsa-p256, lifetime: 90d, renewBefore: 30d, beyondIssuer: refuse, keep: 3, server: { lifetime: 60d }, operator: { lifetime: 8h } }
node:
  tls: /etc/nomad.d/tls                    # or: store
  owner: { server: nomad, client: root }
  stanza: { verify_server_hostname: true, verify_https_client: true, tls_min_version: tls13 }

regions:
  global:
    servers:
      s1: { ips: [10.0.0.11], names: [nomad.acme.internal], config: agents/s1, http: "10.0.0.11:4646", rpc: "10.0.0.11:4647" }
      s2:
    clients:
      "c[001-003]": { names: ["{node}.acme.internal"], config: "agents/{node}", ips: ["10.0.0.0/16+{n}"] }
  us-west:
    authority: us-west
    domains: [west.acme.internal]          # what the intermediate may also name
    networks: [10.2.0.0/16]                # without it, addresses are not constrained
    servers: { w1: { key: rsa-2048 }, w2: {}, w3: {} }
    combined: { edge1: { lifetime: 10d } }
    clients: { shared: { names: [clients.west.acme.internal], lifetime: 30d } }

operators:
  alice: { region: global, lifetime: 24h }
  bob: { region: us-west }
`

/** A small spec around some lines. */
export function withRegions(regions: string, above = ''): string {
  return `version: 1\ncluster: acme\n${above}regions:\n${regions
    .split('\n')
    .map((line) => `  ${line}\n`)
    .join('')}`
}

/** The spec; throws with what is wrong. */
export function mustParse(text: string): ClusterSpec {
  const { spec, diagnostics } = parseSpec(text)
  if (spec === undefined) throw new Error(JSON.stringify(diagnostics, undefined, 1))
  return spec
}

/** What is wrong, one line each: `error 3:5 spec/value message · hint`. */
export function complaints(text: string): readonly string[] {
  return parseSpec(text).diagnostics.map(
    ({ severity, line, column, code, message, hint }) =>
      `${severity} ${line}:${column} ${code} ${message}${hint === undefined ? '' : ` · ${hint}`}`,
  )
}
