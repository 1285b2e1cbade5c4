import { describe, expect, test } from 'vitest'
import { effectOf, reloadFailures, reloadRules } from '../../src/nomad/reload.js'
import { holdsIn, versionGates } from '../../src/nomad/versions.js'

describe('version gates', () => {
  const gate = (name: string) => versionGates.find((one) => one.name === name)!
  test.each([
    ['expiry-metric', '1.11.2', false],
    ['expiry-metric', '1.11.3', true],
    ['expiry-metric', '2.0.5', true],
    ['reload-api', '2.0.2', false],
    ['reload-api', 'v2.0.3+ent', true],
    ['reload-api', '2.0.3-rc.1', true],
    ['tls-min-version-tls13', '1.10.0', true],
    ['tls-prefer-server-cipher-suites', '1.8.9', true],
    ['tls-prefer-server-cipher-suites', '1.9.0', false],
    ['combined-pem', '1.11.3', false],
    ['combined-pem', 'two', undefined],
  ])('%s in %s: %s', (name, version, holds) => {
    expect(holdsIn(gate(name), version)).toBe(holds)
  })

  test('each has a bound, a fact and a source, and a name of its own', () => {
    expect(new Set(versionGates.map(({ name }) => name)).size).toBe(versionGates.length)
    for (const { since, until, fact, source } of versionGates) {
      expect(since ?? until).toMatch(/^\d+\.\d+\.\d+$/)
      expect(fact).toMatch(/[^.]$/)
      expect(source).not.toBe('')
    }
  })
})

describe('reload', () => {
  test.each([
    [[], undefined],
    [['cert_file', 'key_file'], 'reload'],
    [['cert_file', 'ca_file'], 'reload-new-connections'],
    [['ca_file', 'verify_server_hostname'], 'restart'],
    [['rpc_upgrade_mode'], 'restart'],
    [['something new'], 'restart'],
  ])('%j needs %s', (changes, effect) => {
    expect(effectOf(changes)).toBe(effect)
  })

  test('every key of the stanza that agents know has its rule, once', () => {
    expect(reloadRules.map(({ change }) => change).sort()).toEqual([
      'ca_file',
      'cert_file',
      'http',
      'key_file',
      'rpc',
      'rpc_upgrade_mode',
      'tls_cipher_suites',
      'tls_min_version',
      'verify_https_client',
      'verify_server_hostname',
    ])
    expect(reloadFailures.filter(({ outcome }) => outcome === 'exits')).toHaveLength(2)
  })
})
