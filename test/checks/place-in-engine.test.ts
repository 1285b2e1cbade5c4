import { expect, test } from 'vitest'
import { placeInEngine } from '../../src/checks/key-place.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import type { FoundAuthority } from '../../src/inventory/inventory.js'

function placed(authority: string, generation: number, state: 'absent' | 'present'): unknown {
  const { spec, diagnostics } = parseSpec(`version: 1
cluster: acme
vault: { address: "https://vault.acme.internal:8200" }
authorities:
  agent: {}
  us-west: { issuer: agent, engine: { mount: pki/nomad }, ${authority} }
regions:
  us-west: { authority: us-west, servers: { s1: {} } }
`)
  expect(diagnostics).toEqual([])
  const address = `authority/us-west/${generation}`
  const found = new Map([[address, { key: { state } } as FoundAuthority]])
  return placeInEngine(address, desire(spec!), { authorities: found })?.issuer
}

test.each<[string, number, 'absent' | 'present', string | undefined]>([
  ['signing: 1', 1, 'absent', 'pki/nomad/issuer/us-west-1'],
  ['signing: 2', 1, 'absent', 'pki/nomad/issuer/us-west-1'],
  // The store has the key: it was a file when it signed.
  ['signing: 2', 1, 'present', undefined],
  ['signing: 2, signer: { 1: engine, 2: file }', 1, 'absent', 'pki/nomad/issuer/us-west-1'],
  ['signing: 2, signer: { 1: engine, 2: file }', 2, 'absent', undefined],
  // Its key is gone, as it should be some day; it never was in the engine.
  ['signing: 2, signer: { 1: file, 2: engine }', 1, 'absent', undefined],
  ['signing: 2, signer: { 1: file, 2: engine }', 2, 'absent', 'pki/nomad/issuer/us-west-2'],
])('%s: generation %i, its key %s in the store: %s', (authority, generation, state, issuer) => {
  expect(placed(authority, generation, state)).toBe(issuer)
})
