import { describe, expect, test } from 'vitest'
import { editAuthorities, type AuthorityEdit } from '../../src/cluster/edit-authority.js'

const rest = 'regions:\n  global: { servers: { s1: {} } }\n'
const first: AuthorityEdit = { name: 'agent', signing: 2, trusted: [1, 2], crossed: true }

const edited = (text: string, ...edits: AuthorityEdit[]): string => {
  const { text: out, diagnostics } = editAuthorities(text, edits)
  expect(diagnostics).toEqual([])
  return out
}

describe('the first edit', () => {
  test.each<[string, string, string]>([
    [
      'an authority on one line',
      'authorities: { agent: { lifetime: 10y } } # ours\n',
      'authorities: { agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true } } # ours\n',
    ],
    [
      'a block with comments',
      'authorities:\n  agent: # the root\n    lifetime: 10y # long\n    # end\n',
      'authorities:\n  agent: # the root\n    lifetime: 10y # long\n    signing: 2\n    trusted: [1, 2]\n    crossed: true\n    # end\n',
    ],
    [
      'nothing said of it',
      'authorities:\n  agent:\n',
      'authorities:\n  agent:\n    signing: 2\n    trusted: [1, 2]\n    crossed: true\n',
    ],
    [
      'said already, in another form',
      'authorities:\n  agent:\n    signing: 1 # for now\n    trusted:\n      - 1\n    lifetime: 10y\n',
      'authorities:\n  agent:\n    signing: 2 # for now\n    trusted:\n      [1, 2]\n    lifetime: 10y\n    crossed: true\n',
    ],
    [
      'CRLF',
      'authorities:\r\n  agent: { signing: 1 }\r\n',
      'authorities:\r\n  agent: { signing: 2, trusted: [1, 2], crossed: true }\r\n',
    ],
  ])('%s', (_, before, after) => {
    const head = 'version: 1\ncluster: acme\n'
    expect(edited(head + before + rest, first)).toBe(head + after + rest)
  })

  test('a spec without authorities', () => {
    const text = `version: 1\ncluster: acme\n${rest}`
    expect(edited(text, first)).toBe(
      `${text}authorities:\n  agent:\n    signing: 2\n    trusted: [1, 2]\n    crossed: true\n`,
    )
  })

  test('JSON stays JSON', () => {
    const text =
      '{ "version": 1, "cluster": "a", "authorities": { "agent": {} }, "regions": { "global": { "servers": { "s1": {} } } } }'
    expect(JSON.parse(edited(text, first))).toMatchObject({
      authorities: { agent: { signing: 2, trusted: [1, 2], crossed: true } },
    })
  })
})

test('several authorities at once, and back to where it was', () => {
  const text = `version: 1\ncluster: acme\nauthorities:\n  agent: {}\n  west: { issuer: agent } # an intermediate\n${rest.replace('servers', 'authority: west, servers')}`
  const up = edited(text, first, { name: 'west', signing: 2 })
  expect(up).toContain('  west: { issuer: agent, signing: 2 } # an intermediate\n')
  const down = edited(up, { name: 'agent', trusted: [2] })
  expect(down).toContain('  agent: { signing: 2, trusted: [2], crossed: true }\n')
  const riding = edited(down, { name: 'agent', rollout: 'ride-along' })
  expect(riding).toContain('trusted: [2], crossed: true, rollout: ride-along }\n')
  expect(edited(riding, { name: 'agent', rollout: false })).toBe(down)
  expect(edited(down, { name: 'agent', crossed: false })).toContain(
    '  agent: { signing: 2, trusted: [2] }\n',
  )
})

test('what would be no spec is not made', () => {
  const text = `version: 1\ncluster: acme\nauthorities: { agent: {} }\n${rest}`
  const { text: out, diagnostics } = editAuthorities(text, [
    { name: 'agent', signing: 2, trusted: [1] },
  ])
  expect(out).toBe(text)
  expect(diagnostics).toMatchObject([{ code: 'spec/generations' }])
})
