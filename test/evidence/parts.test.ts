/** Small facts of evidence: a member as text, whether anything was delivered, the schema of a line. */

import { describe, expect, test } from 'vitest'
import { mayDiffer, wasDelivered } from '../../src/evidence/delivered.js'
import { evidenceIn, type Evidence } from '../../src/evidence/evidence.js'
import { evidenceSchema } from '../../src/evidence/evidence-schema.js'
import type { MadeGeneration } from '../../src/evidence/generations.js'
import { formatNode, parseNode, type MemberNode } from '../../src/evidence/member-node.js'
import { ledgerWith } from '../ledger.js'

describe('a member as one text', () => {
  const down: MemberNode = { id: '8f2c', name: 'c1', kind: 'client', status: 'down' }
  test.each<[text: string, node: MemberNode]>([
    ['client c1 8f2c down - -', down],
    ['client c1 8f2c down 10.0.0.21:4646 -', { ...down, endpoint: '10.0.0.21:4646' }],
    ['client c1 8f2c down - 1795500000000', { ...down, since: 1_795_500_000_000 }],
    [
      'server a%20b%25 - failed [::1]:4647 0',
      {
        ...{ id: '-', name: 'a b%', kind: 'server', status: 'failed' },
        ...{ endpoint: '[::1]:4647', since: 0 },
      },
    ],
  ])('%s', (text, node) => {
    // Brackets are what encodeURI escapes of an address.
    const written = encodeURI(text.replaceAll('%20', ' ').replaceAll('%25', '%'))
    expect(decodeURI(formatNode(node))).toBe(decodeURI(written))
    expect(parseNode(formatNode(node))).toStrictEqual(node)
    expect(formatNode(node).split(' ')).toHaveLength(6)
  })

  test('of an older line, which ends with the status', () => {
    expect(parseNode('client c1 8f2c down')).toStrictEqual(down)
    expect(parseNode('server s1 id left 10.0.0.1:4647')).toStrictEqual({
      ...{ id: 'id', name: 's1', kind: 'server', status: 'left', endpoint: '10.0.0.1:4647' },
    })
    expect(parseNode('client c1 8f2c down - x1')).toStrictEqual(down)
    expect(parseNode('client c1 8f2c down - 1x')).toStrictEqual(down)
  })

  test.each([
    '',
    'client',
    'client c1',
    'client c1 8f2c',
    'host c1 8f2c down',
    'client c1 %zz down',
  ])('is not %j', (text) => {
    expect(parseNode(text)).toBeUndefined()
  })
})

const nothing: Evidence = evidenceIn(ledgerWith([]), { now: 100 })

test('something was delivered where an agent was seen or an installer reported', () => {
  const seen = {} as Evidence['observations'][number]
  const receipt = {} as Evidence['receipts'][number]
  expect(wasDelivered(nothing)).toBe(false)
  expect(wasDelivered({ ...nothing, observations: [seen] })).toBe(true)
  expect(wasDelivered({ ...nothing, receipts: [receipt] })).toBe(true)
})

describe('an agent may still trust something else', () => {
  const r1 = 'authority/agent/1'
  const r2 = 'authority/agent/2'
  const made = (trusted: readonly string[] | undefined, notAfter = 200): MadeGeneration => ({
    ...{ number: 1, fingerprint: 'f', at: 1, notAfter, issuer: r1, trusted },
  })
  const differs = (
    generations: readonly MadeGeneration[],
    {
      name = 'agent',
      address = 'identity/server/global/s1',
      compromised = [] as readonly string[],
    } = {},
  ): boolean =>
    mayDiffer(
      new Map([[address, generations]]),
      name,
      {
        ...nothing,
        compromised: compromised.map((one) => ({ address: one })) as never,
      },
      100,
    )

  test('while an earlier generation with other roots lives', () => {
    expect(differs([made([r1]), made([r2])])).toBe(true)
    expect(differs([made([r1], 101), made([r2])])).toBe(true)
    expect(differs([made([r1], 100), made([r2])])).toBe(false)
    expect(differs([made(undefined), made([r2])])).toBe(true)
  })

  test('not where all have the same, or nothing was noted of the newest', () => {
    expect(differs([made([r1, r2]), made([r2, r1])])).toBe(false)
    expect(differs([made([r1]), made(undefined)])).toBe(false)
    expect(differs([])).toBe(false)
  })

  test('of this name only, and no person', () => {
    expect(differs([made([r1]), made([r2])], { name: 'other' })).toBe(false)
    const address = 'identity/operator/global/alice'
    expect(differs([made([r1]), made([r2])], { address })).toBe(false)
  })

  test('also after its leaf ended, where a compromised root was in it and is no longer', () => {
    const ended = [made([r1], 50), made([r2], 50)]
    expect(differs(ended)).toBe(false)
    expect(differs(ended, { compromised: [r1] })).toBe(true)
    expect(differs(ended, { compromised: [r2] })).toBe(false)
    expect(differs([made(undefined, 50), made([r2], 50)], { compromised: [r1] })).toBe(false)
  })
})

test('the schema of evidence has the first line, each event and the receipt', () => {
  const { $schema, title, anyOf } = evidenceSchema() as {
    $schema: string
    title: string
    anyOf: { description: string; required: string[]; properties: Record<string, object> }[]
  }
  expect($schema).toBe('https://json-schema.org/draft/2020-12/schema')
  expect(title).toBe('nomad-pki: one object of evidence')
  const [first, ...others] = anyOf
  expect(first!.required).toEqual(['format', 'version', 'cluster', 'at'])
  expect(first!.properties).toMatchObject({
    format: { const: 'nomad-pki/evidence' },
    cluster: { type: 'string', description: 'the cluster that it is about (text)' },
    at: { description: 'when (milliseconds since 1970)' },
  })
  expect(others.map(({ properties }) => properties['event'] ?? properties['format'])).toEqual([
    { const: 'observed' },
    { const: 'silent' },
    { const: 'members' },
    { const: 'nomad-pki/receipt' },
  ])
  for (const { properties } of others)
    expect(properties['address']).toMatchObject({
      type: 'string',
      description: expect.stringMatching(/^the identity/) as string,
    })
  const receipt = anyOf.at(-1)!
  expect(receipt.description).toBe('The receipt of an installer.')
  for (const key of ['cluster', 'directory', 'roots']) {
    expect(receipt.properties).toHaveProperty(key)
    expect(receipt.required).not.toContain(key)
  }
  expect(receipt.properties['overrides']).toMatchObject({
    type: 'array',
    items: { type: 'object' },
  })
})
