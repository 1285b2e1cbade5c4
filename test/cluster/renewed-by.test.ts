/** `renewedBy: node`: where a node can renew itself, and what is said where it cannot. */

import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'

interface Parts {
  readonly defaults?: string
  readonly authorities?: string
  readonly node?: string
  readonly clients?: string
}

const inEngine = '{ agent: {}, west: { issuer: agent, engine: { mount: pki/nomad } } }'

function parsed({
  defaults = '{}',
  authorities = inEngine,
  node = '{ tls: /etc/nomad-tls }',
  clients = '{ c1: { renewedBy: node } }',
}: Parts = {}): ReturnType<typeof parseSpec> {
  const west = authorities.includes('west')
  const vault = authorities.includes('engine') ? 'vault: { address: "https://vault:8200" }\n' : ''
  return parseSpec(
    `version: 1\ncluster: acme\n${vault}defaults: ${defaults}\nnode: ${node}\nauthorities: ${authorities}\nregions:\n  us-west:\n${west ? '    authority: west\n' : ''}    servers: { s1: {} }\n    clients: ${clients}\n`,
  )
}

/** Who renews each, and where its key is. */
function whoOf(parts: Parts): readonly string[] {
  const { spec, diagnostics } = parsed(parts)
  expect(diagnostics).toEqual([])
  return desire(spec!).identities.map(
    ({ name, profile }) => `${name} ${profile.renewedBy ?? 'store'} ${profile.keyHeld}`,
  )
}

describe('the nearest word wins, and the key is where it is made', () => {
  test.each<[string, Parts, readonly string[]]>([
    ['one node', {}, ['s1 store store', 'c1 node node']],
    [
      'all',
      { defaults: '{ renewedBy: node }', clients: '{ c1: {} }' },
      ['s1 node node', 'c1 node node'],
    ],
    [
      'a role, and one that differs',
      {
        defaults: '{ client: { renewedBy: node } }',
        clients: '{ "c[1-2]": {}, c3: { renewedBy: store } }',
      },
      ['s1 store store', 'c1 node node', 'c2 node node', 'c3 store store'],
    ],
    [
      'keyHeld of farther away is no matter',
      { defaults: '{ keyHeld: store }' },
      ['s1 store store', 'c1 node node'],
    ],
    [
      'keyHeld: node says the same again',
      { clients: '{ c1: { renewedBy: node, keyHeld: node } }' },
      ['s1 store store', 'c1 node node'],
    ],
  ])('%s', (_, parts, who) => {
    expect(whoOf(parts)).toEqual(who)
  })

  test('an operator has what the store makes, whatever the defaults say', () => {
    const { spec, diagnostics } = parseSpec(
      `version: 1\ncluster: acme\nvault: { address: "https://vault:8200" }\ndefaults: { renewedBy: node }\nauthorities: ${inEngine}\nregions: { us-west: { authority: west, clients: { c1: {} } } }\noperators: { alice: {} }\n`,
    )
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(spec!.operators[0]!.terms.renewedBy).toBeUndefined()
    expect(spec!.operators[0]!.terms.keyHeld).toBe('store')
  })
})

describe('refused, at its place and with a way out', () => {
  test.each<[string, Parts, RegExp, RegExp]>([
    [
      'a root that is a file',
      { authorities: '{ agent: {} }' },
      /a client of us-west would ask an engine, and the key of agent 1, which signs for it, is not in one/,
      /an intermediate in Vault or OpenBao/,
    ],
    [
      'an intermediate that is a file',
      { authorities: '{ agent: {}, west: { issuer: agent } }' },
      /the key of west 1, which signs for it, is not in one/,
      /engine: \{ mount: pki\/acme \} in the authority west/,
    ],
    [
      'the generation that signs is a file',
      {
        authorities:
          '{ agent: {}, west: { issuer: agent, signing: 1, signer: { 1: file, 2: engine }, engine: { mount: pki } } }',
      },
      /the key of west 1/,
      /engine: /,
    ],
    [
      'hosts that share a certificate',
      { clients: '{ shared: { renewedBy: node } }' },
      /hosts that share a certificate cannot each renew it/,
      /the nodes one by one/,
    ],
    [
      'agents that read the store',
      { node: '{ tls: store }' },
      /the agents read the store itself/,
      /node: \{ tls: \/etc\/nomad-tls \}/,
    ],
    [
      'a key that the store is to have',
      { clients: '{ c1: { renewedBy: node, keyHeld: store } }' },
      /keyHeld: store, and renewedBy: node/,
      /renewedBy: node alone/,
    ],
    [
      'both in the defaults',
      { defaults: '{ keyHeld: store, renewedBy: node }', clients: '{ c1: {} }' },
      /keyHeld: store, and renewedBy: node/,
      /renewedBy: node alone/,
    ],
  ])('%s', (_, parts, message, expected) => {
    const { spec, diagnostics } = parsed(parts)
    expect(spec).toBeUndefined()
    const own = diagnostics.filter(({ code }) => code === 'spec/renewed-by')
    expect(own).toHaveLength(1)
    expect(own[0]!.message).toMatch(message)
    expect(own[0]!.expected).toMatch(expected)
    expect(own[0]!.line).toBeGreaterThan(1)
  })

  test.each([
    ['operators: { alice: { renewedBy: node } }'],
    ['operators: { prometheus: { kind: machine, renewedBy: node } }'],
    ['defaults: { operator: { renewedBy: node } }'],
  ])('%s', (text) => {
    const { diagnostics } = parseSpec(
      `version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n${text}\n`,
    )
    expect(diagnostics.map(({ code }) => code)).toEqual(['spec/unknown-key'])
    expect(diagnostics[0]!.hint).toContain('only agents renew themselves')
  })
})
