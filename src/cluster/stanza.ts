/**
 * What the `tls` stanza of agents says: of all, of a role, of a node; the nearest counts.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import { suiteFault, type SuiteKey } from '../agent/cipher-suites.js'
import { tlsFilesIn, type TlsValues } from '../agent/tls-keys.js'
import type { DesiredStanza } from './desired.js'
import { runsServer } from '../nomad/roles.js'
import type { RawStanza, Resolving } from './raw.js'
import type { Transport } from './transport.js'

/**
 * Puts layers of a stanza together.
 *
 * @param layers The farthest first.
 */
export function mergeStanza(...layers: readonly (RawStanza | undefined)[]): DesiredStanza {
  const last = <Key extends keyof RawStanza>(key: Key): RawStanza[Key] =>
    layers.findLast((layer) => layer?.[key] !== undefined)?.[key]
  const [least, suites] = [last('tls_min_version'), last('tls_cipher_suites')]
  return {
    http: last('http') ?? true,
    verify_server_hostname: last('verify_server_hostname') ?? true,
    verify_https_client: last('verify_https_client') ?? true,
    ...(least === undefined ? {} : { tls_min_version: least }),
    ...(suites === undefined ? {} : { tls_cipher_suites: suites }),
  }
}

/**
 * Gives the whole `tls` block of an agent, in the order in which it is written.
 *
 * @param stanza What the spec says of it.
 * @param tls The directory that has the link `current`, absolute.
 */
export function tlsValuesOf(
  { http, rpc = true, ...others }: DesiredStanza,
  tls: string,
): TlsValues {
  return { http, rpc, ...tlsFilesIn(tls), ...others }
}

/**
 * Gives the stanza of an agent at a stage of turning TLS on.
 *
 * While the servers accept both, agents that speak plaintext have no certificate to be checked: with
 * `verify_server_hostname` a server denies their registrations (nomad/auth/auth.go:301, 408 of 1.11.3).
 *
 * @param transport The stage.
 * @param role What the agent is.
 * @param stanza What the spec says of it.
 */
export function stanzaUnder(
  transport: Transport,
  role: AgentRole,
  stanza: DesiredStanza,
): DesiredStanza {
  if (transport === 'plaintext') return { ...stanza, http: false, rpc: false }
  if (transport === 'tls' || !runsServer(role)) return stanza
  return { ...stanza, verify_server_hostname: false, rpc_upgrade_mode: true }
}

/**
 * Reports what is weak or wrong in one layer.
 *
 * @param resolving The spec as read.
 * @param stanza The layer.
 * @param keys The kinds of keys of the agents that it is for; `undefined` stands for one that no agent loads.
 */
export function checkStanza(
  { sources, report }: Resolving,
  stanza: RawStanza | undefined,
  keys: ReadonlySet<SuiteKey | undefined>,
): void {
  if (stanza === undefined) return
  const weak = (key: keyof RawStanza, message: string, hint: string): void => {
    report.warning('spec/weak-tls', sources.at(stanza, key), message, { hint })
  }
  if (stanza.http === false) {
    weak(
      'http',
      'without http the HTTP API, and the ACL tokens on it, cross the network in clear text',
      'let it listen on 127.0.0.1 alone, behind a proxy',
    )
  }
  if (stanza.verify_server_hostname === false) {
    weak(
      'verify_server_hostname',
      "without verify_server_hostname every certificate of the authority, an operator's too, has the rights of a server",
      'remove the line',
    )
  }
  if (stanza.verify_https_client === false) {
    weak(
      'verify_https_client',
      'without verify_https_client every host that reaches the port can use the HTTP API',
      'turn on ACLs',
    )
  }
  if (stanza.tls_min_version === 'tls10' || stanza.tls_min_version === 'tls11') {
    report.warning(
      'spec/weak-tls',
      sources.at(stanza, 'tls_min_version'),
      `${stanza.tls_min_version} is an obsolete version of TLS`,
      { expected: 'tls12 or tls13' },
    )
  }
  const suites = stanza.tls_cipher_suites
  // The list is one for all agents of the layer: it must fit every kind of key among them.
  for (const key of suites === undefined ? [] : [undefined, ...keys]) {
    const fault = suiteFault(suites ?? '', key)
    if (fault === undefined) continue
    report.error('spec/cipher-suite', sources.at(stanza, 'tls_cipher_suites'), fault.message, {
      hint: fault.hint,
    })
    break
  }
}
