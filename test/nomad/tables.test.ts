import { describe, expect, test } from 'vitest'
import { tlsKeys } from '../../src/agent/tls-keys.js'
import { needsRestart, reloadRules } from '../../src/nomad/reload.js'
import {
  alwaysHoldsIn,
  holdsIn,
  isKnownRelease,
  isVersion,
  type VersionGate,
  versionGates,
} from '../../src/nomad/versions.js'

describe('version gates', () => {
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
  ] as const)('%s in %s: %s', (name, version, holds) => {
    expect(holdsIn(versionGates[name], version)).toBe(holds)
    expect(alwaysHoldsIn(versionGates[name], version)).toBe(holds)
  })

  test.each([
    ['2.0.0', undefined, true, false],
    ['1.8.0', undefined, true, true],
    ['2.0.6', undefined, false, false],
    [undefined, '1.9.0', true, false],
    [undefined, '1.8.0', false, false],
    [undefined, '2.0.6', true, true],
    ['1.9.0', '1.10.0', true, false],
  ])('since %s until %s, and no version is given', (since, until, some, all) => {
    for (const version of [undefined, 'two']) {
      expect(holdsIn({ since, until }, version)).toBe(some)
      expect(alwaysHoldsIn({ since, until }, version)).toBe(all)
    }
  })

  test('each has a bound, a fact and a source', () => {
    for (const gate of Object.values<VersionGate>(versionGates)) {
      expect(gate.since ?? gate.until).toMatch(/^\d+\.\d+\.\d+$/)
      expect(gate.fact).toMatch(/[^.]$/)
      expect(gate.source).not.toBe('')
    }
  })
})

test.each([
  ['1.8.0', true],
  ['1.8.5', false],
  ['1.11.3', true],
  ['2.0.5', true],
  ['2.0.6', false],
  ['2.1.0', false],
  ['1.7.7', false],
  [undefined, true],
])('the keys of %s are known: %s', (version, known) => {
  expect(isKnownRelease(version)).toBe(known)
})

test.each([
  ['1.11.3', true],
  ['v1.11', true],
  ['1.9.0-beta.1+ent', true],
  ['2', true],
  ['latest', false],
  ['1.11.3.4', false],
  ['', false],
  ['1.11.3 ', false],
])('%j is a version: %s', (text, is) => {
  expect(isVersion(text)).toBe(is)
})

describe('reload', () => {
  test.each([
    ['cert_file', false],
    ['ca_file', false],
    ['rpc', false],
    ['http', true],
    ['verify_server_hostname', true],
    ['rpc_upgrade_mode', true],
    ['something new', true],
  ])('a change of %s needs a restart: %s', (change, restart) => {
    expect(needsRestart(change)).toBe(restart)
  })

  test('every key of the stanza has its rule, once', () => {
    expect(reloadRules.map(({ change }) => change).sort()).toEqual(
      tlsKeys.map(({ key }) => key).sort(),
    )
  })
})
