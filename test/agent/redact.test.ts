import { describe, expect, test } from 'vitest'
import { checkAgentConfig, hiddenSpans, redactSecrets } from '../../src/agent/index.js'
import { applySplices } from '../../src/splice.js'
import { corpus } from '../hcl/corpus.js'
import { agentFiles } from './builders.js'

describe('secrets are hidden, and nothing else moves', () => {
  test.each([
    ['server { encrypt = "cg8=" # k\n}', 'server { encrypt = "(hidden)" # k\n}'],
    ['consul { token = "x" auth = "u:p" }', 'consul { token = "(hidden)" auth = "(hidden)" }'],
    [
      'acl { token_ttl = "30s" replication_token = "x" }',
      'acl { token_ttl = "30s" replication_token = "(hidden)" }',
    ],
    [
      'vault {\n  TOKEN = <<E\nx\nE\n  ca_file = "/x"\n}',
      'vault {\n  TOKEN = "(hidden)"\n  ca_file = "/x"\n}',
    ],
    [
      '{"plugin": [{"x": {"config": {"password": ["a"]}}}]}',
      '{"plugin": [{"x": {"config": {"password": ["(hidden)"]}}}]}',
    ],
    ['tls { key_file = "/k" }', 'tls { key_file = "/k" }'],
    [
      'keyring "transit" { key_name = "a" token = 5 }',
      'keyring "transit" { key_name = "a" token = "(hidden)" }',
    ],
    [
      '# encrypt = "abc"\n// "token": x y\n/* name = "z" */',
      '# encrypt = "(hidden)"\n// "token": "(hidden)" y\n/* name = "z" */',
    ],
  ])('%j', (before, after) => {
    expect(redactSecrets(before)).toBe(after)
  })

  test('a text that cannot be read is not shown at all', () => {
    expect(redactSecrets('encrypt = "abc')).toBeUndefined()
  })

  test('no gossip key of the corpus survives', () => {
    for (const { name, text } of corpus) expect(redactSecrets(text), name).not.toContain('K8R0YRiD')
  })
})

describe('a message about a slip repeats no secret', () => {
  test.each([
    'server { encrypt "PLANT" }',
    'server {\n  encrypt "PLANT"\n  server_join { }\n}',
    'server { encrypt "PLANT", bootstrap_expect = 3 }',
    'server { encrypt "PLANT" bootstrap_expect = 3 }',
    'vault { token "PLANT" }',
    'acl { replication_token "PLANT" { } }',
    'encrypt "PLANT" { }',
    'encrypt "PLANT"',
    'server { encrypt = PLANT }',
    'server { encrypt = ["PLANT"] }',
    'server { encrypt : "PLANT" }',
    'server { encrypt = "PLANT }',
    '{"server": {"encrypt": PLANT}}',
  ])('%j', (text) => {
    const found = checkAgentConfig(agentFiles({ 'a.hcl': text }))
    expect(found.some(({ severity }) => severity === 'error')).toBe(true)
    expect(JSON.stringify(found)).not.toContain('PLANT')
  })
})

test('of the comments in tls those that talk of a secret are hidden whole in a diff', () => {
  const text =
    'tls {\n  rpc = true # the token is PLANT\n  // was: false\n  /* Password\nPLANT */\n}\n'
  expect(applySplices(text, hiddenSpans(text, 'outside-tls')!)).toBe(
    'tls {\n  rpc = true # (hidden)\n  // was: false\n  /* (hidden) */\n}\n',
  )
})
