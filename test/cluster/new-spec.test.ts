import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { newSpec } from '../../src/cluster/new-spec.js'
import { complaints, mustParse } from './specs.js'

const template = readFileSync('templates/cluster.yaml', 'utf8')

describe('the template', () => {
  test('is a whole, good spec', () => {
    expect(complaints(template)).toEqual([])
  })
})

describe('a new spec', () => {
  const { text, diagnostics } = newSpec(
    {
      cluster: 'acme',
      servers: { global: 3, 'us-west': 3 },
      clients: { global: 5, 'us-west': 2 },
      combined: { eu_1: 1 },
      operators: ['alice', 'bob'],
      config: 'agents/{region}/{node}',
      tls: 'store',
      store: 'secret pki',
    },
    template,
  )

  test('has what was wished, and nothing of the example', () => {
    expect(diagnostics).toEqual([])
    const desired = desire(mustParse(text))
    expect(desired.identities.map(({ address }) => address.replace('identity/', ''))).toEqual([
      ...['server/global/s1', 'server/global/s2', 'server/global/s3'],
      ...['client/global/c1', 'client/global/c2', 'client/global/c3'],
      ...['client/global/c4', 'client/global/c5'],
      ...['server/us-west/s1', 'server/us-west/s2', 'server/us-west/s3'],
      ...['client/us-west/c1', 'client/us-west/c2'],
      'combined/eu_1/n1',
      ...['operator/global/alice', 'operator/global/bob'],
    ])
    expect(desired.configs.map(({ paths }) => paths[0])).toContain('agents/global/c5')
    expect(desired).toMatchObject({ cluster: 'acme', store: 'secret pki' })
    expect(desired.configs[0]?.tlsDirectory).toBeUndefined()
  })

  test('keeps the comments of the template and its layout', () => {
    const kept = (one: string): readonly string[] => one.match(/#[^\n]*/g) ?? []
    expect(kept(text)).toEqual(kept(template))
    expect(text).toContain(`regions:
  global:
    servers:
      s1: { config: agents/global/s1 }
`)
    expect(text).toContain('      "c[1-5]": { config: "agents/global/{node}" }\n')
  })

  test('writes many as a range with zeros', () => {
    const many = newSpec({ cluster: 'a', servers: { g: 5 }, clients: { g: 500 } }, template).text
    expect(many).toContain('      s5: {}\n')
    expect(many).toContain('"c[001-500]": {}')
  })

  test.each([
    [{ cluster: 'a b', servers: { global: 1 } }, 'spec/name'],
    [{ cluster: 'a', servers: { 'a b': 1 } }, 'spec/name'],
    [{ cluster: 'a', servers: { '': 1 } }, 'spec/name'],
    [{ cluster: 'a' }, 'spec/empty-cluster'],
    [{ cluster: 'a', servers: { global: 0 } }, 'spec/empty-cluster'],
    [{ cluster: 'a', clients: { global: 100_001 } }, 'spec/too-many-nodes'],
    [{ cluster: 'a', servers: { global: 1 }, store: '~/x' }, 'spec/store'],
    [{ cluster: 'a', servers: { global: 1 }, tls: 'relative' }, 'spec/value'],
    [{ cluster: 'a', servers: { global: 1 }, operators: ['a b'] }, 'spec/edit'],
    [{ cluster: 'a', servers: { global: 1 }, operators: ['x', 'x'] }, 'spec/edit'],
  ])('%j is told what is wrong', (wanted, code) => {
    expect(newSpec(wanted, template).diagnostics.map((one) => one.code)).toContain(code)
  })
})
