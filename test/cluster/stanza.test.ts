/** What the `tls` stanza of an agent says: of all, of its role, of itself. */

import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import type { DesiredStanza } from '../../src/cluster/desired.js'
import { parseSpec } from '../../src/cluster/parse.js'

const spec = (node: string, servers = '{ s1: {} }', clients = '{ c1: {} }'): string =>
  `version: 1
cluster: acme
node: ${node}
regions: { global: { servers: ${servers}, clients: ${clients} } }
operators: { alice: {} }
`

function stanzas(text: string): Record<string, DesiredStanza | undefined> {
  const { spec: parsed, diagnostics } = parseSpec(text)
  if (parsed === undefined) throw new Error(JSON.stringify(diagnostics))
  return Object.fromEntries(desire(parsed).identities.map(({ name, stanza }) => [name, stanza]))
}

describe('the nearest counts', () => {
  test('nothing said: all that is safe is on, and an operator has none', () => {
    const usual = { http: true, verify_server_hostname: true, verify_https_client: true }
    expect(stanzas(spec('{}'))).toEqual({ s1: usual, c1: usual, alice: undefined })
  })

  test.each<[string, string, string, string, [boolean, boolean]]>([
    ['of all', '{ stanza: { http: false } }', '{ s1: {} }', '{ c1: {} }', [false, false]],
    [
      'of a role',
      '{ stanza: { client: { http: false } } }',
      '{ s1: {} }',
      '{ c1: {} }',
      [true, false],
    ],
    ['of a node', '{}', '{ s1: { stanza: { http: false } } }', '{ c1: {} }', [false, true]],
    [
      'a node against its role',
      '{ stanza: { http: false, server: { http: false } } }',
      '{ s1: { stanza: { http: true } } }',
      '{ c1: {} }',
      [true, false],
    ],
    [
      'what all of a role share',
      '{}',
      '{ s1: {} }',
      '{ shared: { stanza: { http: false } } }',
      [true, false],
    ],
  ])('%s', (_, node, servers, clients, expected) => {
    const { s1, c1, shared } = stanzas(spec(node, servers, clients))
    expect([s1?.http, (c1 ?? shared)?.http]).toEqual(expected)
  })
})

test('what is weak is told where it stands, and a list of suites is held to the keys it is for', () => {
  const { diagnostics } = parseSpec(
    spec(
      '{ stanza: { client: { http: false } } }',
      '{ s1: { key: rsa-2048, stanza: { tls_cipher_suites: TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 } } }',
    ),
  )
  expect(
    diagnostics.map(({ line, column, severity, code }) => `${line}:${column} ${severity} ${code}`),
  ).toEqual(['3:35 warning spec/weak-tls', '4:83 error spec/cipher-suite'])
})
