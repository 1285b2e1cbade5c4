/**
 * What all nodes have in common: where their files lie, whose they are, and the `tls` stanza.
 *
 * @module
 */

import { suiteFault, type SuiteKey } from '../agent/cipher-suites.js'
import type { Resolving } from './raw.js'
import type { NodeSpec } from './spec.js'

/**
 * Resolves `node`.
 *
 * @param resolving The spec as read.
 * @param keys The kinds of keys that agents have.
 */
export function resolveNode(
  { raw, sources, report }: Resolving,
  keys: ReadonlySet<SuiteKey>,
): NodeSpec {
  const { tls = '/etc/nomad.d/tls', owner, stanza } = raw.node ?? {}
  if (stanza?.verify_server_hostname === false) {
    report.warning(
      'spec/weak-tls',
      sources.at(stanza, 'verify_server_hostname'),
      "without verify_server_hostname every certificate of the authority, an operator's too, has the rights of a server",
      {
        hint: 'remove the line',
      },
    )
  }
  if (stanza?.verify_https_client === false) {
    report.warning(
      'spec/weak-tls',
      sources.at(stanza, 'verify_https_client'),
      'without verify_https_client anybody who reaches the port can use the HTTP API',
      { hint: 'turn on ACLs' },
    )
  }
  if (stanza?.tls_min_version === 'tls10' || stanza?.tls_min_version === 'tls11') {
    report.warning(
      'spec/weak-tls',
      sources.at(stanza, 'tls_min_version'),
      `${stanza.tls_min_version} is older than anything that still has to be spoken`,
      {
        expected: 'tls12 or tls13',
      },
    )
  }
  const suites = stanza?.tls_cipher_suites
  // The list is one for all agents: it must fit every kind of key among them.
  for (const key of suites === undefined ? [] : [undefined, ...keys]) {
    const fault = suiteFault(suites ?? '', key)
    if (fault === undefined) continue
    report.error('spec/cipher-suite', sources.at(stanza, 'tls_cipher_suites'), fault.message, {
      hint: fault.hint,
    })
    break
  }
  return {
    tls: tls === 'store' ? undefined : tls.length > 1 ? tls.replace(/\/+$/, '') : tls,
    owner: {
      server: owner?.server ?? 'nomad',
      client: owner?.client ?? 'root',
      combined: owner?.combined ?? 'root',
    },
    stanza: {
      verify_server_hostname: stanza?.verify_server_hostname ?? true,
      verify_https_client: stanza?.verify_https_client ?? true,
      ...(stanza?.tls_min_version === undefined ? {} : { tls_min_version: stanza.tls_min_version }),
      ...(stanza?.tls_cipher_suites === undefined
        ? {}
        : { tls_cipher_suites: stanza.tls_cipher_suites }),
    },
  }
}
