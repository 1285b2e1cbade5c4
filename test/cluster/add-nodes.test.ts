/** Many nodes in one edit: the same text as one by one, in the time of one. */

import { describe, expect, test } from 'vitest'
import { hasErrors } from '../../src/diagnostics.js'
import { addNode, addNodes, type NewNode } from '../../src/cluster/edit.js'
import { fullSpec, mustParse } from './specs.js'

const nodes: readonly NewNode[] = [
  { kind: 'server', region: 'global', name: 'x1', ips: ['10.9.0.1'], key: 'ecdsa-p384' },
  { kind: 'client', region: 'global', name: 'y1', names: ['y1.acme.test'] },
  { kind: 'server', region: 'global', name: 'x2' },
  { kind: 'client', region: 'north', name: 'z1' },
  { kind: 'client', region: 'north', name: 'z2', ips: ['10.9.0.9'] },
  { kind: 'operator', region: 'global', name: 'zoe' },
  { kind: 'operator', region: 'global', name: 'yan' },
]

const layouts: readonly (readonly [string, string])[] = [
  [
    'blocks with comments',
    `version: 1
cluster: acme
regions:
  global:
    servers:
      s1: {} # the first
    # after
    clients:
      c1: { ips: [10.0.0.1] }

operators:
  alice: { region: global }
`,
  ],
  ['flow', 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n'],
  [
    'flow on its own lines',
    'version: 1\ncluster: acme\nregions:\n  global:\n    servers: {\n      s1: {}\n    }\n',
  ],
  [
    'no line break at the end',
    'version: 1\ncluster: acme\nregions:\n  global:\n    servers:\n      s1: {}',
  ],
  [
    'line ends of Windows',
    'version: 1\r\ncluster: acme\r\nregions:\r\n  global:\r\n    servers:\r\n      s1: {}\r\n',
  ],
  ['JSON', '{"version":1,"cluster":"acme","regions":{"global":{"servers":{"s1":{}}}}}\n'],
  [
    'empty sections',
    'version: 1\ncluster: acme\nregions:\n  global:\n    servers: {}\n    clients:\n      c1: {}\n',
  ],
]

describe('several nodes in one edit', () => {
  test.each(layouts)('are what one by one gives: %s', (_, text) => {
    const { text: together, diagnostics } = addNodes(text, nodes)
    expect(diagnostics).toEqual([])
    // By section, as the one edit does.
    const order = [...nodes].sort(
      (a, b) =>
        nodes.findIndex((one) => one.kind === a.kind && one.region === a.region) -
        nodes.findIndex((one) => one.kind === b.kind && one.region === b.region),
    )
    const single = order.reduce((before, node) => addNode(before, node).text, text)
    expect(together).toBe(single)
    mustParse(together)
  })

  test('all or none: the first that cannot be added is told', () => {
    const { text } = addNodes(fullSpec, [])
    expect(text).toBe(fullSpec)
    for (const [bad, said] of [
      [{ kind: 'server', region: 'global', name: 'x1' }, 'two of them have one name'],
      [{ kind: 'operator', region: 'nowhere', name: 'o' }, 'no region is called "nowhere"'],
      [{ kind: 'server', region: 'global', name: 'shared' }, 'shared cannot be the name'],
    ] as const) {
      const spec = layouts[0]![1]
      const edit = addNodes(spec, [...nodes, bad])
      expect(hasErrors(edit.diagnostics)).toBe(true)
      expect(edit.diagnostics[0]!.message).toContain(said)
      expect(edit.text).toBe(spec)
    }
  })

  test('1,000 nodes take seconds, not minutes', () => {
    const many = Array.from({ length: 1000 }, (_, index): NewNode => {
      return {
        kind: 'client',
        region: 'global',
        name: `n${index}`,
        ips: [`10.1.${index >> 8}.${index & 255}`],
      }
    })
    const began = performance.now()
    const { text, diagnostics } = addNodes(layouts[0]![1], many)
    const took = performance.now() - began
    expect(diagnostics).toEqual([])
    expect(text.split('\n').length).toBeGreaterThan(1000)
    console.log(`1,000 nodes in one edit: ${Math.round(took)} ms`)
    expect(took).toBeLessThan(15_000)
  })
})
