import { describe, expect, test } from 'vitest'
import { redactSecrets } from '../../src/agent/index.js'
import { corpus } from '../hcl/corpus.js'

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
