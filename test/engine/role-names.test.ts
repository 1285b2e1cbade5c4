/** What a role takes: the names and addresses of its kind in its region, and no other's. */

import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { engineRoles, roleFaults } from '../../src/engine/roles.js'
import { networksOfRole } from '../../src/engine/role-names.js'

const specText = (west: string, east: string): string => `version: 1
cluster: acme
vault: { address: "https://vault:8200" }
authorities:
  agent: {}
  both: { issuer: agent, engine: { mount: pki/nomad } }
regions:
  us-west: { authority: both, ${west} }
  us-east: { authority: both, ${east} }
operators:
  prometheus: { kind: machine, region: us-west }
  alice: { region: us-east }
`

/** By the name of its role: names, addresses, and whether names are globs. */
function rolesOf(west: string, east = 'servers: { s9: {} }'): Record<string, readonly unknown[]> {
  const { spec, diagnostics } = parseSpec(specText(west, east))
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  const desired = desire(spec!)
  const both = desired.authorities.find(({ name }) => name === 'both')!
  return Object.fromEntries(
    engineRoles(both, desired).map(({ name, fields }) => [
      name.replace('nomad-', ''),
      [fields.allowed_domains, fields.allowed_ip_sans_cidr, fields.allow_glob_domains],
    ]),
  )
}

const loopback = ['127.0.0.0/8', '::1/128']

test('each role has its own kind and region, and no more', () => {
  expect(
    rolesOf(
      `domains: [west.internal, web.west.internal], networks: [10.1.0.0/16, "fd01::/16"],
        servers: { "s[1-3]": { names: ["{node}.west.internal"], ips: ["10.1.0.{n}", "fd01::{n}"] } },
        clients: { "c[1-9]": { names: ["{node}.web.west.internal"] } }`,
      `domains: [east.internal], networks: [10.2.0.0/16],
        servers: { s9: { names: [east.internal] } },
        clients: { c9: { ips: [10.2.0.9] } }`,
    ),
  ).toEqual({
    'server-us-west': [
      ['server.us-west.nomad', '*.west.internal'],
      [...loopback, '10.1.0.0/16', 'fd01::/16'],
      true,
    ],
    'client-us-west': [['client.us-west.nomad', '*.web.west.internal'], loopback, true],
    'server-us-east': [['server.us-east.nomad', 'east.internal'], loopback, false],
    'client-us-east': [['client.us-east.nomad'], [...loopback, '10.2.0.0/16'], false],
    'machine-us-west': [[], [], false],
    'operator-us-east': [['cli.us-east.nomad'], [], false],
  })
})

test('a name below the zone of the region stands for itself, and so does one in the domain of another region', () => {
  const { 'client-us-west': west, 'server-us-west': server } = rolesOf(
    `servers: { s1: { names: [s1.us-west.nomad, us-west.nomad] } },
      clients: { "c[1-2]": { names: ["{node}.us-west.nomad", "{node}.east.internal"] } }`,
    'domains: [east.internal], servers: { s9: { names: [s9.east.internal] } }',
  )
  expect(west).toEqual([
    ['client.us-west.nomad', 'c1.us-west.nomad', 'c1.east.internal'].concat([
      'c2.us-west.nomad',
      'c2.east.internal',
    ]),
    loopback,
    false,
  ])
  expect(server![0]).toEqual(['server.us-west.nomad', 's1.us-west.nomad', 'us-west.nomad'])
})

test('a node that renews itself widens no role of the others', () => {
  const { spec } = parseSpec(
    specText(
      'clients: { c1: { ips: [10.0.0.1] }, c2: { ips: [10.0.0.2], renewedBy: node } }, servers: { s1: {} }',
      'servers: { s9: {} }',
    ) + 'node: { tls: /etc/nomad-tls }\n',
  )
  const desired = desire(spec!)
  const both = desired.authorities.find(({ name }) => name === 'both')!
  const client = engineRoles(both, desired).find(({ name }) => name === 'nomad-client-us-west')
  expect(client!.fields.allowed_ip_sans_cidr).toEqual([...loopback, '10.0.0.1/32'])
})

describe('addresses in no network of the region', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['none', [], []],
    ['one', ['10.0.0.1'], ['10.0.0.1/32']],
    ['two that begin at an odd one', ['10.0.0.1', '10.0.0.2'], ['10.0.0.1/32', '10.0.0.2/32']],
    [
      'all of a row, in any order and twice',
      ['10.0.0.5', '10.0.0.4', '10.0.0.7', '10.0.0.6', '10.0.0.4', '10.0.0.8'],
      ['10.0.0.4/30', '10.0.0.8/32'],
    ],
    ['one is lacking', ['10.0.0.4', '10.0.0.5', '10.0.0.7'], ['10.0.0.4/31', '10.0.0.7/32']],
    ['the last there is', ['255.255.255.254', '255.255.255.255'], ['255.255.255.254/31']],
    ['both kinds', ['0.0.0.1', '::2', 'fd00::1'], ['0.0.0.1/32', '::2/128', 'fd00::1/128']],
  ])('%s', (_, ips, wanted) => {
    expect(networksOfRole({ networks: ['172.16.0.0/12'] }, [{ ips }])).toEqual([
      ...loopback,
      ...wanted,
    ])
  })

  test('ten thousand are a few networks', () => {
    const ips = Array.from({ length: 10_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`)
    const all = networksOfRole({ networks: [] }, [{ ips }])
    expect(all.length).toBeLessThan(12)
    expect(all).toContain('10.0.0.0/19')
  })
})

test('of long lists a message has what differs', () => {
  const { spec } = parseSpec(
    specText(
      'servers: { s1: {} }, clients: { "c[10-50]": { names: ["{node}.us-west.nomad"] } }',
      'servers: { s9: {} }',
    ),
  )
  const desired = desire(spec!)
  const both = desired.authorities.find(({ name }) => name === 'both')!
  const role = engineRoles(both, desired).find(({ name }) => name === 'nomad-client-us-west')!
  const wanted = role.fields.allowed_domains as readonly string[]
  expect(roleFaults(role, { ...role.fields, allowed_domains: [...wanted].reverse() })).toEqual([])
  const has = [...wanted.slice(0, -1), 'server.us-west.nomad']
  expect(roleFaults(role, { ...role.fields, allowed_domains: has })).toEqual([
    'allowed_domains has ["server.us-west.nomad"] too many, and lacks ["c50.us-west.nomad"]',
  ])
})

test('a role of a former version, with the domains of every region, differs', () => {
  const { spec } = parseSpec(
    specText(
      'domains: [west.internal], servers: { s1: { names: [s1.west.internal], ips: [10.0.0.1] } }',
      'domains: [east.internal], servers: { s9: { names: [s9.east.internal] } }',
    ),
  )
  const desired = desire(spec!)
  const both = desired.authorities.find(({ name }) => name === 'both')!
  const [role] = engineRoles(both, desired)
  expect(roleFaults(role!, role!.fields)).toEqual([])
  const faults = roleFaults(role!, {
    ...role!.fields,
    allowed_domains: ['server.us-west.nomad', '*.west.internal', '*.east.internal'],
    allowed_ip_sans_cidr: [],
  })
  expect(faults).toHaveLength(2)
  expect(faults[0]).toContain('allowed_domains')
  expect(faults[0]).toContain('east.internal')
  expect(faults[1]).toContain('allowed_ip_sans_cidr is []')
})
