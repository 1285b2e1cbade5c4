import { describe, expect, test } from 'vitest'
import { roles } from '../../src/address.js'
import { classifyName, dnsNameFault, nameFault, regionFault } from '../../src/nomad/names.js'
import { profileOf, runsClient, runsServer } from '../../src/nomad/roles.js'

describe('roles', () => {
  test.each([
    ['server', 'server.eu.nomad', ['server.eu.nomad'], ['serverAuth', 'clientAuth']],
    ['client', 'client.eu.nomad', ['client.eu.nomad'], ['serverAuth', 'clientAuth']],
    [
      'combined',
      'server.eu.nomad',
      ['server.eu.nomad', 'client.eu.nomad'],
      ['serverAuth', 'clientAuth'],
    ],
    ['operator', 'cli.eu.nomad', ['cli.eu.nomad'], ['clientAuth']],
    ['machine', undefined, [], ['clientAuth']],
  ] as const)('%s', (role, common, names, purposes) => {
    const profile = profileOf(role)
    expect(profile.commonName('eu')).toBe(common)
    expect(profile.roleNames('eu')).toEqual(names)
    expect(profile.extendedKeyUsage).toEqual(purposes)
    expect(profile.keyUsage('ec')).toEqual(['digitalSignature'])
    // RFC 5280 §4.2.1.12: only a server's purpose has a use for keyEncipherment.
    expect(profile.keyUsage('rsa')).toEqual(
      role === 'operator' || role === 'machine'
        ? ['digitalSignature']
        : ['digitalSignature', 'keyEncipherment'],
    )
  })

  test('what an agent runs: a combined one is a server and a client', () => {
    expect(roles.map((role) => [role, runsServer(role), runsClient(role)])).toEqual([
      ['server', true, false],
      ['client', false, true],
      ['combined', true, true],
      ['operator', false, false],
      ['machine', false, false],
    ])
    expect([runsServer(undefined), runsClient(undefined)]).toEqual([false, false])
  })

  test('every role may carry each of its own names, and only in its own region', () => {
    for (const role of roles) {
      for (const name of profileOf(role).roleNames('us_west')) {
        expect(nameFault(name, role, 'us_west')).toBeUndefined()
        expect(nameFault(name, role, 'us-west')).toMatch(/of region "us_west", not "us-west"/)
      }
    }
  })
})

describe('classifyName', () => {
  test.each([
    ['server.global.nomad', { kind: 'role', label: 'server', region: 'global', exact: true }],
    ['client.eu.west.nomad', { kind: 'role', label: 'client', region: 'eu.west', exact: true }],
    ['cli.global.nomad', { kind: 'role', label: 'cli', region: 'global', exact: true }],
    ['SERVER.Global.nomad', { kind: 'role', label: 'server', region: 'Global', exact: false }],
    ['server.global.NOMAD', { kind: 'role', label: 'server', region: 'global', exact: false }],
    ['server.global.nomad.', { kind: 'role', label: 'server', region: 'global', exact: false }],
    ['server..nomad', { kind: 'role', label: 'server', region: '', exact: true }],
    ['server.*.nomad', { kind: 'role', label: 'server', region: '*', exact: true }],
    ['*.global.nomad', { kind: 'wildcard' }],
    ['*.nomad', { kind: 'wildcard' }],
    ['server.nomad', { kind: 'nomad' }],
    ['node.server.global.nomad', { kind: 'nomad' }],
    ['nomad', { kind: 'plain' }],
    ['server.global.nomad.example', { kind: 'plain' }],
    ['xserver.globalnomad', { kind: 'plain' }],
    ['*.example', { kind: 'plain' }],
    ['', { kind: 'plain' }],
  ])('%j', (name, meaning) => {
    expect(classifyName(name)).toEqual(meaning)
  })
})

describe('nameFault', () => {
  test.each([
    ['server.global.nomad', 'client', /name of a server: a client may not carry it/],
    ['client.global.nomad', 'server', /name of a client: a server may not carry it/],
    ['client.global.nomad', 'operator', /an operator may not carry it/],
    ['server.other.nomad', 'server', /of region "other", not "global"/],
    ['Server.global.nomad', 'server', /not spelled as Nomad compares it: server\.global\.nomad/],
    ['server.GLOBAL.nomad', 'server', /not spelled as Nomad compares it/],
    ['*.global.nomad', 'server', /wildcard under \.nomad/],
    ['server.*.nomad', 'server', /wildcard under \.nomad/],
    ['*.acme.internal', 'server', /is a wildcard/],
    ['10.0.0.1', 'server', /is an address/],
    ['server..nomad', 'server', /empty label/],
    ['s1.acme.internal.', 'server', /ends in a dot/],
    ['münchen.example', 'server', /not ASCII/],
    ['', 'server', /is empty/],
    ['s1.acme_lab.internal', 'server', /has `_` in its domain/],
    ['s1_a.internal', 'server', /has `_` in its domain/],
    ['s1.acme_', 'server', /has `_` in its domain/],
    ['a_b.nomad', 'server', /has `_` in its domain/],
    ['x.us_west.nomad', 'server', /has `_` in its domain/],
  ] as const)('%j for a %s', (name, role, fault) => {
    expect(nameFault(name, role, 'global')).toMatch(fault)
  })

  test.each([
    's1.acme.internal',
    'localhost',
    'node_1.acme.example',
    'node_1',
    'server.nomad',
    's1.global.nomad',
    'xn--mnchen-3ya.example',
  ])('%j may stand', (name) => {
    for (const role of roles) expect(nameFault(name, role, 'global')).toBeUndefined()
  })
})

describe('regions', () => {
  test.each(['global', 'us_west', 'EU', 'EU.West', 'a'.repeat(51)])(
    '%j makes role names',
    (region) => {
      expect(regionFault(region)).toBeUndefined()
      for (const role of roles) {
        for (const name of profileOf(role).roleNames(region)) {
          expect(name.length).toBeLessThanOrEqual(64)
          expect(dnsNameFault(name)).toBeUndefined()
        }
      }
    },
  )

  test.each([
    ['a'.repeat(52), /52 characters, more than 51/],
    ['a..b', /empty label/],
    ['.a', /empty label/],
    ['a.', /ends in a dot/],
    ['eu-', /begins or ends with a hyphen/],
    ['eu west', /holds " "/],
    ['*', /wildcard/],
    ['xn--a', /xn-- label that stands for no name/],
    ['XN--', /xn-- label|hyphen/],
  ])('%j does not', (region, fault) => {
    expect(regionFault(region)).toMatch(fault)
  })
})

test('the first and the last of each kind of character', () => {
  for (const good of ['a', 'z', 'A', 'Z', '0', '9', '_']) expect(dnsNameFault(good)).toBeUndefined()
  for (const bad of ['`', '{', '@', '[', '/', ':', '^', '\u007f'])
    expect(dnsNameFault(`a${bad}a`)).toBe(`holds ${JSON.stringify(bad)}`)
  expect(dnsNameFault('a\u0080')).toMatch(/not ASCII/)
})
