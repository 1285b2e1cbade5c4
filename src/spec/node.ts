/**
 * What all nodes have in common: where their files lie, whose they are, and the `tls` stanza.
 *
 * @module
 */

import type { Resolving } from './raw.js'
import type { NodeSpec } from './spec.js'

/** Resolves `node`. */
export function resolveNode({ raw, sources, report }: Resolving): NodeSpec {
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
  for (const suite of stanza?.tls_cipher_suites?.split(',') ?? []) {
    // Nomad takes the suites of TLS 1.2 and older only (helper/tlsutil/config.go:381-433).
    if (/^TLS_(AES|CHACHA20)_/.test(suite)) {
      report.error(
        'spec/value',
        sources.at(stanza, 'tls_cipher_suites'),
        `Nomad does not start with ${suite}: suites of TLS 1.3 cannot be chosen`,
        {
          hint: 'remove it: TLS 1.3 uses it anyway',
        },
      )
    }
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
