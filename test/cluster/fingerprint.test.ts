import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { editAuthorities } from '../../src/cluster/edit-authority.js'
import { parseSpec } from '../../src/cluster/parse.js'

const a = `SHA256:${'a'.repeat(64)}`
const b = `SHA256:${'b'.repeat(64)}`
const rest = 'regions:\n  global: { servers: { s1: {} } }\n'
const spec = (agent: string): string =>
  `version: 1\ncluster: acme\nauthorities:\n  agent: ${agent}\n${rest}`

function pins(text: string): Record<string, string | undefined> {
  const { spec: parsed, diagnostics } = parseSpec(text)
  expect(diagnostics).toEqual([])
  return Object.fromEntries(
    desire(parsed!).authorities.map(({ address, fingerprint }) => [address, fingerprint]),
  )
}

describe('a pinned root', () => {
  test.each([
    [`{ fingerprint: ${a} }`, { 'authority/agent/1': a }],
    [`{ fingerprint: "${a}" }`, { 'authority/agent/1': a }],
    [`{ fingerprint: { 1: ${a} } }`, { 'authority/agent/1': a }],
    [
      `{ signing: 2, trusted: [1, 2], fingerprint: { 1: ${a}, "2": ${b} } }`,
      { 'authority/agent/1': a, 'authority/agent/2': b },
    ],
    [
      `{ signing: 2, trusted: [1, 2], fingerprint: { 1: ${a} } }`,
      { 'authority/agent/1': a, 'authority/agent/2': undefined },
    ],
    ['{}', { 'authority/agent/1': undefined }],
  ])('%s', (agent, expected) => {
    expect(pins(spec(agent))).toEqual(expected)
  })

  test.each([
    [`{ fingerprint: ${a.slice(7)} }`, 'spec/value', /does not fit/],
    [`{ fingerprint: ${a.toUpperCase()} }`, 'spec/value', /does not fit/],
    [`{ fingerprint: 1 }`, 'spec/type', /is the number 1/],
    [
      `{ signing: 2, trusted: [1, 2], fingerprint: ${a} }`,
      'spec/generations',
      /one fingerprint, and 2 generations are trusted/,
    ],
    [
      `{ fingerprint: { 2: ${a} } }`,
      'spec/generations',
      /generation 2 has a fingerprint, but agents do not trust it/,
    ],
    [`{ fingerprint: { one: ${a} } }`, 'spec/value', /"one"/],
    [`{ fingerprint: { 1: ${a}, "1": ${b} } }`, 'spec/duplicate-key', /second time/],
    [`{}\n  west: { issuer: agent, fingerprint: ${a} }`, 'spec/irrelevant', /is an intermediate/],
  ])('%s: %s', (agent, code, message) => {
    const { diagnostics } = parseSpec(spec(agent))
    expect(diagnostics).toContainEqual(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }),
    )
  })
})

describe('a rotation keeps the spec good', () => {
  const edited = (text: string, edit: Omit<Parameters<typeof editAuthorities>[1][0], 'name'>) => {
    const { text: out, diagnostics } = editAuthorities(text, [{ name: 'agent', ...edit }])
    expect(diagnostics).toEqual([])
    return out
  }
  const first = { signing: 2, trusted: [1, 2], crossed: true }

  test('the one pin becomes a map, and goes with its generation', () => {
    const began = edited(spec(`{ fingerprint: ${a} } # ours`), first)
    expect(began).toContain(`fingerprint: { "1": "${a}" }`)
    expect(pins(began)['authority/agent/1']).toBe(a)
    const ended = edited(began, { trusted: [2] })
    expect(ended).not.toContain('fingerprint')
    expect(pins(ended)).toEqual({ 'authority/agent/2': undefined })
  })

  test('the pin of the new generation stays', () => {
    const text = spec(
      `{ signing: 2, trusted: [1, 2], crossed: true, fingerprint: { 1: ${a}, 2: ${b} } }`,
    )
    expect(pins(edited(text, { trusted: [2] }))).toEqual({ 'authority/agent/2': b })
  })

  test('an edit that touches no generation leaves the pin as it is', () => {
    const text = spec(`{ fingerprint: ${a}, rollout: ride-along }`)
    expect(edited(text, { rollout: false })).toBe(spec(`{ fingerprint: ${a} }`))
  })

  test('JSON stays JSON', () => {
    const text = JSON.stringify({
      version: 1,
      cluster: 'a',
      authorities: { agent: { fingerprint: a } },
      regions: { global: { servers: { s1: {} } } },
    })
    expect(JSON.parse(edited(text, first))).toMatchObject({
      authorities: { agent: { fingerprint: { '1': a } } },
    })
  })
})
